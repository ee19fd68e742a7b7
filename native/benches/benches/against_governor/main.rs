//! What a check costs in this process, against the keyed limiter of the `governor` crate, in turns, in one run:
//! `cargo bench --bench against_governor`. A table of all ratios comes last; a filter such as `-- threads` runs a part.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod duel;
mod plans;

use criterion::Criterion;
use duel::{Arena, Expect, Goal};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use plans::{PLENTY, counting_plans, gcra, leases_of, refilled_each_us};
use sluice_algorithms::{Op, Status};
use sluice_memory::{Ask, CounterClock, MemoryEngine, Options};
use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

/// A power of two, so that the benchmark takes no division to go round.
const LEASES_MOST: usize = 8;

const AGAINST_GOVERNOR: Goal = Goal { most: 0.8, of: "governor" };

fn main() {
    let criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .sample_size(20)
        .configure_from_args();
    let mut arena = Arena::new(criterion);
    keys(&mut arena);
    refusals(&mut arena);
    algorithms(&mut arena);
    leases(&mut arena);
    dimensions(&mut arena);
    threads(&mut arena);
    arena.finish();
}

fn governor(burst: u32) -> DefaultKeyedRateLimiter<String> {
    RateLimiter::keyed(Quota::per_hour(NonZeroU32::new(burst).unwrap()))
}

fn engine() -> MemoryEngine {
    MemoryEngine::new(CounterClock::default(), Options { max_keys: 2_000_000, ..Default::default() })
}

/// Inline, as `check_key` is called without anything around it.
#[inline(always)]
fn passes(engine: &MemoryEngine, ask: &Ask<'_>) -> bool {
    engine.decide_one(black_box(ask)).is_ok_and(|(verdict, _)| verdict.status == Status::Allowed)
}

fn keys(arena: &mut Arena) {
    for count in [1, 10_000, 1_000_000] {
        // In an order that the memory has not.
        let subjects: Vec<String> = (0..count).map(|index| format!("user-{}", (index * 7_919) % count)).collect();
        let engine = engine();
        let limit = engine.limit("bench", gcra(PLENTY));
        let rival = governor(PLENTY);
        for subject in &subjects {
            assert!(passes(&engine, &Ask::consume(&limit, subject, 1.0)));
            assert!(rival.check_key(subject).is_ok());
        }
        let next = |at: &Cell<usize>| at.replace(if at.get() + 1 == count { 0 } else { at.get() + 1 });
        let (ours_at, rival_at) = (Cell::new(0), Cell::new(0));
        arena.duel(
            &if count == 1 { "one key".to_owned() } else { format!("{count} keys") },
            (Expect::Passes, AGAINST_GOVERNOR),
            || passes(&engine, &Ask::consume(&limit, &subjects[next(&ours_at)], 1.0)),
            || rival.check_key(black_box(&subjects[next(&rival_at)])).is_ok(),
        );
    }
}

fn refusals(arena: &mut Arena) {
    let subject = "user-1".to_owned();
    let engine = engine();

    let limit = engine.limit("exhausted", gcra(5));
    let rival = governor(5);
    while rival.check_key(&subject).is_ok() {}
    assert!(passes(&engine, &Ask::consume(&limit, &subject, 5.0)));
    arena.duel(
        "refused",
        (Expect::Refuses, AGAINST_GOVERNOR),
        || passes(&engine, &Ask::consume(&limit, &subject, 1.0)),
        || rival.check_key(black_box(&subject)).is_ok(),
    );

    let limit = engine.limit("busy", refilled_each_us(10));
    let quota = Quota::with_period(Duration::from_micros(1)).unwrap().allow_burst(NonZeroU32::new(10).unwrap());
    let rival: DefaultKeyedRateLimiter<String> = RateLimiter::keyed(quota);
    arena.duel(
        "at the limit: some pass, most do not",
        (Expect::Either, AGAINST_GOVERNOR),
        || passes(&engine, &Ask::consume(&limit, &subject, 1.0)),
        || rival.check_key(black_box(&subject)).is_ok(),
    );
}

fn algorithms(arena: &mut Arena) {
    let engine = engine();
    let rival = governor(PLENTY);
    let subject = "user-1".to_owned();
    let rival_passes = || rival.check_key(black_box(&subject)).is_ok();
    for (name, plan) in counting_plans() {
        let limit = engine.limit(name, plan);
        let ask = Ask::consume(&limit, &subject, 1.0);
        arena.duel(name, (Expect::Passes, AGAINST_GOVERNOR), || passes(&engine, &ask), rival_passes);
    }
}

/// An acquire is a call, and a release is one: each pair of them against two calls of the rival.
fn leases(arena: &mut Arena) {
    let engine = engine();
    let rival = governor(PLENTY);
    let subject = "user-1".to_owned();
    let rival_passes_twice =
        || rival.check_key(black_box(&subject)).is_ok() && rival.check_key(black_box(&subject)).is_ok();
    let ids: Vec<String> = (0..LEASES_MOST).map(|index| format!("holder-{index}")).collect();
    // How many others hold, and whether the oldest of them is released instead of the one just acquired.
    for (name, others, is_oldest) in [
        ("leases, acquire and release beside another, against two", 1, false),
        ("leases, acquire one and release the oldest of four, against two", 3, true),
        ("leases, acquire and release by the only holder, against two", 0, false),
    ] {
        let limit = engine.limit(name, leases_of(LEASES_MOST));
        let asks = |op: Op| {
            let ask = |id| Ask { op, lease_id: Some(id), ..Ask::consume(&limit, &subject, 1.0) };
            ids.iter().map(|id| ask(id.as_str())).collect::<Vec<_>>()
        };
        let (acquires, releases) = (asks(Op::Consume), asks(Op::Refund));
        assert!(acquires[..others].iter().all(|ask| passes(&engine, ask)));
        let at = Cell::new(others);
        let pair = || {
            let acquired = at.get();
            if !is_oldest {
                return (acquired, acquired);
            }
            at.set((acquired + 1) % LEASES_MOST);
            (acquired, (acquired + LEASES_MOST - others) % LEASES_MOST)
        };
        arena.duel(
            name,
            (Expect::Passes, AGAINST_GOVERNOR),
            || {
                let (acquired, released) = pair();
                passes(&engine, &acquires[acquired]) && passes(&engine, &releases[released])
            },
            rival_passes_twice,
        );
    }

    let limit = engine.limit("leases, refused", leases_of(LEASES_MOST));
    let ask = Ask { lease_id: Some("another"), ..Ask::consume(&limit, &subject, 1.0) };
    for id in &ids {
        assert!(passes(&engine, &Ask { lease_id: Some(id), ..ask }));
    }
    let rival = governor(5);
    while rival.check_key(&subject).is_ok() {}
    arena.duel(
        "leases, refused beside eight others",
        (Expect::Refuses, AGAINST_GOVERNOR),
        || passes(&engine, &ask),
        || rival.check_key(black_box(&subject)).is_ok(),
    );
}

fn dimensions(arena: &mut Arena) {
    let engine = engine();
    let [user, tenant, tool] = ["user", "tenant", "tool"].map(|name| engine.limit(name, gcra(PLENTY)));
    let asks =
        [Ask::consume(&user, "ada", 1.0), Ask::consume(&tenant, "acme", 1.0), Ask::consume(&tool, "search", 1.0)];
    let all_pass = |asks: &[Ask<'_>]| {
        engine
            .decide(black_box(asks))
            .as_ref()
            .is_ok_and(|outcome| outcome.checks.iter().all(|told| told.status == Status::Allowed))
    };
    let rivals = [governor(PLENTY), governor(PLENTY), governor(PLENTY)];
    let subjects = ["ada", "acme", "search"].map(str::to_owned);
    arena.duel(
        "three dimensions in one call, against three calls",
        (Expect::Passes, AGAINST_GOVERNOR),
        || all_pass(&asks),
        || rivals.iter().zip(&subjects).all(|(rival, subject)| rival.check_key(black_box(subject)).is_ok()),
    );
    arena.duel(
        "three dimensions in one call, against one dimension",
        (Expect::Passes, Goal { most: 2.5, of: "one dimension" }),
        || all_pass(&asks),
        || all_pass(&asks[..1]),
    );
}

fn threads(arena: &mut Arena) {
    let subject = "user-1".to_owned();
    for threads in [2, 4, 8] {
        let engine = engine();
        let limit = engine.limit("bench", gcra(PLENTY));
        let rival = governor(PLENTY);
        arena.duel_of_threads(
            &format!("{threads} threads on one key"),
            threads,
            AGAINST_GOVERNOR,
            || passes(&engine, &Ask::consume(&limit, &subject, 1.0)),
            || rival.check_key(black_box(&subject)).is_ok(),
        );
    }
}
