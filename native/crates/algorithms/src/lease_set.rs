use crate::lease_id::{Holder, LeaseId};
use crate::lease_list::LeaseList;
use std::collections::HashMap;

/// What one holder holds. All its units end together. In Redis: members `0:<id>`, `1:<id>`, … with the score `end_us`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease {
    /// Who holds.
    pub id: LeaseId,
    /// Units held.
    pub units: f64,
    /// us since the Unix epoch; the units are free from this instant on.
    pub end_us: f64,
}

/// Leases up to which one is found by looking at each.
pub(crate) const SEARCHED_MAX: usize = 16;

/// Leases that run, and some that have ended and were not taken out yet.
#[derive(Clone, Debug, Default)]
pub struct LeaseSet {
    pub(crate) by_end: LeaseList,
    /// Units of all of them.
    pub(crate) units: f64,
    /// When the lease of a holder ends, since there were too many to look at each; empty before.
    ends: HashMap<LeaseId, f64>,
}

impl PartialEq for LeaseSet {
    fn eq(&self, other: &Self) -> bool {
        self.leases() == other.leases()
    }
}

/// What a decision does to the leases. Without effect when the `write` of its step is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeaseChange<'a> {
    pub(crate) holder: Holder<'a>,
    /// Which lease is the holder's.
    pub(crate) place: Option<usize>,
    /// What the holder holds from now on; 0 takes the lease out.
    pub(crate) units: f64,
    pub(crate) end_us: f64,
    /// Leases that end at this instant or before are taken out; 0 takes out none.
    pub(crate) ended_us: f64,
}

impl LeaseSet {
    /// The leases, soonest end first.
    #[inline(always)]
    pub fn leases(&self) -> &[Lease] {
        self.by_end.as_slice()
    }

    /// Whether there is none, and the key is gone.
    pub fn is_empty(&self) -> bool {
        self.leases().is_empty()
    }

    /// The leases, if they are few and none has ended.
    #[inline(always)]
    pub(crate) fn few_running(&self, now: f64) -> Option<&[Lease]> {
        let leases = self.leases();
        let running = leases.first().is_some_and(|first| first.end_us > now);
        (running && self.ends.is_empty()).then_some(leases)
    }

    #[inline(always)]
    pub(crate) fn place_of(&self, holder: &Holder<'_>) -> Option<usize> {
        let from = if self.ends.is_empty() { 0 } else { self.place_by_end(holder)? };
        let offset = self.leases().get(from..)?.iter().position(|lease| lease.id.is(holder))?;
        Some(from + offset)
    }

    /// The first place at which a lease can be, of too many to look at each.
    #[cold]
    fn place_by_end(&self, holder: &Holder<'_>) -> Option<usize> {
        let end_us = *self.ends.get(&LeaseId::from(holder))?;
        Some(self.leases().partition_point(|lease| lease.end_us < end_us))
    }

    /// The first place of a lease that ends later than this.
    fn first_ending_after(&self, end_us: f64) -> usize {
        match self.leases().last() {
            // What is new ends last, as a rule.
            Some(last) if last.end_us > end_us => self.leases().partition_point(|lease| lease.end_us <= end_us),
            _ => self.leases().len(),
        }
    }

    /// When the given number of units that others hold will have ended.
    pub(crate) fn unit_end_us(&self, own: Option<usize>, units: f64, now: f64) -> f64 {
        let mut ended = 0.0;
        for (place, lease) in self.leases().iter().enumerate() {
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
        let ended = self.leases().iter().take_while(|lease| lease.end_us <= change.ended_us).count();
        for _ in 0..ended {
            self.take_out(0);
        }
        if let Some(place) = change.place.and_then(|place| place.checked_sub(ended)) {
            self.take_out(place);
        }
        if change.units > 0.0 {
            self.put_in(Lease { id: (&change.holder).into(), units: change.units, end_us: change.end_us });
        }
    }

    fn take_out(&mut self, place: usize) {
        let Some(lease) = self.by_end.as_slice().get(place) else { return };
        self.units -= lease.units;
        if !self.ends.is_empty() {
            self.ends.remove(&lease.id);
        }
        self.by_end.remove(place);
    }

    fn put_in(&mut self, lease: Lease) {
        self.units += lease.units;
        if !self.ends.is_empty() || self.leases().len() >= SEARCHED_MAX {
            return self.put_in_and_index(lease);
        }
        self.by_end.insert(self.first_ending_after(lease.end_us), lease);
    }

    #[cold]
    fn put_in_and_index(&mut self, lease: Lease) {
        if self.ends.is_empty() {
            self.ends = self.leases().iter().map(|lease| (lease.id.clone(), lease.end_us)).collect();
        }
        self.ends.insert(lease.id.clone(), lease.end_us);
        self.by_end.insert(self.first_ending_after(lease.end_us), lease);
    }
}
