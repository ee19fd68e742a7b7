//! A hierarchical timing wheel over entries 0, 1, 2, …: insert, remove, "what is due" and "what is due first" in O(1)
//! amortised, for times microseconds or years away, with no timer and nothing allocated per entry.
//!
//! Level k has 64 slots of 64^k ticks; seven levels of 1,024 us ticks span every instant the arithmetic knows. A slot is a
//! doubly linked list. A classic wheel spreads a slot over the level below when its hand reaches it. This one has no hand: a
//! slot is spread when somebody must look inside it, because the clock stands in it or because eviction asks for the first
//! entry. Slots are named by absolute time, so neither a clock that steps back nor one that leaps ahead by years moves
//! anything: the next slot in use is found by bit scans. An entry is spread at most once per level.
//!
//! An entry may become due later while it is inside, at no cost: it is filed anew when it is found in its old place.
#![allow(clippy::indexing_slicing, reason = "every index was handed out by the wheel itself")]

/// Resolution in us: entries due within one tick come in any order.
const TICK_US: u64 = 1024;
/// "No entry".
pub(crate) const NONE: u32 = u32::MAX;

const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const TOP_LEVEL: u32 = 6;
const ROOT: u32 = 0;
/// Marks, in `previous`, the bucket whose list an entry heads.
const BUCKET: u32 = 1 << 31;
/// Anything due later is filed here: it is beyond every instant an engine accepts as now.
const DUE_LAST_US: f64 = 4_503_599_627_370_495.0;

#[derive(Clone, Copy)]
struct Found {
    bucket: u32,
    level: u32,
    start_tick: u64,
}

impl Found {
    fn end_tick(self) -> u64 {
        self.start_tick + (1 << (SLOT_BITS * self.level))
    }
}

#[derive(Debug)]
pub(crate) struct TimingWheel {
    pub size: usize,
    /// Nothing is due before this instant; infinity when the wheel is empty.
    pub nothing_due_before_us: f64,
    /// Per entry. `previous` of the head of a list is its bucket.
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Per bucket = wheel * 64 + slot: the head of its list, and the wheel it was spread over (`ROOT`: none).
    heads: Vec<u32>,
    below: Vec<u32>,
    /// Per wheel: which slots are in use, and the bucket it hangs under.
    used: Vec<u64>,
    parents: Vec<u32>,
    free_wheels: Vec<u32>,
}

impl Default for TimingWheel {
    fn default() -> Self {
        Self {
            size: 0,
            nothing_due_before_us: f64::INFINITY,
            next: Vec::new(),
            previous: Vec::new(),
            heads: vec![NONE; SLOTS],
            below: vec![ROOT; SLOTS],
            used: vec![0],
            parents: vec![NONE],
            free_wheels: Vec::new(),
        }
    }
}

/// When an entry is due, us since the Unix epoch. While the entry is in the wheel it may grow, not shrink.
pub(crate) trait Due: Fn(u32) -> f64 {}
impl<F: Fn(u32) -> f64> Due for F {}

impl TimingWheel {
    /// Adds an entry that is not in the wheel.
    pub fn insert(&mut self, entry: u32, due: impl Due) {
        self.size += 1;
        if self.next.len() <= entry as usize {
            self.next.resize(entry as usize + 1, NONE);
            self.previous.resize(entry as usize + 1, NONE);
        }
        let start_tick = self.file(entry, tick_of(due(entry)), ROOT, TOP_LEVEL);
        self.nothing_due_before_us = self.nothing_due_before_us.min(us_of(start_tick));
    }

    /// Takes out an entry that is in the wheel.
    pub fn remove(&mut self, entry: u32) {
        self.size -= 1;
        self.unlink(entry);
        if self.size == 0 {
            self.nothing_due_before_us = f64::INFINITY;
        }
    }

    /// Takes out an entry that is due, or answers `NONE`: then nothing is due, or `budget` entries were spread on the way to
    /// it and the next call goes on. An entry is found due up to one tick late.
    pub fn take_due(&mut self, now_us: f64, budget: usize, due: impl Due) -> u32 {
        let mut spread = 0;
        while let Some(found) = self.locate_first() {
            let end_us = us_of(found.end_tick());
            let entry = self.heads[found.bucket as usize];
            if end_us <= now_us {
                if due(entry) <= now_us {
                    self.remove(entry);
                    return entry;
                }
            } else {
                self.nothing_due_before_us = if found.level == 0 { end_us } else { us_of(found.start_tick) };
                if now_us < self.nothing_due_before_us {
                    return NONE;
                }
            }
            if spread == budget {
                return NONE;
            }
            self.spread(entry, found, &due);
            spread += 1;
        }
        NONE
    }

    /// The entry that is due first, give or take one tick. It stays in the wheel. `NONE` when the wheel is empty, or when
    /// `budget` entries were spread on the way and the next call goes on.
    pub fn first(&mut self, budget: usize, due: impl Due) -> u32 {
        let mut spread = 0;
        while let Some(found) = self.locate_first() {
            let entry = self.heads[found.bucket as usize];
            let alone = self.next[entry as usize] == NONE && self.below[found.bucket as usize] == ROOT;
            if (found.level == 0 || alone) && tick_of(due(entry)) < found.end_tick() {
                return entry;
            }
            if spread == budget {
                return NONE;
            }
            self.spread(entry, found, &due);
            spread += 1;
        }
        NONE
    }

    /// Finds the earliest slot that has a list. A slot half spread is found before the wheel below it.
    fn locate_first(&self) -> Option<Found> {
        if self.size == 0 {
            return None;
        }
        let (mut wheel, mut level, mut start_tick) = (ROOT, TOP_LEVEL, 0);
        loop {
            let slot = self.used[wheel as usize].trailing_zeros();
            let bucket = (wheel << SLOT_BITS) + slot;
            start_tick += u64::from(slot) << (SLOT_BITS * level);
            if self.heads[bucket as usize] != NONE {
                return Some(Found { bucket, level, start_tick });
            }
            wheel = self.below[bucket as usize];
            level -= 1;
        }
    }

    /// Takes one entry out of the slot just found: to the wheel below it, or, if it is due later by now, to its place.
    fn spread(&mut self, entry: u32, found: Found, due: impl Due) {
        let tick = tick_of(due(entry));
        if tick >= found.end_tick() {
            self.unlink(entry);
            self.file(entry, tick, ROOT, TOP_LEVEL);
            return;
        }
        let mut wheel = self.below[found.bucket as usize];
        if wheel == ROOT {
            wheel = self.add_wheel(found.bucket);
            self.below[found.bucket as usize] = wheel;
        }
        self.unlink(entry);
        self.file(entry, tick, wheel, found.level - 1);
    }

    /// Puts an entry on the list of its slot, as far down as slots are spread. Answers the slot's first tick.
    fn file(&mut self, entry: u32, tick: u64, top_wheel: u32, top_level: u32) -> u64 {
        let (mut wheel, mut level) = (top_wheel, top_level);
        let (slot, bucket) = loop {
            let slot = (tick >> (SLOT_BITS * level)) as u32 & (SLOTS as u32 - 1);
            let bucket = (wheel << SLOT_BITS) + slot;
            let below = self.below[bucket as usize];
            if below == ROOT {
                break (slot, bucket);
            }
            wheel = below;
            level -= 1;
        };
        let head = std::mem::replace(&mut self.heads[bucket as usize], entry);
        self.next[entry as usize] = head;
        self.previous[entry as usize] = BUCKET | bucket;
        if head == NONE {
            self.used[wheel as usize] |= 1 << slot;
        } else {
            self.previous[head as usize] = entry;
        }
        (tick >> (SLOT_BITS * level)) << (SLOT_BITS * level)
    }

    fn unlink(&mut self, entry: u32) {
        let next = self.next[entry as usize];
        let previous = self.previous[entry as usize];
        if next != NONE {
            self.previous[next as usize] = previous;
        }
        if previous & BUCKET == 0 {
            self.next[previous as usize] = next;
            return;
        }
        let bucket = previous & !BUCKET;
        self.heads[bucket as usize] = next;
        if next == NONE && self.below[bucket as usize] == ROOT {
            self.vacate(bucket);
        }
    }

    /// Marks a slot as unused, and gives back every wheel that is empty now.
    fn vacate(&mut self, empty_bucket: u32) {
        let mut bucket = empty_bucket;
        loop {
            let wheel = bucket >> SLOT_BITS;
            self.used[wheel as usize] &= !(1 << (bucket & (SLOTS as u32 - 1)));
            if wheel == ROOT || self.used[wheel as usize] != 0 {
                return;
            }
            bucket = self.parents[wheel as usize];
            self.below[bucket as usize] = ROOT;
            self.free_wheels.push(wheel);
            if self.heads[bucket as usize] != NONE {
                return;
            }
        }
    }

    /// A wheel with no slot in use, taken from those given back if there is one.
    fn add_wheel(&mut self, parent: u32) -> u32 {
        if let Some(wheel) = self.free_wheels.pop() {
            self.parents[wheel as usize] = parent;
            return wheel;
        }
        let wheel = self.parents.len();
        self.parents.push(parent);
        self.used.push(0);
        self.heads.resize((wheel + 1) * SLOTS, NONE);
        self.below.resize((wheel + 1) * SLOTS, ROOT);
        wheel as u32
    }
}

fn tick_of(due_us: f64) -> u64 {
    due_us.min(DUE_LAST_US) as u64 / TICK_US
}

fn us_of(tick: u64) -> f64 {
    (tick * TICK_US) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed sequence of numbers that look random.
    fn draws(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    #[test]
    fn entries_come_out_when_they_are_due_and_in_the_order_of_their_ticks() {
        let mut draw = draws(1);
        let start_us = 1_790_000_000_000_000_u64;
        let due: Vec<f64> = (0..20_000)
            .map(|_| {
                let reach = 10 + draw(40);
                (start_us + draw(1 << reach)) as f64
            })
            .collect();
        let mut wheel = TimingWheel::default();
        for entry in 0..due.len() as u32 {
            wheel.insert(entry, |entry| due[entry as usize]);
        }
        let mut order = Vec::new();
        let mut last_tick = 0;
        while wheel.size > 0 {
            let first = wheel.first(usize::MAX, |entry| due[entry as usize]);
            let tick = tick_of(due[first as usize]);
            assert!(tick >= last_tick);
            last_tick = tick;
            assert!(wheel.nothing_due_before_us <= due[first as usize]);
            wheel.remove(first);
            order.push(first);
        }
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..due.len() as u32));
        assert_eq!(wheel.used, vec![0; wheel.used.len()], "every wheel was given back");
    }

    #[test]
    fn nothing_is_taken_early_and_everything_within_a_tick() {
        let mut draw = draws(2);
        let mut now_us = 1_790_000_000_000_000_u64;
        let mut due: Vec<f64> = (0..5_000).map(|_| (now_us + draw(100_000_000)) as f64).collect();
        let mut wheel = TimingWheel::default();
        for entry in 0..due.len() as u32 {
            wheel.insert(entry, |entry| due[entry as usize]);
        }
        while wheel.size > 0 {
            now_us += draw(50_000);
            // Some become due later while they are inside.
            for _ in 0..10 {
                let entry = draw(5_000) as usize;
                if due[entry] > now_us as f64 && due[entry].is_finite() {
                    due[entry] += draw(1_000_000) as f64;
                }
            }
            loop {
                let entry = wheel.take_due(now_us as f64, usize::MAX, |entry| due[entry as usize]);
                if entry == NONE {
                    break;
                }
                assert!(due[entry as usize] <= now_us as f64);
                due[entry as usize] = f64::INFINITY;
            }
            assert!(due.iter().all(|&due| due + TICK_US as f64 > now_us as f64), "nothing is left behind");
        }
    }
}
