use crate::clock::Clock;
use crate::draft::Draft;
use crate::engine::{Ask, MemoryEngine, Verdict, Verdicts, is_on_whole_key};
use crate::in_place::Tentative;
use crate::lock::Guard;
use crate::shard::{KeyName, Shard};
use sluice_algorithms::{Check, Op, Plan, Status, Step};
use smallvec::SmallVec;

/// Decides and commits the checks of a small request if each is a common one, on a key of its own, and all are allowed.
/// False: nothing was done.
#[inline]
#[allow(clippy::indexing_slicing, reason = "every place is below N")]
pub(crate) fn decide_few<C: Clock, const N: usize>(
    engine: &MemoryEngine<C>,
    request: &[Ask<'_>],
    now: f64,
    verdicts: &mut Verdicts,
) -> bool {
    let Some(request) = request.first_chunk::<N>() else { return false };
    let names = request.each_ref().map(|ask| engine.locate(ask));
    let mut places = names.map(|(place, _)| place);
    places.sort_unstable();
    // In the order of their places, each once: see `Transaction`.
    let mut shards: [Option<Guard<'_, Shard>>; N] = [const { None }; N];
    for index in 0..N {
        if index == 0 || places[index] != places[index - 1] {
            shards[index].insert(engine.lock(places[index])).begin(now);
        }
    }
    let shard_of = names.map(|(place, _)| places.partition_point(|other| *other < place));
    let mut checks = [Tentative::EMPTY; N];
    verdicts.resize(N, Verdict::EMPTY);
    for (index, ask) in request.iter().enumerate() {
        let (done, rest) = checks.split_at_mut(index);
        let Some(shard) = &shards[shard_of[index]] else { return false };
        let (check, name) = (&mut rest[0], &names[index].1);
        if !check.decide(shard, name, ask.plan(), ask.check(now), &mut verdicts[index])
            || done.iter().zip(&shard_of).any(|(other, place)| *place == shard_of[index] && other.is_of_key(check))
        {
            return false;
        }
    }
    for (index, ask) in request.iter().enumerate() {
        if let Some(shard) = &mut shards[shard_of[index]] {
            checks[index].commit(shard, ask.plan(), now);
        }
    }
    true
}

/// The shards of a request, locked in the order of their places so that no two requests wait for one another, and what its
/// checks would leave of its keys.
pub(crate) struct Transaction<'e, 'a> {
    shards: SmallVec<[(usize, Guard<'e, Shard>); 4]>,
    /// For each key of the request: which of `shards` has it, and the draft.
    drafts: SmallVec<[(usize, Draft<'a>); 4]>,
    now: f64,
}

#[allow(clippy::indexing_slicing, reason = "every place was found before")]
impl<'e, 'a> Transaction<'e, 'a> {
    /// Takes the locks.
    pub fn begin<C: Clock>(engine: &'e MemoryEngine<C>, names: &[(usize, KeyName<'a>)], now: f64) -> Self {
        let mut places: SmallVec<[usize; 4]> = names.iter().map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.dedup();
        let mut shards: SmallVec<[_; 4]> = places.into_iter().map(|place| (place, engine.lock(place))).collect();
        for (_, shard) in &mut shards {
            shard.begin(now);
        }
        Self { shards, drafts: SmallVec::new(), now }
    }

    fn shard_at(&self, place: usize) -> usize {
        self.shards.partition_point(|(other, _)| *other < place)
    }

    pub fn decide_all(&mut self, request: &[Ask<'a>], names: &[(usize, KeyName<'a>)], looking: bool) -> Verdicts {
        let decided = request.iter().zip(names).map(|(ask, (place, name))| {
            let op = match ask.op {
                Op::Peek => Op::Peek,
                _ if looking => Op::Look,
                op if is_on_whole_key(op) => return Step::failed(Status::BadCheck).into(),
                op => op,
            };
            let check = Check { op, ..ask.check(self.now) };
            let draft = self.draft(*place, *name, ask.plan());
            draft.decide(ask.plan(), check, ask.lease_id).into()
        });
        decided.collect()
    }

    /// The draft of a key: the one that an earlier check of the request on the same key left, or a new one.
    fn draft(&mut self, place: usize, name: KeyName<'a>, plan: &'a Plan) -> &mut Draft<'a> {
        let is_same = |draft: &Draft<'_>| {
            draft.name.hash == name.hash && draft.name.limit == name.limit && draft.name.subject == name.subject
        };
        let known = self.drafts.iter().position(|(_, draft)| is_same(draft));
        let index = known.unwrap_or_else(|| {
            let shard = self.shard_at(place);
            self.drafts.push((shard, Draft::load(&mut self.shards[shard].1, name, plan, self.now)));
            self.drafts.len() - 1
        });
        &mut self.drafts[index].1
    }

    /// Keys that are there come first: a new key may have to evict, and must not evict one that is still to be stored.
    pub fn commit(&mut self) {
        let (known, new): (SmallVec<[_; 4]>, SmallVec<[_; 4]>) =
            self.drafts.drain(..).partition(|(_, draft)| draft.key.is_some());
        for (shard, draft) in known.into_iter().chain(new) {
            draft.commit(&mut self.shards[shard].1, self.now);
        }
    }

    pub fn put_back(&mut self) {
        for (shard, draft) in self.drafts.drain(..) {
            draft.put_back(&mut self.shards[shard].1);
        }
    }
}
