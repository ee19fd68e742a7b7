//! How checks lie in the memory that JavaScript and this module share. `src/native/check-block.ts` writes it.
//!
//! Numbers in: how many requests; then for each request when it is asked (us since the Unix epoch) and its number of checks,
//! both behind the number that its answer will bear where it is answered later (`crate::redis`); and for each check [`CHECK`] numbers: the place of its plan, op, units, `at`, bytes of the subject, bytes of the lease id
//! (-1: none). Text, UTF-8, in the order of the checks: subject (for Redis: key), lease id. Numbers out: for each check [`VERDICT`] numbers:
//! status, granted, remaining, wait and reset in us.

use sluice_algorithms::Op;
use sluice_memory::Verdict;
use std::fmt;

/// Numbers of a check.
const CHECK: usize = 6;
/// Numbers of a verdict.
const VERDICT: usize = 5;

/// A block that does not say what it should: its writer is of another version, or at fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the block of checks is not of the form this module reads")
    }
}

/// A check as it stands in the block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockCheck<'a> {
    pub place: usize,
    pub op: Op,
    pub n: f64,
    pub at: f64,
    pub subject: &'a str,
    pub lease_id: Option<&'a str>,
}

/// Reads a block from its beginning.
pub(crate) struct BlockReader<'a> {
    numbers: &'a [f64],
    text: &'a [u8],
}

impl<'a> BlockReader<'a> {
    pub fn new(numbers: &'a [f64], text: &'a [u8]) -> Self {
        Self { numbers, text }
    }

    /// How many requests there are; first of all.
    pub fn requests(&mut self) -> Result<usize, Malformed> {
        let [requests] = self.take()?;
        Ok(requests as usize)
    }

    /// The number by which the next request is answered; before it.
    pub fn ticket(&mut self) -> Result<u32, Malformed> {
        let [ticket] = self.take()?;
        Ok(ticket as u32)
    }

    /// When the next request is asked, us, and how many checks it has.
    #[inline]
    pub fn request(&mut self) -> Result<(f64, usize), Malformed> {
        let [now_us, checks] = self.take()?;
        Ok((now_us, checks as usize))
    }

    #[inline]
    pub fn check(&mut self) -> Result<BlockCheck<'a>, Malformed> {
        let [place, op, n, at, subject, lease_id] = self.take::<CHECK>()?;
        let op = *Op::ALL.get(op as usize).ok_or(Malformed)?;
        let subject = self.text(subject)?;
        let lease_id = if lease_id < 0.0 { None } else { Some(self.text(lease_id)?) };
        Ok(BlockCheck { place: place as usize, op, n, at, subject, lease_id })
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[f64; N], Malformed> {
        let (taken, rest) = self.numbers.split_first_chunk::<N>().ok_or(Malformed)?;
        self.numbers = rest;
        Ok(*taken)
    }

    #[inline]
    fn text(&mut self, bytes: f64) -> Result<&'a str, Malformed> {
        let (taken, rest) = self.text.split_at_checked(bytes as usize).ok_or(Malformed)?;
        self.text = rest;
        std::str::from_utf8(taken).map_err(|_| Malformed)
    }
}

/// Writes verdicts one after the other.
pub(crate) struct VerdictWriter<'a>(pub &'a mut [f64]);

impl VerdictWriter<'_> {
    #[inline]
    pub fn write(&mut self, verdict: &Verdict) -> Result<(), Malformed> {
        let (place, rest) = std::mem::take(&mut self.0).split_first_chunk_mut::<VERDICT>().ok_or(Malformed)?;
        let Verdict { status, granted, remaining, wait_us, reset_us } = *verdict;
        *place = [f64::from(status as i8), granted, remaining, wait_us, reset_us];
        self.0 = rest;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_checks_of_a_request_with_their_texts() {
        let numbers = [1.0, 9.0, 2.0, 3.0, 1.0, 5.0, 0.0, 3.0, -1.0, 4.0, 5.0, 1.0, 7.0, 2.0, 2.0];
        let mut reader = BlockReader::new(&numbers, "adaböse".as_bytes());
        assert_eq!(reader.requests(), Ok(1));
        assert_eq!(reader.request(), Ok((9.0, 2)));
        let first = reader.check().unwrap();
        assert_eq!((first.place, first.op, first.n, first.subject, first.lease_id), (3, Op::Consume, 5.0, "ada", None));
        // The third byte would cut a letter in two.
        assert_eq!(reader.check().unwrap_err(), Malformed);
    }

    #[test]
    fn is_malformed_where_numbers_or_text_end_early_or_an_op_is_unknown() {
        let check = |op: f64, bytes: f64| [0.0, op, 1.0, 0.0, bytes, -1.0];
        assert!(BlockReader::new(&check(1.0, 3.0), b"ada").check().is_ok());
        assert_eq!(BlockReader::new(&check(1.0, 4.0), b"ada").check().unwrap_err(), Malformed);
        assert_eq!(BlockReader::new(&check(11.0, 3.0), b"ada").check().unwrap_err(), Malformed);
        assert_eq!(BlockReader::new(&[0.0; 5], b"").check().unwrap_err(), Malformed);
    }
}
