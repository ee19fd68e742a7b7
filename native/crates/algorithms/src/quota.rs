use crate::muldiv::muldiv;
use crate::plan::QuotaPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, max, min};

/// Start of the period, its end as far as the key knows, and the units used.
pub type QuotaState = [f64; 3];

/// Calendar quota. The calendar lives in the plan, which knows this period and the next; outside them the status is
/// `StalePlan`. Twin of `lua/include/quota.lua`. Admits at most the total per period; with `spread`, at most
/// spread_burst + total * elapsed / length at any time in it.
///
/// A longer period takes the usage over; a shorter one begins at 0.
///
/// Reads `state`, `None` when the key is absent, and leaves the next one there when `write` is not `None`.
#[inline(always)]
pub fn quota(state: &mut Option<QuotaState>, plan: &QuotaPlan, check: Check) -> Step {
    let Check { op, n, at, now } = check;
    let &QuotaPlan { total, period0_us, period1_us, period2_us, spread, spread_burst, debt_limit } = plan;
    // A clock that stepped back a little over a boundary does not open the period before it again.
    let mut instant = now;
    if let Some([stored_start, ..]) = *state {
        let ahead = stored_start - now;
        if ahead > 0.0 && ahead <= BACK_US {
            instant = now + ahead;
        }
    }
    if instant < period0_us || instant >= period2_us {
        return Step::failed(Status::StalePlan);
    }
    let (start, stop) = if instant < period1_us { (period0_us, period1_us) } else { (period1_us, period2_us) };
    let mut used = 0.0;
    let mut fresh = true;
    let mut repair = false;
    if let Some([stored_start, stored_stop, stored_used]) = *state {
        if stored_start - now > BACK_US {
            // The clock stepped back: the usage counts in the period of now.
            used = stored_used;
            repair = used > 0.0;
        } else if now < stored_stop && stored_start >= start {
            used = stored_used;
            fresh = stored_stop != stop;
            // The period became longer: the key must live as long.
            repair = used > 0.0 && stored_stop < stop;
        }
    }

    let mut pace = total;
    if spread {
        let released = spread_burst + muldiv(total, instant - start, stop - start, 0.0);
        if released < total {
            pace = released;
        }
    }
    let mut next = used;
    let mut status = Status::Allowed;
    let mut granted = 0.0;
    // Units that were asked for and did not pass.
    let mut refused = 0.0;
    match op {
        Op::Consume | Op::Peek => {
            if used + n <= pace {
                granted = n;
                if op == Op::Consume {
                    next = used + n;
                }
            } else if n > total {
                return Step::failed(Status::Impossible);
            } else {
                refused = n;
            }
        }
        Op::Grant => {
            granted = max(0.0, min(n, pace - used));
            next = used + granted;
            if granted == 0.0 {
                refused = 1.0;
            }
        }
        Op::Debit => {
            next = max(used, min(used + n, debt_limit));
            granted = next - used;
        }
        Op::Refund | Op::Rollback => {
            if at == 0.0 || at >= start {
                granted = min(n, used);
                next = used - granted;
            }
        }
        Op::Look => {}
        _ => return Step::failed(Status::BadCheck),
    }

    let mut wait_us = 0.0;
    if refused > 0.0 {
        status = Status::Denied;
        let wanted = used + refused - spread_burst;
        if spread && used + refused <= total {
            // The pace reaches it in this period.
            wait_us = start + muldiv(stop - start, wanted, total, total - 1.0) - now;
        } else {
            wait_us = stop - now;
            if spread && refused > spread_burst {
                // The wait reaches into the next period; how long that is the plan knows only until its own next period
                // begins.
                if now >= period1_us {
                    return Step::failed(Status::StalePlan);
                }
                wait_us += muldiv(period2_us - period1_us, refused - spread_burst, total, total - 1.0);
            }
        }
    }

    let mut write = Write::None;
    if op != Op::Peek && (repair || next != used) {
        *state = Some([start, stop, next]);
        write = if fresh { Write::Expire(stop - now) } else { Write::Keep };
    }
    Step {
        status,
        granted,
        remaining: max(0.0, pace - next),
        wait_us,
        reset_us: if next > 0.0 { stop - now } else { 0.0 },
        write,
    }
}
