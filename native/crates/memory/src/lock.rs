use spin::mutex::{SpinMutex, SpinMutexGuard};
use std::time::Duration;

/// Spins before the first look, of 5 to 40 ns each: a shard is held for tens of nanoseconds.
const FIRST_SPINS: u32 = 4;
/// Each look takes the holder's cache line away from it. So who finds the lock taken again leaves it alone for longer, in which
/// the other has dozens of calls done at the price of one thread alone; and both together more than if they took turns.
const MORE_SPINS: u32 = 4;
const SPINS_MOST: u32 = 64;
/// Looks that a wait begins with, while the holder is likely to run.
const SPINNING_LOOKS: u32 = 8;
/// Then the holder was set aside by the system, and needs the processor.
const YIELDING_LOOKS: u32 = 100;
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
        let mut spins = FIRST_SPINS;
        let mut looks = 0;
        loop {
            if looks < SPINNING_LOOKS {
                (0..spins).for_each(|_| std::hint::spin_loop());
                spins = SPINS_MOST.min(spins * MORE_SPINS);
                looks += 1;
            } else if looks < SPINNING_LOOKS + YIELDING_LOOKS {
                std::thread::yield_now();
                looks += 1;
            } else {
                std::thread::sleep(PAUSE);
            }
            // Looking costs the holder less than trying.
            if !self.0.is_locked()
                && let Some(guard) = self.0.try_lock()
            {
                return guard;
            }
        }
    }
}
