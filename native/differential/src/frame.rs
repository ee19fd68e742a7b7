use crate::block::Block;
use std::io::{self, ErrorKind, Read, Write};

/// One call of `decide`.
pub struct Run {
    /// Places from 1; negative: the key ended before.
    pub keys: Vec<f64>,
    pub block: Block,
}

/// Doubles one after the other, each of which has to be there.
pub struct Numbers<'a>(std::slice::Iter<'a, f64>);

impl Numbers<'_> {
    pub fn next(&mut self) -> io::Result<f64> {
        self.0.next().copied().ok_or_else(|| malformed("it ends too early"))
    }

    pub fn take(&mut self, count: f64) -> io::Result<Vec<f64>> {
        (0..count as usize).map(|_| self.next()).collect()
    }
}

pub fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("a frame cannot be read: {what}"))
}

/// The runs of the next frame; `None` where the input ends.
pub fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<Run>>> {
    let mut length = [0; 8];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = Vec::new();
    input.take(8 * f64::from_le_bytes(length) as u64).read_to_end(&mut bytes)?;
    let (chunks, _) = bytes.as_chunks();
    let numbers: Vec<f64> = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
    let mut numbers = Numbers(numbers.iter());
    let mut runs = Vec::new();
    while let Ok(count) = numbers.next() {
        let keys = numbers.take(count)?;
        let length = numbers.next()?;
        let block = numbers.take(length)?;
        runs.push(Run { keys, block: Block::read(&mut Numbers(block.iter()))? });
    }
    Ok(Some(runs))
}

pub fn write_frame(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    output.write_all(&(bytes.len() as f64).to_le_bytes())?;
    output.write_all(bytes)
}
