//! One limit for a service in Rust and a service in Node: 100 calls in an hour, whoever makes them. The other half is
//! `examples/shared-limit.ts`; start both at once, or one after the other, and their sums never pass 100.
//!
//!     cargo run --example shared_limit -- redis://localhost:6379 ada 80
//!     node --import ./scripts/run-source.ts examples/shared-limit.ts redis://localhost:6379 ada 80

use sluice_algorithms::{FixedWindowPlan, Plan, Status};
use sluice_redis::{Ask, KeySpace, Options, RedisEngine, Store};
use std::error::Error;
use std::time::Duration;

/// What `{ algorithm: 'fixed_window', limit: 100, window: '1h' }` is in integers.
const PLAN: Plan = Plan::FixedWindow(FixedWindowPlan {
    limit: 100.0,
    window_us: 3_600_000_000.0,
    debt_limit: 200.0,
    clock_anchored: false,
    offset_us: 0.0,
});

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "redis://localhost:6379".to_owned());
    let subject = arguments.next().unwrap_or_else(|| "ada".to_owned());
    let calls: u32 = arguments.next().map_or(Ok(80), |text| text.parse())?;

    // The name of the policy and the subject make the key, as in TypeScript.
    let keys = KeySpace::default();
    let key = keys.limit("shared", 0, &PLAN)?.key(subject.as_str())?;
    let options = Options { deadline: Duration::from_secs(2), ..Options::default() };
    let engine = RedisEngine::new(Store::from_url(&url)?, &keys, options);
    engine.ready().await?;

    let mut allowed = 0;
    for _ in 0..calls {
        let outcome = engine.decide(&[Ask::consume(&key, &PLAN, 1.0)]).await?;
        let passed = outcome.checks.iter().all(|verdict| verdict.status == Status::Allowed);
        allowed += u32::from(passed);
    }
    engine.close().await;
    println!(r#"{{"service":"rust","allowed":{allowed},"refused":{}}}"#, calls - allowed);
    Ok(())
}
