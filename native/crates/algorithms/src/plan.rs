//! A plan is a limit in validated integers: everything an engine needs to decide, and nothing else. The same fields in the
//! same order stand in a row of the plan table on the wire; `lua/README.md` shows them.

/// One tick is 1/8 us. The state is the theoretical arrival time in ticks since 2020.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GcraPlan {
    /// Ticks per unit.
    pub interval: f64,
    /// Backlog in ticks that a consume may reach: burst * interval, less what a strict plan holds back.
    pub cap: f64,
    /// Largest cost that can ever pass.
    pub burst: f64,
    /// Backlog in ticks that a debit may reach.
    pub debt_cap: f64,
    /// A backlog above this many ticks is impossible, and repaired.
    pub horizon: f64,
    /// A refund of a charge older than this many us gives nothing back.
    pub settle_us: f64,
}

/// A limit per window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedWindowPlan {
    /// Units per window.
    pub limit: f64,
    /// Length of a window in us.
    pub window_us: f64,
    /// What a debit may take the count to.
    pub debt_limit: f64,
    /// Windows start at multiples of the window after `offset_us`; otherwise at the first hit.
    pub clock_anchored: bool,
    /// Where the windows of the clock begin, us.
    pub offset_us: f64,
}

/// `token_bucket` and `leaky_bucket` are one arithmetic: a level of c - f/q units that drains at p/q units per us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BucketPlan {
    /// Units that the bucket holds.
    pub burst: f64,
    /// What a debit may take the level to.
    pub debt_limit: f64,
    /// So many units drain in `drain_us`.
    pub drain_units: f64,
    /// us in which `drain_units` drain.
    pub drain_us: f64,
    /// After this many us without a call the bucket is empty whatever it held.
    pub empty_after_us: f64,
    /// A refund of a charge older than this many us gives nothing back.
    pub settle_us: f64,
    /// A leaky bucket that admits with a delay instead of refusing.
    pub shape: bool,
}

/// Two counters, the older of which fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlidingCounterPlan {
    /// Units per window.
    pub limit: f64,
    /// Length of a window in us.
    pub window_us: f64,
    /// What a debit may take the count to.
    pub debt_limit: f64,
}

/// A log of admissions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlidingWindowPlan {
    /// Units in any window.
    pub limit: f64,
    /// Length of a window in us.
    pub window_us: f64,
    /// What a debit may take the units in the window to.
    pub debt_limit: f64,
    /// Entry times are rounded up to multiples of this, which bounds the log: 1 up to a limit of 1,024.
    pub resolution_us: f64,
}

/// A total per calendar period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuotaPlan {
    /// Units per period.
    pub total: f64,
    /// This calendar period begins here, us.
    pub period0_us: f64,
    /// The next one begins here.
    pub period1_us: f64,
    /// And ends here.
    pub period2_us: f64,
    /// The total is released evenly over the period, after `spread_burst` units that are free at its start.
    pub spread: bool,
    /// Units.
    pub spread_burst: f64,
    /// What a debit may take the usage to.
    pub debt_limit: f64,
}

/// Units held at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConcurrencyPlan {
    /// Units held at once.
    pub limit: f64,
    /// A lease that is not renewed ends after this many us.
    pub lease_us: f64,
}

/// Units that one lease of `concurrency` can hold.
pub const LEASE_UNITS_MAX: f64 = 64.0;

/// Numbers in one row of the plan table, the algorithm's code included.
pub const PLAN_ROW_LENGTH: usize = 8;

/// A plan of any algorithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// Row code 1.
    Gcra(GcraPlan),
    /// Row code 2.
    FixedWindow(FixedWindowPlan),
    /// Row code 3.
    TokenBucket(BucketPlan),
    /// Row code 4.
    LeakyBucket(BucketPlan),
    /// Row code 5.
    SlidingCounter(SlidingCounterPlan),
    /// Row code 6.
    SlidingWindow(SlidingWindowPlan),
    /// Row code 7.
    Quota(QuotaPlan),
    /// Row code 8.
    Concurrency(ConcurrencyPlan),
}

impl Plan {
    /// The plan of a row of the plan table; `None` where its code is of no algorithm.
    pub fn from_row(row: &[f64; PLAN_ROW_LENGTH]) -> Option<Self> {
        let [code, a, b, c, d, e, f, g] = *row;
        let bucket = BucketPlan {
            burst: a,
            debt_limit: b,
            drain_units: c,
            drain_us: d,
            empty_after_us: e,
            settle_us: f,
            shape: g == 1.0,
        };
        Some(match code {
            1.0 => Self::Gcra(GcraPlan { interval: a, cap: b, burst: c, debt_cap: d, horizon: e, settle_us: f }),
            2.0 => Self::FixedWindow(FixedWindowPlan {
                limit: a,
                window_us: b,
                debt_limit: c,
                clock_anchored: d == 1.0,
                offset_us: e,
            }),
            3.0 => Self::TokenBucket(bucket),
            4.0 => Self::LeakyBucket(bucket),
            5.0 => Self::SlidingCounter(SlidingCounterPlan { limit: a, window_us: b, debt_limit: c }),
            6.0 => Self::SlidingWindow(SlidingWindowPlan { limit: a, window_us: b, debt_limit: c, resolution_us: d }),
            7.0 => Self::Quota(QuotaPlan {
                total: a,
                period0_us: b,
                period1_us: c,
                period2_us: d,
                spread: e == 1.0,
                spread_burst: f,
                debt_limit: g,
            }),
            8.0 => Self::Concurrency(ConcurrencyPlan { limit: a, lease_us: b }),
            _ => return None,
        })
    }

    /// The plan as its row on the wire: what [`from_row`](Self::from_row) takes. Unused places are 0.
    pub fn row(&self) -> [f64; PLAN_ROW_LENGTH] {
        let bucket = |code: f64, plan: &BucketPlan| {
            let shape = f64::from(u8::from(plan.shape));
            [
                code,
                plan.burst,
                plan.debt_limit,
                plan.drain_units,
                plan.drain_us,
                plan.empty_after_us,
                plan.settle_us,
                shape,
            ]
        };
        match self {
            Self::Gcra(plan) => {
                [1.0, plan.interval, plan.cap, plan.burst, plan.debt_cap, plan.horizon, plan.settle_us, 0.0]
            }
            Self::FixedWindow(plan) => {
                let anchored = f64::from(u8::from(plan.clock_anchored));
                [2.0, plan.limit, plan.window_us, plan.debt_limit, anchored, plan.offset_us, 0.0, 0.0]
            }
            Self::TokenBucket(plan) => bucket(3.0, plan),
            Self::LeakyBucket(plan) => bucket(4.0, plan),
            Self::SlidingCounter(plan) => [5.0, plan.limit, plan.window_us, plan.debt_limit, 0.0, 0.0, 0.0, 0.0],
            Self::SlidingWindow(plan) => {
                [6.0, plan.limit, plan.window_us, plan.debt_limit, plan.resolution_us, 0.0, 0.0, 0.0]
            }
            Self::Quota(plan) => {
                let spread = f64::from(u8::from(plan.spread));
                let [start, middle, end] = [plan.period0_us, plan.period1_us, plan.period2_us];
                [7.0, plan.total, start, middle, end, spread, plan.spread_burst, plan.debt_limit]
            }
            Self::Concurrency(plan) => [8.0, plan.limit, plan.lease_us, 0.0, 0.0, 0.0, 0.0, 0.0],
        }
    }

    /// The largest cost that can ever pass under this plan; more is impossible, which is an error and not a denial.
    pub fn capacity(&self) -> f64 {
        match self {
            Self::Gcra(plan) => plan.burst,
            Self::TokenBucket(plan) | Self::LeakyBucket(plan) => plan.burst,
            Self::FixedWindow(plan) => plan.limit,
            Self::SlidingCounter(plan) => plan.limit,
            Self::SlidingWindow(plan) => plan.limit,
            Self::Quota(plan) => plan.total,
            Self::Concurrency(plan) => crate::time::min(plan.limit, LEASE_UNITS_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_the_plan_that_wrote_it() {
        let rows = [
            [1.0, 10.0, 20.0, 2.0, 40.0, 50.0, 60.0, 0.0],
            [2.0, 10.0, 20.0, 30.0, 1.0, 50.0, 0.0, 0.0],
            [3.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 0.0],
            [4.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 1.0],
            [5.0, 10.0, 20.0, 30.0, 0.0, 0.0, 0.0, 0.0],
            [6.0, 10.0, 20.0, 30.0, 40.0, 0.0, 0.0, 0.0],
            [7.0, 10.0, 20.0, 30.0, 40.0, 1.0, 60.0, 70.0],
            [8.0, 10.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ];
        for row in rows {
            assert_eq!(Plan::from_row(&row).map(|plan| plan.row()), Some(row));
        }
        assert_eq!(Plan::from_row(&[9.0; PLAN_ROW_LENGTH]), None);
    }
}
