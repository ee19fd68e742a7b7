//! The keys of one limiter, and how JavaScript asks for them.

use crate::block::{BlockReader, Malformed, VerdictWriter};
use crate::caught::{Panicked, caught};
use napi::bindgen_prelude::{Float64Array, Function, Uint8Array};
use napi::{Env, Error, Result};
use napi_derive::napi;
use sluice_algorithms::{PLAN_ROW_LENGTH, Plan};
use sluice_memory::{Ask, CHECKS_MAX, Clock, Limit, MemoryEngine, Options, RequestError};
use smallvec::SmallVec;
use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Plans known at once.
pub(crate) const PLACES: u32 = 1024;

/// A clock that shows what it was set to: each request brings its time.
#[derive(Clone, Default)]
struct SetClock(Arc<AtomicU64>);

impl SetClock {
    #[inline]
    fn set(&self, now_us: f64) {
        self.0.store(now_us.to_bits(), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    #[inline]
    fn now_us(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Why a block was not decided.
enum Failure {
    Malformed,
    Request(RequestError),
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// The keys of one limiter, and the memory in which its checks cross.
struct Memory {
    options: Options,
    engine: MemoryEngine<SetClock>,
    clock: SetClock,
    /// By place: the name of a limit and its plan.
    places: Vec<Option<(String, Limit)>>,
    numbers: Float64Array,
    text: Uint8Array,
    verdicts: Float64Array,
}

impl Memory {
    fn new(options: Options, numbers: Float64Array, text: Uint8Array, verdicts: Float64Array) -> Self {
        let clock = SetClock::default();
        let engine = MemoryEngine::new(clock.clone(), options);
        Self { options, engine, clock, places: Vec::new(), numbers, text, verdicts }
    }

    fn define(&mut self, place: usize, name: String, plan: Plan) {
        if self.places.len() <= place {
            self.places.resize(place + 1, None);
        }
        let limit = self.engine.limit(&name, plan);
        if let Some(own) = self.places.get_mut(place) {
            *own = Some((name, limit));
        }
    }

    fn decide(&mut self) -> std::result::Result<(), Failure> {
        let mut block = BlockReader::new(&self.numbers, &self.text);
        // SAFETY: JavaScript writes to it in no other thread, and not while it waits for this call; nothing else here has it.
        #[allow(unsafe_code)]
        let mut verdicts = VerdictWriter(unsafe { self.verdicts.as_mut() });
        for _ in 0..block.requests()? {
            let (now_us, checks) = block.request()?;
            self.clock.set(now_us);
            if checks == 1 {
                let ask = ask(&mut block, &self.places)?;
                verdicts.write(&self.engine.decide_one(&ask)?.0)?;
                continue;
            }
            if checks > CHECKS_MAX {
                return Err(RequestError::Checks(checks).into());
            }
            let mut request: SmallVec<[Ask<'_>; 4]> = SmallVec::with_capacity(checks);
            for _ in 0..checks {
                request.push(ask(&mut block, &self.places)?);
            }
            for verdict in &self.engine.decide(&request)?.checks {
                verdicts.write(verdict)?;
            }
        }
        Ok(())
    }

    /// Begins anew, without any key; plans stay where they are.
    fn clear(&mut self) {
        self.engine = MemoryEngine::new(self.clock.clone(), self.options);
        for (name, limit) in self.places.iter_mut().flatten() {
            *limit = self.engine.limit(name, *limit.plan());
        }
    }
}

/// The next check of a block.
#[inline]
fn ask<'a>(
    block: &mut BlockReader<'a>,
    places: &'a [Option<(String, Limit)>],
) -> std::result::Result<Ask<'a>, Malformed> {
    let check = block.check()?;
    let (_, limit) = places.get(check.place).and_then(Option::as_ref).ok_or(Malformed)?;
    Ok(Ask {
        limit,
        plan: None,
        subject: check.subject,
        op: check.op,
        n: check.n,
        at: check.at,
        lease_id: check.lease_id,
    })
}

/// What an engine in memory holds.
#[napi(object)]
pub struct NativeStats {
    /// Keys held, those included that have ended and were not taken out yet.
    pub keys: u32,
    /// Keys that had to go before their end.
    pub evicted: f64,
}

/// Limits in the memory of this process, for one thread of JavaScript.
#[napi]
pub struct NativeMemory(Rc<RefCell<Memory>>);

#[napi]
impl NativeMemory {
    /// `max_keys`: most keys held at once. The arrays are the block, see `crate::block`.
    #[napi(constructor)]
    pub fn new(max_keys: u32, numbers: Float64Array, text: Uint8Array, verdicts: Float64Array) -> Self {
        // One shard: nobody else locks it, and evictions look at all keys.
        let options = Options { max_keys: max_keys as usize, shards: 1 };
        Self(Rc::new(RefCell::new(Memory::new(options, numbers, text, verdicts))))
    }

    /// Takes another block in place of the one there was.
    #[napi]
    pub fn attach(&self, numbers: Float64Array, text: Uint8Array, verdicts: Float64Array) -> Result<()> {
        let mut memory = borrow(&self.0)?;
        memory.numbers = numbers;
        memory.text = text;
        memory.verdicts = verdicts;
        Ok(())
    }

    /// Puts a plan at a place, 0 to 1,023. Limits of the same name and algorithm have the same keys.
    #[napi]
    pub fn define(&self, place: u32, name: String, row: &[f64]) -> Result<()> {
        let plan = plan_of(row)?;
        if place >= PLACES {
            return Err(Error::from_reason(format!("place {place} is not below {PLACES}")));
        }
        borrow(&self.0)?.define(place as usize, name, plan);
        Ok(())
    }

    /// A function that decides the requests in the block, in their order, and leaves a verdict for each check.
    #[napi]
    pub fn decider<'env>(&self, env: &'env Env) -> Result<Function<'env, (), ()>> {
        let memory = Rc::clone(&self.0);
        env.create_function_from_closure("decide", move |_| run(&memory, Memory::decide))
    }

    /// Forgets every key, and gives back their memory.
    #[napi]
    pub fn clear(&self) -> Result<()> {
        borrow(&self.0)?.clear();
        Ok(())
    }

    /// What it holds now.
    #[napi]
    pub fn stats(&self) -> Result<NativeStats> {
        let stats = borrow(&self.0)?.engine.stats();
        Ok(NativeStats { keys: stats.keys as u32, evicted: stats.evicted as f64 })
    }
}

/// Reads a plan.
pub(crate) fn plan_of(row: &[f64]) -> Result<Plan> {
    let row: Option<[f64; PLAN_ROW_LENGTH]> = row.try_into().ok();
    row.as_ref().and_then(Plan::from_row).ok_or_else(|| Error::from_reason("the row is not of a plan"))
}

/// Runs what may fail in every way. After a panic nobody knows what the keys are worth: they begin anew.
fn run(memory: &RefCell<Memory>, work: impl FnOnce(&mut Memory) -> std::result::Result<(), Failure>) -> Result<()> {
    let mut memory = borrow(memory)?;
    match caught(|| work(&mut memory)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Failure::Malformed)) => Err(Error::from_reason(Malformed.to_string())),
        Ok(Err(Failure::Request(error))) => Err(Error::from_reason(error.to_string())),
        Err(Panicked(place)) => {
            memory.clear();
            Err(Error::from_reason(format!("panicked at {place}; its counters start anew")))
        }
    }
}

/// A call cannot come while another is under way: nothing here calls back.
fn borrow(memory: &RefCell<Memory>) -> Result<RefMut<'_, Memory>> {
    memory.try_borrow_mut().map_err(|_| Error::from_reason("a call is under way"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    const NOW_US: f64 = 1_700_000_000_000_000.0;

    /// With a limit of 5, and one check by ada in its block.
    fn memory() -> RefCell<Memory> {
        let numbers = Float64Array::new(vec![1.0, NOW_US, 1.0, 0.0, 1.0, 1.0, 0.0, 3.0, -1.0]);
        let options = Options { max_keys: 10, shards: 1 };
        let text = Uint8Array::new(b"ada".to_vec());
        let mut memory = Memory::new(options, numbers, text, Float64Array::new(vec![0.0; 5]));
        let plan = Plan::from_row(&[2.0, 5.0, 1e6, 10.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
        memory.define(0, "per-user".to_owned(), plan);
        RefCell::new(memory)
    }

    fn remaining(memory: &RefCell<Memory>) -> f64 {
        memory.borrow().verdicts[2]
    }

    #[test]
    fn a_panic_is_an_error_and_the_counters_start_anew_under_the_plans_that_are_there() {
        let memory = memory();
        run(&memory, Memory::decide).unwrap();
        run(&memory, Memory::decide).unwrap();
        assert_eq!(remaining(&memory), 3.0);
        let error = run(&memory, |_| panic!("of ada")).unwrap_err();
        assert!(error.reason.starts_with("panicked at memory.rs:"), "{error}");
        assert!(!error.reason.contains("ada"));
        assert_eq!(memory.borrow().engine.stats().keys, 0);
        run(&memory, Memory::decide).unwrap();
        assert_eq!(remaining(&memory), 4.0);
    }

    #[test]
    fn a_block_that_nobody_could_have_written_is_refused() {
        let memory = memory();
        for (at, wrong) in [(0, 2.0), (2, 17.0), (2, 0.0), (3, 1.0), (4, 99.0), (7, 4.0), (1, 0.0)] {
            let mut numbers = memory.borrow().numbers.to_vec();
            numbers[at] = wrong;
            let kept = std::mem::replace(&mut memory.borrow_mut().numbers, Float64Array::new(numbers));
            let ended = run(&memory, Memory::decide);
            assert!(ended.is_err(), "{wrong} at {at}");
            memory.borrow_mut().numbers = kept;
        }
        run(&memory, Memory::decide).unwrap();
    }
}
