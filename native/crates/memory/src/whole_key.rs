use crate::draft::Draft;
use crate::request::Ask;
use crate::shard::{KeyName, Shard};
use sluice_algorithms::{Check, Op, Status, Step};

/// reset, block, unblock: the answer tells the state as it was before.
pub(crate) fn decide_on_whole_key(shard: &mut Shard, ask: &Ask<'_>, name: KeyName<'_>, now: f64) -> Step {
    let plan = ask.plan();
    let mut draft = Draft::load(shard, name, plan, now);
    draft.blocked_until_us = 0.0;
    let step = draft.decide(plan, Check { op: Op::Look, ..ask.check(now) }, None);
    let key = draft.key;
    let state_end_us = if draft.end_us > now { draft.end_us } else { 0.0 };
    draft.put_back(shard);
    if step.status != Status::Allowed {
        return step;
    }
    match (ask.op, key) {
        (Op::Block, _) => {
            let until_us = now + ask.n;
            let key = key.unwrap_or_else(|| shard.create(&name, plan, until_us, now));
            shard.block(key, until_us, state_end_us);
        }
        (Op::Reset, Some(key)) => shard.drop_key(key),
        (_, Some(key)) => shard.unblock(key, now),
        (_, None) => {}
    }
    step
}

pub(crate) fn is_on_whole_key(op: Op) -> bool {
    matches!(op, Op::Reset | Op::Block | Op::Unblock)
}
