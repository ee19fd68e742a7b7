/// Places that an order has.
pub(crate) const PLACES: usize = 16;
/// Bits of the number of a place.
const BITS: u32 = 4;
/// The first bit of each number, and the last.
const FIRST_BITS: u64 = 0x1111_1111_1111_1111;
const LAST_BITS: u64 = 0x8888_8888_8888_8888;

/// In which order items come that stand at 16 places: the numbers of all places in one word, those in use first. So an item
/// comes and goes anywhere without a move of the others. After the permutations of Masstree (Mao, Kohler and Morris,
/// EuroSys 2012).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    places: u64,
    /// Places in use.
    count: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self { places: 0xFEDC_BA98_7654_3210, count: 0 }
    }
}

/// The bits of the first numbers, fewer than 16.
#[inline(always)]
fn first(numbers: u32) -> u64 {
    !(u64::MAX << (BITS * numbers))
}

impl Order {
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.count as usize == PLACES
    }

    /// The place at a position.
    #[inline(always)]
    pub fn at(&self, position: usize) -> usize {
        (self.places >> (BITS * (position as u32 & 15)) & 15) as usize
    }

    /// The position of a place.
    #[inline(always)]
    pub fn position_of(&self, place: usize) -> usize {
        // The number that is sought becomes 0, and the lowest 0 is found by what it borrows.
        let others = self.places ^ (place as u64).wrapping_mul(FIRST_BITS);
        let found = others.wrapping_sub(FIRST_BITS) & !others & LAST_BITS;
        (found.trailing_zeros() / BITS) as usize
    }

    /// Takes a free place into use, last of all: that at the position `count`. It must not be full.
    #[inline(always)]
    pub fn push(&mut self) {
        self.count += 1;
    }

    /// Moves the last place to an earlier position.
    pub fn move_last_to(&mut self, position: usize) {
        let (position, last) = (position as u32 & 15, self.count.saturating_sub(1) & 15);
        let place = self.places >> (BITS * last) & 15;
        let before = self.places & first(position);
        let moved = (self.places & first(last) & !first(position)) << BITS;
        let free = self.places & (!15 << (BITS * last));
        self.places = before | place << (BITS * position) | moved | free;
    }

    /// Gives back the place that is at this position; it is the next to be used.
    #[inline(always)]
    pub fn remove(&mut self, position: usize, place: usize) {
        let (position, last) = (position as u32 & 15, self.count.wrapping_sub(1) & 15);
        let place = place as u64;
        let before = self.places & first(position);
        let moved = self.places >> BITS & first(last) & !first(position);
        let free = self.places & (!15 << (BITS * last));
        self.places = before | moved | place << (BITS * last) | free;
        self.count = last;
    }
}

#[cfg(test)]
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
                let place = order.at(order.count());
                assert_eq!(Some(place), free.pop());
                order.push();
                order.move_last_to(position);
                list.insert(position, place);
            } else if !list.is_empty() {
                let position = draw / 2 % list.len();
                let place = list.remove(position);
                free.push(place);
                order.remove(position, place);
            }
            assert!((0..order.count()).map(|position| order.at(position)).eq(list.iter().copied()));
            assert!((0..PLACES).all(|position| order.position_of(order.at(position)) == position));
        }
    }
}
