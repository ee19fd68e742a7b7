use crate::lease_id::Holder;
use crate::lease_set::Lease;

/// Leases, soonest end first. What is taken out stays behind them as a spare, so that a new one is written where it stands,
/// number by number: what is made elsewhere and moved there takes longer than all the rest of a check.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseList {
    leases: Vec<Lease>,
    /// How many of them are not spares.
    count: usize,
}

impl LeaseList {
    #[inline(always)]
    pub fn as_slice(&self) -> &[Lease] {
        self.leases.get(..self.count).unwrap_or_default()
    }

    /// Adds the lease of a holder with a short id where there is a spare, last of all. False: there is none.
    #[inline(always)]
    pub fn add_last(&mut self, holder: &Holder<'_>, units: f64, end_us: f64) -> bool {
        let Some(spare) = self.leases.get_mut(self.count) else { return false };
        spare.id.set_short(holder);
        spare.units = units;
        spare.end_us = end_us;
        self.count += 1;
        true
    }

    /// Takes out the last one, which has a short id.
    #[inline(always)]
    pub fn take_last(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    pub fn insert(&mut self, place: usize, lease: Lease) {
        match self.leases.get_mut(place..=self.count) {
            Some(later) => {
                later.rotate_right(1);
                if let Some(first) = later.first_mut() {
                    *first = lease;
                }
            }
            None => self.leases.insert(place, lease),
        }
        self.count += 1;
    }

    #[inline(never)]
    pub fn remove(&mut self, place: usize) {
        if let Some(later) = self.leases.get_mut(place..self.count) {
            later.rotate_left(1);
            if let Some(spare) = later.last_mut() {
                spare.id = Default::default();
            }
            self.count -= 1;
        }
    }
}
