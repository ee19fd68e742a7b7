use crate::meta::Meta;
use redis::{RedisError, Value};
use std::fmt;
use thiserror::Error;

/// Why a request was not decided. A refusal by a limit is none of these: it is a [`Verdict`](crate::Verdict).
///
/// Messages hold neither keys nor subjects.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the store cannot be read, or leads to what is no server for it.
    #[error("{0}")]
    Address(String),
    /// The request is malformed: no checks or too many, or a plan that cannot cross the wire.
    #[error("{0}")]
    Request(String),
    /// The store could not be asked, or cannot decide now. Nothing was charged.
    #[error("{0}; nothing was charged")]
    Unavailable(String),
    /// The connection ended before the answer came. Whether the request was charged is unknown: do not send it again.
    #[error("{0}; the check may have been charged, do not send it again")]
    ConnectionLost(String),
    /// The store did not answer within the deadline. Whether the request was charged is unknown: do not send it again.
    #[error("Redis did not answer within {deadline_ms} ms; the check may have been charged, do not send it again")]
    Timeout {
        /// The deadline of the call.
        deadline_ms: u64,
    },
    /// The server refuses writes: it is a replica, or cannot save or replicate. Nothing was charged.
    #[error("Redis refuses writes: {0}; nothing was charged")]
    ReadOnly(String),
    /// The server is at its `maxmemory`. Nothing was charged.
    #[error(
        "Redis is at its maxmemory: {0}; nothing was charged; raise maxmemory, or let it evict with 'volatile-ttl'"
    )]
    OutOfMemory(String),
    /// The user of the connection may not read or write the key by which limiters agree.
    #[error("{0}")]
    Permission(String),
    /// The server could not run the script: not allowed for this user, or disabled.
    #[error("Redis could not run a script: {0}; the user needs EVALSHA, EVAL, SCRIPT LOAD and what the scripts call")]
    Scripting(String),
    /// The server is too old for the scripts.
    #[error("Redis at {address} is version {version}; the scripts need 7.0 or later, or Valkey")]
    Version {
        /// Of the server.
        address: String,
        /// As it says.
        version: String,
    },
    /// The answer is no answer of the script. Whether the request was charged is unknown.
    #[error("{0}")]
    Protocol(String),
    /// The limiters on these keys go by another agreement than this one. Nothing was charged.
    #[error(
        "{key:?} says that the limiters on these keys have {stored}, and this one is set up for {own}: give it the same, or \
         a prefix of its own; nothing was charged"
    )]
    MetaMismatch {
        /// Where the agreement stands.
        key: String,
        /// What this engine is set up for.
        own: Meta,
        /// What the store says.
        stored: Meta,
    },
    /// The key of the agreement holds something else. Nothing was charged.
    #[error(
        "{key:?} holds no agreement of limiters: 'sluice meta' shows it and sets it anew, or give this one a prefix of its \
         own; nothing was charged"
    )]
    MetaDamaged {
        /// Where the agreement should stand.
        key: String,
    },
    /// The engine was closed. Nothing was charged.
    #[error("the engine was closed; nothing was charged")]
    Closed,
}

impl Error {
    /// Stable, and the same as in TypeScript: `docs/errors.md` has a section for each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "ERR_SLUICE_OPTION",
            Self::Request(_) => "ERR_SLUICE_CHECK",
            Self::Unavailable(_) => "ERR_SLUICE_STORE_UNAVAILABLE",
            Self::ConnectionLost(_) => "ERR_SLUICE_CONNECTION_LOST",
            Self::Timeout { .. } => "ERR_SLUICE_STORE_TIMEOUT",
            Self::ReadOnly(_) => "ERR_SLUICE_READ_ONLY",
            Self::OutOfMemory(_) => "ERR_SLUICE_OUT_OF_MEMORY",
            Self::Permission(_) => "ERR_SLUICE_PERMISSION",
            Self::Scripting(_) | Self::Version { .. } => "ERR_SLUICE_SCRIPTING",
            Self::Protocol(_) => "ERR_SLUICE_PROTOCOL",
            Self::MetaMismatch { .. } => "ERR_SLUICE_META_MISMATCH",
            Self::MetaDamaged { .. } => "ERR_SLUICE_META_DAMAGED",
            Self::Closed => "ERR_SLUICE_CLOSED",
        }
    }

    /// Whether the request may have been charged all the same. Then it must not be sent again.
    pub fn may_have_charged(&self) -> bool {
        matches!(self, Self::ConnectionLost(_) | Self::Timeout { .. } | Self::Protocol(_))
    }
}

/// An error reply of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerReply {
    /// Its first word: `NOSCRIPT`, `READONLY`, `OOM`, …
    pub kind: String,
    /// What follows.
    pub detail: String,
}

impl fmt::Display for ServerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.detail)
    }
}

impl From<ServerReply> for Error {
    /// By the first word of the reply, which Redis keeps stable; never by the text after it.
    fn from(reply: ServerReply) -> Self {
        let text = reply.to_string();
        match reply.kind.as_str() {
            "READONLY" | "MISCONF" | "NOREPLICAS" => Self::ReadOnly(text),
            "OOM" => Self::OutOfMemory(text),
            "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOAUTH" | "WRONGPASS" => {
                Self::Unavailable(format!("Redis cannot decide now: {text}"))
            }
            "SLUICE" => Self::Protocol(format!("the script refused the batch: {text}")),
            _ => Self::Scripting(text),
        }
    }
}

/// What came of a command.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server answered with an error.
    Reply(ServerReply),
    /// Anything else.
    Error(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Reply(reply) => reply.into(),
            Failure::Error(error) => error,
        }
    }
}

/// Tells errors of the server from those of the connection. What was sent over a connection that then failed may have been
/// executed.
pub(crate) fn failure_of(error: &RedisError, address: &str) -> Failure {
    match reply_of(error) {
        Some(reply) => Failure::Reply(reply),
        None if error.is_unrecoverable_error() || error.is_io_error() => {
            Failure::Error(Error::ConnectionLost(format!("the connection to Redis at {address} ended")))
        }
        None => Failure::Error(Error::Protocol(format!(
            "Redis at {address} answered what is no reply ({}); whether anything was charged is unknown",
            error.category()
        ))),
    }
}

/// The error as a reply of the server; `None` where it is of the connection or the client.
pub(crate) fn reply_of(error: &RedisError) -> Option<ServerReply> {
    let kind = error.code()?;
    Some(ServerReply { kind: kind.to_owned(), detail: error.detail().unwrap_or_default().to_owned() })
}

/// The value, where it is no error.
pub(crate) fn value_of(result: Result<Value, RedisError>, address: &str) -> Result<Value, Failure> {
    result.and_then(Value::extract_error).map_err(|error| failure_of(&error, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str) -> Error {
        ServerReply { kind: kind.to_owned(), detail: "in its own words".to_owned() }.into()
    }

    #[test]
    fn replies_of_the_server_are_told_apart_by_their_kind() {
        let codes = |kinds: &[&str]| kinds.iter().map(|kind| told(kind).code()).collect::<Vec<_>>();
        assert_eq!(codes(&["READONLY", "MISCONF", "NOREPLICAS"]), ["ERR_SLUICE_READ_ONLY"; 3]);
        assert_eq!(codes(&["OOM"]), ["ERR_SLUICE_OUT_OF_MEMORY"]);
        assert_eq!(codes(&["LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN"]), ["ERR_SLUICE_STORE_UNAVAILABLE"; 4]);
        assert_eq!(codes(&["NOPERM", "ERR"]), ["ERR_SLUICE_SCRIPTING"; 2]);
        assert_eq!(codes(&["SLUICE"]), ["ERR_SLUICE_PROTOCOL"]);
        assert!(told("OOM").to_string().contains("OOM in its own words"));
    }

    #[test]
    fn only_what_was_lost_on_its_way_may_have_been_charged() {
        assert!(Error::Timeout { deadline_ms: 100 }.may_have_charged());
        assert!(Error::ConnectionLost("the connection ended".to_owned()).may_have_charged());
        assert!(!told("READONLY").may_have_charged());
        assert!(!Error::Unavailable("nothing listens".to_owned()).may_have_charged());
    }
}
