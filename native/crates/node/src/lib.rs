//! Sluice's native engines for Node: convert, call, convert. What is decided in this process, `sluice-memory` decides; what is
//! asked of Redis, `sluice-redis` asks, in a thread of its own.
//!
//! One call of a native function costs as much as half a check, and one with a string or an array among its arguments as much
//! as several. So checks cross in memory that both sides know ([`block`]), and the call itself has neither arguments nor an
//! answer. `src/native/binding.ts` declares what is exported here.

pub mod about;
mod block;
mod caught;
pub mod memory;
pub mod redis;
