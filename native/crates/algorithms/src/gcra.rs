use crate::plan::GcraPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{EPOCH_2020_US, GRANULE_TICKS, cdiv, fdiv, granule_of, max, min};

/// The theoretical arrival time in ticks of 1/8 us since 2020.
pub type GcraState = [f64; 1];

/// Generic cell rate algorithm. Twin of `lua/include/gcra.lua`. Admits at most burst + rate * t units in any interval of
/// length t.
///
/// Reads `state`, `None` when the key is absent, and leaves the next one there when `write` is not `None`.
#[inline(always)]
pub fn gcra(state: &mut Option<GcraState>, plan: &GcraPlan, check: Check) -> Step {
    let Check { op, n, at, now } = check;
    let &GcraPlan { interval, cap, burst, debt_cap, horizon, settle_us } = plan;
    let now_ticks = (now - EPOCH_2020_US) * 8.0;
    let stored = match state {
        Some([ticks]) => *ticks,
        None => now_ticks,
    };
    let mut backlog = stored - now_ticks;
    let mut repair = false;
    if backlog < 0.0 {
        backlog = 0.0;
    } else if backlog > horizon {
        backlog = horizon;
        repair = true;
    }

    let mut next = backlog;
    let mut status = Status::Allowed;
    let mut granted = 0.0;
    let mut wait_us = 0.0;
    match op {
        Op::Consume | Op::Peek => {
            let reached = backlog + n * interval;
            if reached <= cap {
                granted = n;
                if op == Op::Consume {
                    next = reached;
                }
            } else if n > burst {
                return Step::failed(Status::Impossible);
            } else {
                status = Status::Denied;
                wait_us = cdiv(reached - cap, 8.0);
            }
        }
        Op::Grant => {
            let room = cap - backlog;
            if room < interval {
                status = Status::Denied;
                wait_us = cdiv(backlog + interval - cap, 8.0);
            } else {
                granted = min(n, fdiv(room, interval));
                next = backlog + granted * interval;
            }
        }
        Op::Debit => {
            let units = min(n, fdiv(debt_cap, interval));
            next = min(backlog + units * interval, max(backlog, debt_cap));
            granted = fdiv(next - backlog, interval);
        }
        Op::Refund | Op::Rollback => {
            let mut back = min(n, fdiv(horizon, interval)) * interval;
            if op == Op::Rollback {
                if now > at {
                    back -= 8.0 * (now - at);
                }
            } else if at != 0.0 && now - at > settle_us {
                back = 0.0;
            }
            if back > 0.0 {
                next = max(0.0, backlog - back);
            }
            granted = fdiv(backlog - next, interval);
        }
        Op::Look => {}
        _ => return Step::failed(Status::BadCheck),
    }

    let mut write = Write::None;
    if op != Op::Peek && (repair || next != backlog) {
        let value = now_ticks + next;
        let granule = granule_of(value);
        write = if state.is_none() || granule > granule_of(stored) {
            Write::Expire(cdiv((granule + 2.0) * GRANULE_TICKS - now_ticks, 8.0))
        } else {
            Write::Keep
        };
        *state = Some([value]);
    }
    Step {
        status,
        granted,
        remaining: if next < cap { fdiv(cap - next, interval) } else { 0.0 },
        wait_us,
        reset_us: cdiv(next, 8.0),
        write,
    }
}
