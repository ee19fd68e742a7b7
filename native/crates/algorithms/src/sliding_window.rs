use crate::plan::SlidingWindowPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, GRANULE_US, cdiv, max, min};
use crate::window_log::{LogChange, Pair, WindowLog};

/// Totals start at 0 again before they pass this.
const LOG_TOTAL_MAX: f64 = 4_503_599_627_370_496.0;

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
        count = log.pairs();
        WindowLog { dead_total, end_us, last: Pair { time_us: last_us, total }, .. } = *log;
        let oldest_us = log.pair(1).time_us;
        base = dead_total;
        if last_us - now > BACK_US + resolution_us {
            // The clock stepped back: what is in use counts as taken now.
            moved = true;
            oldest = if total > base { count } else { count + 1 };
            last_us = now;
        } else if oldest_us <= cutoff {
            oldest = log.first_above(|pair| pair.time_us, cutoff, 2, count);
            passed = log.pair(oldest - 1).total;
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
            let pair = log.first_above(|pair| pair.total, base + over - 1.0, oldest, count.saturating_sub(1));
            leaves_us = log.pair(pair).time_us;
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
            live = log.first_above(|pair| pair.total, base, oldest, count);
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

/// A consume on a log that is there, as [`sliding_window`] decides it and [`WindowLog::apply`] carries it out, where that moves
/// neither the end of the key nor any memory. `None`: nothing was done, and it takes more; so does all that is not refused
/// where `may_admit` is false.
#[inline(always)]
pub fn consume_in_window(log: &mut WindowLog, plan: &SlidingWindowPlan, check: Check, may_admit: bool) -> Option<Step> {
    let Check { n, now, .. } = check;
    let &SlidingWindowPlan { limit, window_us, resolution_us, .. } = plan;
    let last = log.last;
    if last.time_us - now > BACK_US + resolution_us || !log.move_edge(now - window_us) {
        return None;
    }
    let base = max(log.dead_total, log.edge.total);
    let used = last.total - base;
    let next = used + n;
    if next <= limit {
        let mut entry_us = last.time_us;
        let mut multiple_of_us = log.multiple_of_us;
        // No multiple lies between now and a last pair that is later and a multiple itself: the entry joins it.
        if now > last.time_us || multiple_of_us != resolution_us {
            let rounded_us = cdiv(now, resolution_us) * resolution_us;
            entry_us = max(last.time_us, rounded_us);
            multiple_of_us = if entry_us == rounded_us { resolution_us } else { 0.0 };
        }
        let total = last.total + n;
        if !may_admit || entry_us + window_us > log.end_us || total > LOG_TOTAL_MAX {
            return None;
        }
        if entry_us > last.time_us {
            let may_cut_off = log.dead_total > log.edge.total || 2 * log.edge.pairs > log.pairs();
            if may_cut_off || log.earlier.len() == log.earlier.capacity() {
                return None;
            }
            log.earlier.push(last);
        }
        log.last = Pair { time_us: entry_us, total };
        log.multiple_of_us = multiple_of_us;
        return Some(Step {
            status: Status::Allowed,
            granted: n,
            remaining: limit - next,
            wait_us: 0.0,
            reset_us: entry_us + window_us - now,
            write: Write::Keep,
        });
    }
    // As a rule the units in front that must leave the window are all of its oldest pair. No pair has enough of them for a
    // cost above the limit.
    let oldest = log.earlier.get(log.edge.pairs).unwrap_or(&last);
    let is_enough = oldest.total > base + (next - limit) - 1.0;
    if !is_enough || last.time_us + window_us > log.end_us {
        return None;
    }
    Some(Step {
        status: Status::Denied,
        granted: 0.0,
        remaining: if used < limit { limit - used } else { 0.0 },
        wait_us: oldest.time_us + window_us - now,
        reset_us: last.time_us + window_us - now,
        write: Write::None,
    })
}
