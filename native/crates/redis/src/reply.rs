use crate::ask::{Outcome, Verdict};
use crate::block::VERSION;
use sluice_algorithms::{EXACT_MAX, NOW_END_US, NOW_MIN_US, Status};

const HEADER_LENGTH: usize = 3;
const NUMBERS_PER_CHECK: usize = 5;

/// A reply of `decide`: read, and known to be well-formed.
#[derive(Debug)]
pub(crate) struct Reply {
    now_us: f64,
    checks: Vec<Verdict>,
}

impl Reply {
    /// Reads the reply to a batch of so many checks. The error says what is wrong with it.
    pub fn read(bytes: &[u8], checks: usize) -> Result<Self, String> {
        let length = HEADER_LENGTH + NUMBERS_PER_CHECK * checks;
        if bytes.len() != 8 * length {
            return Err(format!("has {} bytes; {checks} checks take {length} numbers of 8", bytes.len()));
        }
        let (eights, _) = bytes.as_chunks();
        let mut numbers = eights.iter().map(|eight| f64::from_le_bytes(*eight));
        let mut next = || numbers.next().unwrap_or(f64::NAN);
        let (version, now_us, count) = (next(), next(), next());
        if version != VERSION {
            return Err(format!("speaks version {version} of the wire, and this crate {VERSION}"));
        }
        if count != checks as f64 {
            return Err(format!("is for {count} checks, and {checks} were asked"));
        }
        if !(is_count(now_us) && (NOW_MIN_US..NOW_END_US).contains(&now_us)) {
            return Err(format!("was made at {now_us} us since 1970, which is no time"));
        }
        let read = (0..checks).map(|i| {
            let own = [next(), next(), next(), next(), next()];
            verdict(own, now_us).ok_or_else(|| format!("says {own:?} of check {i}"))
        });
        Ok(Self { now_us, checks: read.collect::<Result<_, _>>()? })
    }

    /// The outcome of the request whose first check is number `first` of the batch, from 0.
    pub fn outcome(&self, first: usize, checks: usize) -> Outcome {
        let own = self.checks.get(first..first + checks).unwrap_or_default();
        Outcome { now_us: self.now_us, checks: own.into() }
    }
}

fn verdict([status, granted, remaining, wait_us, reset_us]: [f64; NUMBERS_PER_CHECK], now_us: f64) -> Option<Verdict> {
    let status = [
        Status::Allowed,
        Status::Denied,
        Status::Blocked,
        Status::Impossible,
        Status::WrongType,
        Status::ForeignValue,
        Status::StalePlan,
        Status::BadCheck,
    ]
    .into_iter()
    .find(|known| f64::from(*known as i8) == status)?;
    let are_counts = [granted, remaining, wait_us, reset_us].into_iter().all(is_count);
    are_counts.then_some(Verdict { status, granted, remaining, wait_us, reset_us, now_us })
}

/// An integer from 0 that a double holds exactly; false for NaN and the infinities.
fn is_count(number: f64) -> bool {
    (0.0..EXACT_MAX).contains(&number) && number.fract() == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(numbers: &[f64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    const NOW: f64 = 1_790_000_000_000_000.0;

    #[test]
    fn a_reply_is_read_check_by_check() {
        let reply = [1.0, NOW, 2.0, 1.0, 1.0, 9.0, 0.0, 1e6, -1.0, 0.0, 0.0, 0.0, 0.0];
        let read = Reply::read(&bytes(&reply), 2).unwrap();
        let verdict =
            Verdict { status: Status::Allowed, granted: 1.0, remaining: 9.0, wait_us: 0.0, reset_us: 1e6, now_us: NOW };
        assert_eq!(read.outcome(0, 1).checks[..], [verdict]);
        assert_eq!(read.outcome(1, 1).checks[0].status, Status::Impossible);
        assert_eq!(read.outcome(0, 2).checks.len(), 2);
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_told() {
        let good = [1.0, NOW, 1.0, 1.0, 1.0, 9.0, 0.0, 1e6];
        assert!(Reply::read(&bytes(&good), 1).is_ok());
        let wrong = |place: usize, number: f64| {
            let mut numbers = good;
            numbers[place] = number;
            Reply::read(&bytes(&numbers), 1).unwrap_err()
        };
        assert!(wrong(0, 2.0).contains("version 2"));
        assert!(wrong(1, 0.0).contains("no time"));
        assert!(wrong(2, 2.0).contains("2 checks"));
        for (place, number) in [(3, 3.0), (3, 0.5), (4, -1.0), (5, f64::NAN), (6, f64::INFINITY), (7, EXACT_MAX)] {
            assert!(wrong(place, number).contains("of check 0"));
        }
        assert!(Reply::read(&bytes(&good), 2).unwrap_err().contains("64 bytes"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), checks in 0usize..5) {
            let _ = Reply::read(&bytes, checks);
        }

        #[test]
        fn no_numbers_make_it_panic(numbers in proptest::collection::vec(any::<f64>(), 8)) {
            let mut numbers = numbers;
            numbers[..3].copy_from_slice(&[1.0, NOW, 1.0]);
            let _ = Reply::read(&bytes(&numbers), 1);
        }
    }
}
