use crate::block::{Block, BlockCheck, write_head, write_outcome};
use crate::frame::{Run, malformed};
use sluice_memory::{Ask, Limit, MemoryEngine, Options};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// A few shards, so that requests lock several.
const OPTIONS: Options = Options { max_keys: 1000, shards: 4 };

/// Requests to one memory engine. Each place of a key is a limit of its own, with one subject.
pub fn decide(runs: &[Run], lease_ids: &[String]) -> io::Result<Vec<u8>> {
    let now_us = AtomicU64::new(0);
    let engine = MemoryEngine::new(|| f64::from_bits(now_us.load(Ordering::Relaxed)), OPTIONS);
    let mut replies = Vec::new();
    for Run { keys, block } in runs {
        now_us.store(block.now_us.to_bits(), Ordering::Relaxed);
        write_head(&mut replies, block.now_us, block.checks.len());
        let limits = limits_of(&engine, keys, block)?;
        let mut asks =
            block.checks.iter().zip(&limits).map(|(check, limit)| ask_of(check, limit, lease_ids)).peekable();
        let mut sizes = block.checks.iter().map(|check| check.size).filter(|size| *size > 0);
        while asks.peek().is_some() {
            let size = sizes.next().ok_or_else(|| malformed("a request has no size"))?;
            let request: Vec<Ask<'_>> = asks.by_ref().take(size).collect();
            let outcome = engine.decide(&request).map_err(io::Error::other)?;
            for told in outcome.checks {
                write_outcome(&mut replies, told.status, [told.granted, told.remaining, told.wait_us, told.reset_us]);
            }
        }
    }
    Ok(replies)
}

fn limits_of(engine: &MemoryEngine<impl sluice_memory::Clock>, keys: &[f64], block: &Block) -> io::Result<Vec<Limit>> {
    let checks = block.checks.iter().zip(keys);
    checks.map(|(check, key)| Ok(engine.limit(&key.to_string(), *block.plan_of(check)?))).collect()
}

fn ask_of<'a>(check: &BlockCheck, limit: &'a Limit, lease_ids: &'a [String]) -> Ask<'a> {
    let (at, lease_id) = check.at_and_lease(limit.plan(), lease_ids);
    Ask { limit, plan: None, subject: "one", op: check.op, n: check.n, at, lease_id }
}
