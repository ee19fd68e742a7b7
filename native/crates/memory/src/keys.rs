//! What stands at the keys of a shard. A key is a number here, given again after it is dropped.
#![allow(clippy::indexing_slicing, reason = "a key is the number of a slot that is there")]

use crate::subject::Subject;
use sluice_algorithms::{
    Check, LeaseSet, Op, Plan, State, Status, Step, WindowLog, concurrency, decide, sliding_window,
};
use std::collections::HashMap;

/// One cache line: with a short subject and `gcra`, everything that a check needs.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// When the key ends, us; negative while a block is filed for it; 0: the slot is free.
    end: f64,
    /// The first number of the state.
    first: f64,
    pub subject: Subject,
    /// `Limit::id`
    pub limit: u32,
    pub hash: u32,
}

impl Slot {
    pub fn new(limit: u32, hash: u32, subject: &str, end_us: f64) -> Self {
        Self { end: end_us, first: 0.0, subject: Subject::new(subject), limit, hash }
    }
}

/// A block on a key, and when the state under it ends: 0 when there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub until_us: f64,
    pub state_end_us: f64,
}

#[derive(Debug)]
enum Object {
    Log(WindowLog),
    Leases(LeaseSet),
}

#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub slots: Vec<Slot>,
    /// The numbers of a state after its first; as long as the longest-numbered key that needs them.
    rest: Vec<[f64; 4]>,
    objects: Vec<Option<Box<Object>>>,
    blocks: HashMap<u32, Block>,
    /// By `Limit::id`: the plan that its latest key was made under.
    plans: Vec<Option<Plan>>,
}

impl Keys {
    /// When the key ends, us: its state and its block.
    #[inline]
    pub fn end_of(&self, key: u32) -> f64 {
        self.slots[key as usize].end.abs()
    }

    #[inline]
    pub fn is(&self, key: u32, limit: u32, subject: &str) -> bool {
        let slot = &self.slots[key as usize];
        slot.limit == limit && slot.subject.is(subject)
    }

    /// Fills a slot that is free.
    pub fn create(&mut self, key: u32, slot: Slot, plan: &Plan) {
        let limit = slot.limit as usize;
        if self.plans.len() <= limit {
            self.plans.resize(limit + 1, None);
        }
        self.plans[limit] = Some(*plan);
        self.slots[key as usize] = slot;
    }

    pub fn forget(&mut self, key: u32) {
        self.blocks.remove(&key);
        if let Some(object) = self.objects.get_mut(key as usize) {
            *object = None;
        }
        self.slots[key as usize] = Slot::default();
    }

    /// The block filed for a key. It may be over.
    #[inline]
    pub fn block_of(&self, key: u32) -> Option<Block> {
        if self.slots[key as usize].end < 0.0 { self.blocks.get(&key).copied() } else { None }
    }

    /// Sets the end of a key without a block, and forgets a block that was there.
    #[inline]
    pub fn set_end(&mut self, key: u32, end_us: f64) {
        let slot = &mut self.slots[key as usize];
        if slot.end < 0.0 {
            self.blocks.remove(&key);
        }
        slot.end = end_us;
    }

    pub fn set_block(&mut self, key: u32, block: Block) {
        self.blocks.insert(key, block);
        self.slots[key as usize].end = -block.until_us.max(block.state_end_us);
    }

    /// The state of a key, taken out of it: what is not stored again is lost.
    #[inline]
    pub fn take(&mut self, key: u32, plan: &Plan) -> State {
        match plan {
            Plan::SlidingWindow(_) | Plan::Concurrency(_) => self.take_object(key),
            _ => self.row(key, plan),
        }
    }

    fn take_object(&mut self, key: u32) -> State {
        match self.objects.get_mut(key as usize).and_then(Option::take).map(|object| *object) {
            Some(Object::Log(log)) => State::SlidingWindow(log),
            Some(Object::Leases(leases)) => State::Concurrency(leases),
            None => State::Absent,
        }
    }

    #[inline]
    fn row(&self, key: u32, plan: &Plan) -> State {
        let a = self.slots[key as usize].first;
        if let Plan::Gcra(_) = plan {
            return State::Gcra([a]);
        }
        let [b, c, d, e] = self.rest.get(key as usize).copied().unwrap_or_default();
        match plan {
            Plan::FixedWindow(_) => State::FixedWindow([a, b, c]),
            Plan::TokenBucket(_) | Plan::LeakyBucket(_) => State::Bucket([a, b, c, d, e]),
            Plan::SlidingCounter(_) => State::SlidingCounter([a, b, c, d]),
            Plan::Quota(_) => State::Quota([a, b, c]),
            _ => State::Absent,
        }
    }

    #[inline]
    pub fn store(&mut self, key: u32, state: State) {
        let (first, rest) = match state {
            State::Absent => return,
            State::Gcra([a]) => {
                self.slots[key as usize].first = a;
                return;
            }
            State::FixedWindow([a, b, c]) | State::Quota([a, b, c]) => (a, [b, c, 0.0, 0.0]),
            State::SlidingCounter([a, b, c, d]) => (a, [b, c, d, 0.0]),
            State::Bucket([a, b, c, d, e]) => (a, [b, c, d, e]),
            State::SlidingWindow(log) => return self.store_object(key, Object::Log(log)),
            State::Concurrency(leases) => return self.store_object(key, Object::Leases(leases)),
        };
        self.slots[key as usize].first = first;
        let place = key as usize;
        if self.rest.len() <= place {
            self.rest.resize(place + 1, [0.0; 4]);
        }
        self.rest[place] = rest;
    }

    fn store_object(&mut self, key: u32, object: Object) {
        let place = key as usize;
        if self.objects.len() <= place {
            self.objects.resize_with(place + 1, || None);
        }
        self.objects[place] = Some(Box::new(object));
    }

    /// The first instant at which a check of cost 1 passes on a key, under its limit's own plan and if nobody else calls; an
    /// instant not after now: it refuses nobody now.
    pub fn refused_until_us(&self, key: u32, now: f64) -> f64 {
        let block = self.block_of(key);
        if let Some(block) = block.filter(|block| block.until_us > now) {
            return block.until_us;
        }
        let Some(Some(plan)) = self.plans.get(self.slots[key as usize].limit as usize) else { return 0.0 };
        if block.map_or(self.end_of(key), |block| block.state_end_us) <= now {
            return 0.0;
        }
        let step = self.look(key, plan, Check { op: Op::Peek, n: 1.0, at: 0.0, now });
        if step.status == Status::Denied { now + step.wait_us } else { 0.0 }
    }

    fn look(&self, key: u32, plan: &Plan, check: Check) -> Step {
        let object = self.objects.get(key as usize).and_then(Option::as_deref);
        match (plan, object) {
            (Plan::SlidingWindow(plan), Some(Object::Log(log))) => sliding_window(Some(log), plan, check).0,
            (Plan::Concurrency(plan), Some(Object::Leases(leases))) => concurrency(Some(leases), plan, check, None).0,
            _ => decide(&mut self.row(key, plan), plan, check, None),
        }
    }
}
