use crate::error::{Error, Failure};
use crate::key::KeySpace;
use redis::{Cmd, Value};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Version of the states that the embedded scripts keep: `lua/README.md`. `build.rs` compares it with the manifest's.
pub const STATE_VERSION: u32 = 1;

/// What all limiters on the same keys must agree on: JSON text at `[prefix:]sl1:meta`, without an end. The first limiter
/// writes it; the others compare. Fields that a later release adds are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Version of the states.
    pub state_version: u32,
    /// Virtual shards.
    pub shards: u32,
}

impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state version {} and {} shards", self.state_version, self.shards)
    }
}

/// Any command, sent to the server that has a key.
pub(crate) trait Commands: Sync {
    /// Sends it, once.
    fn call(&self, key: &str, command: Cmd) -> impl Future<Output = Result<Value, Failure>> + Send;
}

/// The agreement of one engine with its store. Until it is reached, every request waits for it or is refused; from then on it
/// costs nothing.
#[derive(Debug)]
pub(crate) struct Agreement {
    key: String,
    own: Meta,
    is_needed: bool,
    reached: AtomicBool,
    /// Who asks; the others wait, and then find it reached.
    asking: tokio::sync::Mutex<()>,
}

impl Agreement {
    pub fn new(keys: &KeySpace) -> Self {
        let own = Meta { state_version: STATE_VERSION, shards: u32::from(keys.shards()) };
        let (key, reached, asking) = (keys.meta_key(), AtomicBool::new(false), tokio::sync::Mutex::default());
        Self { key, own, is_needed: true, reached, asking }
    }

    /// Of an engine whose keys nobody shares.
    pub fn unneeded(keys: &KeySpace) -> Self {
        let agreement = Self { is_needed: false, ..Self::new(keys) };
        agreement.reached.store(true, Ordering::Release);
        agreement
    }

    /// Where it stands.
    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }

    /// Asks before the first request; those that come meanwhile share the answer.
    pub async fn reach(&self, store: &impl Commands) -> Result<(), Error> {
        let _turn = self.asking.lock().await;
        if self.is_reached() { Ok(()) } else { self.ask(store).await }
    }

    /// Asks once more: another server may have taken the place of the one before. What was agreed on holds until the store
    /// says otherwise.
    pub async fn renew(&self, store: &impl Commands) {
        if !self.is_needed {
            return;
        }
        let _turn = self.asking.lock().await;
        // What it fails with is told to the next request.
        let _ = self.ask(store).await;
    }

    async fn ask(&self, store: &impl Commands) -> Result<(), Error> {
        let result = self.compare(store).await;
        match &result {
            Ok(()) => self.reached.store(true, Ordering::Release),
            Err(Error::MetaMismatch { .. } | Error::MetaDamaged { .. }) => self.reached.store(false, Ordering::Release),
            Err(_) => {}
        }
        result
    }

    /// A read comes first, so that a full server or a read-only one is asked to write only what is not there yet.
    async fn compare(&self, store: &impl Commands) -> Result<(), Error> {
        let refuse = |failure| self.refuse(failure);
        let mut get = redis::cmd("GET");
        get.arg(&self.key);
        let mut stored = store.call(&self.key, get).await.map_err(refuse)?;
        if stored == Value::Nil {
            let proposal = serde_json::to_string(&self.own).map_err(|error| Error::Protocol(error.to_string()))?;
            let mut set = redis::cmd("SET");
            set.arg(&self.key).arg(proposal).arg("NX").arg("GET");
            stored = store.call(&self.key, set).await.map_err(refuse)?;
        }
        // Whoever comes first decides: nothing stood there before.
        if stored == Value::Nil {
            return Ok(());
        }
        let Value::BulkString(text) = stored else { return Err(self.damaged()) };
        let stored: Meta = serde_json::from_slice(&text).map_err(|_| self.damaged())?;
        if stored == self.own {
            return Ok(());
        }
        Err(Error::MetaMismatch { key: self.key.clone(), own: self.own, stored })
    }

    fn damaged(&self) -> Error {
        Error::MetaDamaged { key: self.key.clone() }
    }

    fn refuse(&self, failure: Failure) -> Error {
        match failure {
            Failure::Reply(reply) if reply.kind == "WRONGTYPE" => self.damaged(),
            Failure::Reply(reply) if reply.kind == "NOPERM" => Error::Permission(format!(
                "Redis does not let this user read and write {:?}, by which limiters agree on their keys: {reply}; allow GET \
                 and SET on it; nothing was charged",
                self.key
            )),
            // Of the request that waits for the agreement nothing was sent.
            Failure::Error(Error::ConnectionLost(text)) => Error::Unavailable(text),
            failure => failure.into(),
        }
    }
}
