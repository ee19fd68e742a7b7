use spin::mutex::{SpinMutex, SpinMutexGuard};
use std::time::Duration;

/// Tries that a wait begins with, while the holder is likely to run: a shard is held for tens of nanoseconds.
const SPINS: u32 = 100;
/// Then the holder was set aside by the system, and needs the processor.
const YIELDS: u32 = 100;
/// And then it may be of a lower priority than those who wait.
const PAUSE: Duration = Duration::from_micros(50);

/// A lock that is given back by a plain store: half the price of one that has to look whether anybody sleeps on it. So nobody
/// does; who waits tries again, more and more seldom.
#[derive(Debug)]
pub(crate) struct Lock<T>(SpinMutex<T>);

pub(crate) type Guard<'a, T> = SpinMutexGuard<'a, T>;

impl<T> Lock<T> {
    pub fn new(value: T) -> Self {
        Self(SpinMutex::new(value))
    }

    #[inline(always)]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.0.try_lock()
    }

    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        match self.0.try_lock() {
            Some(guard) => guard,
            None => self.wait(),
        }
    }

    #[cold]
    fn wait(&self) -> Guard<'_, T> {
        let mut tries = 0;
        loop {
            // Looking costs the holder less than trying.
            if !self.0.is_locked()
                && let Some(guard) = self.0.try_lock()
            {
                return guard;
            }
            tries += 1;
            if tries < SPINS {
                std::hint::spin_loop();
            } else if tries < SPINS + YIELDS {
                std::thread::yield_now();
            } else {
                tries = SPINS + YIELDS;
                std::thread::sleep(PAUSE);
            }
        }
    }
}
