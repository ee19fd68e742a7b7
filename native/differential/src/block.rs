use crate::frame::{Numbers, malformed};
use sluice_algorithms::{Op, PLAN_ROW_LENGTH, Plan, Status};
use std::io;

const VERSION: f64 = 1.0;
const COLUMNS: f64 = 5.0;
/// Place of the first lease id in `ARGV`: the block is before it.
const FIRST_LEASE_PLACE: f64 = 2.0;

/// What `decide` is sent in one call, as `lua/README.md` lays it out.
pub struct Block {
    pub now_us: f64,
    pub plans: Vec<Plan>,
    pub checks: Vec<BlockCheck>,
}

pub struct BlockCheck {
    /// A place in the plans.
    plan: usize,
    pub op: Op,
    pub n: f64,
    /// A time; for `concurrency` the place of a lease id.
    at: f64,
    /// Checks of the request, told by its first; 0 for the others.
    pub size: usize,
}

impl Block {
    pub fn read(numbers: &mut Numbers<'_>) -> io::Result<Self> {
        let version = numbers.next()?;
        let now_us = numbers.next()?;
        let plan_count = numbers.next()?;
        let count = numbers.next()?;
        let columns = numbers.next()?;
        if version != VERSION || columns != COLUMNS {
            return Err(malformed("its block is of another version"));
        }
        let mut plans = Vec::new();
        for _ in 0..plan_count as usize {
            let row = numbers.take(PLAN_ROW_LENGTH as f64)?;
            let row = row.first_chunk().and_then(Plan::from_row);
            plans.push(row.ok_or_else(|| malformed("a plan is of no algorithm"))?);
        }
        let [places, units, ops, ats, sizes] = [
            numbers.take(count)?,
            numbers.take(count)?,
            numbers.take(count)?,
            numbers.take(count)?,
            numbers.take(count)?,
        ];
        let mut checks = Vec::new();
        for ((((place, n), op), at), size) in places.into_iter().zip(units).zip(ops).zip(ats).zip(sizes) {
            let op = *Op::ALL.get(op as usize).ok_or_else(|| malformed("an op is unknown"))?;
            checks.push(BlockCheck { plan: (place as usize).wrapping_sub(1), op, n, at, size: size as usize });
        }
        Ok(Self { now_us, plans, checks })
    }

    pub fn plan_of(&self, check: &BlockCheck) -> io::Result<&Plan> {
        self.plans.get(check.plan).ok_or_else(|| malformed("a check names no plan"))
    }
}

impl BlockCheck {
    /// The time that `at` tells, 0 where it is a place; and the lease id at that place.
    pub fn at_and_lease<'a>(&self, plan: &Plan, lease_ids: &'a [String]) -> (f64, Option<&'a str>) {
        if !matches!(plan, Plan::Concurrency(_)) {
            return (self.at, None);
        }
        let place = self.at - FIRST_LEASE_PLACE;
        let id = if place < 0.0 { None } else { lease_ids.get(place as usize) };
        (0.0, id.map(String::as_str))
    }
}

/// What every reply begins with.
pub fn write_head(bytes: &mut Vec<u8>, now_us: f64, checks: usize) {
    write_doubles(bytes, &[VERSION, now_us, checks as f64]);
}

pub fn write_outcome(bytes: &mut Vec<u8>, status: Status, numbers: [f64; 4]) {
    write_doubles(bytes, &[f64::from(status as i8)]);
    write_doubles(bytes, &numbers);
}

pub fn write_doubles(bytes: &mut Vec<u8>, numbers: &[f64]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}
