//! The crate on real servers, which the tests start on free ports and stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agreement;
mod batches;
mod callers;
mod cluster;
mod conformance;
mod faults;
mod keys;
mod server;
mod shared_limit;
mod slot_moves;
mod slots;
mod support;
mod tls;
mod vectors;
