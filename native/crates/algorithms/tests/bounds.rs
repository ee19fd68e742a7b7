//! What every limit promises, over histories of calls at any times: no interval admits more than the bound, waiting never takes
//! away, a stated wait is the right one, and what is given back is never more than was taken.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sluice_algorithms::{
    BucketPlan, Check, FixedWindowPlan, GcraPlan, Op, Plan, SlidingCounterPlan, SlidingWindowPlan, State, Status, Step,
    decide,
};

const START_US: f64 = 1_790_000_000_000_000.0;

#[derive(Clone, Copy, Debug)]
struct Limit {
    plan: Plan,
    limit: f64,
    window_us: f64,
}

impl Limit {
    /// The most that may be admitted in an interval of this length, both ends included.
    fn bound(&self, us: f64) -> f64 {
        let windows = us / self.window_us;
        match self.plan {
            Plan::FixedWindow(_) => self.limit * (windows.floor() + 2.0),
            Plan::SlidingWindow(_) => self.limit * (windows.floor() + 1.0),
            _ => self.limit * (1.0 + windows),
        }
    }
}

fn limits() -> impl Strategy<Value = Limit> {
    (0..5_usize, 1_u32..30, 1_000_u32..10_000_000).prop_map(|(kind, limit, window_us)| {
        let (limit, window_us) = (f64::from(limit), f64::from(window_us));
        let debt_limit = 2.0 * limit;
        let interval = (8.0 * window_us / limit).ceil();
        let cap = limit * interval;
        let plan = match kind {
            0 => Plan::Gcra(GcraPlan {
                interval,
                cap,
                burst: limit,
                debt_cap: 2.0 * cap,
                horizon: 2.0 * cap,
                settle_us: window_us,
            }),
            1 => Plan::FixedWindow(FixedWindowPlan {
                limit,
                window_us,
                debt_limit,
                clock_anchored: false,
                offset_us: 0.0,
            }),
            2 => Plan::TokenBucket(BucketPlan {
                burst: limit,
                debt_limit,
                drain_units: limit,
                drain_us: window_us,
                empty_after_us: 2.0 * window_us,
                settle_us: window_us,
                shape: false,
            }),
            3 => Plan::SlidingCounter(SlidingCounterPlan { limit, window_us, debt_limit }),
            _ => Plan::SlidingWindow(SlidingWindowPlan { limit, window_us, debt_limit, resolution_us: 1.0 }),
        };
        Limit { plan, limit, window_us }
    })
}

/// Pauses as parts of a window, and costs.
fn calls() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let pause = prop_oneof![2 => Just(0.0), 3 => 0.0..0.2, 1 => 0.0..2.5];
    proptest::collection::vec((pause, (1_u32..4).prop_map(f64::from)), 1..60)
}

fn call(key: &mut State, limit: &Limit, op: Op, n: f64, at: f64, now: f64) -> Step {
    decide(key, &limit.plan, Check { op, n, at, now }, None)
}

fn remaining(key: &State, limit: &Limit, now: f64) -> f64 {
    call(&mut key.clone(), limit, Op::Peek, 1.0, 0.0, now).remaining
}

/// A key after a history, and when the last call was.
fn after(limit: &Limit, calls: &[(f64, f64)], mut admitted: impl FnMut(f64, f64)) -> (State, f64) {
    let mut key = State::default();
    let mut now = START_US;
    for (pause, n) in calls {
        now += (pause * limit.window_us).floor();
        if call(&mut key, limit, Op::Consume, *n, 0.0, now).status == Status::Allowed {
            admitted(now, *n);
        }
    }
    (key, now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_interval_admits_more_than_the_bound(limit in limits(), calls in calls()) {
        let mut admitted = Vec::new();
        after(&limit, &calls, |now, n| admitted.push((now, n)));
        for (first, (start, _)) in admitted.iter().enumerate() {
            let mut sum = 0.0;
            for (now, n) in admitted.iter().skip(first) {
                sum += n;
                prop_assert!(sum <= limit.bound(now - start) + 1e-9, "{sum} in {} us", now - start);
            }
        }
    }

    #[test]
    fn waiting_never_takes_away(limit in limits(), calls in calls(), waits in proptest::collection::vec(0.0..0.3_f64, 1..10)) {
        let (key, mut now) = after(&limit, &calls, |_, _| {});
        let mut before = remaining(&key, &limit, now);
        for wait in waits {
            now += (wait * limit.window_us).floor();
            let later = remaining(&key, &limit, now);
            prop_assert!(later >= before);
            before = later;
        }
    }

    #[test]
    fn a_refused_cost_passes_when_it_was_told_to_and_not_before(limit in limits(), calls in calls(), n in 1_u32..30) {
        let (key, now) = after(&limit, &calls, |_, _| {});
        let n = f64::from(n);
        let peek = |now: f64| call(&mut key.clone(), &limit, Op::Peek, n, 0.0, now);
        let told = peek(now);
        if told.status == Status::Denied {
            prop_assert!(told.wait_us > 0.0);
            prop_assert_eq!(peek(now + told.wait_us).status, Status::Allowed);
            prop_assert_eq!(peek(now + told.wait_us - 1.0).status, Status::Denied);
        }
    }

    #[test]
    fn what_is_given_back_never_adds(
        limit in limits(), calls in calls(), n in 1_u32..4, more in 1_u32..9, pause in 0.0..3.0_f64, exact in any::<bool>(),
    ) {
        let (untouched, now) = after(&limit, &calls, |_, _| {});
        let mut key = untouched.clone();
        let n = f64::from(n);
        prop_assume!(call(&mut key, &limit, Op::Consume, n, 0.0, now).status == Status::Allowed);
        let later = now + (pause * limit.window_us).floor();
        let op = if exact { Op::Rollback } else { Op::Refund };
        call(&mut key, &limit, op, n, now, later);
        let without = remaining(&untouched, &limit, later);
        let left = remaining(&key, &limit, later);
        prop_assert!(left <= without, "{left} left where {without} were without the charge");
        // And whatever is claimed, no more than everything.
        call(&mut key, &limit, op, 1000.0 * f64::from(more), 0.0, later);
        prop_assert!(remaining(&key, &limit, later) <= limit.limit);
    }
}
