use super::Cluster;
use crate::ask::{Check, Outcome, Request, Verdict};
use crate::error::Error;
use crate::progress::Progress;
use crate::slot::slot_of;
use futures_util::future::join_all;
use sluice_algorithms::{Op, Status};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The checks of a request that are in one slot.
struct Part {
    slot: u16,
    checks: SmallVec<[Check; 1]>,
    /// Their places in the request, in their order.
    places: Vec<usize>,
}

/// Decides a request over several slots, which no script can. All are looked at first; where none refuses, they are charged
/// one after the other in the order of their slots; where one refuses after all, or fails, what was charged before is undone.
///
/// No limit is ever exceeded: what stands between charging and undoing can only refuse others. Where undoing fails, units
/// stay charged that nobody used.
///
/// It goes on when its caller has gone, to undo what it has charged by then.
pub(super) async fn decide(cluster: Arc<Cluster>, request: Arc<Request>, progress: Progress) -> Result<Outcome, Error> {
    let (reply, answer) = oneshot::channel();
    tokio::spawn(async move {
        let crossing = Crossing { cluster, now_us: request.now_us };
        // Who asked may have gone.
        let _ = reply.send(crossing.decide(&request, &progress).await);
    });
    answer.await.map_err(|_| Error::Closed)?
}

struct Crossing {
    cluster: Arc<Cluster>,
    now_us: f64,
}

impl Crossing {
    async fn decide(&self, request: &Request, progress: &Progress) -> Result<Outcome, Error> {
        let checks = &request.checks;
        let parts = split(checks);
        let looks = join_all(parts.iter().map(|part| self.look(part))).await;
        let mut said: Vec<Option<Verdict>> = vec![None; checks.len()];
        let mut looked = Vec::new();
        for (part, look) in parts.iter().zip(looks) {
            looked.push((part, look?));
        }
        for (part, look) in &looked {
            tell(&mut said, part, look);
        }
        if is_refused(checks, &said) {
            return Ok(outcome(said, true));
        }
        if !progress.take_off() {
            return Err(unwanted());
        }

        let mut charged = Vec::new();
        for part in &parts {
            let decided = if progress.is_gone() { Err(unwanted()) } else { self.decide_part(part).await };
            let verdicts = match decided {
                Ok(verdicts) => verdicts,
                Err(error) => {
                    self.undo(&charged, &error).await?;
                    return Err(error);
                }
            };
            tell(&mut said, part, &verdicts);
            let own: Vec<_> = part.places.iter().map(|place| said.get(*place).copied().flatten()).collect();
            if is_refused(&part.checks, &own) {
                let refused = Error::Unavailable("a limit of the request refused it".to_owned());
                if let Err(loss) = self.undo(&charged, &refused).await {
                    self.cluster.listener.lost(&loss);
                }
                // Of what was charged and undone, the looks still tell how it stands.
                for (part, look) in &looked {
                    tell(&mut said, part, look);
                }
                tell(&mut said, part, &verdicts);
                return Ok(outcome(said, true));
            }
            charged.push((part, verdicts));
        }
        if progress.is_gone() {
            self.undo(&charged, &unwanted()).await?;
            return Err(unwanted());
        }
        Ok(outcome(said, false))
    }

    async fn decide_part(&self, part: &Part) -> Result<Vec<Verdict>, Error> {
        self.ask(part.slot, part.checks.clone()).await
    }

    async fn ask(&self, slot: u16, checks: SmallVec<[Check; 1]>) -> Result<Vec<Verdict>, Error> {
        let request = Arc::new(Request { checks, now_us: self.now_us });
        let outcome = self.cluster.decide_in_slot(slot, &request, &Progress::default()).await?;
        Ok(outcome.checks.into_vec())
    }

    /// What the checks of a part would meet.
    async fn look(&self, part: &Part) -> Result<Vec<Verdict>, Error> {
        let looks = (0..part.checks.len()).zip(&part.checks).map(|(i, check)| Check {
            op: Op::Peek,
            n: if is_foretold(part, i) && check.op != Op::Grant { check.n } else { 1.0 },
            at: 0.0,
            ..check.clone()
        });
        let mut verdicts = self.ask(part.slot, looks.collect()).await?;
        for (i, (verdict, check)) in verdicts.iter_mut().zip(&part.checks).enumerate() {
            // Operations on a whole key stand alone, whatever the key holds.
            if matches!(check.op, Op::Reset | Op::Block | Op::Unblock) {
                verdict.status = Status::BadCheck;
            } else if verdict.status as i8 >= 0 && !is_foretold(part, i) {
                verdict.status = Status::Allowed;
                verdict.wait_us = 0.0;
            }
        }
        Ok(verdicts)
    }

    /// Takes back what was charged. `why`: what the request came to nothing by.
    async fn undo(&self, charged: &[(&Part, Vec<Verdict>)], why: &Error) -> Result<(), Error> {
        let undoing = charged.iter().map(|(part, verdicts)| async move {
            // Latest first: what came later may have been possible only by what came before.
            let changes = part.checks.iter().zip(verdicts).rev().filter_map(|(check, verdict)| undo_of(check, verdict));
            let changes: SmallVec<[Check; 1]> = changes.collect();
            if changes.is_empty() { Ok(Vec::new()) } else { self.ask(part.slot, changes).await }
        });
        match join_all(undoing).await.into_iter().find_map(Result::err) {
            None => Ok(()),
            Some(_) => Err(Error::ConnectionLost(format!(
                "a request over several slots of the cluster came to nothing ({why}), and what it had charged could not all \
                 be given back: it stays counted until it drains"
            ))),
        }
    }
}

/// The parts in the order of their slots, so that two requests are charged in the same order.
fn split(checks: &[Check]) -> Vec<Part> {
    let mut parts = BTreeMap::new();
    for (place, check) in checks.iter().enumerate() {
        let slot = slot_of(&check.key);
        let part = parts.entry(slot).or_insert_with(|| Part { slot, checks: SmallVec::new(), places: Vec::new() });
        part.checks.push(check.clone());
        part.places.push(place);
    }
    parts.into_values().collect()
}

/// Does a look tell how the check will end? Not where it needs units that a check before it gives back.
fn is_foretold(part: &Part, i: usize) -> bool {
    let Some(check) = part.checks.get(i) else { return false };
    let is_freed = part.checks.iter().take(i).any(|earlier| earlier.key == check.key && gives_back(earlier.op));
    check.op == Op::Peek || (matches!(check.op, Op::Consume | Op::Grant) && !is_freed)
}

fn gives_back(op: Op) -> bool {
    matches!(op, Op::Refund | Op::Rollback)
}

/// Writes what a part said to the places of its checks.
fn tell(said: &mut [Option<Verdict>], part: &Part, verdicts: &[Verdict]) {
    for (place, verdict) in part.places.iter().zip(verdicts) {
        if let Some(own) = said.get_mut(*place) {
            *own = Some(*verdict);
        }
    }
}

fn is_refused(checks: &[Check], said: &[Option<Verdict>]) -> bool {
    checks.iter().zip(said.iter().flatten()).any(|(check, verdict)| {
        (verdict.status as i8) < 0 || (verdict.status != Status::Allowed && check.op != Op::Peek)
    })
}

/// `withdrawn`: the request was refused, and nothing was taken.
fn outcome(said: Vec<Option<Verdict>>, withdrawn: bool) -> Outcome {
    let mut checks: SmallVec<[Verdict; 4]> = said.into_iter().flatten().collect();
    if withdrawn {
        for verdict in &mut checks {
            verdict.granted = 0.0;
            if verdict.status == Status::Allowed {
                verdict.wait_us = 0.0;
            }
        }
    }
    Outcome { now_us: checks.iter().map(|verdict| verdict.now_us).fold(0.0, f64::max), checks }
}

/// What takes a check back; `None` where it changed nothing that anybody could miss.
fn undo_of(check: &Check, verdict: &Verdict) -> Option<Check> {
    if verdict.granted == 0.0 || matches!(check.op, Op::Peek | Op::Renew) {
        return None;
    }
    let (op, at) = match check.op {
        op if gives_back(op) => (Op::Debit, 0.0),
        _ if check.lease_id.is_some() => (Op::Rollback, 0.0),
        _ => (Op::Rollback, verdict.now_us),
    };
    Some(Check { op, n: verdict.granted, at, ..check.clone() })
}

/// What is told to nobody.
fn unwanted() -> Error {
    Error::Unavailable("nobody waits for the answer any more".to_owned())
}
