//! A real cluster of three masters.

use crate::server::{RedisServer, free_port, until};
use crate::support::LONG;
use sluice_redis::{KeySpace, Options, RedisEngine, Store, slot_of};

const SLOTS: u16 = 16_384;

pub struct RedisCluster {
    pub nodes: Vec<RedisServer>,
    ids: Vec<String>,
}

/// One slot on its way from its master to another.
pub struct SlotMove<'a> {
    cluster: &'a RedisCluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl RedisCluster {
    pub fn start() -> Self {
        let start = || {
            let bus = free_port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "5000"];
            (RedisServer::start_on(free_port(), &arguments), bus)
        };
        let started: Vec<_> = (0..3).map(|_| start()).collect();
        let count = started.len() as u16;
        for (i, (node, _)) in started.iter().enumerate() {
            let i = i as u16;
            let () = node.run(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]);
            let [from, to] = [i, i + 1].map(|i| (u32::from(SLOTS) * u32::from(i)).div_ceil(u32::from(count)));
            let () = node.run(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &(to - 1).to_string()]);
        }
        let (first, bus) = &started[0];
        for (node, _) in &started[1..] {
            let () = node.run(&["CLUSTER", "MEET", "127.0.0.1", &first.port.to_string(), bus]);
        }
        let nodes: Vec<_> = started.into_iter().map(|(node, _)| node).collect();
        let ids = nodes.iter().map(|node| node.run(&["CLUSTER", "MYID"])).collect();
        let cluster = Self { nodes, ids };
        for node in &cluster.nodes {
            until("every node knows all others and serves", || {
                let info: String = node.run(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_slots_ok:{SLOTS}"))
            });
        }
        cluster
    }

    pub fn engine(&self) -> RedisEngine {
        self.engine_with(Options { deadline: LONG, ..Options::default() })
    }

    pub fn engine_with(&self, options: Options) -> RedisEngine {
        let store = Store::cluster(self.nodes.iter().map(RedisServer::url)).unwrap();
        RedisEngine::new(store, &KeySpace::default(), options)
    }

    /// By the ranges it began with.
    pub fn first_master_of(&self, slot: u16) -> usize {
        usize::from(slot) * self.nodes.len() / usize::from(SLOTS)
    }

    /// The slot starts to move: keys still there are served, those that are not answer ASK.
    pub fn begin_move(&self, slot: u16) -> SlotMove<'_> {
        let from = self.first_master_of(slot);
        let to = (from + 1) % self.nodes.len();
        let () = self.nodes[to].run(&["CLUSTER", "SETSLOT", &slot.to_string(), "IMPORTING", &self.ids[from]]);
        let () = self.nodes[from].run(&["CLUSTER", "SETSLOT", &slot.to_string(), "MIGRATING", &self.ids[to]]);
        SlotMove { cluster: self, slot, from, to }
    }
}

impl SlotMove<'_> {
    pub fn move_key(&self, key: &str) {
        let port = self.target().port.to_string();
        let () = self.source().run(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }

    /// Moves what is left and gives the slot to its new master. From now on the old one answers MOVED.
    pub fn finish(&self) {
        let keys: Vec<String> = self.source().run(&["CLUSTER", "GETKEYSINSLOT", &self.slot.to_string(), "100"]);
        for key in keys {
            self.move_key(&key);
        }
        for node in [self.to, self.from, 3 - self.to - self.from].map(|i| &self.cluster.nodes[i]) {
            let () = node.run(&["CLUSTER", "SETSLOT", &self.slot.to_string(), "NODE", &self.cluster.ids[self.to]]);
        }
    }

    pub fn keys_at_source(&self) -> u64 {
        self.source().run(&["CLUSTER", "COUNTKEYSINSLOT", &self.slot.to_string()])
    }

    pub fn keys_at_target(&self) -> u64 {
        self.target().run(&["CLUSTER", "COUNTKEYSINSLOT", &self.slot.to_string()])
    }

    pub fn source(&self) -> &RedisServer {
        &self.cluster.nodes[self.from]
    }

    fn target(&self) -> &RedisServer {
        &self.cluster.nodes[self.to]
    }
}

/// A key of this node's slots, other than those of another `number`.
pub fn key_at(cluster: &RedisCluster, node: usize, number: usize) -> String {
    let keys = (0..).map(|i| format!("{{{i}}}:key"));
    keys.filter(|key| cluster.first_master_of(slot_of(key)) == node).nth(number).unwrap()
}
