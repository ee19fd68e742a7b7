use crate::clock::{Clock, CounterClock};
use crate::draft::Draft;
use crate::in_place::{self, InParts, Quick};
use crate::limit::{Limit, algorithm_code};
use crate::lock::{Guard, Lock};
use crate::on_leases::{Acquiring, Releasing};
use crate::request::{Ask, CHECKS_MAX, Outcome, RequestError, Verdict, Verdicts};
use crate::shard::{KeyName, Shard};
use crate::transaction::{FEW, Transaction, decide_few};
use crate::whole_key::{decide_on_whole_key, is_on_whole_key};
use foldhash::fast::RandomState;
use sluice_algorithms::{Check, CounterParts, NOW_END_US, NOW_MIN_US, Op, Plan, Status, Step, WORDS_MAX};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

/// An odd number with its bits well mixed: one subject is elsewhere under each limit.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// How large an engine is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most keys held at once; a key is one subject under one limit. When there are as many in a shard and another comes, the
    /// key goes that ends first among those that refuse nobody; if all refuse, the one that ends first. Default: 1,000,000.
    pub max_keys: usize,
    /// Parts with a lock of their own, each with an equal share of the keys. Default: four for each core; one is the choice of
    /// a single thread.
    pub shards: usize,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { max_keys: 1_000_000, shards: (4 * cores).next_power_of_two() }
    }
}

/// What an engine holds, for gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Keys held, those included that have ended and were not taken out yet; not those whose leases were all released.
    pub keys: usize,
    /// Keys that had to go before their end. Not 0: `max_keys` is too small for the traffic.
    pub evicted: u64,
}

/// A shard on cache lines of its own, so that the lock of one is not moved about with another's.
#[repr(align(128))]
struct Padded(Lock<Shard>);

/// Decides in the memory of this process. Ended keys are taken out by the calls that come later, a few each; there are no
/// timers and no threads.
pub struct MemoryEngine<C = CounterClock> {
    shards: Box<[Padded]>,
    hasher: RandomState,
    clock: C,
    /// By name and algorithm, which outlive a change of the plan.
    limits: Lock<HashMap<(String, u8), u32>>,
}

impl<C> fmt::Debug for MemoryEngine<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEngine").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self::new(CounterClock::default(), Options::default())
    }
}

impl<C: Clock> MemoryEngine<C> {
    /// An engine without keys. Sizes of 0 are taken as 1.
    pub fn new(clock: C, options: Options) -> Self {
        let shards = options.shards.max(1).next_power_of_two();
        let share = options.max_keys.max(1).div_ceil(shards).min((u32::MAX >> 2) as usize);
        Self {
            shards: (0..shards).map(|_| Padded(Lock::new(Shard::new(share)))).collect(),
            hasher: RandomState::default(),
            clock,
            limits: Lock::new(HashMap::new()),
        }
    }

    /// A limit of this engine. The same name with a plan of the same algorithm has the same keys.
    pub fn limit(&self, name: &str, plan: Plan) -> Limit {
        let mut limits = self.limits.lock();
        let next = limits.len() as u32;
        let id = *limits.entry((name.to_owned(), algorithm_code(&plan))).or_insert(next);
        let parts = match &plan {
            Plan::SlidingCounter(plan) => CounterParts::of(plan.window_us),
            _ => CounterParts::default(),
        };
        Limit { id, salt: u64::from(id).wrapping_mul(SPREAD), plan, parts }
    }

    /// Decides a request of one check.
    ///
    /// # Errors
    /// [`RequestError::Clock`]
    #[inline(always)]
    pub fn decide_one(&self, ask: &Ask<'_>) -> Result<(Verdict, f64), RequestError> {
        let now = self.now()?;
        Ok((self.decide_at(ask, now), now))
    }

    #[inline(always)]
    fn decide_at(&self, ask: &Ask<'_>, now: f64) -> Verdict {
        let hash = self.hash(ask);
        match ask.plan() {
            Plan::Gcra(plan) => self.decide_quickly(plan, ask, hash, now),
            Plan::FixedWindow(plan) => self.decide_quickly(plan, ask, hash, now),
            Plan::TokenBucket(plan) | Plan::LeakyBucket(plan) => self.decide_quickly(plan, ask, hash, now),
            Plan::SlidingCounter(plan) => self.decide_quickly(&InParts::of(ask, plan), ask, hash, now),
            Plan::SlidingWindow(plan) => self.decide_quickly(plan, ask, hash, now),
            Plan::Quota(plan) => self.decide_quickly(plan, ask, hash, now),
            Plan::Concurrency(plan) if ask.op == Op::Refund => self.decide_quickly(&Releasing(plan), ask, hash, now),
            Plan::Concurrency(plan) => self.decide_quickly(&Acquiring(plan), ask, hash, now),
        }
    }

    /// What nearly every check meets: a lock that is free, nothing to be taken out, its key alive. Compiled for each algorithm
    /// apart, without a call and without a way out to more work, so that nothing has to be kept for after it. `None`: nothing
    /// was done.
    #[inline(never)]
    fn decide_quickly<P: Quick>(&self, plan: &P, ask: &Ask<'_>, hash: u64, now: f64) -> Verdict {
        if ask.op == P::OP
            && ask.subject.len() <= WORDS_MAX
            && let Some(mut shard) = self.shard(hash).try_lock()
            && !shard.is_due(now)
            && let check = (Check { op: P::OP, ..ask.check(now) })
            && let name = KeyName::of(ask, hash)
            && let Some(step) = in_place::decide_quickly(&mut shard, &name, plan, check, ask.lease_id)
        {
            return step.into();
        }
        self.decide_any(ask, now)
    }

    #[inline(never)]
    fn decide_any(&self, ask: &Ask<'_>, now: f64) -> Verdict {
        let hash = self.hash(ask);
        let mut shard = self.shard(hash).lock();
        shard.begin(now);
        let name = KeyName::of(ask, hash);
        match in_place::decide(&mut shard, &name, ask, now) {
            Some(step) => step.into(),
            None => decide_by_draft(&mut shard, ask, name, now).into(),
        }
    }

    /// Decides a request of 1 to 16 checks, all or nothing: when one is refused or fails, none has changed anything.
    ///
    /// # Errors
    /// [`RequestError::Checks`], [`RequestError::Clock`]
    #[inline(always)]
    pub fn decide(&self, request: &[Ask<'_>]) -> Result<Outcome, RequestError> {
        // Told in its place: an outcome takes longer to move than a check to decide.
        let mut told = Ok(Outcome { now_us: 0.0, checks: Verdicts::new() });
        self.decide_in_place(request, &mut told);
        told
    }

    #[inline(never)]
    fn decide_in_place(&self, request: &[Ask<'_>], told: &mut Result<Outcome, RequestError>) {
        if let Ok(outcome) = told
            && let Err(error) = self.decide_all(request, outcome)
        {
            *told = Err(error);
        }
    }

    #[inline(always)]
    fn decide_all(&self, request: &[Ask<'_>], outcome: &mut Outcome) -> Result<(), RequestError> {
        if request.is_empty() || request.len() > CHECKS_MAX {
            return Err(RequestError::Checks(request.len()));
        }
        let Outcome { now_us, checks } = outcome;
        *now_us = self.now()?;
        if request.len() <= FEW && decide_few(self, request, *now_us, checks) {
            return Ok(());
        }
        *checks = match request {
            [ask] => Verdicts::from_iter([self.decide_at(ask, *now_us)]),
            _ => self.decide_by_drafts(request, *now_us),
        };
        Ok(())
    }

    #[cold]
    fn decide_by_drafts(&self, request: &[Ask<'_>], now_us: f64) -> Verdicts {
        let names: SmallVec<[(usize, KeyName<'_>); 4]> = request.iter().map(|ask| self.locate(ask)).collect();
        let mut transaction = Transaction::begin(self, &names, now_us);
        let mut checks = transaction.decide_all(request, &names, false);
        let failed = checks.iter().any(|verdict| (verdict.status as i8) < 0);
        let refused = checks.iter().zip(request).any(|(verdict, ask)| is_refusal(verdict.status, ask.op));
        if !failed && !refused {
            transaction.commit();
            return checks;
        }
        // A second look, without charging: the state as it stands, and the repairs that it needs.
        transaction.put_back();
        let looks = transaction.decide_all(request, &names, true);
        if failed {
            transaction.put_back();
        } else {
            transaction.commit();
        }
        for (verdict, look) in checks.iter_mut().zip(looks) {
            withdraw(verdict, look);
        }
        checks
    }

    /// What the engine holds now.
    pub fn stats(&self) -> Stats {
        self.shards.iter().fold(Stats { keys: 0, evicted: 0 }, |sum, shard| {
            let shard = shard.0.lock();
            Stats { keys: sum.keys + shard.count(), evicted: sum.evicted + shard.evicted }
        })
    }

    #[inline]
    fn now(&self) -> Result<f64, RequestError> {
        let now = self.clock.now_us();
        if (NOW_MIN_US..NOW_END_US).contains(&now) { Ok(now) } else { Err(RequestError::Clock(now)) }
    }

    #[inline(always)]
    pub(crate) fn hash(&self, ask: &Ask<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(ask.subject.as_bytes());
        hasher.finish() ^ ask.limit.salt
    }

    #[inline(always)]
    pub(crate) fn place(&self, hash: u64) -> usize {
        (hash >> 48) as usize & (self.shards.len() - 1)
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "places are masked by the number of shards")]
    fn shard(&self, hash: u64) -> &Lock<Shard> {
        &self.shards[self.place(hash)].0
    }

    #[inline]
    pub(crate) fn locate<'a>(&self, ask: &Ask<'a>) -> (usize, KeyName<'a>) {
        let hash = self.hash(ask);
        (self.place(hash), KeyName::of(ask, hash))
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "places are masked by the number of shards")]
    pub(crate) fn try_lock(&self, place: usize) -> Option<Guard<'_, Shard>> {
        self.shards[place].0.try_lock()
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "places are masked by the number of shards")]
    pub(crate) fn lock(&self, place: usize) -> Guard<'_, Shard> {
        self.shards[place].0.lock()
    }
}

#[cold]
fn decide_by_draft(shard: &mut Shard, ask: &Ask<'_>, name: KeyName<'_>, now: f64) -> Step {
    if is_on_whole_key(ask.op) {
        return decide_on_whole_key(shard, ask, name, now);
    }
    let mut draft = Draft::load(shard, name, ask.plan(), now);
    let step = draft.decide(ask.plan(), ask.check(now), ask.lease_id);
    draft.commit(shard, now);
    step
}

fn is_refusal(status: Status, op: Op) -> bool {
    matches!(status, Status::Denied | Status::Blocked) && !matches!(op, Op::Peek | Op::Look)
}

/// What is left of a verdict when its request was refused: nothing was taken, and the state is as the look found it.
fn withdraw(verdict: &mut Verdict, look: Verdict) {
    if (verdict.status as i8) < 0 {
        return;
    }
    verdict.granted = 0.0;
    verdict.remaining = look.remaining;
    verdict.reset_us = look.reset_us;
    if verdict.status == Status::Allowed {
        verdict.wait_us = 0.0;
    }
}
