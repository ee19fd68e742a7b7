//! What a check costs, against the keyed limiter of the `governor` crate in the same run: `cargo bench`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sluice_algorithms::{
    BucketPlan, FixedWindowPlan, GcraPlan, Op, Plan, QuotaPlan, SlidingCounterPlan, SlidingWindowPlan,
};
use sluice_memory::{Ask, MemoryEngine, Options};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Instant;

const SECOND_US: f64 = 1e6;
/// So high that nobody is refused, and the clock cannot catch up.
const PLENTY: u32 = 100_000_000;

/// `burst` at once, and a rate of `burst` an hour.
fn gcra(burst: f64) -> Plan {
    let interval = (8.0 * 3600.0 * SECOND_US / burst).ceil();
    Plan::Gcra(GcraPlan {
        interval,
        cap: burst * interval,
        burst,
        debt_cap: 2.0 * burst * interval,
        horizon: 2.0 * burst * interval,
        settle_us: 3600.0 * SECOND_US,
    })
}

fn other_plans() -> [(&'static str, Plan); 5] {
    let limit = f64::from(PLENTY);
    let window_us = 3600.0 * SECOND_US;
    let debt_limit = 2.0 * limit;
    [
        (
            "fixed_window",
            Plan::FixedWindow(FixedWindowPlan { limit, window_us, debt_limit, clock_anchored: false, offset_us: 0.0 }),
        ),
        (
            "token_bucket",
            Plan::TokenBucket(BucketPlan {
                burst: limit,
                debt_limit,
                drain_units: 1.0,
                drain_us: 36.0,
                empty_after_us: window_us,
                settle_us: window_us,
                shape: false,
            }),
        ),
        ("sliding_counter", Plan::SlidingCounter(SlidingCounterPlan { limit, window_us, debt_limit })),
        (
            "sliding_window",
            Plan::SlidingWindow(SlidingWindowPlan { limit, window_us, debt_limit, resolution_us: 3_515_625.0 }),
        ),
        (
            "quota",
            Plan::Quota(QuotaPlan {
                total: limit,
                period0_us: 0.0,
                period1_us: 2.5e15,
                period2_us: 2.6e15,
                spread: false,
                spread_burst: 0.0,
                debt_limit,
            }),
        ),
    ]
}

fn governor(burst: u32) -> DefaultKeyedRateLimiter<String> {
    RateLimiter::keyed(Quota::per_hour(NonZeroU32::new(burst).unwrap()))
}

fn subjects(count: usize) -> Vec<String> {
    // In an order that the memory has not.
    (0..count).map(|index| format!("user-{}", (index * 7_919) % count)).collect()
}

fn single_thread() -> Options {
    Options { max_keys: 2_000_000, shards: 1 }
}

fn keys(c: &mut Criterion) {
    for count in [1, 10_000, 1_000_000] {
        let mut group = c.benchmark_group(format!("{count} keys"));
        let subjects = subjects(count);
        let engine =
            MemoryEngine::new(sluice_memory::SystemClock, Options { max_keys: 2_000_000, ..Default::default() });
        let limit = engine.limit("bench", gcra(f64::from(PLENTY)));
        let rival = governor(PLENTY);
        for subject in &subjects {
            engine.decide_one(&Ask::consume(&limit, subject, 1.0)).unwrap();
            rival.check_key(subject).unwrap();
        }
        let mut at = 0;
        group.bench_function("sluice", |b| {
            b.iter(|| {
                at = if at + 1 == count { 0 } else { at + 1 };
                black_box(engine.decide_one(&Ask::consume(&limit, &subjects[at], 1.0)))
            });
        });
        group.bench_function("governor", |b| {
            b.iter(|| {
                at = if at + 1 == count { 0 } else { at + 1 };
                black_box(rival.check_key(&subjects[at]))
            });
        });
        group.finish();
    }
}

fn verdicts(c: &mut Criterion) {
    let subject = "user-1".to_owned();
    let mut group = c.benchmark_group("blocked");
    let engine = MemoryEngine::new(sluice_memory::SystemClock, single_thread());
    let limit = engine.limit("bench", gcra(5.0));
    let rival = governor(5);
    while rival.check_key(&subject).is_ok() {}
    engine.decide_one(&Ask::consume(&limit, &subject, 5.0)).unwrap();
    group.bench_function("sluice", |b| {
        b.iter(|| black_box(engine.decide_one(&Ask::consume(&limit, &subject, 1.0))));
    });
    group.bench_function("governor", |b| b.iter(|| black_box(rival.check_key(&subject))));
    group.finish();

    // At the limit: some pass, most do not.
    let mut group = c.benchmark_group("near the limit");
    let engine = MemoryEngine::new(sluice_memory::SystemClock, single_thread());
    let interval = 8.0;
    let busy = GcraPlan {
        interval,
        cap: 10.0 * interval,
        burst: 10.0,
        debt_cap: 20.0 * interval,
        horizon: 20.0 * interval,
        settle_us: 1.0,
    };
    let limit = engine.limit("busy", Plan::Gcra(busy));
    let rival: DefaultKeyedRateLimiter<String> = RateLimiter::keyed(
        Quota::with_period(std::time::Duration::from_micros(1)).unwrap().allow_burst(NonZeroU32::new(10).unwrap()),
    );
    group.bench_function("sluice", |b| {
        b.iter(|| black_box(engine.decide_one(&Ask::consume(&limit, &subject, 1.0))));
    });
    group.bench_function("governor", |b| b.iter(|| black_box(rival.check_key(&subject))));
    group.finish();
}

fn algorithms(c: &mut Criterion) {
    let mut group = c.benchmark_group("algorithms");
    let engine = MemoryEngine::new(sluice_memory::SystemClock, single_thread());
    for (name, plan) in other_plans() {
        let limit = engine.limit(name, plan);
        group.bench_function(name, |b| {
            b.iter(|| black_box(engine.decide_one(&Ask::consume(&limit, "user-1", 1.0))));
        });
    }
    let limit = engine.limit(
        "leaky_bucket",
        match other_plans()[1].1 {
            Plan::TokenBucket(plan) => Plan::LeakyBucket(plan),
            other => other,
        },
    );
    group.bench_function("leaky_bucket", |b| {
        b.iter(|| black_box(engine.decide_one(&Ask::consume(&limit, "user-1", 1.0))));
    });
    let limit = engine.limit(
        "concurrency",
        Plan::Concurrency(sluice_algorithms::ConcurrencyPlan { limit: 10.0, lease_us: 60.0 * SECOND_US }),
    );
    group.bench_function("concurrency, acquire and release", |b| {
        b.iter(|| {
            let ask = Ask { lease_id: Some("holder"), ..Ask::consume(&limit, "user-1", 1.0) };
            black_box(engine.decide_one(&ask)).unwrap();
            black_box(engine.decide_one(&Ask { op: Op::Refund, ..ask }))
        });
    });
    let rival = governor(PLENTY);
    let subject = "user-1".to_owned();
    group.bench_function("governor", |b| b.iter(|| black_box(rival.check_key(&subject))));
    group.finish();
}

fn dimensions(c: &mut Criterion) {
    let mut group = c.benchmark_group("dimensions in one call");
    let engine = MemoryEngine::new(sluice_memory::SystemClock, single_thread());
    let [user, tenant, tool] = ["user", "tenant", "tool"].map(|name| engine.limit(name, gcra(f64::from(PLENTY))));
    let asks =
        [Ask::consume(&user, "ada", 1.0), Ask::consume(&tenant, "acme", 1.0), Ask::consume(&tool, "search", 1.0)];
    group.bench_function("one", |b| b.iter(|| black_box(engine.decide(&asks[..1]))));
    group.bench_function("three", |b| b.iter(|| black_box(engine.decide(&asks))));
    group.finish();
}

fn contention(c: &mut Criterion) {
    let mut group = c.benchmark_group("threads on one key");
    for threads in [2, 4, 8] {
        let engine = MemoryEngine::default();
        let limit = engine.limit("bench", gcra(f64::from(PLENTY)));
        let rival = governor(PLENTY);
        let subject = "user-1".to_owned();
        group.bench_function(BenchmarkId::new("sluice", threads), |b| {
            b.iter_custom(|rounds| {
                together(threads, rounds, || {
                    black_box(engine.decide_one(&Ask::consume(&limit, &subject, 1.0))).ok();
                })
            });
        });
        group.bench_function(BenchmarkId::new("governor", threads), |b| {
            b.iter_custom(|rounds| {
                together(threads, rounds, || {
                    black_box(rival.check_key(&subject)).ok();
                })
            });
        });
    }
    group.finish();
}

/// The time that `rounds` calls take when the threads share them.
fn together(threads: u64, rounds: u64, call: impl Fn() + Sync) -> std::time::Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds.div_ceil(threads) {
                    call();
                }
            });
        }
    });
    start.elapsed()
}

criterion_group!(benches, keys, verdicts, algorithms, dimensions, contention);
criterion_main!(benches);
