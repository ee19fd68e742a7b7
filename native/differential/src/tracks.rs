use crate::block::{write_doubles, write_head, write_outcome};
use crate::frame::{Run, malformed};
use sluice_algorithms::{Check, Op, State, Status, Write, decide as decide_check};
use std::io;

/// The key was written and its end stayed; it was not written, or removed.
const END_STAYED: f64 = -1.0;
const NOT_WRITTEN: f64 = -2.0;

/// The life of one key, by the algorithms alone.
pub fn decide(runs: &[Run], lease_ids: &[String]) -> io::Result<Vec<u8>> {
    let mut key = State::Absent;
    let mut transcript = Vec::new();
    for Run { keys, block } in runs {
        let ([place], [check]) = (keys.as_slice(), block.checks.as_slice()) else {
            return Err(malformed("a run of a track is one check"));
        };
        if *place < 0.0 {
            key = State::Absent;
        }
        let plan = block.plan_of(check)?;
        let (at, lease_id) = check.at_and_lease(plan, lease_ids);
        let forgets = check.op == Op::Reset;
        let op = if forgets { Op::Look } else { check.op };
        let mut next = key.clone();
        let step = decide_check(&mut next, plan, Check { op, n: check.n, at, now: block.now_us }, lease_id);
        let life_ms = match step.write {
            Write::Expire(ttl_us) if !forgets => (ttl_us / 1000.0).ceil(),
            Write::Keep if !forgets => END_STAYED,
            _ => NOT_WRITTEN,
        };
        if !forgets {
            key = next;
        } else if step.status == Status::Allowed {
            key = State::Absent;
        }
        write_head(&mut transcript, block.now_us, 1);
        write_outcome(&mut transcript, step.status, [step.granted, step.remaining, step.wait_us, step.reset_us]);
        let state = bytes_of(&key);
        write_doubles(&mut transcript, &[life_ms, state.len() as f64]);
        transcript.extend(state);
    }
    Ok(transcript)
}

/// What Redis holds; a sorted set as its members and scores in order.
fn bytes_of(key: &State) -> Vec<u8> {
    let numbers: &[f64] = match key {
        State::Absent => return Vec::new(),
        State::Gcra([ticks]) => return ticks.to_string().into_bytes(),
        State::Concurrency(leases) => {
            let units = leases.leases().flat_map(|lease| {
                (0..lease.units as u32).map(move |unit| (lease.end_us, format!("{unit}:{}", lease.id)))
            });
            let mut members: Vec<(f64, String)> = units.collect();
            members.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            let texts: Vec<String> = members.iter().map(|(end_us, member)| format!("{member} {end_us}")).collect();
            return texts.join(" ").into_bytes();
        }
        State::FixedWindow(numbers) | State::Quota(numbers) => numbers,
        State::Bucket(numbers) => numbers,
        State::SlidingCounter(numbers) => numbers,
        State::SlidingWindow(log) => &log.numbers(),
    };
    let mut bytes = Vec::new();
    write_doubles(&mut bytes, numbers);
    bytes
}
