//! What nearly every check is: one that finds its key there, alive and not blocked. It is decided where the state stands,
//! or on a copy of a few numbers. A [`Draft`](crate::draft::Draft) can do all of it and everything else, at several times the cost.

use crate::shard::{KeyName, Shard};
use sluice_algorithms::{
    Check, Op, Plan, Status, Step, Write, concurrency, fixed_window, gcra, quota, sliding_counter, sliding_window,
    token_bucket,
};

/// Numbers of the largest state of fixed size.
const NUMBERS_MAX: usize = 5;

/// A check alone in its request. `None`: nothing was done, and it takes a draft.
#[inline]
pub(crate) fn decide(
    shard: &mut Shard,
    name: &KeyName<'_>,
    plan: &Plan,
    check: Check,
    lease_id: Option<&str>,
) -> Option<Step> {
    let key = live_key(shard, name, &check)?;
    let step = match plan {
        Plan::Gcra(plan) => on_numbers(shard, key, |state| gcra(state, plan, check)),
        Plan::FixedWindow(plan) => on_numbers(shard, key, |state| fixed_window(state, plan, check)),
        Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => {
            on_numbers(shard, key, |state| token_bucket(state, plan, check))
        }
        Plan::SlidingCounter(plan) => on_numbers(shard, key, |state| sliding_counter(state, plan, check)),
        Plan::Quota(plan) => on_numbers(shard, key, |state| quota(state, plan, check)),
        Plan::SlidingWindow(plan) => {
            let log = shard.keys.log(key)?;
            let (step, change) = sliding_window(Some(log), plan, check);
            if step.write != Write::None {
                log.apply(&change);
            }
            step
        }
        Plan::Concurrency(plan) => {
            let leases = shard.keys.leases(key)?;
            let (step, change) = concurrency(Some(leases), plan, check, lease_id);
            if step.write != Write::None {
                leases.apply(&change);
                if leases.is_empty() {
                    shard.drop_state(key, check.now);
                    return Some(step);
                }
            }
            step
        }
    };
    settle(shard, key, &step, check.now);
    Some(step)
}

/// One of several checks that pass or are refused together: decided on a copy of the state, and the state left alone.
pub(crate) struct Tentative {
    key: u32,
    numbers: [f64; NUMBERS_MAX],
    pub step: Step,
}

impl Tentative {
    /// `None`: it takes a draft, or was not allowed.
    #[inline]
    pub fn decide(shard: &mut Shard, name: &KeyName<'_>, plan: &Plan, check: Check) -> Option<Self> {
        let key = live_key(shard, name, &check)?;
        let mut numbers = [0.0; NUMBERS_MAX];
        let step = match plan {
            Plan::Gcra(plan) => on_copy(shard, key, &mut numbers, |state| gcra(state, plan, check)),
            Plan::FixedWindow(plan) => on_copy(shard, key, &mut numbers, |state| fixed_window(state, plan, check)),
            Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => {
                on_copy(shard, key, &mut numbers, |state| token_bucket(state, plan, check))
            }
            Plan::SlidingCounter(plan) => {
                on_copy(shard, key, &mut numbers, |state| sliding_counter(state, plan, check))
            }
            Plan::Quota(plan) => on_copy(shard, key, &mut numbers, |state| quota(state, plan, check)),
            Plan::SlidingWindow(_) | Plan::Concurrency(_) => return None,
        };
        (step.status == Status::Allowed).then_some(Self { key, numbers, step })
    }

    /// Whether both are of one key, and the second has not seen what the first left.
    pub fn is_of_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    #[inline]
    pub fn commit(&self, shard: &mut Shard, plan: &Plan, now: f64) {
        if self.step.write == Write::None {
            return;
        }
        if let Plan::Gcra(_) = plan {
            let [first, ..] = self.numbers;
            shard.keys.set_numbers(self.key, [first]);
        } else {
            shard.keys.set_numbers(self.key, self.numbers);
        }
        settle(shard, self.key, &self.step, now);
    }
}

#[inline]
fn live_key(shard: &Shard, name: &KeyName<'_>, check: &Check) -> Option<u32> {
    let is_common = check.is_well_formed() && !matches!(check.op, Op::Reset | Op::Block | Op::Unblock);
    let key = if is_common { shard.find(name) } else { None };
    key.filter(|key| shard.keys.is_live_and_not_blocked(*key, check.now))
}

#[inline]
fn on_numbers<const N: usize>(
    shard: &mut Shard,
    key: u32,
    algorithm: impl FnOnce(&mut Option<[f64; N]>) -> Step,
) -> Step {
    let mut state = Some(shard.keys.numbers(key));
    let step = algorithm(&mut state);
    if let (Some(numbers), true) = (state, step.write != Write::None) {
        shard.keys.set_numbers(key, numbers);
    }
    step
}

#[inline]
fn on_copy<const N: usize>(
    shard: &Shard,
    key: u32,
    copy: &mut [f64; NUMBERS_MAX],
    algorithm: impl FnOnce(&mut Option<[f64; N]>) -> Step,
) -> Step {
    let mut state = Some(shard.keys.numbers(key));
    let step = algorithm(&mut state);
    if let (Some(numbers), Some(copy)) = (state, copy.first_chunk_mut()) {
        *copy = numbers;
    }
    step
}

/// What the store owes a state that was just written.
#[inline]
fn settle(shard: &mut Shard, key: u32, step: &Step, now: f64) {
    match step.write {
        Write::None => {}
        Write::Keep => shard.state_changed(key),
        Write::Expire(ttl_us) => shard.set_state_end(key, now + ttl_us, now),
    }
}
