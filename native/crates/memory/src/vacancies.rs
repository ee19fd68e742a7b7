use std::collections::VecDeque;

/// How long a key is kept that has nothing to hold.
const KEPT_US: f64 = 100_000.0;

/// Keys whose state was left empty: as good as absent, but whoever released the last lease is likely to acquire the next, and
/// to make a key and drop it takes ten times as long as to use one. Each is dropped a little later, if it is empty then.
#[derive(Debug)]
pub(crate) struct Vacancies {
    /// In the order they were left, each once.
    filed: VecDeque<u32>,
    /// By key.
    is_filed: Vec<bool>,
    /// No key is to be dropped before this instant.
    pub due_us: f64,
}

impl Default for Vacancies {
    fn default() -> Self {
        Self { filed: VecDeque::new(), is_filed: Vec::new(), due_us: f64::INFINITY }
    }
}

impl Vacancies {
    /// Whether a key is looked at when it is due.
    #[inline(always)]
    pub fn has(&self, key: u32) -> bool {
        self.is_filed.get(key as usize).is_some_and(|is_filed| *is_filed)
    }

    pub fn file(&mut self, key: u32, now: f64) {
        if self.has(key) {
            return;
        }
        let place = key as usize;
        if self.is_filed.len() <= place {
            self.is_filed.resize(place + 1, false);
        }
        if let Some(is_filed) = self.is_filed.get_mut(place) {
            *is_filed = true;
        }
        self.filed.push_back(key);
        self.due_us = self.due_us.min(now + KEPT_US);
    }

    /// Takes out the key that was left first. It may be in use again.
    pub fn take(&mut self) -> Option<u32> {
        let key = self.filed.pop_front();
        match key {
            Some(key) => {
                if let Some(is_filed) = self.is_filed.get_mut(key as usize) {
                    *is_filed = false;
                }
            }
            None => self.due_us = f64::INFINITY,
        }
        key
    }

    /// All of them. Some may be in use again.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.filed.iter().copied()
    }
}
