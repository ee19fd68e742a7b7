use crate::plan::SlidingCounterPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, cdiv, fdiv, fdiv_by_reciprocal, max, min};

/// Parts a window is divided into for the weight of the previous one, at most.
const PARTS_MAX: f64 = 16_777_216.0;
/// No limit is above this; a count stays below it too, so that a count times `PARTS_MAX` is exact.
const COUNT_MAX: f64 = 134_217_728.0;

/// Start and length of the current window in us, the units of the previous and of the current one.
pub type SlidingCounterState = [f64; 4];

/// How the previous count of a window fades: in steps, so that what is left of it is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CounterParts {
    /// Parts of a window.
    parts: f64,
    /// Length of a part, us.
    part_us: f64,
    /// The reciprocals of both.
    per_parts: f64,
    per_part_us: f64,
}

impl CounterParts {
    /// The parts of a window of this length.
    #[inline(always)]
    pub fn of(window_us: f64) -> Self {
        let part_us = cdiv(window_us, PARTS_MAX);
        let parts = cdiv(window_us, part_us);
        Self { parts, part_us, per_parts: 1.0 / parts, per_part_us: 1.0 / part_us }
    }

    /// Units of a count of the previous window that are still in use so many us into the current one, rounded up.
    #[inline(always)]
    fn left_of(&self, previous: f64, passed_us: f64) -> f64 {
        let passed_parts = fdiv_by_reciprocal(passed_us, self.per_part_us);
        previous - fdiv_by_reciprocal(previous * passed_parts, self.per_parts)
    }
}

/// What a key counts at one instant.
#[derive(Clone, Copy)]
struct Window {
    start: f64,
    length: f64,
    previous: f64,
    current: f64,
    /// Since its start.
    passed_us: f64,
    /// It is not the one that is stored.
    fresh: bool,
    /// It has to be stored, whatever the check does.
    repair: bool,
    /// It is as long as the plan's.
    is_of_plan: bool,
}

impl Window {
    /// The one of this instant, whatever is stored.
    fn at(now: f64, state: Option<&SlidingCounterState>, plan: &SlidingCounterPlan) -> Self {
        let mut length = plan.window_us;
        let mut previous = 0.0;
        let mut current = 0.0;
        let mut fresh = true;
        let mut repair = false;
        let mut start;
        if let Some(&[stored_start, stored_length, stored_previous, stored_current]) = state
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
            start = fdiv(now, length) * length;
        }
        let passed_us = max(0.0, now - start);
        Self { start, length, previous, current, passed_us, fresh, repair, is_of_plan: length == plan.window_us }
    }

    /// The one that is stored, as it is: `None` where it is not the plan's, or not of this instant.
    #[inline(always)]
    fn stored(now: f64, state: &SlidingCounterState, plan: &SlidingCounterPlan) -> Option<Self> {
        let [start, length, previous, current] = *state;
        let passed_us = now - start;
        let is_stored = length == plan.window_us && passed_us >= 0.0 && passed_us < length;
        let (fresh, repair, is_of_plan) = (false, false, true);
        is_stored.then_some(Self { start, length, previous, current, passed_us, fresh, repair, is_of_plan })
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

/// The same for whoever keeps the parts of the plan's window, which take four divisions to find.
#[inline]
pub fn sliding_counter_by(
    state: &mut Option<SlidingCounterState>,
    plan: &SlidingCounterPlan,
    parts_of_plan: CounterParts,
    check: Check,
) -> Step {
    let window = Window::at(check.now, state.as_ref(), plan);
    let parts = if window.is_of_plan { parts_of_plan } else { CounterParts::of(window.length) };
    decide(state, window, plan, parts, check)
}

/// The same for what nearly every check finds: the window that is stored is the plan's, and the current one. `None`: it is
/// not, and nothing was done.
#[inline(always)]
pub fn sliding_counter_in_window(
    state: &mut Option<SlidingCounterState>,
    plan: &SlidingCounterPlan,
    parts: CounterParts,
    check: Check,
) -> Option<Step> {
    let window = Window::stored(check.now, state.as_ref()?, plan)?;
    Some(decide(state, window, plan, parts, check))
}

#[inline(always)]
fn decide(
    state: &mut Option<SlidingCounterState>,
    window: Window,
    plan: &SlidingCounterPlan,
    parts: CounterParts,
    check: Check,
) -> Step {
    let Check { op, n, at, now } = check;
    let &SlidingCounterPlan { limit, window_us, debt_limit } = plan;
    let Window { mut start, mut length, previous, current, passed_us, mut fresh, repair, is_of_plan } = window;
    let CounterParts { parts: part_count, part_us, .. } = parts;
    // The script counts in parts of a unit, of which there are `part_count`, and rounds in the end. All of it is exact, so the
    // sum of the rounded units comes to the same.
    let used = current + parts.left_of(previous, passed_us);
    let mut status = Status::Allowed;
    let mut granted = 0.0;
    // Units that were asked for and did not pass.
    let mut refused = 0.0;
    let mut charge = 0.0;
    let mut next_previous = previous;
    let mut next_current = current;
    let mut next_used = used;
    match op {
        Op::Consume | Op::Peek => {
            if used + n <= limit {
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
            granted = min(n, max(0.0, limit - used));
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
            next_used = next_current + parts.left_of(next_previous, passed_us);
        }
        Op::Look => {}
        _ => return Step::failed(Status::BadCheck),
    }

    let mut wait_us = 0.0;
    if refused > 0.0 {
        status = Status::Denied;
        let mut from = start;
        let left = if current + refused <= limit {
            fdiv((limit - current - refused) * part_count, previous)
        } else {
            // Not before the next window, in which the current count fades.
            from = start + length;
            fdiv((limit - refused) * part_count, current)
        };
        wait_us = from + min(max(0.0, part_count - left) * part_us, length) - now;
    } else if charge > 0.0 && is_of_plan {
        next_current = current + charge;
        next_used = used + charge;
    } else if charge > 0.0 {
        next_current = min(used + charge, COUNT_MAX);
        next_used = next_current;
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
        remaining: max(0.0, limit - next_used),
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
