use crate::server::RedisServer;
use sluice_algorithms::{FixedWindowPlan, Op, Plan, Status};
use sluice_redis::{Ask, Error, KeySpace, Options, Outcome, RedisEngine, Store};
use std::time::Duration;

/// Longer than anything takes on a busy machine: for tests that are not about deadlines.
pub const LONG: Duration = Duration::from_secs(20);
/// So long that no window of a test ends.
pub const HOUR_US: f64 = 3.6e9;

/// So many units in an hour from the first hit on: it counts, and forgets nothing while a test runs.
pub fn counter(limit: f64) -> Plan {
    Plan::FixedWindow(FixedWindowPlan {
        limit,
        window_us: HOUR_US,
        debt_limit: 2.0 * limit,
        clock_anchored: false,
        offset_us: 0.0,
    })
}

pub fn engine_of(server: &RedisServer) -> RedisEngine {
    engine_with(server, LONG)
}

pub fn engine_with(server: &RedisServer, deadline: Duration) -> RedisEngine {
    let options = Options { deadline, ..Options::default() };
    RedisEngine::new(Store::from_url(&server.url()).unwrap(), &KeySpace::default(), options)
}

pub async fn consume(engine: &RedisEngine, key: &str, plan: &Plan) -> Result<Status, Error> {
    Ok(engine.decide(&[Ask::consume(key, plan, 1.0)]).await?.checks[0].status)
}

/// Units taken of a counter.
pub async fn used(engine: &RedisEngine, key: &str, plan: &Plan) -> f64 {
    let look = Ask { op: Op::Peek, ..Ask::consume(key, plan, 1.0) };
    plan.capacity() - engine.decide(&[look]).await.unwrap().checks[0].remaining
}

pub fn statuses(outcome: &Outcome) -> Vec<Status> {
    outcome.checks.iter().map(|verdict| verdict.status).collect()
}
