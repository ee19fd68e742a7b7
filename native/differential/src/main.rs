//! The Rust side of the differential fuzz in `test/fuzz`: decides the runs that it is sent, as `decide` in a real Redis and the
//! TypeScript do, and tells what it did in the same bytes.
//!
//! ```sh
//! sluice-differential tracks ID...      # single checks, each frame the life of one key: replies, lives and states
//! sluice-differential sessions ID...    # requests to a memory engine, each frame one engine: replies
//! ```
//!
//! `ID`s are the lease ids that checks name by their place. A frame is its length and so many doubles, little-endian: for each
//! run the number of its keys, the keys, the length of its block, and the block of `lua/README.md`. A key is a place from 1;
//! negative, it ended before the run. The answer is its length in bytes as a double, and the bytes. Ends with its input.

mod block;
mod frame;
mod sessions;
mod tracks;

use frame::{Run, read_frame, write_frame};
use std::io::{self, BufReader, BufWriter, Write};

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let kind = args.next();
    let lease_ids: Vec<String> = args.collect();
    let decide: fn(&[Run], &[String]) -> io::Result<Vec<u8>> = match kind.as_deref() {
        Some("tracks") => tracks::decide,
        Some("sessions") => sessions::decide,
        _ => return Err(io::Error::other("usage: sluice-differential tracks|sessions ID...")),
    };
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = BufWriter::new(io::stdout().lock());
    while let Some(runs) = read_frame(&mut input)? {
        write_frame(&mut output, &decide(&runs, &lease_ids)?)?;
        output.flush()?;
    }
    Ok(())
}
