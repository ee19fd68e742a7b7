//! The golden stories of `test/vectors`, told through a real server: answers and stored bytes.

use crate::server::RedisServer;
use crate::support::engine_of;
use serde::Deserialize;
use sluice_algorithms::{Op, PLAN_ROW_LENGTH, Plan};
use sluice_redis::Ask;
use std::collections::HashMap;
use std::path::Path;

#[derive(Deserialize)]
struct VectorFile {
    plans: HashMap<String, NamedPlan>,
    stories: Vec<Story>,
}

#[derive(Deserialize)]
struct NamedPlan {
    plan: PlanFields,
}

#[derive(Deserialize)]
struct PlanFields {
    algorithm: String,
    #[serde(flatten)]
    numbers: HashMap<String, f64>,
}

#[derive(Deserialize)]
struct Story {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    now_us: f64,
    plan: Option<String>,
    op: String,
    n: f64,
    #[serde(default)]
    at: f64,
    lease: Option<String>,
    expect: Expected,
    state: Option<StoredState>,
    why: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Expected {
    status: String,
    granted: f64,
    remaining: f64,
    wait_us: f64,
    reset_us: f64,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum StoredState {
    Text(String),
    Numbers(Vec<f64>),
}

impl PlanFields {
    fn compile(&self) -> Plan {
        let bucket = ["burst", "debtLimit", "drainUnits", "drainUs", "emptyAfterUs", "settleUs", "shape"];
        let (code, fields): (f64, &[&str]) = match self.algorithm.as_str() {
            "gcra" => (1.0, &["interval", "cap", "burst", "debtCap", "horizon", "settleUs"]),
            "fixed_window" => (2.0, &["limit", "windowUs", "debtLimit", "clockAnchored", "offsetUs"]),
            "token_bucket" => (3.0, &bucket),
            "leaky_bucket" => (4.0, &bucket),
            "sliding_counter" => (5.0, &["limit", "windowUs", "debtLimit"]),
            "sliding_window" => (6.0, &["limit", "windowUs", "debtLimit", "resolutionUs"]),
            "quota" => (7.0, &["total", "period0Us", "period1Us", "period2Us", "spread", "spreadBurst", "debtLimit"]),
            "concurrency" => (8.0, &["limit", "leaseUs"]),
            other => panic!("no algorithm {other}"),
        };
        let mut row = [0.0; PLAN_ROW_LENGTH];
        row[0] = code;
        for (place, field) in row[1..].iter_mut().zip(fields) {
            *place = self.numbers[*field];
        }
        Plan::from_row(&row).unwrap()
    }
}

fn op(name: &str) -> Op {
    Op::ALL.into_iter().find(|op| format!("{op:?}").to_lowercase() == name).unwrap_or_else(|| panic!("no op {name}"))
}

/// What is stored, as a story writes it.
fn stored(server: &RedisServer, key: &str, plan: &Plan) -> Vec<u8> {
    if matches!(plan, Plan::Concurrency(_)) {
        let members: Vec<String> = server.run(&["ZRANGE", key, "0", "-1", "WITHSCORES"]);
        let texts: Vec<String> = members.chunks(2).map(|pair| pair.join(" ")).collect();
        return texts.join(" ").into_bytes();
    }
    server.raw(key).unwrap_or_default()
}

fn bytes_of(state: &StoredState) -> Vec<u8> {
    match state {
        StoredState::Text(text) => text.clone().into_bytes(),
        StoredState::Numbers(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stories_are_told_alike_by_a_real_server() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let mut told = 0;
    for file in [
        "gcra",
        "fixed-window",
        "token-bucket",
        "leaky-bucket",
        "sliding-counter",
        "sliding-window",
        "quota",
        "concurrency",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../test/vectors/{file}.json"));
        let vectors: VectorFile = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for (number, story) in vectors.stories.iter().enumerate() {
            let key = format!("vectors:{file}:{number}");
            let mut plan = None;
            let mut expected_state = Vec::new();
            for step in &story.steps {
                plan = step.plan.as_ref().map(|name| vectors.plans[name].plan.compile()).or(plan);
                let plan = plan.as_ref().expect("the first step of a story names its plan");
                let place = format!("{file}: {}: {}", story.name, step.why);
                let ask =
                    Ask { key: &key, plan, op: op(&step.op), n: step.n, at: step.at, lease_id: step.lease.as_deref() };
                let outcome = engine.decide_at(step.now_us, &[ask]).await.unwrap();
                let verdict = outcome.checks[0];
                let Expected { status, granted, remaining, wait_us, reset_us } = &step.expect;
                assert_eq!(format!("{:?}", verdict.status).to_lowercase(), status.to_lowercase(), "{place}");
                assert_eq!(
                    (verdict.granted, verdict.remaining, verdict.wait_us, verdict.reset_us),
                    (*granted, *remaining, *wait_us, *reset_us),
                    "{place}"
                );
                expected_state = step.state.as_ref().map(bytes_of).unwrap_or(expected_state);
                assert_eq!(stored(&server, &key, plan), expected_state, "{place}");
                told += 1;
            }
        }
    }
    assert!(told > 300, "only {told} steps were told");
    engine.close().await;
}
