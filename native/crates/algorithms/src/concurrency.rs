use crate::plan::{ConcurrencyPlan, LEASE_UNITS_MAX};
use crate::step::{Check, Op, Status, Step, Write};
use crate::time::{max, min};
use std::collections::HashMap;
use std::sync::Arc;

/// What one holder holds. All its units end together. In Redis: members `0:<id>`, `1:<id>`, … with the score `end_us`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// Who holds.
    pub id: Arc<str>,
    /// Units held.
    pub units: f64,
    /// us since the Unix epoch; the units are free from this instant on.
    pub end_us: f64,
}

/// Leases that run, and some that have ended and were not taken out yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaseSet {
    /// When the lease of a holder ends.
    ends: HashMap<Arc<str>, f64>,
    /// Soonest end first.
    by_end: Vec<Lease>,
    /// Units of all of them.
    units: f64,
}

/// What a decision does to the leases. Without effect when the `write` of its step is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeaseChange<'a> {
    lease_id: &'a str,
    /// What the holder holds from now on; 0 takes the lease out.
    units: f64,
    end_us: f64,
    /// Leases that end at this instant or before are taken out; 0 takes out none.
    ended_us: f64,
}

const NO_CHANGE: LeaseChange<'static> = LeaseChange { lease_id: "", units: 0.0, end_us: 0.0, ended_us: 0.0 };

impl LeaseSet {
    /// The leases, soonest end first.
    pub fn leases(&self) -> &[Lease] {
        &self.by_end
    }

    /// Whether there is none, and the key is gone.
    pub fn is_empty(&self) -> bool {
        self.by_end.is_empty()
    }

    fn get(&self, id: &str) -> Option<&Lease> {
        let end_us = *self.ends.get(id)?;
        self.by_end.get(self.place_of(id, end_us)?)
    }

    /// The first place of a lease that ends at this instant or later.
    fn first_ending_at(&self, end_us: f64) -> usize {
        self.by_end.partition_point(|lease| lease.end_us < end_us)
    }

    fn place_of(&self, id: &str, end_us: f64) -> Option<usize> {
        let from = self.first_ending_at(end_us);
        let offset = self.by_end.iter().skip(from).position(|lease| &*lease.id == id)?;
        Some(from + offset)
    }

    /// When the given number of units that others hold will have ended.
    fn unit_end_us(&self, lease_id: Option<&str>, units: f64, now: f64) -> f64 {
        let mut ended = 0.0;
        for lease in &self.by_end {
            if lease.end_us > now && lease_id != Some(&*lease.id) {
                ended += lease.units;
            }
            if ended >= units {
                return lease.end_us;
            }
        }
        now
    }

    /// Carries out what the last decision on these leases said; an empty set is one that is absent.
    pub fn apply(&mut self, change: &LeaseChange<'_>) {
        let ended = self.by_end.partition_point(|lease| lease.end_us <= change.ended_us);
        for lease in self.by_end.drain(..ended) {
            self.ends.remove(&lease.id);
            self.units -= lease.units;
        }
        let former = self.ends.get(change.lease_id).copied();
        if let Some(place) = former.and_then(|end_us| self.place_of(change.lease_id, end_us)) {
            self.units -= self.by_end.remove(place).units;
            self.ends.remove(change.lease_id);
        }
        if change.units > 0.0 {
            let lease = Lease { id: Arc::from(change.lease_id), units: change.units, end_us: change.end_us };
            self.ends.insert(lease.id.clone(), lease.end_us);
            self.units += lease.units;
            self.by_end.insert(self.first_ending_at(lease.end_us), lease);
        }
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
    if let Some(leases) = leases {
        used = leases.units;
        for lease in leases.by_end.iter().take_while(|lease| lease.end_us <= now) {
            used -= lease.units;
        }
        let lease = lease_id.filter(|_| op != Op::Look).and_then(|id| leases.get(id));
        if let Some(lease) = lease.filter(|lease| lease.end_us > now) {
            own = lease.units;
            end_us = lease.end_us;
        }
        let last = leases.by_end.iter().rfind(|other| lease.is_none_or(|own| own.id != other.id));
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
        Some(leases) if over > 0.0 => leases.unit_end_us(lease_id, over, now) - now,
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
        units: held,
        end_us,
        ended_us: if holds && op != Op::Renew { now } else { 0.0 },
    };
    (step, change)
}
