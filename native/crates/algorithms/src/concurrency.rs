use crate::lease_id::LeaseId;
use crate::plan::{ConcurrencyPlan, LEASE_UNITS_MAX};
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{max, min};
use crate::words::Ends;
use std::collections::HashMap;

/// What one holder holds. All its units end together. In Redis: members `0:<id>`, `1:<id>`, … with the score `end_us`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// Who holds.
    pub id: LeaseId,
    /// Units held.
    pub units: f64,
    /// us since the Unix epoch; the units are free from this instant on.
    pub end_us: f64,
}

/// Leases up to which one is found by looking at each.
const SEARCHED_MAX: usize = 16;

/// Leases that run, and some that have ended and were not taken out yet.
#[derive(Clone, Debug, Default)]
pub struct LeaseSet {
    /// Soonest end first.
    by_end: Vec<Lease>,
    /// Units of all of them.
    units: f64,
    /// When the lease of a holder ends, since there were too many to look at each; empty before.
    ends: HashMap<LeaseId, f64>,
}

impl PartialEq for LeaseSet {
    fn eq(&self, other: &Self) -> bool {
        self.by_end == other.by_end
    }
}

/// What a decision does to the leases. Without effect when the `write` of its step is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeaseChange<'a> {
    lease_id: &'a str,
    /// Which lease is the holder's.
    place: Option<usize>,
    /// What the holder holds from now on; 0 takes the lease out.
    units: f64,
    end_us: f64,
    /// Leases that end at this instant or before are taken out; 0 takes out none.
    ended_us: f64,
}

const NO_CHANGE: LeaseChange<'static> =
    LeaseChange { lease_id: "", place: None, units: 0.0, end_us: 0.0, ended_us: 0.0 };

impl LeaseSet {
    /// The leases, soonest end first.
    pub fn leases(&self) -> &[Lease] {
        &self.by_end
    }

    /// Whether there is none, and the key is gone.
    pub fn is_empty(&self) -> bool {
        self.by_end.is_empty()
    }

    #[inline(always)]
    fn place_of(&self, id: &str) -> Option<usize> {
        let from = if self.ends.is_empty() { 0 } else { self.place_by_end(id)? };
        let ends = Ends::of(id);
        let offset = self.by_end.get(from..)?.iter().position(|lease| lease.id.is(id, ends))?;
        Some(from + offset)
    }

    /// The first place at which a lease can be, of too many to look at each.
    #[cold]
    fn place_by_end(&self, id: &str) -> Option<usize> {
        Some(self.first_ending_at(*self.ends.get(&LeaseId::from(id))?))
    }

    /// The first place of a lease that ends at this instant or later.
    #[inline]
    fn first_ending_at(&self, end_us: f64) -> usize {
        match self.by_end.last() {
            // What is new ends last, as a rule.
            Some(last) if last.end_us >= end_us => self.by_end.partition_point(|lease| lease.end_us < end_us),
            _ => self.by_end.len(),
        }
    }

    /// When the given number of units that others hold will have ended.
    fn unit_end_us(&self, own: Option<usize>, units: f64, now: f64) -> f64 {
        let mut ended = 0.0;
        for (place, lease) in self.by_end.iter().enumerate() {
            if lease.end_us > now && own != Some(place) {
                ended += lease.units;
            }
            if ended >= units {
                return lease.end_us;
            }
        }
        now
    }

    /// Carries out what the last decision on these leases said; an empty set is one that is absent.
    #[inline(always)]
    pub fn apply(&mut self, change: &LeaseChange<'_>) {
        let ended = self.by_end.iter().take_while(|lease| lease.end_us <= change.ended_us).count();
        for _ in 0..ended {
            self.take_out(0);
        }
        if let Some(place) = change.place.and_then(|place| place.checked_sub(ended)) {
            self.take_out(place);
        }
        if change.units > 0.0 {
            self.put_in(Lease { id: LeaseId::from(change.lease_id), units: change.units, end_us: change.end_us });
        }
    }

    #[inline]
    fn take_out(&mut self, place: usize) {
        let Some(lease) = self.by_end.get(place) else { return };
        self.units -= lease.units;
        if !self.ends.is_empty() {
            self.ends.remove(&lease.id);
        }
        // The newest ends last, and is held the shortest, as a rule.
        if place + 1 == self.by_end.len() {
            self.by_end.truncate(place);
        } else {
            self.by_end.remove(place);
        }
    }

    #[inline]
    fn put_in(&mut self, lease: Lease) {
        self.units += lease.units;
        if !self.ends.is_empty() || self.by_end.len() >= SEARCHED_MAX {
            return self.put_in_and_index(lease);
        }
        match self.first_ending_at(lease.end_us) {
            place if place == self.by_end.len() => self.by_end.push(lease),
            place => self.by_end.insert(place, lease),
        }
    }

    #[cold]
    fn put_in_and_index(&mut self, lease: Lease) {
        if self.ends.is_empty() {
            self.ends = self.by_end.iter().map(|lease| (lease.id.clone(), lease.end_us)).collect();
        }
        self.ends.insert(lease.id.clone(), lease.end_us);
        self.by_end.insert(self.first_ending_at(lease.end_us), lease);
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
    let Check { op, n, now, .. } = check;
    let &ConcurrencyPlan { limit, lease_us } = plan;
    let mut used = 0.0;
    let mut own = 0.0;
    let mut end_us = 0.0;
    let mut others_end_us = 0.0;
    let mut place = None;
    if let Some(leases) = leases {
        used = leases.units;
        for lease in leases.by_end.iter().take_while(|lease| lease.end_us <= now) {
            used -= lease.units;
        }
        place = lease_id.filter(|_| op != Op::Look).and_then(|id| leases.place_of(id));
        let lease = place.and_then(|place| leases.by_end.get(place));
        if let Some(lease) = lease.filter(|lease| lease.end_us > now) {
            own = lease.units;
            end_us = lease.end_us;
        }
        let count = leases.by_end.len();
        let before_last = if place.is_some_and(|place| place + 1 == count) { 2 } else { 1 };
        let last = count.checked_sub(before_last).and_then(|place| leases.by_end.get(place));
        if let Some(last) = last.filter(|last| last.end_us > now) {
            others_end_us = last.end_us;
        }
    }
    let others = used - own;

    let mut status = Status::Allowed;
    let mut granted = 0.0;
    let mut held = own;
    let mut over = 0.0;
    if lease_id == Some("") || (lease_id.is_none() && op != Op::Peek && op != Op::Look) {
        return (Step::failed(Status::BadCheck), NO_CHANGE);
    }
    match op {
        Op::Consume | Op::Peek => {
            if n > min(limit, LEASE_UNITS_MAX) {
                return (Step::failed(Status::Impossible), NO_CHANGE);
            }
            if others + n <= limit {
                granted = n;
                if op == Op::Consume {
                    held = n;
                }
            } else {
                status = Status::Denied;
                over = others + n - limit;
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
        _ => return (Step::failed(Status::BadCheck), NO_CHANGE),
    }

    let holds = granted > 0.0 && op != Op::Peek && held > 0.0;
    if holds {
        end_us = now + lease_us;
    }
    let next = others + held;
    let last_end_us = max(if held > 0.0 { end_us } else { 0.0 }, others_end_us);
    let wait_us = match leases {
        Some(leases) if over > 0.0 => leases.unit_end_us(place, over, now) - now,
        _ => 0.0,
    };
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
    let change = LeaseChange {
        lease_id: lease_id.unwrap_or_default(),
        place,
        units: held,
        end_us,
        ended_us: if holds && op != Op::Renew { now } else { 0.0 },
    };
    (step, change)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let running = leases.leases().iter().filter(|lease| lease.end_us > now);
            assert!(running.clone().all(|lease| ends.get(&lease.id.to_string()) == Some(&lease.end_us)), "step {step}");
            assert_eq!(running.count(), ends.len(), "step {step}");
            assert!(leases.leases().is_sorted_by(|a, b| a.end_us <= b.end_us));
            most = most.max(ends.len());
        }
        assert!(most > 2 * SEARCHED_MAX, "{most}");
    }
}
