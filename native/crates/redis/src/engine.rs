use crate::ask::{Ask, Outcome, Request};
use crate::cluster::Cluster;
use crate::error::{Error, Failure};
use crate::key::KeySpace;
use crate::lane::{Lane, LaneSetup};
use crate::listener::{Listener, Nobody};
use crate::meta::{Agreement, Commands};
use crate::progress::{CallGuard, Caller, Progress};
use crate::scripts::DECIDE;
use crate::server_check::Role;
use crate::store::{Place, Store};
use redis::{Cmd, Value};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::timeout;

/// A connection that gives no answer for so long is given up, or for four times the deadline where that is longer: a server
/// that vanished without a word is found again as soon as it is back.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How an engine behaves.
#[derive(Clone)]
pub struct Options {
    /// How long a call waits for its answer, the time included in which the connection is made. Default: 100 ms.
    pub deadline: Duration,
    /// False: nobody else counts under these keys, so there is nothing to agree on and no key of it. Default: true.
    pub shared: bool,
    /// Who is told what happens beside the answers. Default: nobody.
    pub listener: Arc<dyn Listener>,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: Duration::from_millis(100), shared: true, listener: Arc::new(Nobody) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deadline, shared, .. } = self;
        f.debug_struct("Options").field("deadline", deadline).field("shared", shared).finish_non_exhaustive()
    }
}

/// Decides on Redis, by the canonical scripts. Cheap to clone; all clones share the connections.
///
/// Requests of many tasks gather into batches without a timer. A call is safe to drop: what was not sent by then is not
/// sent. Nothing that may have been executed is ever sent again, neither here nor by the client beneath.
#[derive(Clone, Debug)]
pub struct RedisEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    topology: Topology,
    agreement: Agreement,
    deadline: Duration,
    closed: AtomicBool,
}

#[derive(Debug)]
enum Topology {
    Server(Lane),
    Cluster(Arc<Cluster>),
}

impl Commands for Topology {
    async fn call(&self, key: &str, command: Cmd) -> Result<Value, Failure> {
        match self {
            Self::Server(lane) => lane.call(command, false).await,
            Self::Cluster(cluster) => cluster.call(key, command).await,
        }
    }
}

impl RedisEngine {
    /// Starts to connect, and returns at once: a store that is away does not stop a start. To be called within a tokio
    /// runtime, where the engine lives.
    ///
    /// `keys`: where the keys of its requests are; all limiters on the same keys have to agree on that.
    pub fn new(store: Store, keys: &KeySpace, options: Options) -> Self {
        let Options { deadline, shared, listener } = options;
        let answer_max = ANSWER_MAX.max(deadline.saturating_mul(4));
        let inner = Arc::new_cyclic(|own: &Weak<Inner>| {
            let own = Weak::clone(own);
            let on_connect = Arc::new(move || {
                // Another server may have taken the place of the one before.
                if let Some(inner) = own.upgrade() {
                    tokio::spawn(async move { inner.agreement.renew(&inner.topology).await });
                }
            });
            let topology = match store.0 {
                Place::Server(info) => {
                    let on_change = move |stands| {
                        if stands {
                            on_connect();
                        }
                    };
                    let on_change = Arc::new(on_change);
                    Topology::Server(Lane::start(LaneSetup {
                        info,
                        role: Role::Server,
                        answer_max,
                        on_change,
                        listener,
                    }))
                }
                Place::Cluster { reach, seeds } => {
                    Topology::Cluster(Cluster::start(reach, seeds, answer_max, on_connect, listener))
                }
            };
            let agreement = if shared { Agreement::new(keys) } else { Agreement::unneeded(keys) };
            Inner { topology, agreement, deadline, closed: AtomicBool::new(false) }
        });
        Self { inner }
    }

    /// Decides a request of 1 to 16 checks, all or nothing, by the clock of the server.
    ///
    /// # Errors
    /// [`Error`]; [`Error::may_have_charged`] tells what must not be sent again.
    pub async fn decide(&self, asks: &[Ask<'_>]) -> Result<Outcome, Error> {
        self.decide_at(0.0, asks).await
    }

    /// Decides as if it were `now_us`, us since the Unix epoch: for replay and tests. Every expiry is then at least one hour
    /// of server time.
    ///
    /// # Errors
    /// As [`decide`](Self::decide); [`Error::Request`] where it is no time between 1985 and 2053.
    pub async fn decide_at(&self, now_us: f64, asks: &[Ask<'_>]) -> Result<Outcome, Error> {
        let inner = &self.inner;
        // Gives the call up when this future is dropped.
        let guard = CallGuard::default();
        let request = Arc::new(Request::new(asks, now_us)?);
        let answer = timeout(inner.deadline, inner.decide(&request, &guard.0)).await;
        answer.unwrap_or_else(|_| Err(inner.late(guard.0.give_up())))
    }

    /// Decides as [`decide_at`](Self::decide_at) does, by the server's clock where `now_us` is 0, and without a deadline: how
    /// long to wait is the caller's affair, who says so when he leaves. For whoever has deadlines of his own.
    ///
    /// # Errors
    /// As [`decide_at`](Self::decide_at), but [`Error::Timeout`]; [`Error::Closed`] where the caller left before it was sent.
    pub fn decide_for(
        &self,
        caller: &Caller,
        now_us: f64,
        asks: &[Ask<'_>],
    ) -> impl Future<Output = Result<Outcome, Error>> + Send + use<> {
        let request = Request::new(asks, now_us).map(Arc::new);
        let (inner, progress) = (Arc::clone(&self.inner), caller.0.clone());
        async move { inner.decide(&request?, &progress).await }
    }

    /// Resolves once the server is connected and agrees, or every master of the cluster is.
    ///
    /// # Errors
    /// Why it cannot decide now. It goes on trying all the same.
    pub async fn ready(&self) -> Result<(), Error> {
        match &self.inner.topology {
            Topology::Server(lane) => lane.ready().await?,
            Topology::Cluster(cluster) => cluster.ready().await?,
        }
        self.inner.agree().await?;
        self.inner.may_call_scripts().await
    }

    /// Sends any other command, once, to the server that has the key.
    ///
    /// # Errors
    /// [`Error`]; [`Error::may_have_charged`] tells whether it may have been executed.
    pub async fn call(&self, key: &str, command: Cmd) -> Result<Value, Error> {
        Ok(self.inner.topology.call(key, command).await?)
    }

    /// By slot, the address of the node that has it, as far as known; empty where there is one server.
    pub fn slot_owners(&self) -> Vec<Option<String>> {
        match &self.inner.topology {
            Topology::Server(_) => Vec::new(),
            Topology::Cluster(cluster) => cluster.slot_owners(),
        }
    }

    /// Takes no more requests, and resolves when those under way are answered, but after 2 s at the latest.
    pub async fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
        match &self.inner.topology {
            Topology::Server(lane) => lane.close().await,
            Topology::Cluster(cluster) => cluster.close().await,
        }
    }
}

impl Inner {
    async fn decide(&self, request: &Arc<Request>, progress: &Progress) -> Result<Outcome, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        if !self.agreement.is_reached() {
            self.agree().await?;
        }
        match &self.topology {
            Topology::Server(lane) => lane.decide(0, request, progress).await.map_err(|refusal| refusal.failure.into()),
            // Apart: its many steps would make every call on one server as large.
            Topology::Cluster(cluster) => Box::pin(cluster.decide(request, progress)).await,
        }
    }

    async fn agree(&self) -> Result<(), Error> {
        self.agreement.reach(&self.topology).await
    }

    /// Who may load a script may not always call it, and the other way round. It refuses a call without content, and so shows
    /// that it may be called.
    async fn may_call_scripts(&self) -> Result<(), Error> {
        let mut empty = redis::cmd("EVALSHA");
        empty.arg(DECIDE.sha1).arg(0);
        match self.topology.call(self.agreement.key(), empty).await {
            Err(Failure::Reply(reply)) if ["SLUICE", "NOSCRIPT"].contains(&reply.kind.as_str()) => Ok(()),
            Err(failure) => Err(failure.into()),
            Ok(_) => Ok(()),
        }
    }

    fn late(&self, was_sent: bool) -> Error {
        if let Topology::Cluster(cluster) = &self.topology {
            cluster.doubt();
        }
        let deadline_ms = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        if was_sent {
            Error::Timeout { deadline_ms }
        } else {
            Error::Unavailable(format!("Redis could not be asked within {deadline_ms} ms"))
        }
    }
}
