use crate::vacancies::Vacancies;
use crate::wheel::{NONE, TimingWheel};

/// Entries spread by one call at most, on the way to keys that have ended or end first.
const SPREAD_BUDGET: usize = 16;
/// Keys looked at ahead for each key added. Two would keep up: the one that comes, and one of those that were there before.
const LOOK_AHEAD: usize = 4;
/// Keys looked at by one call at most, that were left empty and may be in use again.
const VACANCIES_BUDGET: usize = 4;
const NO_LIMIT: usize = usize::MAX;

/// What lifetimes have to know of keys.
pub(crate) trait KeyTimes {
    /// When a key ends, us since the Unix epoch.
    fn end_us(&self, key: u32) -> f64;
    /// Until when a key refuses; an instant not after now: it refuses nobody now.
    fn refused_until_us(&self, key: u32, now: f64) -> f64;
    /// Whether a key has nothing to hold.
    fn is_vacant(&self, key: u32) -> bool;
}

/// When keys end, and which key goes when there is no room: one that is vacant, or what ends first among the keys that refuse nobody, and if all
/// refuse, what ends first of all; to within one tick of the timing wheel.
///
/// Whether a key refuses changes with time and with every check. Following that on each check would cost more than the
/// check, so it is looked into only when a victim is wanted: keys found refusing on the way are set apart until they stop
/// (known in advance) or change. Each is looked at once for each time it starts to refuse: O(1) amortised.
#[derive(Debug)]
pub(crate) struct Lifetimes {
    /// No key ends or is to be dropped before this instant.
    pub nothing_ends_before_us: f64,
    /// Ends of all keys but those set apart, ends of those set apart, and when these stop refusing.
    ends: TimingWheel,
    refusing_ends: TimingWheel,
    releases: TimingWheel,
    /// By key; 0: it is not set apart.
    release_us: Vec<f64>,
    pub vacancies: Vacancies,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            nothing_ends_before_us: f64::INFINITY,
            ends: TimingWheel::default(),
            refusing_ends: TimingWheel::default(),
            releases: TimingWheel::default(),
            release_us: Vec::new(),
            vacancies: Vacancies::default(),
        }
    }
}

impl Lifetimes {
    pub fn add(&mut self, key: u32, keys: &impl KeyTimes) {
        self.ends.insert(key, |key| keys.end_us(key));
        self.nothing_ends_before_us = self.nothing_ends_before_us.min(self.ends.nothing_due_before_us);
    }

    pub fn remove(&mut self, key: u32) {
        if self.is_set_apart(key) {
            self.refusing_ends.remove(key);
            self.forget_release(key);
        } else {
            self.ends.remove(key);
        }
    }

    /// A key changed, and ends earlier than before.
    pub fn hastened(&mut self, key: u32, keys: &impl KeyTimes) {
        self.remove(key);
        self.add(key, keys);
    }

    /// A key changed, and ends when it did before or later.
    #[inline]
    pub fn changed(&mut self, key: u32, keys: &impl KeyTimes) {
        if self.is_set_apart(key) {
            self.hastened(key, keys);
        }
    }

    /// A key has nothing to hold.
    pub fn vacated(&mut self, key: u32, now: f64) {
        self.vacancies.file(key, now);
        self.nothing_ends_before_us = self.nothing_ends_before_us.min(self.vacancies.due_us);
    }

    fn take_vacant(&mut self, most: usize, keys: &impl KeyTimes) -> Option<u32> {
        for _ in 0..most {
            let key = self.vacancies.take()?;
            if keys.is_vacant(key) {
                self.remove(key);
                return Some(key);
            }
        }
        None
    }

    /// Takes out a key that has ended or is vacant, if there is one to be found with a bounded amount of work.
    pub fn take_ended(&mut self, now: f64, keys: &impl KeyTimes) -> Option<u32> {
        let vacant = if now >= self.vacancies.due_us { self.take_vacant(VACANCIES_BUDGET, keys) } else { None };
        let ended = vacant.or_else(|| self.take_due(now, keys));
        let first_end_us = self.ends.nothing_due_before_us.min(self.refusing_ends.nothing_due_before_us);
        self.nothing_ends_before_us = first_end_us.min(self.vacancies.due_us);
        ended
    }

    fn take_due(&mut self, now: f64, keys: &impl KeyTimes) -> Option<u32> {
        let mut key = self.ends.take_due(now, SPREAD_BUDGET, |key| keys.end_us(key));
        if key == NONE && self.refusing_ends.size > 0 {
            key = self.refusing_ends.take_due(now, SPREAD_BUDGET, |key| keys.end_us(key));
            if key != NONE {
                self.forget_release(key);
            }
        }
        (key != NONE).then_some(key)
    }

    /// Does some of the work of the next `take_victim`, so that the first one does not stand still for a whole table.
    pub fn look_ahead(&mut self, now: f64, keys: &impl KeyTimes) {
        self.release(now, LOOK_AHEAD, SPREAD_BUDGET, keys);
        self.refusing_ends.first(SPREAD_BUDGET, |key| keys.end_us(key));
        for _ in 0..LOOK_AHEAD {
            let key = self.ends.first(SPREAD_BUDGET, |key| keys.end_us(key));
            if key == NONE || !self.set_apart_if_refusing(key, now, keys) {
                return;
            }
        }
    }

    /// Takes out the key that makes room for another; `None` only when there is no key.
    pub fn take_victim(&mut self, now: f64, keys: &impl KeyTimes) -> Option<u32> {
        if let Some(key) = self.take_vacant(NO_LIMIT, keys) {
            return Some(key);
        }
        self.release(now, NO_LIMIT, NO_LIMIT, keys);
        let mut key = self.ends.first(NO_LIMIT, |key| keys.end_us(key));
        while key != NONE && self.set_apart_if_refusing(key, now, keys) {
            key = self.ends.first(NO_LIMIT, |key| keys.end_us(key));
        }
        if key == NONE {
            key = self.refusing_ends.first(NO_LIMIT, |key| keys.end_us(key));
        }
        if key == NONE {
            return None;
        }
        self.remove(key);
        Some(key)
    }

    /// Puts keys that no longer refuse back among the others, at most `most` of them.
    fn release(&mut self, now: f64, most: usize, spread_budget: usize, keys: &impl KeyTimes) {
        if now < self.releases.nothing_due_before_us {
            return;
        }
        for _ in 0..most {
            let release_us = &self.release_us;
            let key = self.releases.take_due(now, spread_budget, |key| release_at(release_us, key));
            if key == NONE {
                return;
            }
            self.clear_release(key);
            self.refusing_ends.remove(key);
            self.add(key, keys);
        }
    }

    /// Answers whether it refuses.
    fn set_apart_if_refusing(&mut self, key: u32, now: f64, keys: &impl KeyTimes) -> bool {
        let until_us = keys.refused_until_us(key, now);
        if until_us <= now {
            return false;
        }
        self.ends.remove(key);
        let place = key as usize;
        if self.release_us.len() <= place {
            self.release_us.resize(place + 1, 0.0);
        }
        if let Some(release) = self.release_us.get_mut(place) {
            *release = until_us;
        }
        self.refusing_ends.insert(key, |key| keys.end_us(key));
        let release_us = &self.release_us;
        self.releases.insert(key, |key| release_at(release_us, key));
        true
    }

    fn forget_release(&mut self, key: u32) {
        self.releases.remove(key);
        self.clear_release(key);
    }

    fn clear_release(&mut self, key: u32) {
        if let Some(release) = self.release_us.get_mut(key as usize) {
            *release = 0.0;
        }
    }

    /// Whether a key was found refusing.
    #[inline(always)]
    pub fn is_set_apart(&self, key: u32) -> bool {
        self.releases.size > 0 && release_at(&self.release_us, key) != 0.0
    }
}

fn release_at(release_us: &[f64], key: u32) -> f64 {
    release_us.get(key as usize).copied().unwrap_or(0.0)
}
