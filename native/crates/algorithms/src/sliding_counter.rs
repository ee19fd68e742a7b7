use crate::plan::SlidingCounterPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, cdiv, fdiv, max, min};

/// Parts a window is divided into for the weight of the previous one, at most.
const PARTS_MAX: f64 = 16_777_216.0;
/// No limit is above this; a count stays below it too, so that a count times `PARTS_MAX` is exact.
const COUNT_MAX: f64 = 134_217_728.0;

/// Start and length of the current window in us, the units of the previous and of the current one.
pub type SlidingCounterState = [f64; 4];

/// How the previous count of a window fades: in steps, so that each weight is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CounterParts {
    /// Parts of a window.
    parts: f64,
    /// Length of a part, us.
    part_us: f64,
}

impl CounterParts {
    /// The parts of a window of this length.
    #[inline(always)]
    pub fn of(window_us: f64) -> Self {
        let part_us = cdiv(window_us, PARTS_MAX);
        Self { parts: cdiv(window_us, part_us), part_us }
    }
}

/// Sliding counter. The previous count fades linearly over the current window. Twin of `lua/include/sliding_counter.lua`.
/// Admits at most limit * (1 + t / window) units in an interval of length t: twice the limit in one window can be reached.
///
/// A changed window length is taken over by the next charge; until then the stored one holds.
///
/// Reads `state`, `None` when the key is absent, and leaves the next one there when `write` is not `None`.
#[inline]
pub fn sliding_counter(state: &mut Option<SlidingCounterState>, plan: &SlidingCounterPlan, check: Check) -> Step {
    sliding_counter_by(state, plan, CounterParts::of(plan.window_us), check)
}

/// The same for whoever keeps the parts of the plan's window, which take two of five divisions to find.
#[inline(always)]
pub fn sliding_counter_by(
    state: &mut Option<SlidingCounterState>,
    plan: &SlidingCounterPlan,
    parts_of_plan: CounterParts,
    check: Check,
) -> Step {
    let Check { op, n, at, now } = check;
    let &SlidingCounterPlan { limit, window_us, debt_limit } = plan;
    let mut length = window_us;
    let mut previous = 0.0;
    let mut current = 0.0;
    let mut fresh = true;
    let mut repair = false;
    let mut start;
    if let Some([stored_start, stored_length, stored_previous, stored_current]) = *state
        && now < stored_start + 2.0 * stored_length
    {
        start = stored_start;
        length = stored_length;
        previous = stored_previous;
        current = stored_current;
        if start - now > BACK_US {
            // The clock stepped back: all that is known counts as of this window.
            start = fdiv(now, length) * length;
            current = min(previous + current, COUNT_MAX);
            previous = 0.0;
            repair = current > 0.0;
        } else if now >= start + length {
            start += length;
            previous = current;
            current = 0.0;
        } else {
            fresh = false;
        }
    } else {
        start = fdiv(now, window_us) * window_us;
    }

    // In parts: a window has `parts` of `part_us`, of which `weight` are left; a unit weighs `parts`.
    let CounterParts { parts, part_us } = if length == window_us { parts_of_plan } else { CounterParts::of(length) };
    let weight = parts - fdiv(max(0.0, now - start), part_us);
    let level = previous * weight + current * parts;
    let mut status = Status::Allowed;
    let mut granted = 0.0;
    // Units that were asked for and did not pass.
    let mut refused = 0.0;
    let mut charge = 0.0;
    let mut next_previous = previous;
    let mut next_current = current;
    match op {
        Op::Consume | Op::Peek => {
            if level + n * parts <= limit * parts {
                granted = n;
                if op == Op::Consume {
                    charge = n;
                }
            } else if n > limit {
                return Step::failed(Status::Impossible);
            } else {
                refused = n;
            }
        }
        Op::Grant => {
            granted = min(n, fdiv(max(0.0, limit * parts - level), parts));
            charge = granted;
            if granted == 0.0 {
                refused = 1.0;
            }
        }
        Op::Debit => {
            granted = min(n, max(0.0, debt_limit - current));
            charge = granted;
        }
        Op::Refund | Op::Rollback => {
            if at == 0.0 || at >= start {
                granted = min(n, current);
                next_current = current - granted;
            } else if at >= start - length {
                granted = min(n, previous);
                next_previous = previous - granted;
            }
        }
        Op::Look => {}
        _ => return Step::failed(Status::BadCheck),
    }

    let mut wait_us = 0.0;
    if refused > 0.0 {
        status = Status::Denied;
        let mut from = start;
        let left = if current + refused <= limit {
            fdiv((limit - current - refused) * parts, previous)
        } else {
            // Not before the next window, in which the current count fades.
            from = start + length;
            fdiv((limit - refused) * parts, current)
        };
        wait_us = from + min(max(0.0, parts - left) * part_us, length) - now;
    } else if charge > 0.0 && length == window_us {
        next_current = current + charge;
    } else if charge > 0.0 {
        next_current = min(cdiv(level, parts) + charge, COUNT_MAX);
        next_previous = 0.0;
        length = window_us;
        start = fdiv(now, length) * length;
        fresh = true;
    }

    let mut write = Write::None;
    if op != Op::Peek && (repair || next_current != current || next_previous != previous) {
        *state = Some([start, length, next_previous, next_current]);
        write = if fresh { Write::Expire(start + 2.0 * length - now) } else { Write::Keep };
    }
    Step {
        status,
        granted,
        remaining: fdiv(max(0.0, limit * parts - next_previous * weight - next_current * parts), parts),
        wait_us,
        reset_us: if next_current > 0.0 {
            start + 2.0 * length - now
        } else if next_previous > 0.0 {
            start + length - now
        } else {
            0.0
        },
        write,
    }
}
