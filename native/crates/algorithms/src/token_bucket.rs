use crate::plan::BucketPlan;
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{BACK_US, GRANULE_US, cdiv, fdiv, max, min};

/// `since`, `count`, `drained`, `drain_us`, `key_end`: at `since` the level is exactly `count - drained / drain_us` units;
/// the key ends at `key_end` or later.
pub type BucketState = [f64; 5];

/// Token bucket and leaky bucket. Twin of `lua/include/token_bucket.lua`. Admits at most burst + rate * t units in any
/// interval of length t, and a call if and only if the real level leaves room for it.
///
/// A level above the plan's is clipped as of `since`: a lowered limit drains from then on without a write, and a wait that
/// was told stays true. To refund in shape mode, `at` is `now` and `reset_us` of the charge added up, and only the last
/// call in the queue can be given back.
///
/// Reads `state`, `None` when the key is absent, and leaves the next one there when `write` is not `None`.
#[inline(always)]
pub fn token_bucket(state: &mut Option<BucketState>, plan: &BucketPlan, check: Check) -> Step {
    let Check { op, n, at, now } = check;
    let &BucketPlan { burst, debt_limit, drain_units, drain_us, empty_after_us, settle_us, shape } = plan;
    let mut since = now;
    let mut count = 0.0;
    let mut drained = 0.0;
    let mut key_end = 0.0;
    let mut repair = false;
    if let Some([stored_since, stored_count, stored_drained, stored_drain_us, stored_end]) = *state {
        since = stored_since;
        count = min(stored_count, debt_limit);
        if stored_drain_us == drain_us {
            drained = stored_drained;
        }
        key_end = stored_end;
        if since - now > BACK_US {
            since = now;
            repair = count > 0.0;
        }
        let elapsed = now - since;
        if elapsed >= empty_after_us {
            count = 0.0;
        } else if elapsed > 0.0 {
            let gone = drained + elapsed * drain_units;
            let units = fdiv(gone, drain_us);
            if units < count {
                count -= units;
                drained = gone - units * drain_us;
                since = now;
            } else {
                count = 0.0;
            }
        }
        if count == 0.0 {
            since = now;
            drained = 0.0;
        }
    }

    let mut next = count;
    let mut next_drained = drained;
    let mut status = Status::Allowed;
    let mut granted = 0.0;
    // Units that drain before the call may start, or pass.
    let mut ahead = 0.0;
    match op {
        Op::Consume | Op::Peek => {
            if count + n <= burst {
                granted = n;
                if shape {
                    ahead = count;
                }
                if op == Op::Consume {
                    next = count + n;
                }
            } else if n > burst {
                return Step::failed(Status::Impossible);
            } else {
                status = Status::Denied;
                ahead = count + n - burst;
            }
        }
        Op::Grant => {
            granted = max(0.0, min(n, burst - count));
            if granted > 0.0 {
                if shape {
                    ahead = count;
                }
                next = count + granted;
            } else {
                status = Status::Denied;
                ahead = count + 1.0 - burst;
            }
        }
        Op::Debit => {
            next = max(count, min(count + n, debt_limit));
            granted = next - count;
        }
        Op::Refund => {
            let due = if shape {
                at == since + cdiv(count * drain_us - drained, drain_units)
            } else {
                at == 0.0 || now - at <= settle_us
            };
            if due {
                granted = min(n, count);
                next = count - granted;
            }
        }
        Op::Rollback => {
            let age = max(0.0, now - at);
            let back = if age < empty_after_us { min(n, debt_limit) * drain_us - age * drain_units } else { 0.0 };
            if back > 0.0 {
                let level = max(0.0, count * drain_us - drained - back);
                next = cdiv(level, drain_us);
                next_drained = next * drain_us - level;
                granted = count - next;
            }
        }
        Op::Look => {}
        _ => return Step::failed(Status::BadCheck),
    }
    if next == 0.0 {
        since = now;
        next_drained = 0.0;
    }

    let wait_us = if ahead > 0.0 { since - now + cdiv(ahead * drain_us - drained, drain_units) } else { 0.0 };
    let reset_us = if next > 0.0 { since - now + cdiv(next * drain_us - next_drained, drain_units) } else { 0.0 };
    let empty_at = now + reset_us;
    let changed = next != count || next_drained != drained;
    let mut write = Write::None;
    if op != Op::Peek && (changed || repair || (count != 0.0 && empty_at > key_end)) {
        let keep = empty_at <= key_end;
        write = if keep { Write::Keep } else { Write::Expire(reset_us + GRANULE_US) };
        let end = if keep { key_end } else { empty_at + GRANULE_US };
        *state = Some(match *state {
            Some([stored_since, stored_count, stored_drained, stored_drain_us, _]) if !changed => {
                let since = if repair { now } else { stored_since };
                [since, stored_count, stored_drained, stored_drain_us, end]
            }
            _ => [since, next, next_drained, drain_us, end],
        });
    }
    Step { status, granted, remaining: max(0.0, burst - next), wait_us, reset_us, write }
}
