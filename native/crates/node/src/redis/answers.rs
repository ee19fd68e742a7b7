//! What has been decided, on its way to JavaScript: `src/native/redis-answers.ts` reads it.
//!
//! Records of numbers, one after the other, each begins with the number of the request that it answers and its kind:
//! - from 1 on, so many checks were decided: when (us since the Unix epoch), and for each check [`VERDICT`] numbers: status,
//!   granted, remaining, wait and reset in us, and when that was decided
//! - [`DONE`]: it has ended
//! - [`FAILED`]: two versions and two numbers of shards where it is a disagreement, otherwise 0; and the texts of a code and of
//!   a message
//! - [`TEXT`]: and a text
//!
//! The number [`NOBODY`] is of what was not asked for: a failure is then a loss, or the end of the engine. Besides:
//! - [`BATCH`]: requests, checks, requests that stayed behind, ms until its answer, and whether it failed; and the texts of the
//!   server's address and, where it failed, of a code and a message
//! - [`CONNECTED`], [`SLOTS_MOVED`]

use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use sluice_redis::{BatchReport, Error, Outcome, Verdict};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const DONE: f64 = 0.0;
const FAILED: f64 = -1.0;
const TEXT: f64 = -2.0;
const BATCH: f64 = -3.0;
const CONNECTED: f64 = -4.0;
const SLOTS_MOVED: f64 = -5.0;
const NOBODY: f64 = -1.0;
const HEADER: usize = 2;
const VERDICT: usize = 6;
const FAILED_LENGTH: usize = HEADER + 4;
const BATCH_LENGTH: usize = HEADER + 5;
const NATIVE: &str = "ERR_SLUICE_NATIVE";

/// Calls JavaScript, which then drains what there is. Keeps no process alive.
pub(super) type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// What waits to be drained.
#[derive(Debug, Default)]
pub(super) struct Queue {
    numbers: Vec<f64>,
    texts: Vec<String>,
}

impl Queue {
    pub fn outcome(&mut self, ticket: u32, outcome: &Outcome) {
        self.numbers.extend([f64::from(ticket), outcome.checks.len() as f64, outcome.now_us]);
        for verdict in &outcome.checks {
            let Verdict { status, granted, remaining, wait_us, reset_us, now_us } = *verdict;
            self.numbers.extend([f64::from(status as i8), granted, remaining, wait_us, reset_us, now_us]);
        }
    }

    pub fn done(&mut self, ticket: u32) {
        self.numbers.extend([f64::from(ticket), DONE]);
    }

    pub fn failed(&mut self, ticket: u32, error: &Error) {
        self.error(f64::from(ticket), error);
    }

    pub fn text(&mut self, ticket: u32, text: String) {
        self.numbers.extend([f64::from(ticket), TEXT]);
        self.texts.push(text);
    }

    pub fn batch(&mut self, report: &BatchReport<'_>) {
        let BatchReport { address, requests, checks, queued, trip, error, .. } = *report;
        let counts = [requests, checks, queued].map(|count| count as f64);
        let has_failed = f64::from(u8::from(error.is_some()));
        self.numbers.extend([NOBODY, BATCH]);
        self.numbers.extend(counts);
        self.numbers.extend([trip.as_secs_f64() * 1e3, has_failed]);
        self.texts.push(address.to_owned());
        if let Some(error) = error {
            self.texts.extend([error.code().to_owned(), error.to_string()]);
        }
    }

    pub fn connected(&mut self) {
        self.numbers.extend([NOBODY, CONNECTED]);
    }

    pub fn slots_moved(&mut self) {
        self.numbers.extend([NOBODY, SLOTS_MOVED]);
    }

    pub fn lost(&mut self, error: &Error) {
        self.error(NOBODY, error);
    }

    /// The engine cannot go on: every request that is under way has failed with this.
    pub fn broken(&mut self, why: &str) {
        self.numbers.extend([NOBODY, FAILED, 0.0, 0.0, 0.0, 0.0]);
        self.texts.extend([NATIVE.to_owned(), why.to_owned()]);
    }

    fn error(&mut self, ticket: f64, error: &Error) {
        let (details, message) = match error {
            Error::MetaMismatch { key, own, stored } => {
                ([own.state_version, own.shards, stored.state_version, stored.shards], key.clone())
            }
            Error::MetaDamaged { key } => ([0; 4], key.clone()),
            error => ([0; 4], error.to_string()),
        };
        self.numbers.extend([ticket, FAILED]);
        self.numbers.extend(details.map(f64::from));
        self.texts.extend([error.code().to_owned(), message]);
    }

    /// Moves as many whole records as there is room for behind the first two places of `target`, which tell where they end and
    /// whether there are more.
    pub fn drain(&mut self, target: &mut [f64]) {
        let Some((header, room)) = target.split_first_chunk_mut::<HEADER>() else { return };
        let end = if self.numbers.len() <= room.len() { self.numbers.len() } else { self.whole_records(room.len()) };
        for (place, number) in room.iter_mut().zip(self.numbers.drain(..end)) {
            *place = number;
        }
        *header = [(HEADER + end) as f64, f64::from(u8::from(!self.numbers.is_empty()))];
    }

    /// Where the last record ends that fits into so many numbers.
    fn whole_records(&self, room: usize) -> usize {
        let mut end = 0;
        while let Some(kind) = self.numbers.get(end + 1) {
            let next = end + record_length(*kind);
            if next > room {
                break;
            }
            end = next;
        }
        end
    }
}

fn record_length(kind: f64) -> usize {
    match kind {
        FAILED => FAILED_LENGTH,
        BATCH => BATCH_LENGTH,
        DONE | TEXT | CONNECTED | SLOTS_MOVED => HEADER,
        checks => HEADER + 1 + VERDICT * checks as usize,
    }
}

/// A queue that one thread fills and another drains.
pub(super) struct Answers {
    queue: Mutex<Queue>,
    wake: Wake,
    /// JavaScript was woken, and has not come yet.
    is_woken: AtomicBool,
}

impl Answers {
    pub fn new(wake: Wake) -> Self {
        Self { queue: Mutex::default(), wake, is_woken: AtomicBool::new(false) }
    }

    /// Held for as long as it takes to copy: nobody waits for it noticeably.
    pub fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what is in the queue drained, soon.
    pub fn wake(&self) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            // Where JavaScript has ended, nobody waits for an answer.
            let _ = self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    pub fn drain(&self, target: &mut [f64]) {
        // Before it looks: what comes after that wakes again.
        self.is_woken.store(false, Ordering::Release);
        self.queue().drain(target);
    }

    pub fn take_texts(&self) -> Vec<String> {
        std::mem::take(&mut self.queue().texts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use sluice_algorithms::Status as CheckStatus;
    use sluice_redis::Meta;

    const NOW_US: f64 = 1_700_000_000_000_000.0;

    fn outcome(checks: usize) -> Outcome {
        let verdict = Verdict {
            status: CheckStatus::Denied,
            granted: 0.0,
            remaining: 3.0,
            wait_us: 4.0,
            reset_us: 5.0,
            now_us: NOW_US,
        };
        Outcome { now_us: NOW_US, checks: std::iter::repeat_n(verdict, checks).collect() }
    }

    #[test]
    fn records_follow_one_another() {
        let mut queue = Queue::default();
        queue.done(7);
        queue.outcome(8, &outcome(1));
        let mut target = [f64::NAN; 13];
        queue.drain(&mut target);
        assert_eq!(target, [13.0, 0.0, 7.0, 0.0, 8.0, 1.0, NOW_US, 0.0, 0.0, 3.0, 4.0, 5.0, NOW_US]);
    }

    #[test]
    fn a_record_is_never_cut_and_what_has_no_room_comes_next() {
        let mut queue = Queue::default();
        for ticket in 0..3 {
            queue.outcome(ticket, &outcome(2));
            queue.failed(ticket, &Error::Closed);
        }
        let mut tickets = Vec::new();
        let mut target = [0.0; 30];
        loop {
            queue.drain(&mut target);
            let mut at = 2;
            while at < target[0] as usize {
                tickets.push(target[at]);
                at += record_length(target[at + 1]);
            }
            assert_eq!(at, target[0] as usize);
            if target[1] == 0.0 {
                break;
            }
        }
        assert_eq!(tickets, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
        assert_eq!(queue.texts.len(), 6);
    }

    #[test]
    fn a_disagreement_tells_both_sides() {
        let own = Meta { state_version: 1, shards: 32 };
        let stored = Meta { state_version: 2, shards: 64 };
        let mut queue = Queue::default();
        queue.failed(0, &Error::MetaMismatch { key: "sl1:meta".to_owned(), own, stored });
        assert_eq!(queue.numbers, [0.0, FAILED, 1.0, 32.0, 2.0, 64.0]);
        assert_eq!(queue.texts, ["ERR_SLUICE_META_MISMATCH", "sl1:meta"]);
    }
}
