//! Finds the number of a key by its hash: open addressing with linear probing, half full at most. An entry is the hash and
//! the number of a key in one word, so that a look costs one cache line here and one at the key.
#![allow(clippy::indexing_slicing, reason = "places are masked by the length")]

const FIRST_LENGTH: usize = 64;
const EMPTY: u64 = 0;

#[derive(Debug)]
pub(crate) struct Index {
    /// `hash << 32 | key + 1`
    entries: Vec<u64>,
    used: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { entries: vec![EMPTY; FIRST_LENGTH], used: 0 }
    }
}

fn entry_of(hash: u32, key: u32) -> u64 {
    u64::from(hash) << 32 | (u64::from(key) + 1)
}

fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl Index {
    fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// The place at which a search begins.
    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    #[inline(always)]
    pub fn find(&self, hash: u32, is_key: impl Fn(u32) -> bool) -> Option<u32> {
        let mut place = self.home(hash);
        loop {
            let entry = *self.entries.get(place)?;
            if entry == EMPTY {
                return None;
            }
            if hash_of(entry) == hash {
                let key = (entry as u32) - 1;
                if is_key(key) {
                    return Some(key);
                }
            }
            place = (place + 1) & self.mask();
        }
    }

    /// Adds a key that is not there.
    pub fn insert(&mut self, hash: u32, key: u32) {
        if 2 * (self.used + 1) > self.entries.len() {
            let doubled = vec![EMPTY; 2 * self.entries.len()];
            let entries = std::mem::replace(&mut self.entries, doubled);
            for entry in entries.into_iter().filter(|&entry| entry != EMPTY) {
                self.put(entry);
            }
        }
        self.put(entry_of(hash, key));
        self.used += 1;
    }

    /// Takes out a key that is there.
    pub fn remove(&mut self, hash: u32, key: u32) {
        let entry = entry_of(hash, key);
        let mut hole = self.home(hash_of(entry));
        while self.entries[hole] != entry {
            hole = (hole + 1) & self.mask();
        }
        // What comes after it moves up, unless it would then stand before its home: no marks are left behind.
        let mut place = hole;
        loop {
            place = (place + 1) & self.mask();
            let entry = self.entries[place];
            if entry == EMPTY {
                break;
            }
            let from_home = place.wrapping_sub(self.home(hash_of(entry))) & self.mask();
            if from_home >= (place.wrapping_sub(hole) & self.mask()) {
                self.entries[hole] = entry;
                hole = place;
            }
        }
        self.entries[hole] = EMPTY;
        self.used -= 1;
    }

    fn put(&mut self, entry: u64) {
        let mut place = self.home(hash_of(entry));
        while self.entries[place] != EMPTY {
            place = (place + 1) & self.mask();
        }
        self.entries[place] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn finds_what_was_added_and_not_what_was_taken_out() {
        let mut index = Index::default();
        let mut model: HashMap<u32, u32> = HashMap::new();
        let mut state = 7_u64;
        for step in 0..100_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Few distinct hashes, so that many share a place.
            let key = (state >> 40) as u32 % 3_000;
            let hash = (key % 500).wrapping_mul(0x9E37_79B9);
            if step % 3 == 0 {
                if model.remove(&key).is_some() {
                    index.remove(hash, key);
                }
            } else if model.insert(key, hash).is_none() {
                index.insert(hash, key);
            }
            assert_eq!(index.find(hash, |found| found == key).is_some(), model.contains_key(&key));
        }
        assert_eq!(index.used, model.len());
    }
}
