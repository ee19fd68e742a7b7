//! Any checks with any numbers on one key, under any plan: no algorithm panics, and what writes nothing changes nothing.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use sluice_algorithms::{Check, Op, Plan, State, Write, decide};

#[derive(Arbitrary, Debug)]
struct History {
    code: u8,
    rows: [[f64; 7]; 2],
    checks: Vec<AnyCheck>,
}

#[derive(Arbitrary, Debug)]
struct AnyCheck {
    second_row: bool,
    op: u8,
    n: f64,
    at: f64,
    now: f64,
    lease: Option<u8>,
}

fuzz_target!(|history: History| {
    let mut key = State::default();
    for AnyCheck { second_row, op, n, at, now, lease } in &history.checks {
        let [a, b, c, d, e, f, g] = history.rows[usize::from(*second_row)];
        let Some(plan) = Plan::from_row(&[f64::from(1 + history.code % 8), a, b, c, d, e, f, g]) else { return };
        let check = Check { op: Op::ALL[usize::from(*op) % Op::ALL.len()], n: *n, at: *at, now: *now };
        let lease = lease.map(|lease| lease.to_string());
        // NaN is unlike itself: compared as texts.
        let before = format!("{key:?}");
        let step = decide(&mut key, &plan, check, lease.as_deref());
        assert!(step.write != Write::None || format!("{key:?}") == before);
        assert!(check.op != Op::Peek || step.write == Write::None);
    }
});
