//! Memory in which requests go from one thread to the other. It goes back and is used again: freed by another thread than the
//! one that allocates, it would be asked of the operating system each time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// As many as are under way at once at most, usually.
const KEPT_MAX: usize = 8;

/// A copy of a block: see `crate::block`.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub numbers: Vec<f64>,
    pub text: Vec<u8>,
}

/// Copies that were read.
#[derive(Default)]
pub(super) struct Spares(Mutex<Vec<Sent>>);

impl Spares {
    /// A copy of these, in memory that was used before where there is some.
    pub fn filled(&self, numbers: &[f64], text: &[u8]) -> Sent {
        let mut sent = self.kept().pop().unwrap_or_default();
        sent.numbers.extend_from_slice(numbers);
        sent.text.extend_from_slice(text);
        sent
    }

    pub fn put_back(&self, mut read: Sent) {
        read.numbers.clear();
        read.text.clear();
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX {
            kept.push(read);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
