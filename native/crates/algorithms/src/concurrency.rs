use crate::lease_id::Holder;
use crate::lease_set::{LeaseChange, LeaseSet};
use crate::plan::{ConcurrencyPlan, LEASE_UNITS_MAX};
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{max, min};

/// What leases come to at one instant, for who asks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Held {
    /// Units of all.
    pub used: f64,
    /// Units of who asks, and when they end.
    pub own: f64,
    pub end_us: f64,
    /// When the last of the others ends.
    pub others_end_us: f64,
}

impl Held {
    fn at(now: f64, leases: &LeaseSet, holder: &Holder<'_>) -> Self {
        let ended = leases.leases().take_while(|lease| lease.end_us <= now);
        let used = ended.fold(leases.units, |used, lease| used - lease.units);
        let mut held = Self { used, ..Self::default() };
        if let Some(lease) = leases.of(holder).filter(|lease| lease.end_us > now) {
            held.own = lease.units;
            held.end_us = lease.end_us;
        }
        let last = leases.leases().rfind(|lease| !lease.id.is(holder));
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
    let holder = lease_id.filter(|_| check.op != Op::Look).map(Holder::of).unwrap_or_default();
    let held = leases.map_or(Held::default(), |leases| Held::at(check.now, leases, &holder));
    decide(held, plan, check, holder, |units| {
        leases.map_or(check.now, |leases| leases.unit_end_us(&holder, units, check.now))
    })
}

/// Decides for a holder of whom `before` tells.
///
/// * `unit_end_us`: when the given number of units that others hold will have ended.
#[inline(always)]
pub(crate) fn decide<'a>(
    before: Held,
    plan: &ConcurrencyPlan,
    check: Check,
    holder: Holder<'a>,
    unit_end_us: impl FnOnce(f64) -> f64,
) -> (Step, LeaseChange<'a>) {
    let Check { op, n, now, .. } = check;
    let &ConcurrencyPlan { limit, lease_us } = plan;
    let Held { used, own, mut end_us, others_end_us } = before;
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
    let wait_us = if over > 0.0 { unit_end_us(over) - now } else { 0.0 };
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
        LeaseChange { holder, units: held, end_us, ended_us: if holds && op != Op::Renew { now } else { 0.0 } };
    (step, change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::few_leases::FEW;
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
            let running = leases.leases().filter(|lease| lease.end_us > now);
            let running: HashMap<_, _> = running.map(|lease| (lease.id.to_string(), lease.end_us)).collect();
            assert_eq!(running, ends, "step {step}");
            assert!(leases.leases().map(|lease| lease.end_us).is_sorted_by(|a, b| a <= b));
            most = most.max(ends.len());
        }
        assert!(most > 2 * FEW, "{most}");
    }
}
