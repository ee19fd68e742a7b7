use crate::lease_id::{Holder, LeaseId};
use crate::lease_set::Lease;
use std::collections::{HashMap, VecDeque};

/// Leases that are too many to look at each. The first and the last are taken out without a move of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    by_end: VecDeque<Lease>,
    /// When the lease of a holder ends.
    ends_us: HashMap<LeaseId, f64>,
}

impl Crowd {
    pub fn count(&self) -> usize {
        self.by_end.len()
    }

    /// Soonest end first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Lease> {
        self.by_end.iter()
    }

    pub fn get(&self, position: usize) -> Option<&Lease> {
        self.by_end.get(position)
    }

    pub fn position_of(&self, holder: &Holder<'_>) -> Option<usize> {
        let end_us = *self.ends_us.get(&LeaseId::from(holder))?;
        let first = self.by_end.partition_point(|lease| lease.end_us < end_us);
        let offset = self.by_end.range(first..).position(|lease| lease.id.is(holder))?;
        Some(first + offset)
    }

    /// Adds a lease behind those that end when it does or sooner.
    pub fn insert(&mut self, lease: Lease) {
        self.ends_us.insert(lease.id.clone(), lease.end_us);
        let position = match self.by_end.back() {
            // What is new ends last, as a rule.
            Some(last) if last.end_us > lease.end_us => {
                self.by_end.partition_point(|other| other.end_us <= lease.end_us)
            }
            _ => self.by_end.len(),
        };
        self.by_end.insert(position, lease);
    }

    /// Takes out the lease at a position.
    pub fn remove(&mut self, position: usize) -> Option<Lease> {
        let lease = self.by_end.remove(position)?;
        self.ends_us.remove(&lease.id);
        Some(lease)
    }
}
