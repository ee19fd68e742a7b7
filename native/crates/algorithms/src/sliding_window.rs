use crate::plan::SlidingWindowPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, GRANULE_US, cdiv, max, min};

/// Totals start at 0 again before they pass this.
const LOG_TOTAL_MAX: f64 = 4_503_599_627_370_496.0;

const TIME: usize = 0;
const TOTAL: usize = 1;

/// A log of admissions. Pair k, from 1, is at 2k and says that up to time t the running total was s; times do not descend,
/// totals ascend. Units of the total up to b are dead: given back, or cut off with their pairs. Stored as these doubles
/// one after the other: `b, u, t1, s1, t2, s2, …`, where u is the end of the key that is known to be safe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowLog {
    numbers: Vec<f64>,
}

/// What a decision does to a log. Without effect when the `write` of its step is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogChange {
    /// The pairs before this one are dropped; count + 1 drops all.
    first_kept: usize,
    /// Taken off every total kept.
    shift: f64,
    /// Time of the last pair kept.
    last_us: f64,
    /// 0 adds no entry; else the time of the entry, which joins the last pair when that has the same time.
    entry_us: f64,
    /// Running total at the entry, after the shift.
    entry_total: f64,
    dead_total: f64,
    end_us: f64,
}

impl WindowLog {
    /// The log of these numbers, `b, u` and at least one pair; `None` when they are no log.
    pub fn from_numbers(numbers: Vec<f64>) -> Option<Self> {
        (numbers.len() >= 4 && numbers.len().is_multiple_of(2)).then_some(Self { numbers })
    }

    /// The doubles that Redis holds for this log.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    #[inline(always)]
    fn pairs(&self) -> usize {
        (self.numbers.len() / 2).saturating_sub(1)
    }

    /// Every place that is asked for is in the log; another one holds nothing.
    #[inline(always)]
    fn number(&self, index: usize) -> f64 {
        self.numbers.get(index).copied().unwrap_or(0.0)
    }

    /// Dead units, the end of the key, the time of the first pair, and the last pair.
    #[inline(always)]
    fn outline(&self) -> [f64; 5] {
        match self.numbers.as_slice() {
            [dead_total, end_us, rest @ .., last_us, total] => {
                [*dead_total, *end_us, *rest.first().unwrap_or(last_us), *last_us, *total]
            }
            _ => [0.0; 5],
        }
    }

    /// The first pair from `low` to `high` whose time or total is above `bound`; `high + 1` when there is none.
    fn first_above(&self, field: usize, bound: f64, low: usize, high: usize) -> usize {
        let mut first = low;
        let mut end = high + 1;
        while first < end {
            let middle = first + (end - first) / 2;
            if self.number(2 * middle + field) > bound {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        first
    }

    /// Carries out what the last decision on this log said; an empty log is one that is absent.
    #[inline]
    pub fn apply(&mut self, change: &LogChange) {
        let numbers = &mut self.numbers;
        if numbers.is_empty() {
            numbers.extend([0.0, 0.0]);
        }
        let dropped = 2 * change.first_kept.saturating_sub(1);
        if dropped > 0 {
            numbers.drain(2..(2 + dropped).min(numbers.len()));
            // What a busy hour needed is given back here.
            numbers.shrink_to(2 * numbers.len());
        }
        if change.shift != 0.0 {
            for (_, total) in pairs_mut(numbers) {
                *total -= change.shift;
            }
        }
        let joins = match pairs_mut(numbers).next_back() {
            Some((time, _)) => {
                *time = change.last_us;
                change.entry_us <= change.last_us
            }
            None => false,
        };
        if change.entry_us > 0.0 {
            if !joins {
                numbers.extend([change.entry_us, 0.0]);
            }
            if let Some(total) = numbers.last_mut() {
                *total = change.entry_total;
            }
        }
        if let [dead_total, end, ..] = numbers.as_mut_slice() {
            *dead_total = change.dead_total;
            *end = change.end_us;
        }
    }

    /// The same where no memory has to be had or given back. False: nothing was done.
    #[inline(always)]
    pub fn apply_in_place(&mut self, change: &LogChange) -> bool {
        let adds = change.entry_us > change.last_us;
        let needed = self.numbers.len() + if adds { 2 } else { 0 };
        if change.first_kept > 1 || change.shift != 0.0 || needed > self.numbers.capacity() {
            return false;
        }
        let [dead_total, end_us, .., last_us, last_total] = self.numbers.as_mut_slice() else { return false };
        *dead_total = change.dead_total;
        *end_us = change.end_us;
        *last_us = change.last_us;
        if adds {
            self.numbers.extend([change.entry_us, change.entry_total]);
        } else if change.entry_us > 0.0 {
            *last_total = change.entry_total;
        }
        true
    }
}

fn pairs_mut(numbers: &mut [f64]) -> impl DoubleEndedIterator<Item = (&mut f64, &mut f64)> {
    numbers.chunks_exact_mut(2).skip(1).filter_map(|pair| match pair {
        [time, total] => Some((time, total)),
        _ => None,
    })
}

/// Sliding window over an exact log. Twin of `lua/include/sliding_window.lua`. Admits at most the limit in every interval
/// as long as the window; a `resolution_us` above 1 bounds the log and refuses up to that much longer.
///
/// Reads the log, `None` when the key is absent, and tells what becomes of it: see [`WindowLog::apply`].
#[inline(always)]
pub fn sliding_window(log: Option<&WindowLog>, plan: &SlidingWindowPlan, check: Check) -> (Step, LogChange) {
    let Check { op, n, at, now } = check;
    let &SlidingWindowPlan { limit, window_us, debt_limit, resolution_us } = plan;
    let cutoff = now - window_us;
    let mut count = 0;
    let mut dead_total = 0.0;
    let mut end_us = 0.0;
    let mut last_us = 0.0;
    let mut total = 0.0;
    let mut oldest = 1;
    let mut passed = 0.0;
    let mut base = 0.0;
    let mut moved = false;
    if let Some(log) = log {
        let oldest_us;
        count = log.pairs();
        [dead_total, end_us, oldest_us, last_us, total] = log.outline();
        base = dead_total;
        if last_us - now > BACK_US + resolution_us {
            // The clock stepped back: what is in use counts as taken now.
            moved = true;
            oldest = if total > base { count } else { count + 1 };
            last_us = now;
        } else if oldest_us <= cutoff {
            oldest = log.first_above(TIME, cutoff, 2, count);
            passed = log.number(2 * oldest - 1);
            if passed > base {
                base = passed;
            }
        }
    }
    let used = total - base;

    let mut status = Status::Allowed;
    let mut granted = 0.0;
    let mut taken = 0.0;
    let mut given = 0.0;
    let mut over = 0.0;
    match op {
        Op::Consume | Op::Peek => {
            if used + n <= limit {
                granted = n;
                if op == Op::Consume {
                    taken = n;
                }
            } else if n > limit {
                return (Step::failed(Status::Impossible), LogChange::default());
            } else {
                status = Status::Denied;
                over = used + n - limit;
            }
        }
        Op::Grant => {
            granted = min(n, max(0.0, limit - used));
            taken = granted;
            if granted == 0.0 {
                status = Status::Denied;
                over = used + 1.0 - limit;
            }
        }
        Op::Debit => {
            granted = min(n, max(0.0, debt_limit - used));
            taken = granted;
        }
        Op::Refund | Op::Rollback => {
            if at == 0.0 || at > cutoff {
                given = min(n, used);
            }
            granted = given;
        }
        Op::Look => {}
        _ => return (Step::failed(Status::BadCheck), LogChange::default()),
    }

    let mut wait_us = 0.0;
    if over > 0.0 {
        // The units in front must leave the window; the last of them leaves with the first pair that reaches it.
        let mut leaves_us = last_us;
        if let (Some(log), false) = (log, moved) {
            let pair = log.first_above(TOTAL, base + over - 1.0, oldest, count.saturating_sub(1));
            leaves_us = log.number(2 * pair + TIME);
        }
        wait_us = leaves_us + window_us - now;
    }
    let mut entry_us = last_us;
    if taken > 0.0 {
        entry_us = max(last_us, cdiv(now, resolution_us) * resolution_us);
    }
    let next = used + taken - given;
    let mut step = Step {
        status,
        granted,
        remaining: if next < limit { limit - next } else { 0.0 },
        wait_us,
        reset_us: if next > 0.0 { entry_us + window_us - now } else { 0.0 },
        write: Write::None,
    };
    let mut renew = next > 0.0 && entry_us + window_us > end_us;
    let charged = taken + given > 0.0;
    if op == Op::Peek || !(charged || renew || (moved && used > 0.0)) {
        return (step, LogChange::default());
    }

    let pushed = taken > 0.0 && (count == 0 || entry_us > last_us);
    let mut first_kept = 1;
    let mut whole = moved || count == 0 || total + taken > LOG_TOTAL_MAX;
    if moved {
        first_kept = oldest;
    } else if let (Some(log), true) = (log, pushed || whole) {
        // Pairs of which every unit is dead, by age or given back. They are cut off once they are more than half.
        let mut live = oldest;
        if base > passed {
            live = log.first_above(TOTAL, base, oldest, count);
        }
        if 2 * (live - 1) > count {
            whole = true;
        }
        if whole {
            first_kept = live;
        }
    }
    let mut shift = 0.0;
    if whole {
        renew = true;
        dead_total = base;
        if first_kept > count || total + taken > LOG_TOTAL_MAX {
            shift = base;
        }
    }
    if given > 0.0 {
        dead_total = base + given;
    }
    if renew {
        end_us = entry_us + window_us + GRANULE_US;
    }
    step.write = if renew { Write::Expire(end_us - now) } else { Write::Keep };
    let change = LogChange {
        first_kept,
        shift,
        last_us,
        entry_us: if taken > 0.0 { entry_us } else { 0.0 },
        entry_total: total + taken - shift,
        dead_total: dead_total - shift,
        end_us,
    };
    (step, change)
}
