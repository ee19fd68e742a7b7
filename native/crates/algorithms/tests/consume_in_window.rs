//! The quick way of a sliding window and the general one: the same answers and the same logs, over histories of any calls.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sluice_algorithms::{
    Check, Op, Plan, SlidingWindowPlan, State, Status, WindowLog, Write, consume_in_window, decide,
};

const START_US: f64 = 1_790_000_000_000_000.0;

fn plans() -> impl Strategy<Value = Vec<SlidingWindowPlan>> {
    let window_us = prop_oneof![10_000_u32..1_000_000, 1_000_000_u32..100_000_000].prop_map(f64::from);
    let plan = (1_u32..40, window_us, prop_oneof![Just(1.0), Just(1_000.0), Just(977.0)]).prop_map(
        |(limit, window_us, resolution_us)| {
            let limit = f64::from(limit);
            SlidingWindowPlan { limit, window_us, debt_limit: 2.0 * limit, resolution_us }
        },
    );
    proptest::collection::vec(plan, 1..3)
}

/// How far the clock moves, in windows of the first plan; what is asked, and by which plan.
fn calls() -> impl Strategy<Value = Vec<(f64, Op, f64, usize)>> {
    let pause = prop_oneof![3 => Just(0.0), 7 => 0.0..0.05, 1 => -0.05..1.0, 1 => prop_oneof![Just(-30.0), Just(3.0)]];
    let op = prop_oneof![
        20 => Just(Op::Consume),
        1 => Just(Op::Grant),
        1 => Just(Op::Debit),
        1 => Just(Op::Refund),
        1 => Just(Op::Look),
    ];
    let n = prop_oneof![6 => Just(1.0), 1 => (2_u32..50).prop_map(f64::from)];
    proptest::collection::vec((pause, op, n, prop_oneof![3 => Just(0_usize), 1 => Just(1)]), 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_ways_answer_the_same_and_leave_the_same_log(plans in plans(), calls in calls()) {
        let mut key = State::Absent;
        let mut now = START_US;
        for (pause, op, n, plan) in calls {
            now += (pause * plans.first().unwrap().window_us).floor();
            let plan = plans.get(plan).or(plans.first()).unwrap();
            let check = Check { op, n, at: 0.0, now };
            let mut generally = key.clone();
            let told = decide(&mut generally, &Plan::SlidingWindow(*plan), check, None);
            if let (State::SlidingWindow(log), Op::Consume) = (&mut key, op) {
                let before = log.numbers();
                let quickly = consume_in_window(log, plan, check, false);
                prop_assert!(quickly.is_none_or(|step| step == told && step.status == Status::Denied));
                prop_assert_eq!(log.numbers(), before.as_slice(), "what may not admit changes nothing");
                if let Some(step) = consume_in_window(log, plan, check, true) {
                    prop_assert_eq!(step, told);
                    prop_assert_eq!(&key, &generally);
                    continue;
                }
                prop_assert_eq!(log.numbers(), before, "what takes more changes nothing");
            }
            key = generally;
            if let (State::SlidingWindow(log), Op::Look) = (&mut key, op) {
                *log = WindowLog::from_numbers(&log.numbers()).unwrap();
            }
        }
    }
}

/// A log that holds as many pairs as steps in a window, and its plan.
fn full_log(steps: u32) -> (WindowLog, SlidingWindowPlan, f64) {
    let window_us = 1_000.0 * f64::from(steps);
    let plan = SlidingWindowPlan { limit: 1e6, window_us, debt_limit: 1e6, resolution_us: 1_000.0 };
    let mut key = State::Absent;
    let mut now = START_US;
    for _ in 0..steps {
        now += 1_000.0;
        decide(&mut key, &Plan::SlidingWindow(plan), Check { op: Op::Consume, n: 1.0, at: 0.0, now }, None);
    }
    let State::SlidingWindow(log) = key else { unreachable!() };
    (log, plan, now)
}

#[test]
fn nearly_every_consume_goes_the_quick_way_while_pairs_come_and_go() {
    let (mut log, plan, mut now) = full_log(1_000);
    let mut quick = 0;
    for _ in 0..100_000 {
        now += 250.0;
        let check = Check { op: Op::Consume, n: 1.0, at: 0.0, now };
        if consume_in_window(&mut log, &plan, check, true).is_some() {
            quick += 1;
            continue;
        }
        let mut key = State::SlidingWindow(log);
        let step = decide(&mut key, &Plan::SlidingWindow(plan), check, None);
        assert_ne!(step.write, Write::None);
        let State::SlidingWindow(left) = key else { unreachable!() };
        log = left;
    }
    assert!(quick > 99_900, "{quick} of 100,000");
}

#[test]
fn a_refusal_goes_the_quick_way_where_the_oldest_pair_makes_room_for_it() {
    let (mut log, full, now) = full_log(10);
    let plan = SlidingWindowPlan { limit: 10.0, ..full };
    let mut refused = |n: f64, limit: f64| {
        let check = Check { op: Op::Consume, n, at: 0.0, now };
        consume_in_window(&mut log, &SlidingWindowPlan { limit, ..plan }, check, true).map(|step| step.wait_us)
    };
    assert_eq!(refused(1.0, 10.0), Some(1_000.0));
    assert_eq!(refused(2.0, 11.0), Some(1_000.0));
    assert_eq!(refused(2.0, 10.0), None, "the second pair has to go as well");
    assert_eq!(refused(11.0, 10.0), None, "it will never pass");
}
