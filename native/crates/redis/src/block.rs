use crate::ask::{Check, Request};
use sluice_algorithms::{Op, PLAN_ROW_LENGTH, Plan};
use smallvec::SmallVec;

/// The layout's version. The layout is in `lua/README.md`.
pub(crate) const VERSION: f64 = 1.0;

/// The script takes up to 1,000 checks. From here on a larger batch saves next to nothing per check and answers later.
pub(crate) const BATCH_CHECKS_MAX: usize = 256;
const BATCH_PLANS_MAX: usize = 256;
/// Bytes in the keys of a batch, unless one request alone has more: about what a server reads at once.
const BATCH_KEY_BYTES_MAX: usize = 65_536;

/// Columns that a block needs once a check has something else than the default in op, at, size.
const COLUMNS_TO_N: usize = 2;
const COLUMNS_TO_OP: usize = 3;
const COLUMNS_TO_AT: usize = 4;
const COLUMNS_TO_SIZE: usize = 5;

/// Gathers requests, and writes them as the block of one call of `decide`.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    plans: SmallVec<[Plan; 4]>,
    /// In the order of the wire, each as long as there are checks.
    columns: [Vec<f64>; 5],
    column_count: usize,
    key_bytes: usize,
    leases: usize,
    now_us: f64,
}

impl Default for BlockWriter {
    fn default() -> Self {
        Self {
            plans: SmallVec::new(),
            columns: Default::default(),
            column_count: COLUMNS_TO_N,
            key_bytes: 0,
            leases: 0,
            now_us: 0.0,
        }
    }
}

impl BlockWriter {
    /// Checks so far.
    pub fn checks(&self) -> usize {
        let [plans, ..] = &self.columns;
        plans.len()
    }

    /// Adds a whole request. Answers false, and adds nothing, where it has to go into the next batch.
    pub fn add(&mut self, request: &Request) -> bool {
        let size = request.checks.len();
        if self.checks() == 0 {
            self.now_us = request.now_us;
        } else if request.now_us != self.now_us
            || self.checks() + size > BATCH_CHECKS_MAX
            || self.plans.len() + size > BATCH_PLANS_MAX
            || self.key_bytes >= BATCH_KEY_BYTES_MAX
        {
            return false;
        }
        for (i, check) in request.checks.iter().enumerate() {
            self.add_check(check, if i == 0 { size as f64 } else { 0.0 });
        }
        true
    }

    fn add_check(&mut self, check: &Check, size: f64) {
        self.key_bytes += check.key.len();
        let row = self.row_of(&check.plan);
        let at = match (&check.lease_id, &check.plan) {
            // ARGV is counted from 1, and the block is its first.
            (Some(_), _) => {
                self.leases += 1;
                self.leases as f64 + 1.0
            }
            // There it would name another check's lease.
            (None, Plan::Concurrency(_)) => 0.0,
            (None, _) => check.at,
        };
        let own = [row, check.n, f64::from(check.op as u8), at, size];
        for (column, number) in self.columns.iter_mut().zip(own) {
            column.push(number);
        }
        let needed = match (size == 1.0, at == 0.0, check.op) {
            (false, ..) => COLUMNS_TO_SIZE,
            (_, false, _) => COLUMNS_TO_AT,
            (_, _, Op::Consume) => COLUMNS_TO_N,
            _ => COLUMNS_TO_OP,
        };
        self.column_count = self.column_count.max(needed);
    }

    /// The plan's row in the table, from 1.
    fn row_of(&mut self, plan: &Plan) -> f64 {
        let known = self.plans.iter().rposition(|own| own == plan);
        let row = known.unwrap_or_else(|| {
            self.plans.push(*plan);
            self.plans.len() - 1
        });
        row as f64 + 1.0
    }

    /// The block, little-endian whatever this machine is.
    pub fn bytes(&self) -> Vec<u8> {
        let header = [VERSION, self.now_us, self.plans.len() as f64, self.checks() as f64, self.column_count as f64];
        let columns = self.columns.iter().take(self.column_count);
        let length = header.len() + PLAN_ROW_LENGTH * self.plans.len() + self.column_count * self.checks();
        let mut bytes = Vec::with_capacity(8 * length);
        let mut write = |number: f64| bytes.extend_from_slice(&number.to_le_bytes());
        header.into_iter().for_each(&mut write);
        self.plans.iter().flat_map(Plan::row).for_each(&mut write);
        columns.flatten().copied().for_each(&mut write);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Ask;
    use sluice_algorithms::{ConcurrencyPlan, FixedWindowPlan};

    const WINDOW: Plan = Plan::FixedWindow(FixedWindowPlan {
        limit: 10.0,
        window_us: 1e6,
        debt_limit: 20.0,
        clock_anchored: false,
        offset_us: 0.0,
    });
    const LEASES: Plan = Plan::Concurrency(ConcurrencyPlan { limit: 2.0, lease_us: 3e7 });

    fn numbers(writer: &BlockWriter) -> Vec<f64> {
        let bytes = writer.bytes();
        bytes.chunks(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
    }

    fn written(requests: &[&[Ask<'_>]]) -> Vec<f64> {
        let mut writer = BlockWriter::default();
        for asks in requests {
            assert!(writer.add(&Request::new(asks, 0.0).unwrap()));
        }
        numbers(&writer)
    }

    #[test]
    fn a_plain_check_takes_two_columns() {
        let block = written(&[&[Ask::consume("k", &WINDOW, 3.0)]]);
        assert_eq!(block, [1.0, 0.0, 1.0, 1.0, 2.0, 2.0, 10.0, 1e6, 20.0, 0.0, 0.0, 0.0, 0.0, 1.0, 3.0]);
    }

    #[test]
    fn checks_of_one_plan_share_its_row_and_columns_stand_one_after_the_other() {
        let block = written(&[&[Ask::consume("a", &WINDOW, 1.0)], &[Ask::peek("b", &WINDOW, 2.0)]]);
        assert_eq!(block[..5], [1.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(block[13..], [1.0, 1.0, 1.0, 2.0, 1.0, 2.0]);
    }

    #[test]
    fn a_lease_is_named_by_its_place_and_nobody_can_name_another_ones() {
        let mine = Ask { lease_id: Some("mine"), ..Ask::consume("a", &LEASES, 1.0) };
        let thief = Ask { at: 2.0, ..Ask::consume("b", &LEASES, 1.0) };
        let block = written(&[&[mine], &[thief]]);
        assert_eq!(block[13..], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 0.0]);
    }

    #[test]
    fn a_request_of_several_checks_tells_its_size_at_its_first() {
        let block = written(&[&[Ask::consume("a", &WINDOW, 1.0), Ask::consume("b", &LEASES, 1.0)]]);
        assert_eq!(block[block.len() - 2..], [2.0, 0.0]);
    }

    #[test]
    fn a_batch_has_one_time_and_ends_at_its_caps() {
        let mut writer = BlockWriter::default();
        let at = |now_us| Request::new(&[Ask::consume("a", &WINDOW, 1.0)], now_us).unwrap();
        assert!(writer.add(&at(1e15)));
        assert!(!writer.add(&at(1e15 + 1.0)));
        let more = (1..BATCH_CHECKS_MAX).filter(|_| writer.add(&at(1e15))).count();
        assert_eq!((more, writer.add(&at(1e15))), (BATCH_CHECKS_MAX - 1, false));

        let mut writer = BlockWriter::default();
        let long = "k".repeat(BATCH_KEY_BYTES_MAX);
        assert!(writer.add(&Request::new(&[Ask::consume(&long, &WINDOW, 1.0)], 0.0).unwrap()));
        assert!(!writer.add(&Request::new(&[Ask::consume("a", &WINDOW, 1.0)], 0.0).unwrap()));
    }
}
