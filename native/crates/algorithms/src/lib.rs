//! The arithmetic of Sluice's rate limits.
//!
//! Each function here is a pure twin of an include of the canonical Lua scripts and of the TypeScript in `src/core`: the
//! same names, the same doubles, and so the same answers to the last bit. Where every number is whole and below 2^53, and
//! so exact, what comes to the same may be computed in another order. Pure: state and now come in, the next state and the
//! outcome go out; no clock, no I/O, no panic whatever the numbers are.
//!
//! ```
//! use sluice_algorithms::{Check, GcraPlan, Op, Status, gcra};
//!
//! // 5 per second: an interval of 200 ms is 1.6 million ticks of 1/8 us.
//! let plan = GcraPlan {
//!     interval: 1_600_000.0,
//!     cap: 8_000_000.0,
//!     burst: 5.0,
//!     debt_cap: 16_000_000.0,
//!     horizon: 16_000_000.0,
//!     settle_us: 1_000_000.0,
//! };
//! let mut state = None;
//! let check = Check { op: Op::Consume, n: 5.0, at: 0.0, now: 1_790_000_000_000_000.0 };
//! assert_eq!(gcra(&mut state, &plan, check).status, Status::Allowed);
//!
//! let refused = gcra(&mut state, &plan, Check { n: 1.0, ..check });
//! assert_eq!((refused.status, refused.wait_us), (Status::Denied, 200_000.0));
//! ```

mod concurrency;
mod crowd;
mod few_leases;
mod fixed_window;
mod gcra;
mod key;
mod lease_id;
mod lease_marks;
mod lease_order;
mod lease_set;
mod muldiv;
mod one_lease;
mod plan;
mod quota;
mod sliding_counter;
mod sliding_window;
mod step;
mod time;
mod token_bucket;
mod window_log;
mod words;

pub use concurrency::concurrency;
pub use fixed_window::{FixedWindowState, fixed_window};
pub use gcra::{GcraState, gcra};
pub use key::{State, decide};
pub use lease_id::LeaseId;
pub use lease_set::{Lease, LeaseChange, LeaseSet};
pub use one_lease::{acquire_one_more, release_one_of_few};
pub use plan::{
    BucketPlan, ConcurrencyPlan, FixedWindowPlan, GcraPlan, LEASE_UNITS_MAX, PLAN_ROW_LENGTH, Plan, QuotaPlan,
    SlidingCounterPlan, SlidingWindowPlan,
};
pub use quota::{QuotaState, quota};
pub use sliding_counter::{
    CounterParts, SlidingCounterState, sliding_counter, sliding_counter_by, sliding_counter_in_window,
};
pub use sliding_window::{consume_in_window, sliding_window};
pub use step::{Check, Op, Status, Step, Write};
pub use time::{BACK_US, EPOCH_2020_US, EXACT_MAX, GRANULE_US, NOW_END_US, NOW_MIN_US};
pub use token_bucket::{BucketState, token_bucket};
pub use window_log::{LogChange, WindowLog};
pub use words::{Between, Ends, WORDS_MAX};
