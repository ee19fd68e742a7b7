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
