//! Whatever the numbers are, no algorithm panics, and a peek or a failed check changes nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use sluice_algorithms::{Check, Op, Plan, State, Write, decide};

/// Times, units and limits as they are, and what no limit would ever have.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_u32..2_000).prop_map(f64::from),
        3 => (1_790_000_000_000_000_u64..1_790_000_100_000_000).prop_map(|us| us as f64),
        2 => (0_u64..(1 << 53)).prop_map(|whole| whole as f64),
        1 => any::<f64>(),
    ]
}

fn check() -> impl Strategy<Value = (Check, Option<String>)> {
    let op = (0..Op::ALL.len()).prop_map(|index| Op::ALL[index]);
    (op, number(), number(), number(), proptest::option::of("[a-c]?"))
        .prop_map(|(op, n, at, now, lease)| (Check { op, n, at, now }, lease))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_history_of_any_numbers_panics(
        code in 1_u8..=8,
        rows in proptest::collection::vec(proptest::array::uniform7(number()), 1..3),
        checks in proptest::collection::vec(check(), 1..30),
    ) {
        let mut key = State::default();
        for (index, (check, lease)) in checks.iter().enumerate() {
            let [a, b, c, d, e, f, g] = rows[index % rows.len()];
            let plan = Plan::from_row(&[f64::from(code), a, b, c, d, e, f, g]).unwrap();
            let before = format!("{key:?}");
            let step = decide(&mut key, &plan, *check, lease.as_deref());
            if step.write == Write::None {
                prop_assert_eq!(format!("{key:?}"), before, "a check that writes nothing leaves the key as it was");
            }
            if check.op == Op::Peek || (step.status as i8) < 0 {
                prop_assert_eq!(step.write, Write::None);
            }
        }
    }
}

#[test]
fn numbers_beyond_any_integer_do_not_panic() {
    for code in 1_u8..=8 {
        for (row, n) in [([f64::MAX; 7], f64::MAX), ([1e300; 7], 1.0), ([f64::MIN; 7], 1e300)] {
            let [a, b, c, d, e, f, g] = row;
            let plan = Plan::from_row(&[f64::from(code), a, b, c, d, e, f, g]).unwrap();
            let mut key = State::default();
            for op in Op::ALL {
                for now in [f64::MIN, 0.0, f64::MAX, f64::INFINITY, f64::NAN] {
                    decide(&mut key, &plan, Check { op, n, at: 1.0, now }, Some("a"));
                }
            }
        }
    }
}
