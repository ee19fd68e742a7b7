//! Long walks of random checks: the server says what the pure arithmetic of this workspace says.

use crate::server::RedisServer;
use crate::support::{engine_of, statuses};
use fastrand::Rng;
use sluice_algorithms::{Check, Op, PLAN_ROW_LENGTH, Plan, State, Status, decide};
use sluice_redis::{Ask, RedisEngine, Verdict};

const STEPS: usize = 250;
const START_US: f64 = 1_790_000_000_000_000.0;

/// Rows whose limits are met often by the walk below.
const PLANS: [[f64; PLAN_ROW_LENGTH]; 8] = [
    [1.0, 1_600_000.0, 8_000_000.0, 5.0, 16_000_000.0, 16_000_000.0, 1_000_000.0, 0.0],
    [2.0, 5.0, 1_000_000.0, 10.0, 0.0, 0.0, 0.0, 0.0],
    [3.0, 7.0, 14.0, 7.0, 3_000_000.0, 6_000_002.0, 3_000_000.0, 0.0],
    [4.0, 7.0, 14.0, 7.0, 3_000_000.0, 6_000_002.0, 3_000_000.0, 1.0],
    [5.0, 5.0, 1_000_000.0, 10.0, 0.0, 0.0, 0.0, 0.0],
    [6.0, 5.0, 1_000_000.0, 10.0, 1.0, 0.0, 0.0, 0.0],
    [7.0, 50.0, START_US - 1e6, START_US + 3e7, START_US + 6e7, 1.0, 5.0, 100.0],
    [8.0, 5.0, 2_000_000.0, 0.0, 0.0, 0.0, 0.0, 0.0],
];

async fn walk(engine: &RedisEngine, plan: Plan, rng: &mut Rng) {
    let key = format!("walk:{:?}", plan.row());
    let mut state = State::default();
    let mut now = START_US;
    let mut earlier = START_US;
    for step in 0..STEPS {
        now += [0.0, 1.0, 999.0, 150_000.0, 200_000.0, 1_100_000.0][rng.usize(..6)];
        let op = [Op::Consume, Op::Consume, Op::Consume, Op::Peek, Op::Grant, Op::Debit, Op::Refund, Op::Rollback]
            [rng.usize(..8)];
        let n = f64::from(rng.u32(1..=8));
        let takes_back = matches!(op, Op::Refund | Op::Rollback);
        let at = if takes_back && !matches!(plan, Plan::Concurrency(_)) { earlier } else { 0.0 };
        let lease = ["ada", "bob", "eve"][rng.usize(..3)];
        let lease_id = matches!(plan, Plan::Concurrency(_)).then_some(lease);

        let expected = decide(&mut state, &plan, Check { op, n, at, now }, lease_id);
        let told = engine.decide_at(now, &[Ask { key: &key, plan: &plan, op, n, at, lease_id }]).await.unwrap();
        let expected = Verdict {
            status: expected.status,
            granted: expected.granted,
            remaining: expected.remaining,
            wait_us: expected.wait_us,
            reset_us: expected.reset_us,
            now_us: now,
        };
        assert_eq!(told.checks[..], [expected], "step {step}: {op:?} {n} at {at} of {lease_id:?} by {plan:?}");
        if op == Op::Consume && expected.status == Status::Allowed {
            earlier = now;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_decides_as_its_pure_twin() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    for row in PLANS {
        walk(&engine, Plan::from_row(&row).unwrap(), &mut rng).await;
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_all_or_nothing() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let [wide, narrow] = [10.0, 1.0].map(crate::support::counter);
    let request = [Ask::consume("wide", &wide, 1.0), Ask::consume("narrow", &narrow, 1.0)];
    assert_eq!(statuses(&engine.decide(&request).await.unwrap()), [Status::Allowed; 2]);
    let refused = engine.decide(&request).await.unwrap();
    assert_eq!(statuses(&refused), [Status::Allowed, Status::Denied]);
    assert_eq!((refused.checks[0].granted, refused.checks[0].remaining), (0.0, 9.0));
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_check_harms_nobody_else() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let plan = crate::support::counter(10.0);
    let () = server.run(&["LPUSH", "list", "1"]);
    let () = server.run(&["SET", "text", "not a state"]);
    let wrong = [
        Ask::consume("list", &plan, 1.0),
        Ask::consume("text", &plan, 1.0),
        Ask::consume("whole", &plan, 0.5),
        Ask::consume("whole", &plan, f64::NAN),
        Ask::consume("whole", &plan, f64::INFINITY),
        Ask::consume("whole", &plan, 11.0),
    ];
    let calls = wrong.iter().map(|ask| engine.decide(std::slice::from_ref(ask)));
    let answers = futures_util::future::join_all(calls).await;
    let told: Vec<Status> = answers.iter().map(|answer| answer.as_ref().unwrap().checks[0].status).collect();
    let bad = Status::BadCheck;
    assert_eq!(told, [Status::WrongType, Status::ForeignValue, bad, bad, bad, Status::Impossible]);

    let mut row = plan.row();
    row[2] = f64::NAN;
    let broken = Plan::from_row(&row).unwrap();
    let error = engine.decide(&[Ask::consume("whole", &broken, 1.0)]).await.unwrap_err();
    assert_eq!(error.code(), "ERR_SLUICE_CHECK");
    assert_eq!(engine.decide(&[]).await.unwrap_err().code(), "ERR_SLUICE_CHECK");
    assert_eq!(engine.decide(&[wrong[0]; 17]).await.unwrap_err().code(), "ERR_SLUICE_CHECK");
    assert!(engine.decide_at(5.0, &wrong[..1]).await.unwrap_err().to_string().contains("1985"));
    engine.close().await;
}
