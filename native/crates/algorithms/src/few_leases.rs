use crate::lease_id::Holder;
use crate::lease_marks::Marks;
use crate::lease_order::{Order, PLACES};
use crate::lease_set::Lease;
use crate::time::{max, min};

/// Leases that are held beside each other as a rule.
pub(crate) const FEW: usize = PLACES;

/// Up to 16 leases. Each stands where it was put until it is taken out, and leaves its place behind as a spare: a new one is
/// written there number by number, as what is made elsewhere and moved takes longer than all the rest of a check.
#[derive(Clone, Debug)]
pub(crate) struct FewLeases {
    order: Order,
    marks: Marks,
    /// When the first ends; infinity when there is none.
    pub first_end_us: f64,
    /// When the last ends; 0 when there is none.
    pub last_end_us: f64,
    leases: Vec<Lease>,
}

impl Default for FewLeases {
    fn default() -> Self {
        Self {
            order: Order::default(),
            marks: Marks::default(),
            first_end_us: f64::INFINITY,
            last_end_us: 0.0,
            leases: Vec::new(),
        }
    }
}

impl FewLeases {
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    #[inline(always)]
    pub fn is_one(&self) -> bool {
        self.order.is_one()
    }

    fn count(&self) -> usize {
        self.order.count()
    }

    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.order.is_full()
    }

    /// The lease at a position, soonest end first.
    pub fn get(&self, position: usize) -> Option<&Lease> {
        if position < self.count() { self.leases.get(self.order.at(position)) } else { None }
    }

    #[inline(always)]
    pub fn first(&self) -> Option<&Lease> {
        if self.is_empty() { None } else { self.leases.get(self.order.first()) }
    }

    #[inline(always)]
    fn last(&self) -> Option<&Lease> {
        if self.is_empty() { None } else { self.leases.get(self.order.last()) }
    }

    /// Soonest end first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Lease> {
        (0..self.count()).filter_map(|position| self.get(position))
    }

    pub fn position_of(&self, holder: &Holder<'_>) -> Option<usize> {
        let is_holders = |place: &usize| self.leases.get(*place).is_some_and(|lease| lease.id.is(holder));
        let place = self.marks.all_of(holder.mark()).find(is_holders)?;
        Some(self.order.position_of(place))
    }

    /// Takes out the lease of a holder with a short id, if it is found at the first look, and answers its units. `None`: it may
    /// be there or not.
    #[inline(always)]
    pub fn remove_quickly(&mut self, holder: &Holder<'_>) -> Option<f64> {
        let place = self.marks.first_of(holder.mark())?;
        let lease = self.leases.get(place)?;
        if !lease.id.is_short(holder) {
            return None;
        }
        let units = lease.units;
        self.leave(place);
        Some(units)
    }

    /// Whether a holder has a lease for all that the marks tell: if not, it has none.
    #[inline(always)]
    pub fn may_have(&self, holder: &Holder<'_>) -> bool {
        self.marks.have(holder.mark())
    }

    /// Adds the lease of a holder with a short id where there is a spare, last of all. False: there is none.
    #[inline(always)]
    pub fn add_last(&mut self, holder: &Holder<'_>, units: f64, end_us: f64) -> bool {
        let place = self.order.next();
        if self.is_full() {
            return false;
        }
        let Some(spare) = self.leases.get_mut(place) else { return false };
        spare.id.set_short(holder);
        spare.units = units;
        spare.end_us = end_us;
        self.marks.set(place, holder.mark());
        self.order.push();
        self.first_end_us = min(self.first_end_us, end_us);
        self.last_end_us = end_us;
        true
    }

    /// Adds a lease behind those that end when it does or sooner. There must be room.
    pub fn insert(&mut self, lease: Lease) {
        let position = self.iter().filter(|other| other.end_us <= lease.end_us).count();
        let place = self.order.next();
        self.marks.set(place, lease.id.mark());
        self.first_end_us = min(self.first_end_us, lease.end_us);
        self.last_end_us = max(self.last_end_us, lease.end_us);
        match self.leases.get_mut(place) {
            Some(spare) => *spare = lease,
            None => self.leases.push(lease),
        }
        self.order.push();
        self.order.move_last_to(position);
    }

    /// Takes out the lease at a position.
    pub fn remove(&mut self, position: usize) -> Option<Lease> {
        if position >= self.count() {
            return None;
        }
        let place = self.order.at(position);
        let lease = std::mem::take(self.leases.get_mut(place)?);
        self.leave(place);
        Some(lease)
    }

    /// Makes a place in use a spare.
    #[inline(always)]
    fn leave(&mut self, place: usize) {
        let (first, last) = (self.order.first(), self.order.last());
        self.marks.set(place, 0);
        self.order.remove(place);
        if place == last {
            (self.first_end_us, self.last_end_us) = match self.last() {
                Some(last) => (self.first_end_us, last.end_us),
                None => (f64::INFINITY, 0.0),
            };
        } else if place == first {
            self.first_end_us = self.first().map_or(f64::INFINITY, |lease| lease.end_us);
        }
    }
}
