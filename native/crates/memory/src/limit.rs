use sluice_algorithms::{CounterParts, Plan};

/// A limit of an engine: its keys are found by it. Cheap to clone; made by [`MemoryEngine::limit`](crate::MemoryEngine::limit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub(crate) id: u32,
    /// Keeps the keys of one subject under several limits apart.
    pub(crate) salt: u64,
    pub(crate) plan: Plan,
    /// Of the plan's window, for `sliding_counter`.
    pub(crate) parts: CounterParts,
}

impl Limit {
    /// The plan it decides by.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// The number that stands for an algorithm first in a row of the plan table; both buckets keep the same state, and each
/// its own keys.
pub(crate) fn algorithm_code(plan: &Plan) -> u8 {
    match plan {
        Plan::Gcra(_) => 1,
        Plan::FixedWindow(_) => 2,
        Plan::TokenBucket(_) => 3,
        Plan::LeakyBucket(_) => 4,
        Plan::SlidingCounter(_) => 5,
        Plan::SlidingWindow(_) => 6,
        Plan::Quota(_) => 7,
        Plan::Concurrency(_) => 8,
    }
}
