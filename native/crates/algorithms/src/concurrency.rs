use crate::lease_id::Holder;
use crate::lease_set::{LeaseChange, LeaseSet, SEARCHED_MAX};
use crate::plan::{ConcurrencyPlan, LEASE_UNITS_MAX};
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{max, min};
use crate::words::WORDS_MAX;

/// What leases come to at one instant, for who asks.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Units of all.
    used: f64,
    /// Units of who asks, when they end and at which place they stand.
    own: f64,
    end_us: f64,
    place: Option<usize>,
    /// When the last of the others ends.
    others_end_us: f64,
}

impl Held {
    #[inline]
    fn at(now: f64, leases: &LeaseSet, holder: Option<&Holder<'_>>) -> Self {
        let ended = leases.leases().iter().take_while(|lease| lease.end_us <= now);
        let used = ended.fold(leases.units, |used, lease| used - lease.units);
        let place = holder.and_then(|holder| leases.place_of(holder));
        let mut held = Self { used, place, ..Self::default() };
        let lease = place.and_then(|place| leases.leases().get(place));
        if let Some(lease) = lease.filter(|lease| lease.end_us > now) {
            held.own = lease.units;
            held.end_us = lease.end_us;
        }
        let count = leases.leases().len();
        let before_last = if place.is_some_and(|place| place + 1 == count) { 2 } else { 1 };
        let last = count.checked_sub(before_last).and_then(|place| leases.leases().get(place));
        if let Some(last) = last.filter(|last| last.end_us > now) {
            held.others_end_us = last.end_us;
        }
        held
    }
}

/// Concurrency: units held at once, each until it is released or its lease ends. Twin of `lua/include/concurrency.lua`.
///
/// `Consume` acquires n units under the lease id; the same id again changes the lease to n units and starts it anew.
/// `Grant` acquires as many as are free, at most n and 64; `Debit` acquires without asking the limit; `Renew` starts a
/// lease that has not ended anew, with the units it has; `Refund` and `Rollback` release it. `wait_us` is a hint: a release
/// comes earlier, a renewal later; for `Renew` it is 0, as waiting does not bring an ended lease back.
///
/// Reads the leases, `None` when the key is absent, and tells what becomes of them: see [`LeaseSet::apply`].
///
/// * `lease_id`: `None` for `Peek` asks for a new holder.
#[inline(always)]
pub fn concurrency<'a>(
    leases: Option<&LeaseSet>,
    plan: &ConcurrencyPlan,
    check: Check,
    lease_id: Option<&'a str>,
) -> (Step, LeaseChange<'a>) {
    if lease_id == Some("") || (lease_id.is_none() && check.op != Op::Peek && check.op != Op::Look) {
        return (Step::failed(Status::BadCheck), LeaseChange::default());
    }
    let holder = lease_id.filter(|_| check.op != Op::Look).map(Holder::of);
    let held = leases.map_or(Held::default(), |leases| Held::at(check.now, leases, holder.as_ref()));
    decide(leases, held, plan, check, holder.unwrap_or_default())
}

/// `Consume` as it is nearly always: of a new holder with a short id, whose lease ends last; beside few others, all of which
/// run on. Decided and carried out at once. `None`: it takes more, and nothing was done.
#[inline(always)]
pub fn acquire_one_more(
    leases: &mut LeaseSet,
    plan: &ConcurrencyPlan,
    check: Check,
    lease_id: Option<&str>,
) -> Option<Step> {
    let holder = short_holder(lease_id)?;
    let running = leases.few_running(check.now)?;
    let others_end_us = running.last()?.end_us;
    if running.len() >= SEARCHED_MAX || check.n > LEASE_UNITS_MAX {
        return None;
    }
    // Not by `any`, which would be called.
    for lease in running {
        if lease.id.is(&holder) {
            return None;
        }
    }
    let held = Held { used: leases.units, others_end_us, ..Held::default() };
    if leases.units + check.n > plan.limit {
        return Some(refuse_one_more(leases, held, plan, check));
    }
    let (step, change) = decide(None, held, plan, Check { op: Op::Consume, ..check }, holder);
    if change.end_us < others_end_us || !leases.by_end.add_last(&holder, change.units, change.end_us) {
        return None;
    }
    leases.units += change.units;
    Some(step)
}

/// Apart, as it takes a look at each lease to tell until when.
#[inline(never)]
fn refuse_one_more(leases: &LeaseSet, held: Held, plan: &ConcurrencyPlan, check: Check) -> Step {
    decide(Some(leases), held, plan, Check { op: Op::Consume, ..check }, Holder::default()).0
}

/// `Refund` as it is nearly always: of a short id; beside few others, all of which run on. Decided and carried out at once.
/// `None`: it takes more, and nothing was done.
#[inline(always)]
pub fn release_one_of_few(
    leases: &mut LeaseSet,
    plan: &ConcurrencyPlan,
    check: Check,
    lease_id: Option<&str>,
) -> Option<Step> {
    let holder = short_holder(lease_id)?;
    let [earlier @ .., before, newest] = leases.few_running(check.now)? else { return None };
    let last = earlier.len() + 1;
    let (place, own, others_end_us) = if newest.id.is(&holder) {
        (last, newest.units, before.end_us)
    } else if before.id.is(&holder) {
        (last - 1, before.units, newest.end_us)
    } else {
        let place = earlier.iter().position(|lease| lease.id.is(&holder))?;
        (place, earlier.get(place)?.units, newest.end_us)
    };
    let held = Held { used: leases.units, own, others_end_us, ..Held::default() };
    leases.units -= own;
    if place == last {
        leases.by_end.take_last();
    } else {
        leases.by_end.remove(place);
    }
    Some(decide(None, held, plan, Check { op: Op::Refund, ..check }, holder).0)
}

#[inline(always)]
fn short_holder(lease_id: Option<&str>) -> Option<Holder<'_>> {
    lease_id.filter(|id| !id.is_empty() && id.len() <= WORDS_MAX).map(Holder::of)
}

#[inline(always)]
fn decide<'a>(
    leases: Option<&LeaseSet>,
    before: Held,
    plan: &ConcurrencyPlan,
    check: Check,
    holder: Holder<'a>,
) -> (Step, LeaseChange<'a>) {
    let Check { op, n, now, .. } = check;
    let &ConcurrencyPlan { limit, lease_us } = plan;
    let Held { used, own, mut end_us, place, others_end_us } = before;
    let others = used - own;

    let mut status = Status::Allowed;
    let mut granted = 0.0;
    let mut held = own;
    let mut over = 0.0;
    match op {
        Op::Consume | Op::Peek => {
            if n > limit || n > LEASE_UNITS_MAX {
                return (Step::failed(Status::Impossible), LeaseChange::default());
            }
            if others + n > limit {
                status = Status::Denied;
                over = others + n - limit;
            } else {
                granted = n;
                if op == Op::Consume {
                    held = n;
                }
            }
        }
        Op::Grant => {
            granted = max(0.0, min(min(n, limit - others), LEASE_UNITS_MAX));
            if granted > 0.0 {
                held = granted;
            } else {
                status = Status::Denied;
                over = others + 1.0 - limit;
            }
        }
        Op::Debit => {
            granted = min(n, LEASE_UNITS_MAX);
            held = granted;
        }
        Op::Refund | Op::Rollback => {
            granted = own;
            held = 0.0;
        }
        Op::Renew => {
            granted = own;
            if own == 0.0 {
                status = Status::Denied;
            }
        }
        Op::Look => {}
        _ => return (Step::failed(Status::BadCheck), LeaseChange::default()),
    }

    let holds = granted > 0.0 && op != Op::Peek && held > 0.0;
    if holds {
        end_us = now + lease_us;
    }
    let next = others + held;
    let last_end_us = max(if held > 0.0 { end_us } else { 0.0 }, others_end_us);
    let wait_us = match leases {
        Some(leases) if over > 0.0 => leases.unit_end_us(place, over, now) - now,
        _ => 0.0,
    };
    let step = Step {
        status,
        granted,
        remaining: max(0.0, limit - next),
        wait_us,
        reset_us: if next > 0.0 { last_end_us - now } else { 0.0 },
        write: if holds {
            Write::Expire(last_end_us - now)
        } else if held < own {
            Write::Keep
        } else {
            Write::None
        },
    };
    let change =
        LeaseChange { holder, place, units: held, end_us, ended_us: if holds && op != Op::Renew { now } else { 0.0 } };
    (step, change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn holders_are_found_however_many_there_are() {
        let plan = ConcurrencyPlan { limit: 1_000.0, lease_us: 5_000.0 };
        let mut leases = LeaseSet::default();
        let mut ends: HashMap<String, f64> = HashMap::new();
        let mut state = 7_u64;
        let mut most = 0;
        for step in 0..20_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = format!("holder-{}", (state >> 40) % 60);
            // Crowds come and go.
            let op = if (step / 1_000) % 2 == 0 || state >> 62 == 0 { Op::Consume } else { Op::Refund };
            let now = 1_790_000_000_000_000.0 + 7.0 * f64::from(step);
            let (told, change) = concurrency(Some(&leases), &plan, Check { op, n: 1.0, at: 0.0, now }, Some(&id));
            if told.write != Write::None {
                leases.apply(&change);
            }
            if op == Op::Consume {
                ends.insert(id, now + plan.lease_us);
            } else {
                let held = ends.remove(&id).is_some_and(|end_us| end_us > now);
                assert_eq!(told.granted, f64::from(u8::from(held)), "{id} at step {step}");
            }
            ends.retain(|_, end_us| *end_us > now);
            let running = leases.leases().iter().filter(|lease| lease.end_us > now);
            assert!(running.clone().all(|lease| ends.get(&lease.id.to_string()) == Some(&lease.end_us)), "step {step}");
            assert_eq!(running.count(), ends.len(), "step {step}");
            assert!(leases.leases().is_sorted_by(|a, b| a.end_us <= b.end_us));
            most = most.max(ends.len());
        }
        assert!(most > 2 * SEARCHED_MAX, "{most}");
    }

    #[test]
    fn what_is_decided_at_once_comes_to_the_same() {
        let plan = ConcurrencyPlan { limit: 30.0, lease_us: 40.0 };
        let (mut at_once, mut apart) = (LeaseSet::default(), LeaseSet::default());
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut now = 1_790_000_000_000_000.0;
        let (mut acquired, mut released) = (0, 0);
        for _ in 0..50_000 {
            now += draw(9) as f64;
            let op = if draw(2) == 0 { Op::Consume } else { Op::Refund };
            // Ids of more letters than are kept as words, too; and every other time the newest lease is meant.
            let id = match at_once.leases().last() {
                Some(newest) if op == Op::Refund && draw(2) == 0 => newest.id.to_string(),
                _ => "holder-".repeat(draw(4) as usize + 3) + &draw(20).to_string(),
            };
            let check = Check { op, n: 1.0 + draw(3) as f64, at: 0.0, now };
            let decided = match op {
                Op::Consume => acquire_one_more(&mut at_once, &plan, check, Some(&id)),
                _ => release_one_of_few(&mut at_once, &plan, check, Some(&id)),
            };
            let (told, change) = concurrency(Some(&apart), &plan, check, Some(&id));
            if told.write != Write::None {
                apart.apply(&change);
            }
            match decided {
                Some(step) if op == Op::Consume => {
                    assert_eq!(step, told);
                    acquired += 1;
                }
                Some(step) => {
                    assert_eq!(step, told);
                    released += 1;
                }
                None if told.write != Write::None => at_once.apply(&change),
                None => {}
            }
            assert_eq!((at_once.leases(), at_once.units), (apart.leases(), apart.units));
        }
        assert!(acquired > 5_000 && released > 500, "{acquired} {released}");
    }
}
