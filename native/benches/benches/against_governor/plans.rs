use sluice_algorithms::{
    BucketPlan, ConcurrencyPlan, FixedWindowPlan, GcraPlan, Plan, QuotaPlan, SlidingCounterPlan, SlidingWindowPlan,
};

const HOUR_US: f64 = 3.6e9;
const TICKS_OF_US: f64 = 8.0;
/// So much an hour that nobody is refused while a benchmark runs.
pub const PLENTY: u32 = 1_000_000_000;

/// `burst` at once, and a rate of `burst` an hour.
pub fn gcra(burst: u32) -> Plan {
    gcra_of(f64::from(burst), (TICKS_OF_US * HOUR_US / f64::from(burst)).ceil())
}

/// `burst` at once, and a unit each us.
pub fn refilled_each_us(burst: u32) -> Plan {
    gcra_of(f64::from(burst), TICKS_OF_US)
}

fn gcra_of(burst: f64, interval: f64) -> Plan {
    let cap = burst * interval;
    Plan::Gcra(GcraPlan { interval, cap, burst, debt_cap: 2.0 * cap, horizon: 2.0 * cap, settle_us: HOUR_US })
}

/// So many units held at once, for a minute.
pub fn leases_of(limit: usize) -> Plan {
    Plan::Concurrency(ConcurrencyPlan { limit: limit as f64, lease_us: 60e6 })
}

/// Every algorithm but `concurrency`, with the name under which its figures stand.
pub fn counting_plans() -> [(&'static str, Plan); 7] {
    let limit = f64::from(PLENTY);
    let window_us = HOUR_US;
    let debt_limit = 2.0 * limit;
    let bucket = BucketPlan {
        burst: limit,
        debt_limit,
        drain_units: 5.0,
        drain_us: 18.0,
        empty_after_us: window_us,
        settle_us: window_us,
        shape: false,
    };
    let fixed = FixedWindowPlan { limit, window_us, debt_limit, clock_anchored: false, offset_us: 0.0 };
    let quota = QuotaPlan {
        total: limit,
        period0_us: 0.0,
        period1_us: 2.5e15,
        period2_us: 2.6e15,
        spread: false,
        spread_burst: 0.0,
        debt_limit,
    };
    // Windows so short that after the first moments there is a window before, of which the count fades; the largest limit.
    let counter = SlidingCounterPlan { limit: 134_217_728.0, window_us: 250_000.0, debt_limit: 134_217_728.0 };
    // 1,024 steps in a window.
    let log = SlidingWindowPlan { limit, window_us, debt_limit, resolution_us: 3_515_625.0 };
    [
        ("gcra", gcra(PLENTY)),
        ("fixed_window", Plan::FixedWindow(fixed)),
        ("token_bucket", Plan::TokenBucket(bucket)),
        ("leaky_bucket", Plan::LeakyBucket(bucket)),
        ("sliding_counter", Plan::SlidingCounter(counter)),
        ("sliding_window", Plan::SlidingWindow(log)),
        ("quota", Plan::Quota(quota)),
    ]
}
