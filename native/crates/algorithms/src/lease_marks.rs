use crate::lease_order::PLACES;

const FIRST_BITS: u64 = 0x0101_0101_0101_0101;
const LAST_BITS: u64 = 0x8080_8080_8080_8080;

/// A byte of each id at its place, 0 where there is none, so that one look tells where an id can be and that it is nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks([u8; PLACES]);

/// The bytes of a word that are 0; beyond the lowest there can be some that are not.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(FIRST_BITS) & !word & LAST_BITS
}

impl Marks {
    #[inline(always)]
    fn words(&self) -> [u64; 2] {
        let (words, _) = self.0.as_chunks();
        match words {
            [low, high] => [u64::from_le_bytes(*low), u64::from_le_bytes(*high)],
            _ => [0, 0],
        }
    }

    #[inline(always)]
    pub fn set(&mut self, place: usize, mark: u8) {
        if let Some(at) = self.0.get_mut(place) {
            *at = mark;
        }
    }

    /// Whether the mark is anywhere.
    #[inline(always)]
    pub fn have(&self, mark: u8) -> bool {
        let all = u64::from(mark) * FIRST_BITS;
        let [low, high] = self.words();
        zeros(low ^ all) | zeros(high ^ all) != 0
    }

    /// The first place that has the mark.
    #[inline(always)]
    pub fn first_of(&self, mark: u8) -> Option<usize> {
        let all = u64::from(mark) * FIRST_BITS;
        let [low, high] = self.words();
        match (zeros(low ^ all), zeros(high ^ all)) {
            (0, 0) => None,
            (0, found) => Some(8 + (found.trailing_zeros() / 8) as usize),
            (found, _) => Some((found.trailing_zeros() / 8) as usize),
        }
    }

    /// Every place that has the mark.
    pub fn all_of(&self, mark: u8) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(move |(_, at)| **at == mark).map(|(place, _)| place)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_where_it_was_set_and_nowhere_else() {
        let mut marks = Marks::default();
        let mut state = 7_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = (state >> 40) as usize;
            // Marks next to one another, which carries and borrows would confuse.
            marks.set(draw % PLACES, [0, 1, 2, 0x7F, 0x80, 0x81, 0xFF, 0][draw / PLACES % 8]);
            for mark in [1, 2, 3, 0x7F, 0x80, 0x81, 0xFF] {
                let places: Vec<usize> = (0..PLACES).filter(|place| marks.0.get(*place) == Some(&mark)).collect();
                assert_eq!(marks.first_of(mark), places.first().copied());
                assert_eq!(marks.have(mark), !places.is_empty());
                assert!(marks.all_of(mark).eq(places));
            }
        }
    }
}
