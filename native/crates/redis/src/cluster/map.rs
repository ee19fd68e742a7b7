use super::slots::{SlotRange, read_slots};
use crate::error::{Error, Failure};
use crate::lane::Lane;
use crate::listener::Listener;
use crate::slot::SLOTS;
use crate::store::NodeAddress;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::RwLock;
use redis::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

/// A node that does not answer so long is passed over.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// So many nodes are asked at once; the first answer counts.
const ASKED_AT_ONCE: usize = 3;
/// After so long without one, the next refresh does not wait.
const CALM: Duration = Duration::from_secs(10);
const PAUSE_FIRST_MS: u64 = 50;
const PAUSE_MAX_MS: u64 = 2_000;

#[derive(Debug, Default)]
struct Slots {
    /// By slot; empty until a node has answered.
    owners: Vec<Option<NodeAddress>>,
    masters: HashSet<NodeAddress>,
    members: Vec<NodeAddress>,
    failure: Option<Error>,
}

/// Which node serves which slot. Any node may be asked; what a node says of a slot by `MOVED` counts at once. Refreshes never
/// run side by side, and come slower the more of them are needed.
pub(crate) struct ClusterMap {
    listener: Arc<dyn Listener>,
    slots: RwLock<Slots>,
    wanted: Notify,
    /// Refreshes begun, and the last one that has ended.
    begun: AtomicU64,
    ended: watch::Sender<u64>,
}

impl ClusterMap {
    pub fn new(listener: Arc<dyn Listener>) -> Self {
        Self {
            listener,
            slots: RwLock::default(),
            wanted: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
        }
    }

    /// `None` where no node serves the slot, as far as known.
    pub fn owner(&self, slot: u16) -> Option<NodeAddress> {
        self.slots.read().owners.get(usize::from(slot)).cloned().flatten()
    }

    /// By slot; empty until a node has answered.
    pub fn owners(&self) -> Vec<Option<NodeAddress>> {
        self.slots.read().owners.clone()
    }

    /// Those that serve slots.
    pub fn masters(&self) -> HashSet<NodeAddress> {
        self.slots.read().masters.clone()
    }

    pub fn members(&self) -> Vec<NodeAddress> {
        self.slots.read().members.clone()
    }

    /// A node said that the slot is at another one now.
    pub fn moved(&self, slot: u16, to: NodeAddress) {
        if let Some(owner) = self.slots.write().owners.get_mut(usize::from(slot)) {
            *owner = Some(to);
        }
        self.listener.slots_moved();
        self.want();
    }

    /// Why there is no node to ask.
    pub fn unavailable(&self, slot: u16) -> Error {
        let slots = self.slots.read();
        match &slots.failure {
            Some(failure) if slots.owners.is_empty() => failure.clone(),
            _ => Error::Unavailable(format!(
                "no node of the cluster serves slot {slot}; 'redis-cli --cluster check' tells why"
            )),
        }
    }

    /// Asks for a refresh, and does not wait for it.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// Asks the cluster anew, beginning after this call.
    pub async fn refresh(&self) {
        let next = self.begun.load(Ordering::Acquire) + 1;
        let mut ended = self.ended.subscribe();
        self.want();
        // The sender lives as long as this.
        let _ = ended.wait_for(|ended| *ended >= next).await;
    }

    /// Resolves when the slots are known, or the attempt to learn them has failed.
    pub async fn known(&self) -> Result<(), Error> {
        if self.slots.read().owners.is_empty() {
            self.refresh().await;
        }
        let slots = self.slots.read();
        match &slots.failure {
            Some(failure) if slots.owners.is_empty() => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Resolves when a refresh is wanted and its time has come.
    pub async fn due(&self, pace: &mut Pace) {
        self.wanted.notified().await;
        let calm = pace.ended_at.is_none_or(|at| at.elapsed() > CALM);
        pace.streak = if calm { 0 } else { pace.streak + 1 };
        if let (1.., Some(at)) = (pace.streak, pace.ended_at) {
            let longest = (PAUSE_FIRST_MS << (pace.streak - 1).min(16)).min(PAUSE_MAX_MS);
            let pause = Duration::from_millis(longest).mul_f64(1.0 - fastrand::f64() / 2.0);
            sleep(pause.saturating_sub(at.elapsed())).await;
        }
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes what a refresh has found.
    pub fn adopt(&self, found: Result<Vec<SlotRange>, Error>, pace: &mut Pace) {
        let has_moved = {
            let mut slots = self.slots.write();
            match found {
                Ok(ranges) => {
                    let before = std::mem::replace(&mut *slots, Slots::of(&ranges));
                    before.owners != slots.owners
                }
                Err(error) => {
                    slots.failure = Some(error);
                    false
                }
            }
        };
        if has_moved {
            self.listener.slots_moved();
        }
        pace.ended_at = Some(Instant::now());
        self.ended.send_replace(self.begun.load(Ordering::Acquire));
    }
}

/// When refreshes were.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    streak: u32,
    ended_at: Option<Instant>,
}

impl Slots {
    fn of(ranges: &[SlotRange]) -> Self {
        let mut slots = Self { owners: vec![None; usize::from(SLOTS)], ..Self::default() };
        for SlotRange { from, to, master, replicas } in ranges {
            if let Some(own) = slots.owners.get_mut(usize::from(*from)..=usize::from(*to)) {
                own.fill(Some(master.clone()));
            }
            slots.masters.insert(master.clone());
            slots.members.extend(replicas.iter().cloned());
        }
        slots.members.extend(slots.masters.iter().cloned());
        slots
    }
}

/// Asks nodes who serves which slots, a few at once; the first that knows counts.
pub(crate) async fn ask_nodes(
    nodes: Vec<NodeAddress>,
    lane: impl Fn(&NodeAddress) -> Lane,
) -> Result<Vec<SlotRange>, Error> {
    let mut reasons = Vec::new();
    for few in nodes.chunks(ASKED_AT_ONCE) {
        let mut answers: FuturesUnordered<_> = few.iter().map(|node| ask_node(node, lane(node))).collect();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(ranges) => return Ok(ranges),
                Err(reason) => reasons.push(reason),
            }
        }
    }
    let reasons = reasons.join("; ");
    Err(Error::Unavailable(format!("no node of the cluster tells who serves its slots: {reasons}")))
}

async fn ask_node(node: &NodeAddress, lane: Lane) -> Result<Vec<SlotRange>, String> {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let answer = async {
        match lane.call(command, false).await {
            Ok(value) => read_slots(&value, node).filter(|ranges| !ranges.is_empty()).ok_or_else(|| no_slots(&value)),
            Err(Failure::Reply(reply)) => Err(reply.to_string()),
            Err(Failure::Error(error)) => Err(error.to_string()),
        }
    };
    let answer = timeout(ANSWER_MAX, answer).await;
    answer.unwrap_or_else(|_| Err("no answer".to_owned())).map_err(|why| format!("{node}: {why}"))
}

fn no_slots(value: &Value) -> String {
    match value {
        Value::Array(ranges) if ranges.is_empty() => "it knows no slots".to_owned(),
        _ => "no answer to CLUSTER SLOTS".to_owned(),
    }
}
