//! Sluice's rate limits on Redis: one server or a cluster.
//!
//! The canonical Lua scripts decide; this crate brings requests to them and answers back. Services in other languages that
//! run the same scripts share the same counters, byte for byte.
//!
//! ```no_run
//! use sluice_algorithms::{FixedWindowPlan, Plan, Status};
//! use sluice_redis::{Ask, KeySpace, Options, RedisEngine, Store};
//!
//! # async fn check() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeySpace::default();
//! let engine = RedisEngine::new(Store::from_url("redis://localhost:6379")?, &keys, Options::default());
//!
//! // 100 in 60 s from the first hit on: what `{ algorithm: 'fixed_window', limit: 100, window: '1m' }` is in TypeScript.
//! let plan = Plan::FixedWindow(FixedWindowPlan {
//!     limit: 100.0,
//!     window_us: 60e6,
//!     debt_limit: 200.0,
//!     clock_anchored: false,
//!     offset_us: 0.0,
//! });
//! let per_user = keys.limit("perUser", 0, &plan)?;
//! let outcome = engine.decide(&[Ask::consume(&per_user.key("ada")?, &plan, 1.0)]).await?;
//! assert_eq!(outcome.checks[0].status, Status::Allowed);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

mod ask;
mod batch;
mod block;
mod cluster;
mod driver;
mod engine;
mod error;
mod failure;
mod hex;
mod key;
mod key_part;
mod lane;
mod link;
mod listener;
mod meta;
mod progress;
mod reply;
pub mod scripts;
mod server_check;
mod shard_tags;
mod slot;
mod store;
mod window;

pub use ask::{Ask, CHECKS_MAX, Outcome, Verdict};
pub use batch::BatchReport;
pub use engine::{Options, RedisEngine};
pub use error::Error;
pub use key::{DEFAULT_SHARDS, KeyError, KeySpace, LimitKeys, Subject};
pub use listener::Listener;
pub use meta::{Meta, STATE_VERSION};
pub use progress::Caller;
pub use redis;
pub use slot::slot_of;
pub use store::Store;
