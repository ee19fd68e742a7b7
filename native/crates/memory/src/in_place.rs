//! What nearly every check is: one that finds its key there, alive and not blocked. It is decided where the state stands,
//! or on a copy of a few numbers. A [`Draft`](crate::draft::Draft) can do all of it and everything else, at several times the cost.

use crate::engine::Verdict;
use crate::shard::{KeyName, Shard};
use sluice_algorithms::{
    Check, Op, Plan, Status, Write, concurrency, fixed_window, gcra, quota, sliding_counter, sliding_window,
    token_bucket,
};

/// Numbers of the largest state of fixed size.
const NUMBERS_MAX: usize = 5;

/// A check alone in its request. False: nothing was done, and it takes a draft.
///
/// The verdict is told number by number, and each algorithm is inline: a step that is written down as a whole and read at
/// once in other pieces waits for the memory, which took a third of the whole check.
#[inline(always)]
pub(crate) fn decide(
    shard: &mut Shard,
    name: &KeyName<'_>,
    plan: &Plan,
    check: Check,
    lease_id: Option<&str>,
    verdict: &mut Verdict,
) -> bool {
    let Some(key) = live_key(shard, name, &check) else { return false };
    // Number by number too: only algorithms that are not inline need a check that stands in memory.
    let Check { op, n, at, now } = check;
    /// Runs an algorithm whose state has a fixed size.
    macro_rules! on_numbers {
        ($algorithm:path, $plan:expr) => {{
            let mut state = Some(shard.keys.numbers(key));
            let step = $algorithm(&mut state, $plan, check);
            verdict.tell(&step);
            if let (Some(numbers), true) = (state, step.write != Write::None) {
                shard.keys.set_numbers(key, numbers);
            }
            step.write
        }};
    }
    let write = match plan {
        Plan::Gcra(plan) => on_numbers!(gcra, plan),
        Plan::FixedWindow(plan) => on_numbers!(fixed_window, plan),
        Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => on_numbers!(token_bucket, plan),
        Plan::SlidingCounter(plan) => on_numbers!(sliding_counter, plan),
        Plan::Quota(plan) => on_numbers!(quota, plan),
        Plan::SlidingWindow(plan) => {
            let Some(log) = shard.keys.log(key) else { return false };
            let (step, change) = sliding_window(Some(log), plan, Check { op, n, at, now });
            verdict.tell(&step);
            if step.write != Write::None {
                log.apply(&change);
            }
            step.write
        }
        Plan::Concurrency(plan) => {
            let Some(leases) = shard.keys.leases(key) else { return false };
            let (step, change) = concurrency(Some(leases), plan, Check { op, n, at, now }, lease_id);
            verdict.tell(&step);
            if step.write != Write::None {
                leases.apply(&change);
                if leases.is_empty() {
                    shard.drop_state(key, now);
                    return true;
                }
            }
            step.write
        }
    };
    settle(shard, key, write, now);
    true
}

/// One of several checks that pass or are refused together: decided on a copy of the state, and the state left alone.
#[derive(Clone, Copy)]
pub(crate) struct Tentative {
    key: u32,
    numbers: [f64; NUMBERS_MAX],
    write: Write,
}

impl Tentative {
    pub const EMPTY: Self = Self { key: 0, numbers: [0.0; NUMBERS_MAX], write: Write::None };

    /// False: it takes a draft, or was not allowed.
    #[inline]
    pub fn decide(
        &mut self,
        shard: &Shard,
        name: &KeyName<'_>,
        plan: &Plan,
        check: Check,
        verdict: &mut Verdict,
    ) -> bool {
        let Some(key) = live_key(shard, name, &check) else { return false };
        self.key = key;
        /// Runs an algorithm whose state has a fixed size.
        macro_rules! on_copy {
            ($algorithm:path, $plan:expr) => {{
                let mut state = Some(shard.keys.numbers(key));
                let step = $algorithm(&mut state, $plan, check);
                verdict.tell(&step);
                self.write = step.write;
                if let (Some(numbers), Some(copy)) = (state, self.numbers.first_chunk_mut()) {
                    *copy = numbers;
                }
                step.status == Status::Allowed
            }};
        }
        match plan {
            Plan::Gcra(plan) => on_copy!(gcra, plan),
            Plan::FixedWindow(plan) => on_copy!(fixed_window, plan),
            Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => on_copy!(token_bucket, plan),
            Plan::SlidingCounter(plan) => on_copy!(sliding_counter, plan),
            Plan::Quota(plan) => on_copy!(quota, plan),
            Plan::SlidingWindow(_) | Plan::Concurrency(_) => false,
        }
    }

    /// Whether both are of one key of a shard, and the second has not seen what the first leaves.
    pub fn is_of_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    #[inline]
    pub fn commit(&self, shard: &mut Shard, plan: &Plan, now: f64) {
        if self.write == Write::None {
            return;
        }
        if let Plan::Gcra(_) = plan {
            let [first, ..] = self.numbers;
            shard.keys.set_numbers(self.key, [first]);
        } else {
            shard.keys.set_numbers(self.key, self.numbers);
        }
        settle(shard, self.key, self.write, now);
    }
}

#[inline(always)]
fn live_key(shard: &Shard, name: &KeyName<'_>, check: &Check) -> Option<u32> {
    let is_common = check.is_well_formed() && !matches!(check.op, Op::Reset | Op::Block | Op::Unblock);
    let key = if is_common { shard.find(name) } else { None };
    key.filter(|key| shard.keys.is_live_and_not_blocked(*key, check.now))
}

/// What the store owes a state that was just written.
#[inline(always)]
fn settle(shard: &mut Shard, key: u32, write: Write, now: f64) {
    match write {
        Write::None => {}
        Write::Keep => shard.state_changed(key),
        Write::Expire(ttl_us) => shard.set_state_end(key, now + ttl_us, now),
    }
}
