use crate::plan::FixedWindowPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, fdiv, max, min};

/// Start and end of the window in us, and the units counted in it.
pub type FixedWindowState = [f64; 3];

/// Fixed window. Twin of `lua/include/fixed_window.lua`. Admits at most the limit per window, so up to twice the limit in
/// an interval as long as a window.
///
/// A window is never lengthened: its end is stored, and a shorter `window_us` cuts it short.
///
/// Reads `state`, `None` when the key is absent, and leaves the next one there when `write` is not `None`.
#[inline(always)]
pub fn fixed_window(state: &mut Option<FixedWindowState>, plan: &FixedWindowPlan, check: Check) -> Step {
    let Check { op, n, at, now } = check;
    let &FixedWindowPlan { limit, window_us, debt_limit, clock_anchored, offset_us } = plan;
    let origin = if clock_anchored { fdiv(now - offset_us, window_us) * window_us + offset_us } else { now };
    let mut start = origin;
    let mut stop = origin + window_us;
    let mut count = 0.0;
    let mut running = false;
    let mut repair = false;
    if let Some([stored_start, stored_end, stored_count]) = *state {
        count = stored_count;
        if stored_start - now > BACK_US {
            // The clock stepped back: the count stays, in a window that begins now.
            repair = count > 0.0;
        } else {
            let stored_stop = min(stored_end, stored_start + window_us);
            running = now < stored_stop;
            if running {
                start = stored_start;
                stop = stored_stop;
            } else {
                count = 0.0;
            }
        }
    }

    let mut next = count;
    let mut status = Status::Allowed;
    let mut granted = 0.0;
    let mut wait_us = 0.0;
    match op {
        Op::Consume | Op::Peek => {
            if count + n <= limit {
                granted = n;
                if op == Op::Consume {
                    next = count + n;
                }
            } else if n > limit {
                return Step::failed(Status::Impossible);
            } else {
                status = Status::Denied;
                wait_us = stop - now;
            }
        }
        Op::Grant => {
            granted = max(0.0, min(n, limit - count));
            if granted > 0.0 {
                next = count + granted;
            } else {
                status = Status::Denied;
                wait_us = stop - now;
            }
        }
        Op::Debit => {
            next = max(count, min(count + n, debt_limit));
            granted = next - count;
        }
        Op::Refund | Op::Rollback => {
            if at == 0.0 || at >= start {
                granted = min(n, count);
                next = count - granted;
            }
        }
        Op::Look => {}
        _ => return Step::failed(Status::BadCheck),
    }

    let mut write = Write::None;
    if op != Op::Peek && (repair || next != count) {
        if let (true, Some([_, _, units])) = (running, state.as_mut()) {
            // Only the count moves; the window and the expiry stay.
            *units = next;
            write = Write::Keep;
        } else {
            *state = Some([start, stop, next]);
            write = Write::Expire(stop - now);
        }
    }
    Step {
        status,
        granted,
        remaining: max(0.0, limit - next),
        wait_us,
        reset_us: if next > 0.0 { stop - now } else { 0.0 },
        write,
    }
}
