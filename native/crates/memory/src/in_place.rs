//! What nearly every check is: one that finds its key there, alive and not blocked. It is decided where the state stands,
//! or on a copy of a few numbers. A [`Draft`](crate::draft::Draft) can do all of it and everything else, at several times the cost.

use crate::on_leases::decide_on_leases;
use crate::request::{Ask, Verdicts};
use crate::shard::{KeyName, Shard};
use sluice_algorithms::{
    BucketPlan, Check, CounterParts, FixedWindowPlan, GcraPlan, Op, Plan, QuotaPlan, QuotaState, SlidingCounterPlan,
    SlidingCounterState, SlidingWindowPlan, Status, Step, WORDS_MAX, Write, consume_in_window, fixed_window, gcra,
    quota, sliding_counter_by, sliding_counter_in_window, sliding_window, token_bucket,
};

/// Numbers of the largest state of fixed size.
const NUMBERS_MAX: usize = 5;

/// A plan whose checks are, as a rule, decided where the state of a live key stands, without a call of any function.
pub(crate) trait Quick {
    /// What nearly every check asks.
    const OP: Op = Op::Consume;

    /// `None`: nothing was done, and it takes more.
    fn decide_quickly(&self, shard: &mut Shard, key: u32, check: Check, lease_id: Option<&str>) -> Option<Step>;
}

/// A plan of an algorithm whose state is N numbers.
pub(crate) trait Counting<const N: usize>: Quick {
    /// Runs the algorithm, where that takes no call.
    fn count(&self, state: &mut Option<[f64; N]>, check: Check) -> Option<Step>;
}

/// `sliding_counter` with what its limit keeps for it.
pub(crate) struct InParts<'a> {
    plan: &'a SlidingCounterPlan,
    parts: CounterParts,
}

impl<'a> InParts<'a> {
    #[inline(always)]
    pub fn of(ask: &Ask<'_>, plan: &'a SlidingCounterPlan) -> Self {
        let parts = if ask.plan.is_none() { ask.limit.parts } else { CounterParts::of(plan.window_us) };
        Self { plan, parts }
    }
}

#[inline(always)]
fn sliding_counter_quickly(state: &mut Option<SlidingCounterState>, by: &InParts<'_>, check: Check) -> Option<Step> {
    sliding_counter_in_window(state, by.plan, by.parts, check)
}

#[inline(always)]
fn quota_quickly(state: &mut Option<QuotaState>, plan: &QuotaPlan, check: Check) -> Option<Step> {
    // What is spread takes a long division.
    if plan.spread { None } else { Some(quota(state, plan, check)) }
}

macro_rules! counting {
    (@run $algorithm:path, $state:ident, $plan:ident, $check:expr) => {
        Some($algorithm($state, $plan, $check))
    };
    (@run $algorithm:path | $quickly:path, $state:ident, $plan:ident, $check:expr) => {
        $quickly($state, $plan, $check)
    };
    ($($plan:ty: $algorithm:path $(| $quickly:path)?, $numbers:literal;)+) => {$(
        impl Counting<$numbers> for $plan {
            #[inline(always)]
            fn count(&self, state: &mut Option<[f64; $numbers]>, check: Check) -> Option<Step> {
                // A version of the algorithm for what nearly every check asks.
                match check.op {
                    Op::Consume => {
                        counting!(@run $algorithm $(| $quickly)?, state, self, Check { op: Op::Consume, ..check })
                    }
                    _ => counting!(@run $algorithm $(| $quickly)?, state, self, check),
                }
            }
        }

        impl Quick for $plan {
            #[inline(always)]
            fn decide_quickly(&self, shard: &mut Shard, key: u32, check: Check, _: Option<&str>) -> Option<Step> {
                let mut row = shard.keys.row_mut(key)?;
                let mut state = Some(row.numbers());
                let step = self.count(&mut state, check)?;
                if let (Some(numbers), true) = (state, step.write != Write::None) {
                    if shard.lifetimes.is_set_apart(key) {
                        return None;
                    }
                    if let Write::Expire(ttl_us) = step.write
                        && !row.extend(check.now + ttl_us)
                    {
                        return None;
                    }
                    row.change(numbers);
                }
                Some(step)
            }
        }
    )+};
}

counting!(
    GcraPlan: gcra, 1;
    FixedWindowPlan: fixed_window, 3;
    BucketPlan: token_bucket, 5;
    InParts<'_>: sliding_counter_in_parts | sliding_counter_quickly, 4;
    QuotaPlan: quota | quota_quickly, 3;
);

impl Quick for SlidingWindowPlan {
    #[inline(always)]
    fn decide_quickly(&self, shard: &mut Shard, key: u32, check: Check, _: Option<&str>) -> Option<Step> {
        let may_admit = !shard.lifetimes.is_set_apart(key);
        consume_in_window(shard.keys.log(key)?, self, check, may_admit)
    }
}

/// A check alone in its request. `None`: nothing was done, and it takes a draft.
pub(crate) fn decide(shard: &mut Shard, name: &KeyName<'_>, ask: &Ask<'_>, now: f64) -> Option<Step> {
    let check = ask.check(now);
    let key = live_key(shard, name, &check)?;
    match ask.plan() {
        Plan::Gcra(plan) => Some(count(shard, key, check, |state| gcra(state, plan, check))),
        Plan::FixedWindow(plan) => Some(count(shard, key, check, |state| fixed_window(state, plan, check))),
        Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => {
            Some(count(shard, key, check, |state| token_bucket(state, plan, check)))
        }
        Plan::SlidingCounter(plan) => {
            let parts = InParts::of(ask, plan).parts;
            Some(count(shard, key, check, |state| sliding_counter_by(state, plan, parts, check)))
        }
        Plan::Quota(plan) => Some(count(shard, key, check, |state| quota(state, plan, check))),
        Plan::SlidingWindow(plan) => decide_on_log(plan, shard, key, check),
        Plan::Concurrency(plan) => decide_on_leases(plan, shard, key, check, ask.lease_id),
    }
}

#[inline(always)]
fn count<const N: usize>(
    shard: &mut Shard,
    key: u32,
    check: Check,
    algorithm: impl FnOnce(&mut Option<[f64; N]>) -> Step,
) -> Step {
    let mut state = Some(shard.keys.numbers(key));
    let step = algorithm(&mut state);
    if let (Some(numbers), true) = (state, step.write != Write::None) {
        shard.keys.change_numbers(key, numbers);
        settle(shard, key, step.write, check.now);
    }
    step
}

fn decide_on_log(plan: &SlidingWindowPlan, shard: &mut Shard, key: u32, check: Check) -> Option<Step> {
    let log = shard.keys.log(key)?;
    let (step, change) = sliding_window(Some(log), plan, check);
    if step.write != Write::None {
        log.apply(&change);
        settle(shard, key, step.write, check.now);
    }
    Some(step)
}

/// The same without a call. `None`: nothing was done.
#[inline(always)]
pub(crate) fn decide_quickly(
    shard: &mut Shard,
    name: &KeyName<'_>,
    plan: &impl Quick,
    check: Check,
    lease_id: Option<&str>,
) -> Option<Step> {
    let key = live_key(shard, name, &check)?;
    plan.decide_quickly(shard, key, check, lease_id)
}

/// Takes a count back, as long as nobody saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// Nothing was counted.
    Nothing,
    /// What stood at a key of `gcra`.
    One { key: u32, end_us: f64, number: f64 },
    /// What stood at a key of another algorithm.
    More { key: u32, end_us: f64, numbers: [f64; NUMBERS_MAX] },
}

impl Undo {
    #[inline(always)]
    fn of<const N: usize>(shard: &Shard, key: u32) -> Self {
        let end_us = shard.keys.end_of(key);
        if let ([number], true) = (shard.keys.numbers(key), N == 1) {
            return Self::One { key, end_us, number };
        }
        Self::More { key, end_us, numbers: shard.keys.numbers(key) }
    }

    pub fn carry_out(&self, shard: &mut Shard) {
        match *self {
            Self::Nothing => {}
            Self::One { key, end_us, number } => {
                shard.keys.change_numbers(key, [number]);
                shard.keys.set_end(key, end_us);
            }
            Self::More { key, end_us, numbers } => {
                shard.keys.change_numbers(key, numbers);
                shard.keys.set_end(key, end_us);
            }
        }
    }
}

/// One of several checks that pass or are refused together. True: it passed without a call, and its verdict comes last.
/// False: nothing was done that `undo` does not tell.
#[inline(always)]
pub(crate) fn count_one_of_several(
    shard: &mut Shard,
    ask: &Ask<'_>,
    (hash, now): (u64, f64),
    undo: &mut Undo,
    verdicts: &mut Verdicts,
) -> bool {
    match ask.plan() {
        Plan::Gcra(plan) => count_for_undo(shard, plan, ask, (hash, now), undo, verdicts),
        Plan::FixedWindow(plan) => count_for_undo(shard, plan, ask, (hash, now), undo, verdicts),
        Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => {
            count_for_undo(shard, plan, ask, (hash, now), undo, verdicts)
        }
        Plan::SlidingCounter(plan) => count_for_undo(shard, &InParts::of(ask, plan), ask, (hash, now), undo, verdicts),
        Plan::Quota(plan) => count_for_undo(shard, plan, ask, (hash, now), undo, verdicts),
        Plan::SlidingWindow(_) | Plan::Concurrency(_) => false,
    }
}

#[inline(always)]
fn count_for_undo<const N: usize>(
    shard: &mut Shard,
    plan: &impl Counting<N>,
    ask: &Ask<'_>,
    (hash, now): (u64, f64),
    undo: &mut Undo,
    verdicts: &mut Verdicts,
) -> bool {
    match ask.op {
        // What nearly every check asks takes no call.
        Op::Consume => count_op(shard, plan, (ask, Op::Consume), (hash, now), undo, verdicts),
        _ => count_another_op(shard, plan, ask, (hash, now), undo, verdicts),
    }
}

#[inline(never)]
fn count_another_op<const N: usize>(
    shard: &mut Shard,
    plan: &impl Counting<N>,
    ask: &Ask<'_>,
    (hash, now): (u64, f64),
    undo: &mut Undo,
    verdicts: &mut Verdicts,
) -> bool {
    count_op(shard, plan, (ask, ask.op), (hash, now), undo, verdicts)
}

#[inline(always)]
fn count_op<const N: usize>(
    shard: &mut Shard,
    plan: &impl Counting<N>,
    (ask, op): (&Ask<'_>, Op),
    (hash, now): (u64, f64),
    undo: &mut Undo,
    verdicts: &mut Verdicts,
) -> bool {
    // Verdicts that have room inside need no code to grow, which would keep half of this in memory instead of registers.
    if ask.subject.len() > WORDS_MAX || verdicts.spilled() || verdicts.len() >= verdicts.inline_size() {
        return false;
    }
    let check = Check { op, ..ask.check(now) };
    let Some(key) = live_key(shard, &KeyName::of(ask, hash), &check) else { return false };
    *undo = Undo::of::<N>(shard, key);
    let Some(step) = plan.decide_quickly(shard, key, check, None) else { return false };
    verdicts.push(step.into());
    step.status == Status::Allowed
}

#[inline(always)]
fn live_key(shard: &Shard, name: &KeyName<'_>, check: &Check) -> Option<u32> {
    let is_common = check.is_well_formed() && !matches!(check.op, Op::Reset | Op::Block | Op::Unblock);
    let key = if is_common { shard.find(name) } else { None };
    key.filter(|key| shard.keys.is_live_and_not_blocked(*key, check.now))
}

/// What the store owes a state that was just written.
#[inline(always)]
pub(crate) fn settle(shard: &mut Shard, key: u32, write: Write, now: f64) {
    match write {
        Write::None => {}
        Write::Keep => shard.state_changed(key),
        Write::Expire(ttl_us) => shard.set_state_end(key, now + ttl_us, now),
    }
}
