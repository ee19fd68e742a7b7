//! The golden stories of `test/vectors`, which the Lua scripts and the TypeScript tell too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde::Deserialize;
use sluice_algorithms::{
    BucketPlan, Check, ConcurrencyPlan, FixedWindowPlan, GcraPlan, Op, Plan, QuotaPlan, SlidingCounterPlan,
    SlidingWindowPlan, State, Status, Write, decide,
};
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
    steps: Vec<StoryStep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoryStep {
    now_us: f64,
    plan: Option<String>,
    op: String,
    n: f64,
    #[serde(default)]
    at: f64,
    lease: Option<String>,
    expect: Expected,
    state: Option<StoredState>,
    ttl_ms: Option<f64>,
    why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Expected {
    status: String,
    granted: f64,
    remaining: f64,
    wait_us: f64,
    reset_us: f64,
}

#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(untagged)]
enum StoredState {
    Text(String),
    Numbers(Vec<f64>),
}

impl PlanFields {
    fn compile(&self) -> Plan {
        let get = |name: &str| self.numbers[name];
        let bucket = || BucketPlan {
            burst: get("burst"),
            debt_limit: get("debtLimit"),
            drain_units: get("drainUnits"),
            drain_us: get("drainUs"),
            empty_after_us: get("emptyAfterUs"),
            settle_us: get("settleUs"),
            shape: get("shape") == 1.0,
        };
        match self.algorithm.as_str() {
            "gcra" => Plan::Gcra(GcraPlan {
                interval: get("interval"),
                cap: get("cap"),
                burst: get("burst"),
                debt_cap: get("debtCap"),
                horizon: get("horizon"),
                settle_us: get("settleUs"),
            }),
            "fixed_window" => Plan::FixedWindow(FixedWindowPlan {
                limit: get("limit"),
                window_us: get("windowUs"),
                debt_limit: get("debtLimit"),
                clock_anchored: get("clockAnchored") == 1.0,
                offset_us: get("offsetUs"),
            }),
            "token_bucket" => Plan::TokenBucket(bucket()),
            "leaky_bucket" => Plan::LeakyBucket(bucket()),
            "sliding_counter" => Plan::SlidingCounter(SlidingCounterPlan {
                limit: get("limit"),
                window_us: get("windowUs"),
                debt_limit: get("debtLimit"),
            }),
            "sliding_window" => Plan::SlidingWindow(SlidingWindowPlan {
                limit: get("limit"),
                window_us: get("windowUs"),
                debt_limit: get("debtLimit"),
                resolution_us: get("resolutionUs"),
            }),
            "quota" => Plan::Quota(QuotaPlan {
                total: get("total"),
                period0_us: get("period0Us"),
                period1_us: get("period1Us"),
                period2_us: get("period2Us"),
                spread: get("spread") == 1.0,
                spread_burst: get("spreadBurst"),
                debt_limit: get("debtLimit"),
            }),
            "concurrency" => Plan::Concurrency(ConcurrencyPlan { limit: get("limit"), lease_us: get("leaseUs") }),
            other => panic!("no algorithm {other}"),
        }
    }
}

fn op(name: &str) -> Op {
    let camel = |op: &Op| format!("{op:?}").to_lowercase();
    Op::ALL.into_iter().find(|op| camel(op) == name).unwrap_or_else(|| panic!("no op {name}"))
}

fn status(name: &str) -> Status {
    match name {
        "denied" => Status::Denied,
        "allowed" => Status::Allowed,
        "blocked" => Status::Blocked,
        "impossible" => Status::Impossible,
        "stalePlan" => Status::StalePlan,
        "badCheck" => Status::BadCheck,
        other => panic!("no status {other}"),
    }
}

/// The state as a story writes it.
fn stored(key: &State) -> StoredState {
    let numbers: &[f64] = match key {
        State::Absent => return StoredState::Text(String::new()),
        State::Gcra([ticks]) => return StoredState::Text(ticks.to_string()),
        State::Concurrency(leases) => {
            let mut members: Vec<(f64, String)> = leases
                .leases()
                .flat_map(|lease| {
                    (0..lease.units as u32).map(move |unit| (lease.end_us, format!("{unit}:{}", lease.id)))
                })
                .collect();
            members.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            let texts: Vec<String> = members.iter().map(|(end_us, member)| format!("{member} {end_us}")).collect();
            return StoredState::Text(texts.join(" "));
        }
        State::FixedWindow(numbers) | State::Quota(numbers) => numbers,
        State::Bucket(numbers) => numbers,
        State::SlidingCounter(numbers) => numbers,
        State::SlidingWindow(log) => return StoredState::Numbers(log.numbers()),
    };
    StoredState::Numbers(numbers.to_vec())
}

fn tell(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/vectors").join(file);
    let vectors: VectorFile = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!vectors.stories.is_empty());
    for story in &vectors.stories {
        let mut key = State::default();
        let mut plan = None;
        let mut expected_state = StoredState::Text(String::new());
        for step in &story.steps {
            if let Some(name) = &step.plan {
                plan = Some(vectors.plans[name].plan.compile());
            }
            let plan = plan.as_ref().expect("the first step of a story names its plan");
            let place = format!("{file}: {}: {}", story.name, step.why);
            let asked = op(&step.op);
            let forgets = asked == Op::Reset;
            let check = Check { op: if forgets { Op::Look } else { asked }, n: step.n, at: step.at, now: step.now_us };
            let mut tentative = key.clone();
            let told = decide(&mut tentative, plan, check, step.lease.as_deref());
            if forgets && told.status == Status::Allowed {
                key = State::Absent;
            } else if told.write != Write::None {
                key = tentative;
            }

            let Expected { granted, remaining, wait_us, reset_us, .. } = step.expect;
            assert_eq!(told.status, status(&step.expect.status), "{place}");
            assert_eq!(
                (told.granted, told.remaining, told.wait_us, told.reset_us),
                (granted, remaining, wait_us, reset_us),
                "{place}"
            );
            if let Some(state) = &step.state {
                expected_state = state.clone();
            }
            assert_eq!(stored(&key), expected_state, "{place}");
            let life_ms = match told.write {
                Write::Expire(ttl_us) if !forgets => Some((ttl_us / 1000.0).ceil()),
                _ => None,
            };
            assert_eq!(life_ms, step.ttl_ms, "{place}");
        }
    }
}

macro_rules! stories {
    ($($name:ident: $file:literal,)*) => {
        $(#[test] fn $name() { tell($file); })*
    };
}

stories! {
    gcra: "gcra.json",
    fixed_window: "fixed-window.json",
    token_bucket: "token-bucket.json",
    leaky_bucket: "leaky-bucket.json",
    sliding_counter: "sliding-counter.json",
    sliding_window: "sliding-window.json",
    quota: "quota.json",
    concurrency: "concurrency.json",
}
