use crate::concurrency::concurrency;
use crate::lease_set::LeaseSet;
use crate::plan::Plan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::{
    BucketState, FixedWindowState, GcraState, QuotaState, SlidingCounterState, WindowLog, fixed_window, gcra, quota,
    sliding_counter, sliding_window, token_bucket,
};

/// What one key holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// The key does not exist.
    #[default]
    Absent,
    /// `gcra`
    Gcra(GcraState),
    /// `fixed_window`
    FixedWindow(FixedWindowState),
    /// `token_bucket`, `leaky_bucket`
    Bucket(BucketState),
    /// `sliding_counter`
    SlidingCounter(SlidingCounterState),
    /// `sliding_window`
    SlidingWindow(WindowLog),
    /// `quota`
    Quota(QuotaState),
    /// `concurrency`
    Concurrency(LeaseSet),
}

/// Decides a check of any algorithm on a key, and leaves the next state there. `Reset`, `Block` and `Unblock` are of the
/// key as a whole, and so of the store: here they are a [`Status::BadCheck`]. A state of another algorithm is a
/// [`Status::ForeignValue`].
pub fn decide(key: &mut State, plan: &Plan, check: Check, lease_id: Option<&str>) -> Step {
    if matches!(check.op, Op::Reset | Op::Block | Op::Unblock) {
        return Step::failed(Status::BadCheck);
    }
    /// Runs an algorithm whose state has a fixed size.
    macro_rules! fixed_size {
        ($algorithm:path, $plan:expr, $variant:path) => {{
            let mut state = match key {
                State::Absent => None,
                $variant(numbers) => Some(*numbers),
                _ => return Step::failed(Status::ForeignValue),
            };
            let step = $algorithm(&mut state, $plan, check);
            if let (Some(numbers), true) = (state, step.write != Write::None) {
                *key = $variant(numbers);
            }
            step
        }};
    }
    match plan {
        Plan::Gcra(plan) => fixed_size!(gcra, plan, State::Gcra),
        Plan::FixedWindow(plan) => fixed_size!(fixed_window, plan, State::FixedWindow),
        Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => fixed_size!(token_bucket, plan, State::Bucket),
        Plan::SlidingCounter(plan) => fixed_size!(sliding_counter, plan, State::SlidingCounter),
        Plan::Quota(plan) => fixed_size!(quota, plan, State::Quota),
        Plan::SlidingWindow(plan) => {
            let log = match key {
                State::Absent => None,
                State::SlidingWindow(log) => Some(&*log),
                _ => return Step::failed(Status::ForeignValue),
            };
            let (step, change) = sliding_window(log, plan, check);
            if step.write != Write::None {
                if let State::SlidingWindow(log) = key {
                    log.apply(&change);
                } else {
                    *key = State::SlidingWindow(WindowLog::begun_by(&change));
                }
            }
            step
        }
        Plan::Concurrency(plan) => {
            let leases = match key {
                State::Absent => None,
                State::Concurrency(leases) => Some(&*leases),
                _ => return Step::failed(Status::ForeignValue),
            };
            let (step, change) = concurrency(leases, plan, check, lease_id);
            if step.write != Write::None {
                let mut leases = match std::mem::take(key) {
                    State::Concurrency(leases) => leases,
                    _ => LeaseSet::default(),
                };
                leases.apply(&change);
                if !leases.is_empty() {
                    *key = State::Concurrency(leases);
                }
            }
            step
        }
    }
}
