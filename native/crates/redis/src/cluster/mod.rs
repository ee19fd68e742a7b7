//! A cluster: each request goes to the node that has its slot, over one connection to each master, which is opened when the
//! first request needs it.

mod cross_slot;
mod map;
mod slots;

use crate::ask::{Outcome, Request};
use crate::error::{Error, Failure, ServerReply};
use crate::lane::{Lane, LaneSetup, Refusal};
use crate::listener::Listener;
use crate::progress::Progress;
use crate::server_check::Role;
use crate::slot::slot_of;
use crate::store::NodeAddress;
use map::{ClusterMap, Pace, ask_nodes};
use parking_lot::Mutex;
use redis::{Cmd, ConnectionInfo, Value};
use slots::read_redirect;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const REDIRECTS_MAX: u32 = 16;
/// So many are followed without a pause: more than happen unless nodes disagree for a while.
const REDIRECTS_AT_ONCE: u32 = 3;
const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// How long a request of several keys waits for its slot to have moved, when its deadline does not come first.
const MOVE_PATIENCE: Duration = Duration::from_secs(2);

/// Told when a node was connected: another one than before may answer.
pub(crate) type OnConnect = Arc<dyn Fn() + Send + Sync>;

pub(crate) struct Cluster {
    /// How its nodes are reached, whatever their address.
    reach: ConnectionInfo,
    seeds: Vec<NodeAddress>,
    map: Arc<ClusterMap>,
    lanes: Mutex<HashMap<NodeAddress, Lane>>,
    answer_max: Duration,
    on_connect: OnConnect,
    listener: Arc<dyn Listener>,
    /// Nothing is refreshed any more.
    closed: AtomicBool,
    /// For what outlives a call.
    own: Weak<Self>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("lanes", &self.lanes.lock().len()).finish_non_exhaustive()
    }
}

/// Where a request goes next.
struct Way {
    to: NodeAddress,
    asking: bool,
    /// It was refused with others because of one of them, or is on its way through several nodes.
    alone: bool,
}

/// What a request has met so far.
struct Journey {
    slot: u16,
    redirects: u32,
    pause: Duration,
    moving_since: Option<Instant>,
}

impl Cluster {
    /// Begins to learn the slots. To be called within a tokio runtime.
    pub fn start(
        reach: ConnectionInfo,
        seeds: Vec<NodeAddress>,
        answer_max: Duration,
        on_connect: OnConnect,
        listener: Arc<dyn Listener>,
    ) -> Arc<Self> {
        let map = Arc::new(ClusterMap::new(Arc::clone(&listener)));
        let cluster = Arc::new_cyclic(|own| Self {
            reach,
            seeds,
            map: Arc::clone(&map),
            lanes: Mutex::default(),
            answer_max,
            on_connect,
            listener,
            closed: AtomicBool::new(false),
            own: Weak::clone(own),
        });
        tokio::spawn(keep_map(Arc::clone(&map), Weak::clone(&cluster.own)));
        map.want();
        cluster
    }

    /// Decides a request. Over several slots it looks at all, charges one after the other and undoes what was charged where
    /// one refuses.
    pub async fn decide(&self, request: &Arc<Request>, progress: &Progress) -> Result<Outcome, Error> {
        let mut slots = request.checks.iter().map(|check| slot_of(&check.key));
        let first = slots.next().unwrap_or(0);
        if slots.all(|slot| slot == first) {
            return self.decide_in_slot(first, request, progress).await;
        }
        let Some(cluster) = self.own.upgrade() else { return Err(Error::Closed) };
        cross_slot::decide(cluster, Arc::clone(request), progress.clone()).await
    }

    pub async fn decide_in_slot(
        &self,
        slot: u16,
        request: &Arc<Request>,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        let mut journey = Journey::new(slot);
        let mut way = Way { to: self.owner(slot).await?, asking: false, alone: false };
        loop {
            let lane = self.lane(&way.to);
            let result = if way.alone {
                lane.decide_alone(slot, request, progress, way.asking).await
            } else {
                lane.decide(slot, request, progress).await
            };
            let Refusal { failure, batch } = match result {
                Ok(outcome) => return Ok(outcome),
                Err(refusal) => refusal,
            };
            way = match failure {
                Failure::Reply(reply) if is_followed(&reply) => {
                    progress.come_back();
                    // Of several requests none was decided because of one: each goes on alone.
                    if reply.kind == "TRYAGAIN" && batch > 1 {
                        Way { to: self.owner(slot).await?, asking: false, alone: true }
                    } else {
                        journey.next(self, &way.to, reply).await?
                    }
                }
                failure => return Err(self.told(failure)),
            };
        }
    }

    /// Sends a command to the node that has the slot of a key.
    pub async fn call(&self, key: &str, command: Cmd) -> Result<Value, Failure> {
        let slot = slot_of(key);
        let mut journey = Journey::new(slot);
        let mut way = Way { to: self.owner(slot).await.map_err(Failure::Error)?, asking: false, alone: true };
        loop {
            way = match self.lane(&way.to).call(command.clone(), way.asking).await {
                Err(Failure::Reply(reply)) if is_followed(&reply) => {
                    journey.next(self, &way.to, reply).await.map_err(Failure::Error)?
                }
                Err(Failure::Error(error)) => {
                    self.map.want();
                    return Err(Failure::Error(error));
                }
                result => return result,
            };
        }
    }

    pub async fn ready(&self) -> Result<(), Error> {
        self.map.known().await?;
        for node in self.map.masters() {
            self.lane(&node).ready().await?;
        }
        Ok(())
    }

    pub async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let lanes: Vec<Lane> = self.lanes.lock().drain().map(|(_, lane)| lane).collect();
        let closing: futures_util::stream::FuturesUnordered<_> = lanes.iter().map(Lane::close).collect();
        futures_util::StreamExt::collect::<()>(closing).await;
    }

    pub fn slot_owners(&self) -> Vec<Option<String>> {
        self.map.owners().into_iter().map(|node| node.map(|node| node.to_string())).collect()
    }

    /// A node that answers too late may be cut off from the others, and its slots be elsewhere.
    pub fn doubt(&self) {
        self.map.want();
    }

    async fn owner(&self, slot: u16) -> Result<NodeAddress, Error> {
        if let Some(node) = self.map.owner(slot) {
            return Ok(node);
        }
        self.map.known().await?;
        self.map.owner(slot).ok_or_else(|| {
            self.map.want();
            self.map.unavailable(slot)
        })
    }

    fn lane(&self, node: &NodeAddress) -> Lane {
        self.lanes.lock().entry(node.clone()).or_insert_with(|| self.open(node)).clone()
    }

    fn open(&self, node: &NodeAddress) -> Lane {
        let (own, on_connect) = (Weak::clone(&self.own), Arc::clone(&self.on_connect));
        Lane::start(LaneSetup {
            info: node.reached_as(&self.reach),
            role: Role::Node,
            answer_max: self.answer_max,
            on_change: Arc::new(move |stands| match own.upgrade() {
                Some(_) if stands => on_connect(),
                Some(cluster) => cluster.map.want(),
                None => {}
            }),
            listener: Arc::clone(&self.listener),
        })
    }

    /// The error for the caller. Where the node is lost or knows itself out of service, another may have its slots.
    fn told(&self, failure: Failure) -> Error {
        match &failure {
            Failure::Reply(reply) if !is_out_of_service(reply) => {}
            _ => self.map.want(),
        }
        failure.into()
    }

    /// Whom to ask: over connections that stand first, then the seeds, then everybody known.
    fn informants(&self) -> Vec<NodeAddress> {
        let mut connected: Vec<_> =
            self.lanes.lock().iter().filter(|(_, lane)| lane.is_ready()).map(|(node, _)| node.clone()).collect();
        fastrand::shuffle(&mut connected);
        let mut members = self.map.members();
        fastrand::shuffle(&mut members);
        let mut nodes = Vec::new();
        for node in connected.into_iter().chain(self.seeds.iter().cloned()).chain(members) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// Leaves nodes that are no masters any more. What waits there is sent, and learns from their answers where to go.
    fn forget_others(&self) {
        let masters = self.map.masters();
        let left: Vec<_> = {
            let mut lanes = self.lanes.lock();
            lanes.extract_if(|node, _| !masters.contains(node)).collect()
        };
        drop(left);
    }

    fn is_broken(&self) -> bool {
        let lanes = self.lanes.lock();
        self.map.masters().iter().any(|node| lanes.get(node).is_some_and(Lane::is_down))
    }
}

impl Journey {
    fn new(slot: u16) -> Self {
        Self { slot, redirects: 0, pause: PAUSE_FIRST, moving_since: None }
    }

    /// Where to send it next, after an answer that proves that nothing of it was executed.
    ///
    /// - `MOVED`: the slot has a new master, which is asked instead, from now on.
    /// - `ASK`: the slot is on its way, and its key is at the new node, or will be made there: asked there this once.
    /// - `TRYAGAIN`: of the request's keys some are still here and some there. It waits until the slot has moved.
    /// - `READONLY`: the node is a replica now. Asked again once the map names another.
    async fn next(&mut self, cluster: &Cluster, from: &NodeAddress, reply: ServerReply) -> Result<Way, Error> {
        if reply.kind == "TRYAGAIN" {
            let since = *self.moving_since.get_or_insert_with(Instant::now);
            if since.elapsed() > MOVE_PATIENCE {
                return Err(self.still_moving());
            }
            // Going back and forth between the two nodes is how it waits.
            self.redirects = 0;
            self.wait().await;
            return Ok(Way { to: cluster.owner(self.slot).await?, asking: false, alone: true });
        }
        self.redirects += 1;
        if self.redirects > REDIRECTS_MAX {
            return Err(self.leads_nowhere(from, &reply));
        }
        if self.redirects > REDIRECTS_AT_ONCE {
            self.wait().await;
        }
        if reply.kind == "READONLY" {
            cluster.map.refresh().await;
            let to = cluster.owner(self.slot).await?;
            return if to == *from { Err(reply.into()) } else { Ok(Way { to, asking: false, alone: true }) };
        }
        let Some((slot, to)) = read_redirect(&reply, from) else { return Err(reply.into()) };
        let asking = reply.kind == "ASK";
        if !asking {
            cluster.map.moved(slot, to.clone());
        }
        Ok(Way { to, asking, alone: true })
    }

    async fn wait(&mut self) {
        sleep(self.pause).await;
        self.pause = (2 * self.pause).min(PAUSE_MAX);
    }

    fn still_moving(&self) -> Error {
        Error::Unavailable(format!(
            "slot {} is being moved, and keys of this request are at both nodes; after {} ms this was given up",
            self.slot,
            MOVE_PATIENCE.as_millis()
        ))
    }

    fn leads_nowhere(&self, node: &NodeAddress, reply: &ServerReply) -> Error {
        Error::Unavailable(format!(
            "slot {}: {REDIRECTS_MAX} redirects, the last from {node} ({reply}); nodes of the cluster disagree: 'redis-cli \
             --cluster check' tells how",
            self.slot
        ))
    }
}

/// Answers after which the same request may be sent again, since nothing of it can have been executed: Redis looks at the
/// keys before it runs a script, and a script that may not write fails at its first write.
fn is_followed(reply: &ServerReply) -> bool {
    matches!(reply.kind.as_str(), "MOVED" | "ASK" | "TRYAGAIN" | "READONLY")
}

fn is_out_of_service(reply: &ServerReply) -> bool {
    matches!(reply.kind.as_str(), "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" | "READONLY")
}

/// Refreshes the map whenever that is wanted, as long as the cluster is used.
async fn keep_map(map: Arc<ClusterMap>, cluster: Weak<Cluster>) {
    let mut pace = Pace::default();
    loop {
        map.due(&mut pace).await;
        let Some(cluster) = cluster.upgrade().filter(|cluster| !cluster.closed.load(Ordering::Acquire)) else { return };
        map.adopt(ask_nodes(cluster.informants(), |node| cluster.lane(node)).await, &mut pace);
        cluster.forget_others();
        if cluster.is_broken() {
            map.want();
        }
    }
}

impl Drop for Cluster {
    /// Ends what keeps the map.
    fn drop(&mut self) {
        self.map.want();
    }
}
