//! Any requests to a small memory engine, with plans and numbers that nothing checked: it does not panic, keeps to its size, and
//! answers each check.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use sluice_algorithms::{Op, Plan};
use sluice_memory::{Ask, Limit, MemoryEngine, Options};
use std::sync::atomic::{AtomicU64, Ordering};

const MAX_KEYS: usize = 4;

#[derive(Arbitrary, Debug)]
struct Session {
    limits: [(u8, [f64; 7]); 3],
    requests: Vec<(u32, bool, Vec<AnyAsk>)>,
}

#[derive(Arbitrary, Debug)]
struct AnyAsk {
    limit: u8,
    subject: u8,
    op: u8,
    n: u16,
    at: f64,
    lease: Option<u8>,
}

fuzz_target!(|session: Session| {
    let now_us = AtomicU64::new(1_790_000_000_000_000);
    let clock = || now_us.load(Ordering::Relaxed) as f64;
    let engine = MemoryEngine::new(clock, Options { max_keys: MAX_KEYS, shards: 2 });
    let limits: Vec<Limit> = session
        .limits
        .iter()
        .enumerate()
        .filter_map(|(index, (code, [a, b, c, d, e, f, g]))| {
            let plan = Plan::from_row(&[f64::from(1 + code % 8), *a, *b, *c, *d, *e, *f, *g])?;
            Some(engine.limit(&index.to_string(), plan))
        })
        .collect();
    for (pause_us, back, asked) in &session.requests {
        let pause_us = u64::from(*pause_us);
        if *back {
            now_us.fetch_sub(pause_us, Ordering::Relaxed);
        } else {
            now_us.fetch_add(pause_us, Ordering::Relaxed);
        }
        let texts: Vec<(String, Option<String>)> = asked
            .iter()
            .map(|ask| ("s".repeat(usize::from(ask.subject)), ask.lease.map(|lease| lease.to_string())))
            .collect();
        let asks: Vec<Ask<'_>> = asked
            .iter()
            .zip(&texts)
            .map(|(ask, (subject, lease))| Ask {
                limit: &limits[usize::from(ask.limit) % limits.len()],
                plan: None,
                subject,
                op: Op::ALL[usize::from(ask.op) % Op::ALL.len()],
                n: f64::from(ask.n),
                at: ask.at,
                lease_id: lease.as_deref(),
            })
            .collect();
        if let Ok(outcome) = engine.decide(&asks) {
            assert_eq!(outcome.checks.len(), asks.len());
        }
        assert!(engine.stats().keys <= MAX_KEYS);
    }
});
