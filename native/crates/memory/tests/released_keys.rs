//! A key whose leases were all released stands for a while, and nobody sees it.
#![allow(clippy::unwrap_used)]

use sluice_algorithms::{ConcurrencyPlan, Op, Plan, Status};
use sluice_memory::{Ask, Clock, Limit, MemoryEngine, Options, Stats, Verdict};
use std::sync::atomic::{AtomicU64, Ordering};

const START_US: u64 = 1_790_000_000_000_000;
const PLAN: Plan = Plan::Concurrency(ConcurrencyPlan { limit: 2.0, lease_us: 60e6 });

fn lease<C: Clock>(engine: &MemoryEngine<C>, limit: &Limit, op: Op, subject: &str) -> Verdict {
    let ask = Ask { op, lease_id: Some("holder"), ..Ask::consume(limit, subject, 1.0) };
    engine.decide_one(&ask).unwrap().0
}

#[test]
fn they_are_not_counted_and_go_before_any_other_when_there_is_no_room() {
    let engine = MemoryEngine::new(|| START_US as f64, Options { max_keys: 100, shards: 1 });
    let limit = engine.limit("leases", PLAN);
    let subjects: Vec<String> = (0..200).map(|subject| subject.to_string()).collect();
    let (early, late) = subjects.split_at(100);
    for subject in early {
        assert_eq!(lease(&engine, &limit, Op::Consume, subject).status, Status::Allowed);
    }
    let (released, held) = early.split_at(50);
    for subject in released {
        let told = lease(&engine, &limit, Op::Refund, subject);
        assert_eq!((told.granted, told.remaining, told.reset_us), (1.0, 2.0, 0.0));
    }
    assert_eq!(engine.stats(), Stats { keys: 50, evicted: 0 });

    let (one_more, others) = late.split_first().unwrap();
    for subject in others.iter().take(50) {
        lease(&engine, &limit, Op::Consume, subject);
    }
    assert_eq!(engine.stats(), Stats { keys: 100, evicted: 0 }, "those that were released made room");
    for subject in held {
        assert_eq!(lease(&engine, &limit, Op::Renew, subject).status, Status::Allowed, "none that was held had to go");
    }
    lease(&engine, &limit, Op::Consume, one_more);
    assert_eq!(engine.stats(), Stats { keys: 100, evicted: 1 });
}

#[test]
fn they_answer_as_keys_that_never_were() {
    let now_us = AtomicU64::new(START_US);
    let engine = MemoryEngine::new(|| now_us.load(Ordering::Relaxed) as f64, Options { max_keys: 1_000, shards: 1 });
    let limit = engine.limit("leases", PLAN);
    let all = [Op::Peek, Op::Grant, Op::Debit, Op::Refund, Op::Rollback, Op::Renew, Op::Reset, Op::Unblock, Op::Block];
    for (index, op) in all.into_iter().enumerate() {
        for pause_us in [0, 1_000, 100_000, 61_000_000] {
            let [released, new] = ["released", "new"].map(|name| format!("{name} {index} {pause_us}"));
            lease(&engine, &limit, Op::Consume, &released);
            lease(&engine, &limit, Op::Refund, &released);
            let keys = engine.stats().keys;
            now_us.fetch_add(pause_us, Ordering::Relaxed);
            let told = [&new, &released].map(|subject| lease(&engine, &limit, op, subject));
            assert_eq!(told[0], told[1], "{op:?} after {pause_us} us");
            // What a block is over for is as it was.
            now_us.fetch_add(2, Ordering::Relaxed);
            let told = [&new, &released].map(|subject| lease(&engine, &limit, Op::Consume, subject));
            assert_eq!(told[0], told[1], "after {op:?} after {pause_us} us");
            for subject in [&new, &released] {
                lease(&engine, &limit, Op::Reset, subject);
            }
            assert!(engine.stats().keys <= keys, "{op:?} left a key");
        }
    }
}
