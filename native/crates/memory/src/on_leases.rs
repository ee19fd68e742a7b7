//! Checks of `concurrency` that are decided where the leases stand.

use crate::in_place::{Quick, settle};
use crate::shard::Shard;
use sluice_algorithms::{Check, ConcurrencyPlan, Op, Step, Write, acquire_one_more, concurrency, release_one_of_few};

/// A plan of `concurrency` for acquiring.
pub(crate) struct Acquiring<'a>(pub &'a ConcurrencyPlan);
/// The same for releasing.
pub(crate) struct Releasing<'a>(pub &'a ConcurrencyPlan);

impl Quick for Acquiring<'_> {
    #[inline(always)]
    fn decide_quickly(&self, shard: &mut Shard, key: u32, check: Check, lease_id: Option<&str>) -> Option<Step> {
        // Whoever refuses has to be looked at anew.
        if shard.lifetimes.is_set_apart(key) {
            return None;
        }
        let (leases, mut row) = shard.keys.leases_and_row(key)?;
        let step = acquire_one_more(leases, self.0, check, lease_id)?;
        if let Write::Expire(ttl_us) = step.write {
            // A key that ends later than its leases does no harm.
            row.extend(check.now + ttl_us);
        }
        Some(step)
    }
}

impl Quick for Releasing<'_> {
    const OP: Op = Op::Refund;

    #[inline(always)]
    fn decide_quickly(&self, shard: &mut Shard, key: u32, check: Check, lease_id: Option<&str>) -> Option<Step> {
        if shard.lifetimes.is_set_apart(key) {
            return None;
        }
        let leases = shard.keys.leases(key)?;
        // A key that is left empty has to be filed for it.
        if leases.is_one() && !shard.lifetimes.vacancies.has(key) {
            return None;
        }
        release_one_of_few(leases, self.0, check, lease_id)
    }
}

/// A check of any kind, alone in its request. `None`: nothing was done, and it takes a draft.
pub(crate) fn decide_on_leases(
    plan: &ConcurrencyPlan,
    shard: &mut Shard,
    key: u32,
    check: Check,
    lease_id: Option<&str>,
) -> Option<Step> {
    let leases = shard.keys.leases(key)?;
    let (step, change) = concurrency(Some(leases), plan, check, lease_id);
    if step.write != Write::None {
        leases.apply(&change);
        if leases.is_empty() {
            shard.vacate(key, check.now);
        } else {
            settle(shard, key, step.write, check.now);
        }
    }
    Some(step)
}
