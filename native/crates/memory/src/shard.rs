use crate::index::Index;
use crate::keys::{Block, Keys};
use crate::lifetimes::{KeyTimes, Lifetimes};
use crate::request::Ask;
use crate::slot::Slot;
use sluice_algorithms::{Ends, Plan, State};

/// Ended keys that one call takes out at most, so that no call waits for a crowd of them.
const REAP_BUDGET: usize = 4;

impl KeyTimes for Keys {
    fn end_us(&self, key: u32) -> f64 {
        self.end_of(key)
    }

    fn refused_until_us(&self, key: u32, now: f64) -> f64 {
        Keys::refused_until_us(self, key, now)
    }

    fn is_vacant(&self, key: u32) -> bool {
        Keys::is_vacant(self, key)
    }
}

/// A part of an engine's keys, behind one lock.
#[derive(Debug)]
pub(crate) struct Shard {
    index: Index,
    pub keys: Keys,
    pub lifetimes: Lifetimes,
    free: Vec<u32>,
    /// Keys held, those included that have ended or are vacant and were not taken out yet.
    size: usize,
    /// Keys taken out before their end to make room.
    pub evicted: u64,
    max_keys: usize,
}

/// Which key a check is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyName<'a> {
    pub hash: u32,
    /// `limit << 32 | length of the subject`, as far as it fits: two names at once.
    pub tag: u64,
    pub ends: Ends,
    pub subject: &'a str,
}

impl<'a> KeyName<'a> {
    #[inline(always)]
    pub fn of(ask: &Ask<'a>, hash: u64) -> Self {
        let subject = ask.subject;
        let tag = u64::from(ask.limit.id) << 32 | u64::from(subject.len() as u32);
        Self { hash: hash as u32, tag, ends: Ends::of(subject), subject }
    }
}

impl Shard {
    pub fn new(max_keys: usize) -> Self {
        Self {
            index: Index::default(),
            keys: Keys::default(),
            lifetimes: Lifetimes::default(),
            free: Vec::new(),
            size: 0,
            evicted: 0,
            max_keys,
        }
    }

    /// Whether keys may have ended.
    #[inline(always)]
    pub fn is_due(&self, now: f64) -> bool {
        now >= self.lifetimes.nothing_ends_before_us
    }

    /// Does what is due. Short, so that it costs a check nothing.
    #[inline]
    pub fn begin(&mut self, now: f64) {
        if self.is_due(now) {
            self.reap(now);
        }
    }

    #[inline(always)]
    pub fn find(&self, name: &KeyName<'_>) -> Option<u32> {
        self.index.find(name.hash, |key| self.keys.is(key, name))
    }

    /// Adds a key that ends at `end_us`. Its state is for the caller to store.
    pub fn create(&mut self, name: &KeyName<'_>, plan: &Plan, end_us: f64, now: f64) -> u32 {
        if self.size >= self.max_keys {
            self.make_room(now);
        }
        let key = self.free.pop().unwrap_or_else(|| {
            self.keys.slots.push(Slot::default());
            self.keys.slots.len() as u32 - 1
        });
        self.keys.create(key, name, plan, end_us);
        self.index.insert(name.hash, key);
        self.lifetimes.add(key, &self.keys);
        self.size += 1;
        key
    }

    /// Called after a key was added and its state stored: prepares to make room, once half of it is used.
    pub fn look_ahead(&mut self, now: f64) {
        if 2 * self.size > self.max_keys {
            self.lifetimes.look_ahead(now, &self.keys);
        }
    }

    pub fn drop_key(&mut self, key: u32) {
        self.lifetimes.remove(key);
        self.forget(key);
    }

    /// The state of a key, just stored, ends at `end_us`. A block that is over is forgotten.
    #[inline]
    pub fn set_state_end(&mut self, key: u32, end_us: f64, now: f64) {
        match self.keys.block_of(key) {
            Some(block) if block.until_us > now => self.block(key, block.until_us, end_us),
            _ => {
                let before = self.keys.end_of(key);
                self.keys.set_end(key, end_us);
                self.moved(key, before);
            }
        }
    }

    /// The state of a key changed, and its end did not.
    #[inline]
    pub fn state_changed(&mut self, key: u32) {
        self.lifetimes.changed(key, &self.keys);
    }

    /// The state of a key, just stored, is empty: nothing is left but the block, if there is one.
    pub fn vacate(&mut self, key: u32, now: f64) {
        match self.keys.block_of(key) {
            Some(block) if block.until_us > now => self.block(key, block.until_us, 0.0),
            _ => {
                self.keys.set_end(key, self.keys.end_of(key));
                self.state_changed(key);
                self.lifetimes.vacated(key, now);
            }
        }
    }

    /// Keys held as a user sees it.
    pub fn count(&self) -> usize {
        let vacant = self.lifetimes.vacancies.iter().filter(|key| self.keys.is_vacant(*key));
        self.size - vacant.count()
    }

    /// Files a block for a key that has a state until `state_end_us`, or none: 0.
    pub fn block(&mut self, key: u32, until_us: f64, state_end_us: f64) {
        let before = self.keys.end_of(key);
        self.keys.set_block(key, Block { until_us, state_end_us });
        self.moved(key, before);
    }

    /// Lifts the block of a key. Without a state under it, nothing is left of the key.
    pub fn unblock(&mut self, key: u32, now: f64) {
        let Some(block) = self.keys.block_of(key) else { return };
        if block.state_end_us > now {
            let before = self.keys.end_of(key);
            self.keys.set_end(key, block.state_end_us);
            self.moved(key, before);
        } else {
            self.drop_key(key);
        }
    }

    /// Gives back what was taken out of a key to be looked at.
    pub fn put_back(&mut self, key: u32, state: State) {
        if matches!(state, State::SlidingWindow(_) | State::Concurrency(_)) {
            self.keys.store(key, state);
        }
    }

    fn moved(&mut self, key: u32, end_before_us: f64) {
        if self.keys.end_of(key) < end_before_us {
            self.lifetimes.hastened(key, &self.keys);
        } else {
            self.lifetimes.changed(key, &self.keys);
        }
    }

    #[cold]
    fn reap(&mut self, now: f64) {
        for _ in 0..REAP_BUDGET {
            let Some(key) = self.lifetimes.take_ended(now, &self.keys) else { return };
            self.forget(key);
        }
    }

    fn forget(&mut self, key: u32) {
        if let Some(slot) = self.keys.slots.get(key as usize) {
            self.index.remove(slot.hash, key);
            self.keys.forget(key);
            self.free.push(key);
            self.size -= 1;
        }
    }

    fn make_room(&mut self, now: f64) {
        self.reap(now);
        if self.size < self.max_keys {
            return;
        }
        if let Some(key) = self.lifetimes.take_victim(now, &self.keys) {
            if self.keys.end_of(key) > now && !self.keys.is_vacant(key) {
                self.evicted += 1;
            }
            self.forget(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_algorithms::{Check, ConcurrencyPlan, LeaseSet, Op, concurrency};

    const NOW_US: f64 = 1_790_000_000_000_000.0;
    const PLAN: ConcurrencyPlan = ConcurrencyPlan { limit: 3.0, lease_us: 60e6 };

    fn leased(shard: &mut Shard, subject: &str) -> u32 {
        let name = KeyName { hash: 7, tag: subject.len() as u64, ends: Ends::of(subject), subject };
        let key = shard.create(&name, &Plan::Concurrency(PLAN), NOW_US + PLAN.lease_us, NOW_US);
        acquire(shard, key, NOW_US);
        key
    }

    fn acquire(shard: &mut Shard, key: u32, now: f64) {
        let mut leases = LeaseSet::default();
        let check = Check { op: Op::Consume, n: 1.0, at: 0.0, now };
        leases.apply(&concurrency(None, &PLAN, check, Some("a")).1);
        shard.keys.store(key, State::Concurrency(leases));
    }

    fn release(shard: &mut Shard, key: u32, now: f64) {
        shard.keys.store(key, State::Concurrency(LeaseSet::default()));
        shard.vacate(key, now);
    }

    #[test]
    fn a_key_that_was_left_empty_is_dropped_a_little_later_unless_it_is_used_again() {
        let mut shard = Shard::new(100);
        let [left, used_again, blocked] = ["left", "used again", "blocked"].map(|name| leased(&mut shard, name));
        for key in [left, used_again, blocked, left] {
            release(&mut shard, key, NOW_US);
        }
        acquire(&mut shard, used_again, NOW_US);
        shard.block(blocked, NOW_US + 1e6, 0.0);
        assert_eq!((shard.size, shard.count()), (3, 2));

        shard.begin(NOW_US + 50_000.0);
        assert_eq!((shard.size, shard.count()), (3, 2), "it may be wanted again");
        shard.begin(NOW_US + 100_000.0);
        assert_eq!((shard.size, shard.count()), (2, 2));

        release(&mut shard, used_again, NOW_US + 100_000.0);
        shard.begin(NOW_US + 200_000.0);
        assert_eq!((shard.size, shard.count()), (1, 1));
        shard.begin(NOW_US + 2e6);
        assert_eq!((shard.size, shard.count(), shard.evicted), (0, 0, 0), "the block is over");
    }

    #[test]
    fn a_crowd_of_keys_that_were_left_empty_is_dropped_by_a_few_at_a_time() {
        let mut shard = Shard::new(1_000);
        let keys: Vec<u32> = (0..1_000).map(|index: u32| leased(&mut shard, &index.to_string())).collect();
        for key in keys {
            release(&mut shard, key, NOW_US);
        }
        assert_eq!((shard.size, shard.count()), (1_000, 0));
        for calls in 1..=250 {
            shard.begin(NOW_US + 100_000.0);
            assert_eq!(shard.size, 1_000 - REAP_BUDGET * calls);
        }
        shard.begin(NOW_US + 100_000.0);
        assert!(!shard.is_due(NOW_US + 59e6), "nothing is left to be done");
    }
}
