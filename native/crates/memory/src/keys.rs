//! What stands at the keys of a shard. A key is a number here, given again after it is dropped.
#![allow(clippy::indexing_slicing, reason = "a key is the number of a slot that is there")]

use crate::shard::KeyName;
use crate::slot::{RowMut, Slot};
use sluice_algorithms::{
    Check, LeaseSet, Op, Plan, State, Status, Step, WORDS_MAX, WindowLog, concurrency, decide, sliding_window,
};
use std::collections::HashMap;

/// Numbers of the largest state of fixed size, after its first.
const REST: usize = 4;

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
    /// Subjects of which the words of a slot are only a part.
    long_subjects: Vec<Option<Box<str>>>,
    /// The numbers of a state after its first; as long as the longest-numbered key that needs them.
    rest: Vec<[f64; REST]>,
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

    #[inline(always)]
    pub fn is(&self, key: u32, name: &KeyName<'_>) -> bool {
        let KeyName { tag, ends, subject, .. } = *name;
        self.slots.get(key as usize).is_some_and(|slot| {
            slot.tag == tag
                && slot.ends == ends
                && slot.between.is_of(subject)
                && (subject.len() <= WORDS_MAX || self.has_long_subject(key, subject))
        })
    }

    #[inline(never)]
    fn has_long_subject(&self, key: u32, subject: &str) -> bool {
        self.long_subjects.get(key as usize).and_then(Option::as_deref) == Some(subject)
    }

    /// Fills a slot that is free.
    pub fn create(&mut self, key: u32, name: &KeyName<'_>, plan: &Plan, end_us: f64) {
        let slot = Slot::new(name, end_us);
        put(&mut self.plans, slot.limit(), *plan);
        if name.subject.len() > WORDS_MAX {
            put(&mut self.long_subjects, key as usize, name.subject.into());
        }
        self.slots[key as usize] = slot;
    }

    pub fn forget(&mut self, key: u32) {
        self.blocks.remove(&key);
        if let Some(object) = self.objects.get_mut(key as usize) {
            *object = None;
        }
        if let Some(subject) = self.long_subjects.get_mut(key as usize) {
            *subject = None;
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

    #[inline]
    pub fn is_live_and_not_blocked(&self, key: u32, now: f64) -> bool {
        // Negative while a block is filed.
        self.slots.get(key as usize).is_some_and(|slot| slot.end > now)
    }

    /// The first numbers of a state of fixed size.
    #[inline]
    pub fn numbers<const N: usize>(&self, key: u32) -> [f64; N] {
        let mut numbers = [0.0; N];
        if let Some((first, others)) = numbers.split_first_mut() {
            *first = self.slots.get(key as usize).map_or(0.0, |slot| slot.first);
            if let (false, Some(rest)) = (others.is_empty(), self.rest.get(key as usize)) {
                others.iter_mut().zip(rest).for_each(|(number, stored)| *number = *stored);
            }
        }
        numbers
    }

    /// Where the numbers of a state stand that is there.
    #[inline(always)]
    pub fn row_mut<const N: usize>(&mut self, key: u32) -> Option<RowMut<'_, N>> {
        let slot = self.slots.get_mut(key as usize)?;
        let rest: &mut [f64] = if N > 1 { self.rest.get_mut(key as usize)? } else { &mut [] };
        Some(RowMut { slot, rest })
    }

    /// Changes the numbers of a state that is there.
    #[inline]
    pub fn change_numbers<const N: usize>(&mut self, key: u32, numbers: [f64; N]) {
        if let Some(mut row) = self.row_mut(key) {
            row.change(numbers);
        }
    }

    #[inline]
    pub fn set_numbers<const N: usize>(&mut self, key: u32, numbers: [f64; N]) {
        if let Some((first, others)) = numbers.split_first() {
            self.slots[key as usize].first = *first;
            if others.is_empty() {
                return;
            }
            if self.rest.len() <= key as usize {
                self.rest.resize(key as usize + 1, [0.0; REST]);
            }
            self.rest[key as usize].iter_mut().zip(others).for_each(|(stored, number)| *stored = *number);
        }
    }

    /// The log of a key of `sliding_window`.
    #[inline(always)]
    pub fn log(&mut self, key: u32) -> Option<&mut WindowLog> {
        match self.objects.get_mut(key as usize)?.as_deref_mut() {
            Some(Object::Log(log)) => Some(log),
            _ => None,
        }
    }

    /// The leases of a key of `concurrency`.
    #[inline]
    pub fn leases(&mut self, key: u32) -> Option<&mut LeaseSet> {
        match self.objects.get_mut(key as usize)?.as_deref_mut() {
            Some(Object::Leases(leases)) => Some(leases),
            _ => None,
        }
    }

    /// The same, with the place of the key's end.
    #[inline(always)]
    pub fn leases_and_row(&mut self, key: u32) -> Option<(&mut LeaseSet, RowMut<'_, 1>)> {
        let slot = self.slots.get_mut(key as usize)?;
        match self.objects.get_mut(key as usize)?.as_deref_mut() {
            Some(Object::Leases(leases)) => Some((leases, RowMut { slot, rest: &mut [] })),
            _ => None,
        }
    }

    /// Whether a key is there that holds nothing: a set of leases all of which were released, and no block.
    pub fn is_vacant(&self, key: u32) -> bool {
        let is_not_blocked = self.slots.get(key as usize).is_some_and(|slot| slot.end > 0.0);
        let object = self.objects.get(key as usize).and_then(Option::as_deref);
        is_not_blocked && matches!(object, Some(Object::Leases(leases)) if leases.is_empty())
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
        match plan {
            Plan::Gcra(_) => State::Gcra(self.numbers(key)),
            Plan::FixedWindow(_) => State::FixedWindow(self.numbers(key)),
            Plan::TokenBucket(_) | Plan::LeakyBucket(_) => State::Bucket(self.numbers(key)),
            Plan::SlidingCounter(_) => State::SlidingCounter(self.numbers(key)),
            Plan::Quota(_) => State::Quota(self.numbers(key)),
            Plan::SlidingWindow(_) | Plan::Concurrency(_) => State::Absent,
        }
    }

    #[inline]
    pub fn store(&mut self, key: u32, state: State) {
        match state {
            State::Absent => {}
            State::Gcra(numbers) => self.set_numbers(key, numbers),
            State::FixedWindow(numbers) | State::Quota(numbers) => self.set_numbers(key, numbers),
            State::Bucket(numbers) => self.set_numbers(key, numbers),
            State::SlidingCounter(numbers) => self.set_numbers(key, numbers),
            State::SlidingWindow(log) => self.store_object(key, Object::Log(log)),
            State::Concurrency(leases) => self.store_object(key, Object::Leases(leases)),
        }
    }

    fn store_object(&mut self, key: u32, object: Object) {
        put(&mut self.objects, key as usize, Box::new(object));
    }

    /// The first instant at which a check of cost 1 passes on a key, under its limit's own plan and if nobody else calls; an
    /// instant not after now: it refuses nobody now.
    pub fn refused_until_us(&self, key: u32, now: f64) -> f64 {
        let block = self.block_of(key);
        if let Some(block) = block.filter(|block| block.until_us > now) {
            return block.until_us;
        }
        let Some(Some(plan)) = self.plans.get(self.slots[key as usize].limit()) else { return 0.0 };
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

/// Puts an item at a place of a list that is as long as was needed until now.
fn put<T>(list: &mut Vec<Option<T>>, place: usize, item: T) {
    if list.len() <= place {
        list.resize_with(place + 1, || None);
    }
    list[place] = Some(item);
}
