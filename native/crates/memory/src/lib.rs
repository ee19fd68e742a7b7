//! Sluice's rate limits in the memory of one process.
//!
//! ```
//! use sluice_algorithms::{GcraPlan, Plan, Status};
//! use sluice_memory::{Ask, MemoryEngine};
//!
//! let engine = MemoryEngine::default();
//! // 5 per second: an interval of 200 ms is 1.6 million ticks of 1/8 us.
//! let plan = Plan::Gcra(GcraPlan {
//!     interval: 1_600_000.0,
//!     cap: 8_000_000.0,
//!     burst: 5.0,
//!     debt_cap: 16_000_000.0,
//!     horizon: 16_000_000.0,
//!     settle_us: 1_000_000.0,
//! });
//! let per_user = engine.limit("per-user", plan);
//!
//! let (verdict, _) = engine.decide_one(&Ask::consume(&per_user, "ada", 5.0))?;
//! assert_eq!((verdict.status, verdict.remaining), (Status::Allowed, 0.0));
//! let (verdict, _) = engine.decide_one(&Ask::consume(&per_user, "ada", 1.0))?;
//! assert_eq!(verdict.status, Status::Denied);
//! # Ok::<(), sluice_memory::RequestError>(())
//! ```

mod clock;
mod draft;
mod engine;
mod in_place;
mod index;
mod keys;
mod lifetimes;
mod limit;
mod lock;
mod on_leases;
mod request;
mod shard;
mod slot;
mod transaction;
mod vacancies;
mod wheel;
mod whole_key;

pub use clock::{Clock, CounterClock, SystemClock};
pub use engine::{MemoryEngine, Options, Stats};
pub use limit::Limit;
pub use request::{Ask, CHECKS_MAX, Outcome, RequestError, Verdict, Verdicts};
