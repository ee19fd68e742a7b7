use crate::shard::KeyName;
use sluice_algorithms::{Between, Ends};

/// One cache line: with a short subject and `gcra`, everything that a check needs.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// When the key ends, us; negative while a block is filed for it; 0: the slot is free.
    pub end: f64,
    /// The first number of the state.
    pub first: f64,
    /// Of the limit and the length of the subject, as in `KeyName`.
    pub tag: u64,
    pub ends: Ends,
    pub between: Between,
    pub hash: u32,
}

const _: () = assert!(size_of::<Slot>() == 64);

impl Slot {
    pub fn new(name: &KeyName<'_>, end_us: f64) -> Self {
        let between = Between::of(name.subject);
        Self { end: end_us, first: 0.0, tag: name.tag, ends: name.ends, between, hash: name.hash }
    }

    pub fn limit(&self) -> usize {
        (self.tag >> 32) as usize
    }

    /// Moves the end of a key that is not blocked to a later instant, which the timing wheel need not be told. False: it is
    /// an earlier one, and nothing was done.
    #[inline(always)]
    fn extend(&mut self, end_us: f64) -> bool {
        let is_later = end_us >= self.end;
        if is_later {
            self.end = end_us;
        }
        is_later
    }
}

/// The place of a state of N numbers, and of its end.
pub(crate) struct RowMut<'a, const N: usize> {
    pub slot: &'a mut Slot,
    /// Empty for a state of one number.
    pub rest: &'a mut [f64],
}

impl<const N: usize> RowMut<'_, N> {
    #[inline(always)]
    pub fn numbers(&self) -> [f64; N] {
        let mut numbers = [0.0; N];
        if let Some((first, others)) = numbers.split_first_mut() {
            *first = self.slot.first;
            others.iter_mut().zip(&*self.rest).for_each(|(number, stored)| *number = *stored);
        }
        numbers
    }

    #[inline(always)]
    pub fn change(&mut self, numbers: [f64; N]) {
        if let Some((first, others)) = numbers.split_first() {
            self.slot.first = *first;
            self.rest.iter_mut().zip(others).for_each(|(stored, number)| *stored = *number);
        }
    }

    /// See [`Slot::extend`].
    #[inline(always)]
    pub fn extend(&mut self, end_us: f64) -> bool {
        self.slot.extend(end_us)
    }
}
