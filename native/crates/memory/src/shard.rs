use crate::index::Index;
use crate::keys::{Block, Keys, Slot};
use crate::lifetimes::{KeyTimes, Lifetimes};
use crate::request::Ask;
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
}

/// A part of an engine's keys, behind one lock.
#[derive(Debug)]
pub(crate) struct Shard {
    index: Index,
    pub keys: Keys,
    pub lifetimes: Lifetimes,
    free: Vec<u32>,
    /// Keys held, those included that have ended and were not taken out yet.
    pub size: usize,
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

    /// The state of a key is empty: nothing is left but the block, if there is one.
    pub fn drop_state(&mut self, key: u32, now: f64) {
        match self.keys.block_of(key) {
            Some(block) if block.until_us > now => self.block(key, block.until_us, 0.0),
            _ => self.drop_key(key),
        }
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
            if self.keys.end_of(key) > now {
                self.evicted += 1;
            }
            self.forget(key);
        }
    }
}
