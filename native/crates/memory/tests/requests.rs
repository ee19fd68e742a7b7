//! The engine against a model that keeps whole states by key: any requests, at any times, answer the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use sluice_algorithms::{
    BucketPlan, Check, ConcurrencyPlan, FixedWindowPlan, GcraPlan, Op, Plan, SlidingCounterPlan, SlidingWindowPlan,
    State, Status, Step, Write, decide,
};
use sluice_memory::{Ask, MemoryEngine, Options, Verdict};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

const START_US: u64 = 1_790_000_000_000_000;
const SECOND_US: f64 = 1e6;

fn plans() -> Vec<(&'static str, Plan)> {
    let bucket = BucketPlan {
        burst: 5.0,
        debt_limit: 10.0,
        drain_units: 1.0,
        drain_us: 200_000.0,
        empty_after_us: 2.0 * SECOND_US,
        settle_us: SECOND_US,
        shape: false,
    };
    vec![
        (
            "gcra",
            Plan::Gcra(GcraPlan {
                interval: 1_600_000.0,
                cap: 8_000_000.0,
                burst: 5.0,
                debt_cap: 16_000_000.0,
                horizon: 16_000_000.0,
                settle_us: SECOND_US,
            }),
        ),
        (
            "fixed",
            Plan::FixedWindow(FixedWindowPlan {
                limit: 5.0,
                window_us: SECOND_US,
                debt_limit: 10.0,
                clock_anchored: false,
                offset_us: 0.0,
            }),
        ),
        ("bucket", Plan::TokenBucket(bucket)),
        ("shaped", Plan::LeakyBucket(BucketPlan { shape: true, ..bucket })),
        ("counter", Plan::SlidingCounter(SlidingCounterPlan { limit: 5.0, window_us: SECOND_US, debt_limit: 10.0 })),
        (
            "window",
            Plan::SlidingWindow(SlidingWindowPlan {
                limit: 5.0,
                window_us: SECOND_US,
                debt_limit: 10.0,
                resolution_us: 1.0,
            }),
        ),
        ("leases", Plan::Concurrency(ConcurrencyPlan { limit: 3.0, lease_us: SECOND_US })),
    ]
}

/// What a request asks, with its limit and subject by number.
#[derive(Clone, Debug)]
struct Asked {
    limit: usize,
    subject: usize,
    op: Op,
    n: f64,
    age_us: Option<u32>,
    lease: usize,
}

const SUBJECTS: [&str; 3] = ["ada", "", "a subject that is far too long to stand in a slot of one cache line"];
const LEASES: [&str; 2] = ["one", "two"];

fn asked() -> impl Strategy<Value = Asked> {
    let op = prop_oneof![
        8 => Just(Op::Consume),
        2 => Just(Op::Peek),
        2 => Just(Op::Grant),
        1 => Just(Op::Debit),
        1 => Just(Op::Refund),
        1 => Just(Op::Rollback),
        1 => Just(Op::Renew),
        1 => Just(Op::Reset),
        1 => Just(Op::Block),
        1 => Just(Op::Unblock),
    ];
    let n = prop_oneof![6 => (1_u32..4).prop_map(f64::from), 1 => Just(7.0), 1 => Just(0.5)];
    (0..plans().len(), 0..SUBJECTS.len(), op, n, proptest::option::of(0_u32..2_000_000), 0..LEASES.len())
        .prop_map(|(limit, subject, op, n, age_us, lease)| Asked { limit, subject, op, n, age_us, lease })
}

/// Single requests, and requests of several checks, after pauses of all lengths.
fn history() -> impl Strategy<Value = Vec<(u64, Vec<Asked>)>> {
    let pause = prop_oneof![3 => Just(0), 3 => 0_u64..300_000, 1 => 0_u64..40_000_000];
    let request = prop_oneof![proptest::collection::vec(asked(), 1), proptest::collection::vec(asked(), 2..6)];
    proptest::collection::vec((pause, request), 1..60)
}

#[derive(Clone, Debug, Default)]
struct ModelKey {
    state: State,
    state_end_us: f64,
    blocked_until_us: f64,
}

type Model = HashMap<(usize, usize), ModelKey>;

fn model_step(key: &mut ModelKey, plan: &Plan, check: Check, lease: &str) -> Step {
    if !(check.n >= 1.0 && check.n.fract() == 0.0) {
        return Step::failed(Status::BadCheck);
    }
    if key.blocked_until_us > check.now && matches!(check.op, Op::Look | Op::Consume | Op::Peek | Op::Grant) {
        let wait_us = key.blocked_until_us - check.now;
        return Step { wait_us, reset_us: wait_us, ..Step::failed(Status::Blocked) };
    }
    if key.state_end_us <= check.now {
        key.state = State::Absent;
    }
    let step = decide(&mut key.state, plan, check, Some(lease));
    if let Write::Expire(ttl_us) = step.write {
        key.state_end_us = check.now + ttl_us;
    }
    step
}

fn model_decide(model: &mut Model, plans: &[(&str, Plan)], request: &[Asked], now: f64) -> Vec<Verdict> {
    let ats: Vec<f64> = request.iter().map(|asked| asked.age_us.map_or(0.0, |age| now - f64::from(age))).collect();
    let run = |model: &mut Model, looking: bool| -> Vec<Step> {
        let each = request.iter().zip(&ats).map(|(asked, at)| {
            let whole = matches!(asked.op, Op::Reset | Op::Block | Op::Unblock);
            if whole && !looking {
                return Step::failed(Status::BadCheck);
            }
            let op = if looking && asked.op != Op::Peek { Op::Look } else { asked.op };
            let key = model.entry((asked.limit, asked.subject)).or_default();
            let check = Check { op, n: asked.n, at: *at, now };
            model_step(key, &plans[asked.limit].1, check, LEASES[asked.lease])
        });
        each.collect()
    };
    if let [asked] = request
        && matches!(asked.op, Op::Reset | Op::Block | Op::Unblock)
    {
        let key = model.entry((asked.limit, asked.subject)).or_default();
        let mut looked = ModelKey { blocked_until_us: 0.0, ..key.clone() };
        let check = Check { op: Op::Look, n: asked.n, at: 0.0, now };
        let step = model_step(&mut looked, &plans[asked.limit].1, check, LEASES[asked.lease]);
        if step.status == Status::Allowed {
            match asked.op {
                Op::Reset => *key = ModelKey::default(),
                Op::Block => key.blocked_until_us = now + asked.n,
                _ => key.blocked_until_us = 0.0,
            }
        }
        return vec![step.into()];
    }
    let mut tentative = model.clone();
    let steps = run(&mut tentative, false);
    let mut verdicts: Vec<Verdict> = steps.into_iter().map(Verdict::from).collect();
    let failed = verdicts.iter().any(|verdict| (verdict.status as i8) < 0);
    let refused = verdicts.iter().zip(request).any(|(verdict, asked)| {
        matches!(verdict.status, Status::Denied | Status::Blocked) && !matches!(asked.op, Op::Peek | Op::Look)
    });
    if !(failed || (refused && request.len() > 1)) {
        *model = tentative;
        return verdicts;
    }
    if request.len() == 1 {
        return verdicts;
    }
    let mut looked = model.clone();
    let looks = run(&mut looked, true);
    if !failed {
        *model = looked;
    }
    for (verdict, look) in verdicts.iter_mut().zip(looks) {
        if (verdict.status as i8) < 0 {
            continue;
        }
        verdict.granted = 0.0;
        verdict.remaining = look.remaining;
        verdict.reset_us = look.reset_us;
        if verdict.status == Status::Allowed {
            verdict.wait_us = 0.0;
        }
    }
    verdicts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_history_of_requests_answers_as_the_model_does(history in history(), shards in 1_usize..5) {
        let now_us = AtomicU64::new(START_US);
        let clock = || now_us.load(Ordering::Relaxed) as f64;
        let engine = MemoryEngine::new(clock, Options { max_keys: 10_000, shards });
        let plans = plans();
        let limits: Vec<_> = plans.iter().map(|(name, plan)| engine.limit(name, *plan)).collect();
        let mut model = Model::new();
        for (pause_us, request) in history {
            let now = (now_us.fetch_add(pause_us, Ordering::Relaxed) + pause_us) as f64;
            let asks: Vec<Ask<'_>> = request
                .iter()
                .map(|asked| Ask {
                    limit: &limits[asked.limit],
                    plan: None,
                    subject: SUBJECTS[asked.subject],
                    op: asked.op,
                    n: asked.n,
                    at: asked.age_us.map_or(0.0, |age| now - f64::from(age)),
                    lease_id: Some(LEASES[asked.lease]),
                })
                .collect();
            let told = engine.decide(&asks).unwrap();
            let expected = model_decide(&mut model, &plans, &request, now);
            prop_assert_eq!(told.checks.as_slice(), expected.as_slice(), "{:?}", request);
        }
    }
}

#[test]
fn a_full_engine_lets_go_of_what_ends_first_and_refuses_nobody() {
    let now_us = Cell::new(0).get() + START_US;
    let engine = MemoryEngine::new(move || now_us as f64, Options { max_keys: 100, shards: 1 });
    let (_, gcra) = plans()[0];
    let limit = engine.limit("gcra", gcra);
    for subject in 0..100 {
        let units = if subject < 50 { 5.0 } else { 1.0 };
        engine.decide_one(&Ask::consume(&limit, &format!("subject {subject}"), units)).unwrap();
    }
    for subject in 100..150 {
        engine.decide_one(&Ask::consume(&limit, &format!("subject {subject}"), 1.0)).unwrap();
    }
    assert_eq!(engine.stats().evicted, 50);
    assert_eq!(engine.stats().keys, 100);
    for subject in 0..50 {
        let ask = format!("subject {subject}");
        let (verdict, _) = engine.decide_one(&Ask::consume(&limit, &ask, 1.0)).unwrap();
        assert_eq!(verdict.status, Status::Denied, "a subject that is being refused is not forgotten");
    }
}

#[test]
fn keys_that_have_ended_make_room_by_the_calls_that_come_later() {
    let now_us = AtomicU64::new(START_US);
    let engine =
        MemoryEngine::new(|| now_us.load(Ordering::Relaxed) as f64, Options { max_keys: 1_000_000, shards: 4 });
    let limit = engine.limit("fixed", plans()[1].1);
    for subject in 0..10_000 {
        engine.decide_one(&Ask::consume(&limit, &subject.to_string(), 1.0)).unwrap();
    }
    now_us.fetch_add(10_000_000, Ordering::Relaxed);
    for _ in 0..20_000 {
        engine.decide_one(&Ask::consume(&limit, "ada", 1.0)).unwrap();
        engine.decide_one(&Ask::consume(&limit, "bob", 1.0)).unwrap();
        engine.decide_one(&Ask::consume(&limit, "cleo", 1.0)).unwrap();
        engine.decide_one(&Ask::consume(&limit, "dora", 1.0)).unwrap();
        engine.decide_one(&Ask::consume(&limit, "eve", 1.0)).unwrap();
    }
    assert!(engine.stats().keys < 5_100, "{:?}", engine.stats());
    assert_eq!(engine.stats().evicted, 0);
}

#[test]
fn subjects_of_any_length_have_a_count_of_their_own() {
    let engine = MemoryEngine::new(|| START_US as f64, Options { max_keys: 10_000, shards: 2 });
    let (name, plan) = plans().remove(0);
    let limit = engine.limit(name, plan);
    // Those of one length differ in one place.
    let subjects: Vec<String> = (0..80_usize)
        .flat_map(|length| {
            let others =
                (0..length).map(move |place| format!("{}b{}", "a".repeat(place), "a".repeat(length - place - 1)));
            others.chain(["a".repeat(length)])
        })
        .collect();
    for taken in 1..=5 {
        for subject in &subjects {
            let (verdict, _) = engine.decide_one(&Ask::consume(&limit, subject, 1.0)).unwrap();
            assert_eq!((verdict.status, verdict.remaining), (Status::Allowed, f64::from(5 - taken)), "{subject}");
        }
    }
    for subject in &subjects {
        let refused = engine.decide(&[Ask::consume(&limit, subject, 1.0), Ask::consume(&limit, "other", 1.0)]).unwrap();
        assert_eq!(refused.checks[0].status, Status::Denied, "{subject}");
        assert_eq!((refused.checks[1].status, refused.checks[1].granted), (Status::Allowed, 0.0), "{subject}");
    }
    assert_eq!(engine.stats().keys, subjects.len());
}

#[test]
fn threads_together_admit_what_the_limit_allows_and_no_more() {
    let engine = MemoryEngine::new(|| START_US as f64, Options::default());
    let limit = engine.limit(
        "fixed",
        Plan::FixedWindow(FixedWindowPlan {
            limit: 10_000.0,
            window_us: SECOND_US,
            debt_limit: 20_000.0,
            clock_anchored: false,
            offset_us: 0.0,
        }),
    );
    let admitted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let asks = [Ask::consume(&limit, "ada", 1.0), Ask::consume(&limit, "bob", 1.0)];
                    let outcome = engine.decide(&asks).unwrap();
                    if outcome.checks.iter().all(|verdict| verdict.status == Status::Allowed) {
                        admitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 10_000);
}
