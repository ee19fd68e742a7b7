//! What acquires and releases nearly always are, decided and carried out at once where the leases stand. Both come to the
//! same as [`concurrency`](crate::concurrency) and [`LeaseSet::apply`].

use crate::concurrency::{Held, decide};
use crate::lease_id::Holder;
use crate::lease_set::LeaseSet;
use crate::plan::{ConcurrencyPlan, LEASE_UNITS_MAX};
use crate::step::{Check, Op, Step};
use crate::words::WORDS_MAX;

/// `Consume` as it is nearly always: of a new holder with a short id, whose lease ends last; beside few others, all of which
/// run on. Decided and carried out at once. `None`: it takes more, and nothing was done.
#[inline(always)]
pub fn acquire_one_more(
    leases: &mut LeaseSet,
    plan: &ConcurrencyPlan,
    check: Check,
    lease_id: Option<&str>,
) -> Option<Step> {
    let check = Check { op: Op::Consume, ..check };
    let holder = short_holder(lease_id)?;
    let used = leases.units;
    let few = leases.few_running(check.now)?;
    if few.may_have(&holder) || check.n > LEASE_UNITS_MAX {
        return None;
    }
    let others_end_us = few.last_end_us;
    let held = Held { used, others_end_us, ..Held::default() };
    if used + check.n > plan.limit {
        let over = used + check.n - plan.limit;
        // Every lease has a unit, and nearly every one no more.
        let is_not_enough = over > 1.0 && few.first().is_none_or(|first| first.units < over);
        if check.n > plan.limit || is_not_enough {
            return None;
        }
        return Some(decide(held, plan, check, holder, |_| few.first_end_us).0);
    }
    let (step, change) = decide(held, plan, check, holder, |_| check.now);
    if change.end_us < others_end_us || !few.add_last(&holder, change.units, change.end_us) {
        return None;
    }
    leases.units += change.units;
    Some(step)
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
    let check = Check { op: Op::Refund, ..check };
    let holder = short_holder(lease_id)?;
    let used = leases.units;
    let few = leases.few_running(check.now)?;
    let own = few.remove_quickly(&holder)?;
    let others_end_us = few.last_end_us;
    leases.units -= own;
    let held = Held { used, own, others_end_us, ..Held::default() };
    Some(decide(held, plan, check, holder, |_| check.now).0)
}

#[inline(always)]
fn short_holder(lease_id: Option<&str>) -> Option<Holder<'_>> {
    lease_id.filter(|id| !id.is_empty() && id.len() <= WORDS_MAX).map(Holder::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concurrency::concurrency;
    use crate::step::{Status, Write};

    #[test]
    fn what_is_decided_at_once_comes_to_the_same() {
        let plans =
            [(30.0, 40.0), (3.0, 40.0), (30.0, 25.0)].map(|(limit, lease_us)| ConcurrencyPlan { limit, lease_us });
        let (mut at_once, mut apart) = (LeaseSet::default(), LeaseSet::default());
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut now = 1_790_000_000_000_000.0;
        let (mut acquired, mut refused, mut released) = (0, 0, 0);
        for _ in 0..50_000 {
            now += draw(9) as f64;
            let plan = plans.get(draw(4) as usize).unwrap_or(&plans[0]);
            let op = if draw(2) == 0 { Op::Consume } else { Op::Refund };
            // Ids of more letters than are kept as words, too; and every other time the newest lease is meant.
            let id = match at_once.leases().last() {
                Some(newest) if op == Op::Refund && draw(2) == 0 => newest.id.to_string(),
                _ => "holder-".repeat(draw(4) as usize + 3) + &draw(20).to_string(),
            };
            let check = Check { op, n: 1.0 + draw(3) as f64, at: 0.0, now };
            let decided = match op {
                Op::Consume => acquire_one_more(&mut at_once, plan, check, Some(&id)),
                _ => release_one_of_few(&mut at_once, plan, check, Some(&id)),
            };
            let (told, change) = concurrency(Some(&apart), plan, check, Some(&id));
            if told.write != Write::None {
                apart.apply(&change);
            }
            match decided {
                Some(step) => {
                    assert_eq!(step, told);
                    match (op, step.status) {
                        (Op::Consume, Status::Allowed) => acquired += 1,
                        (Op::Consume, _) => refused += 1,
                        _ => released += 1,
                    }
                }
                None if told.write != Write::None => at_once.apply(&change),
                None => {}
            }
            assert_eq!((&at_once, at_once.units), (&apart, apart.units));
        }
        assert!(acquired > 5_000 && refused > 500 && released > 500, "{acquired} {refused} {released}");
    }
}
