/// Places that an order has.
pub(crate) const PLACES: usize = 16;
/// Bits of the number of a place.
const BITS: u32 = 4;
/// The bit at which the last number begins.
const LAST: u32 = 60;
/// The first bit of each number, and the last.
const FIRST_BITS: u64 = 0x1111_1111_1111_1111;
const LAST_BITS: u64 = 0x8888_8888_8888_8888;

/// In which order items come that stand at 16 places: the numbers of all places in one word, those in use first. So an item
/// comes and goes anywhere without a move of the others. After the permutations of Masstree (Mao, Kohler and Morris,
/// EuroSys 2012).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    places: u64,
    /// The bit at which the numbers begin of places that are free.
    free: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self { places: 0xFEDC_BA98_7654_3210, free: 0 }
    }
}

/// The bits from one on to before another, which is below 64.
#[inline(always)]
fn between(bit: u32, end: u32) -> u64 {
    (1_u64 << end).wrapping_sub(1 << bit)
}

impl Order {
    #[inline(always)]
    pub fn count(&self) -> usize {
        (self.free / BITS) as usize
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.free == 0
    }

    #[inline(always)]
    pub fn is_one(&self) -> bool {
        self.free == BITS
    }

    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.count() == PLACES
    }

    /// The place at a position.
    pub fn at(&self, position: usize) -> usize {
        self.at_bit(BITS * (position as u32))
    }

    #[inline(always)]
    fn at_bit(&self, bit: u32) -> usize {
        (self.places >> (bit & LAST) & 15) as usize
    }

    /// The first place.
    #[inline(always)]
    pub fn first(&self) -> usize {
        self.at_bit(0)
    }

    /// The last place in use.
    #[inline(always)]
    pub fn last(&self) -> usize {
        self.at_bit(self.free.wrapping_sub(BITS))
    }

    /// The place that is used next.
    #[inline(always)]
    pub fn next(&self) -> usize {
        self.at_bit(self.free)
    }

    /// The bit at which the number of a place begins.
    #[inline(always)]
    fn bit_of(&self, place: usize) -> u32 {
        // The number that is sought becomes 0, and the lowest 0 is found by what it borrows.
        let others = self.places ^ (place as u64).wrapping_mul(FIRST_BITS);
        let found = others.wrapping_sub(FIRST_BITS) & !others & LAST_BITS;
        found.trailing_zeros() & LAST
    }

    /// The position of a place.
    pub fn position_of(&self, place: usize) -> usize {
        (self.bit_of(place) / BITS) as usize
    }

    /// Takes the next place into use, last of all. There must be one.
    #[inline(always)]
    pub fn push(&mut self) {
        self.free += BITS;
    }

    /// Moves the last place to an earlier position, and those from there on back by one.
    pub fn move_last_to(&mut self, position: usize) {
        let (bit, last) = ((BITS * position as u32) & LAST, self.free.wrapping_sub(BITS) & LAST);
        let changed = (self.at_bit(bit) ^ self.last()) as u64;
        self.places ^= (self.places ^ self.places << BITS) & between(bit, last) << BITS;
        self.places ^= changed << bit;
    }

    /// Gives back a place in use. It is used next.
    #[inline(always)]
    pub fn remove(&mut self, place: usize) {
        let (last, last_place) = (self.free.wrapping_sub(BITS) & LAST, self.last());
        self.free = last;
        if place != last_place {
            let bit = self.bit_of(place);
            self.places ^= (self.places ^ self.places >> BITS) & between(bit, last);
            self.places ^= ((place ^ last_place) as u64) << last;
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn places_come_and_go_as_in_a_list() {
        let mut order = Order::default();
        let mut list: Vec<usize> = Vec::new();
        let mut free: Vec<usize> = (0..PLACES).rev().collect();
        let mut state = 7_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = (state >> 40) as usize;
            if draw.is_multiple_of(2) && !order.is_full() {
                let position = draw / 2 % (list.len() + 1);
                let place = order.next();
                assert_eq!(Some(place), free.pop());
                order.push();
                order.move_last_to(position);
                list.insert(position, place);
                assert_eq!((order.first(), order.last()), (list[0], list[list.len() - 1]));
            } else if !list.is_empty() {
                let position = draw / 2 % list.len();
                let place = list.remove(position);
                free.push(place);
                order.remove(place);
            }
            assert!((0..order.count()).map(|position| order.at(position)).eq(list.iter().copied()));
            assert!((0..PLACES).all(|position| order.position_of(order.at(position)) == position));
        }
    }
}
