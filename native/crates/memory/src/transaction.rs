use crate::clock::Clock;
use crate::draft::Draft;
use crate::engine::MemoryEngine;
use crate::in_place::{Undo, count_one_of_several};
use crate::lock::Guard;
use crate::request::{Ask, Verdicts};
use crate::shard::{KeyName, Shard};
use crate::whole_key::is_on_whole_key;
use sluice_algorithms::{Check, Op, Plan, Status, Step};
use smallvec::SmallVec;

/// Checks that are decided without a draft of their keys, together.
pub(crate) const FEW: usize = 4;

/// Decides a request of up to `FEW` checks if each is a common one and all are allowed. False: nothing was done, but that
/// there may be verdicts.
///
/// Each check is counted at once, and taken back should a later one not pass: meanwhile nobody sees it, as the locks are
/// held. They are taken as the checks come, in any order, since it waits for none: see `Transaction`.
#[inline(never)]
#[allow(clippy::indexing_slicing, reason = "every place was found before")]
pub(crate) fn decide_few<C: Clock>(
    engine: &MemoryEngine<C>,
    request: &[Ask<'_>],
    now: f64,
    verdicts: &mut Verdicts,
) -> bool {
    let mut shards: [Option<(usize, Guard<'_, Shard>)>; FEW] = [const { None }; FEW];
    let mut counted = [(0, Undo::Nothing); FEW];
    let mut passed = 0;
    for (ask, (holder, undo)) in request.iter().zip(&mut counted) {
        let hash = engine.hash(ask);
        let place = engine.place(hash);
        // Where an earlier check has left the shard, or the first that is empty.
        let is_for_it = |shard: &Option<(usize, Guard<'_, Shard>)>| shard.as_ref().is_none_or(|(of, _)| *of == place);
        *holder = shards.iter().position(is_for_it).unwrap_or_default();
        if shards[*holder].is_none() {
            shards[*holder] = engine.try_lock(place).filter(|shard| !shard.is_due(now)).map(|shard| (place, shard));
        }
        let Some((_, shard)) = &mut shards[*holder] else { break };
        if !count_one_of_several(shard, ask, (hash, now), undo, verdicts) {
            break;
        }
        passed += 1;
    }
    if passed == request.len() {
        return true;
    }
    for (holder, undo) in counted.iter().rev() {
        if let Some((_, shard)) = &mut shards[*holder] {
            undo.carry_out(shard);
        }
    }
    false
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
        let is_same = |draft: &Draft<'_>| draft.name.tag == name.tag && draft.name.subject == name.subject;
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
