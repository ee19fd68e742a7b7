use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where an engine reads the time.
pub trait Clock: Send + Sync {
    /// Microseconds since the Unix epoch, a whole number. It may step back; the algorithms bear it.
    fn now_us(&self) -> f64;
}

/// The wall clock of the system, to the microsecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now_us(&self) -> f64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => (since.as_secs() as f64) * 1e6 + f64::from(since.subsec_micros()),
            Err(_) => 0.0,
        }
    }
}

impl<F: Fn() -> f64 + Send + Sync> Clock for F {
    fn now_us(&self) -> f64 {
        self()
    }
}

/// The wall clock of the system, carried on by the processor's counter: each thread asks the system once a millisecond and
/// counts in between, which takes a third of the time and does not hold up what comes before and after it. Where there is no
/// counter to trust, the system's monotonic clock counts.
///
/// The first one of a process takes up to 200 ms, to find out how fast the counter runs.
#[derive(Clone, Debug)]
pub struct CounterClock {
    counter: quanta::Clock,
    /// us in 2^64 ticks.
    scale: u64,
}

/// The reading of the system's clock that a thread counts from.
#[derive(Clone, Copy)]
struct Reading {
    ticks: u64,
    us: u64,
}

/// A correction of the system's clock is seen this much later.
const READ_AGAIN_AFTER_US: u64 = 1000;

thread_local! {
    static LAST_READING: Cell<Reading> = const { Cell::new(Reading { ticks: 0, us: 0 }) };
}

impl Default for CounterClock {
    fn default() -> Self {
        let counter = quanta::Clock::new();
        // More than a second of any counter, and no overflow.
        let ticks = 1_u64 << 40;
        let ns = counter.delta_as_nanos(0, ticks);
        let scale = (u128::from(ns) << 64) / 1000 / u128::from(ticks);
        Self { counter, scale: u64::try_from(scale).unwrap_or(u64::MAX) }
    }
}

impl Clock for CounterClock {
    #[inline]
    fn now_us(&self) -> f64 {
        let ticks = self.counter.raw();
        let last = LAST_READING.get();
        let since_us = ((u128::from(ticks.wrapping_sub(last.ticks)) * u128::from(self.scale)) >> 64) as u64;
        let us = if since_us < READ_AGAIN_AFTER_US { last.us + since_us } else { read(ticks) };
        // Far below 2^63, and a signed number is converted faster.
        us as i64 as f64
    }
}

#[cold]
fn read(ticks: u64) -> u64 {
    let us = SystemClock.now_us() as u64;
    LAST_READING.set(Reading { ticks, us });
    us
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_tells_the_time_of_the_system() {
        let clock = CounterClock::default();
        // The thread may be set aside between two readings: the counter's has to lie between the two of the system.
        for _ in 0..100_000 {
            let before = SystemClock.now_us();
            let now = clock.now_us();
            let after = SystemClock.now_us();
            assert!(before - 2.0 <= now && now <= after + 2.0, "{before} {now} {after}");
            assert_eq!(now.fract(), 0.0);
        }
    }
}
