use crate::crowd::Crowd;
use crate::few_leases::{FEW, FewLeases};
use crate::lease_id::{Holder, LeaseId};

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

/// Leases that run, and some that have ended and were not taken out yet.
#[derive(Clone, Debug, Default)]
pub struct LeaseSet {
    /// All of them, unless there is a crowd.
    pub(crate) few: FewLeases,
    /// Units of all of them.
    pub(crate) units: f64,
    /// All of them, since there were more than `few` takes.
    crowd: Option<Box<Crowd>>,
}

impl PartialEq for LeaseSet {
    fn eq(&self, other: &Self) -> bool {
        self.leases().eq(other.leases())
    }
}

/// What a decision does to the leases. Without effect when the `write` of its step is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeaseChange<'a> {
    pub(crate) holder: Holder<'a>,
    /// What the holder holds from now on; 0 takes the lease out.
    pub(crate) units: f64,
    pub(crate) end_us: f64,
    /// Leases that end at this instant or before are taken out; 0 takes out none.
    pub(crate) ended_us: f64,
}

impl LeaseSet {
    /// The leases, soonest end first.
    pub fn leases(&self) -> impl DoubleEndedIterator<Item = &Lease> {
        self.few.iter().chain(self.crowd.iter().flat_map(|crowd| crowd.iter()))
    }

    /// Whether there is none, and the key is as good as absent.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.few.is_empty() && self.crowd.is_none()
    }

    /// Whether one holder is all there is.
    #[inline(always)]
    pub fn is_one(&self) -> bool {
        self.few.is_one()
    }

    /// The leases, if they are few and none has ended.
    #[inline(always)]
    pub(crate) fn few_running(&mut self, now: f64) -> Option<&mut FewLeases> {
        if self.few.first_end_us > now && self.crowd.is_none() { Some(&mut self.few) } else { None }
    }

    fn position_of(&self, holder: &Holder<'_>) -> Option<usize> {
        match &self.crowd {
            None => self.few.position_of(holder),
            Some(crowd) => crowd.position_of(holder),
        }
    }

    /// What this holder holds.
    pub(crate) fn of(&self, holder: &Holder<'_>) -> Option<&Lease> {
        let position = self.position_of(holder)?;
        match &self.crowd {
            None => self.few.get(position),
            Some(crowd) => crowd.get(position),
        }
    }

    /// When the given number of units that others hold will have ended.
    pub(crate) fn unit_end_us(&self, holder: &Holder<'_>, units: f64, now: f64) -> f64 {
        let mut ended = 0.0;
        for lease in self.leases() {
            if lease.end_us > now && !lease.id.is(holder) {
                ended += lease.units;
            }
            if ended >= units {
                return lease.end_us;
            }
        }
        now
    }

    /// Carries out what the last decision on these leases said; an empty set is as good as an absent one.
    pub fn apply(&mut self, change: &LeaseChange<'_>) {
        let ended = self.leases().take_while(|lease| lease.end_us <= change.ended_us).count();
        for _ in 0..ended {
            self.take_out(0);
        }
        if let Some(position) = self.position_of(&change.holder) {
            self.take_out(position);
        }
        if change.units > 0.0 {
            self.put_in(Lease { id: (&change.holder).into(), units: change.units, end_us: change.end_us });
        }
    }

    fn take_out(&mut self, position: usize) {
        let taken = match &mut self.crowd {
            None => self.few.remove(position),
            Some(crowd) => crowd.remove(position),
        };
        self.units -= taken.map_or(0.0, |lease| lease.units);
        // Not as soon as there is room: who comes and goes at the edge would move all of them each time.
        if let Some(crowd) = self.crowd.take_if(|crowd| 2 * crowd.count() <= FEW) {
            crowd.iter().for_each(|lease| self.few.insert(lease.clone()));
        }
    }

    fn put_in(&mut self, lease: Lease) {
        self.units += lease.units;
        if let Some(crowd) = &mut self.crowd {
            crowd.insert(lease);
        } else if self.few.is_full() {
            let mut crowd = Box::<Crowd>::default();
            self.few.iter().cloned().chain([lease]).for_each(|lease| crowd.insert(lease));
            self.few = FewLeases::default();
            self.crowd = Some(crowd);
        } else {
            self.few.insert(lease);
        }
    }
}
