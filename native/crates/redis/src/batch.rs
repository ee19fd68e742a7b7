use crate::block::BlockWriter;
use crate::error::{Error, Failure};
use crate::lane::{Refusal, Ticket};
use crate::link::{Link, ScriptCall};
use crate::listener::Listener;
use crate::reply::Reply;
use crate::scripts::DECIDE;
use redis::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What became of one call of the script.
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchReport<'a> {
    /// Of the server that was asked.
    pub address: &'a str,
    /// Requests in it.
    pub requests: usize,
    /// Checks in it.
    pub checks: usize,
    /// Requests that stayed behind when it left, and wait for the next one.
    pub queued: usize,
    /// From sending it to its answer.
    pub trip: Duration,
    /// Why it failed; `None` where it was answered.
    pub error: Option<&'a Error>,
}

/// Requests that are decided by one call of the script.
pub(crate) struct Batch {
    pub tickets: Vec<Ticket>,
    pub block: BlockWriter,
    /// Number of the connection that it is sent over.
    pub connection: u64,
    /// Requests that stayed behind. `None`: it was sent alone, and does not count for the window.
    pub queued: Option<usize>,
    pub listener: Arc<dyn Listener>,
}

/// What is to be known of a call that has ended.
#[derive(Debug)]
pub(crate) struct Landing {
    /// Of what counts for the window.
    pub round_trip: Option<Duration>,
    /// The connection is of no use any more.
    pub broke: bool,
    pub connection: u64,
}

impl Batch {
    /// Sends it, and answers every request of it.
    pub async fn fly(self, link: Link, asking: bool, answer_max: Duration) -> Landing {
        let Self { tickets, block, connection, queued, listener } = self;
        let (checks, block) = (block.checks(), block.bytes());
        let sent_at = Instant::now();
        let result = {
            let all = || tickets.iter().flat_map(|ticket| &ticket.request.checks);
            let call = ScriptCall {
                keys: all().map(|check| &*check.key).collect(),
                block: &block,
                lease_ids: all().filter_map(|check| check.lease_id.as_deref()).collect(),
            };
            within(answer_max, link.run(DECIDE, &call, asking)).await
        };
        let trip = sent_at.elapsed();
        let landing = Landing { round_trip: queued.map(|_| trip), broke: is_to_be_left(&result), connection };
        let result = result.and_then(|value| read(&value, checks));
        let error = result.as_ref().err().map(|failure| Error::from(failure.clone()));
        let (address, requests, queued) = (link.address(), tickets.len(), queued.unwrap_or(0));
        listener.batch(&BatchReport { address, requests, checks, queued, trip, error: error.as_ref() });
        settle(tickets, result);
        landing
    }
}

/// Ends the wait for a server that has stopped to answer.
pub(crate) async fn within<T>(
    answer_max: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(answer_max, answer).await.unwrap_or_else(|_| {
        let silence = format!("Redis gave no answer within {} s", answer_max.as_secs());
        Err(Failure::Error(Error::ConnectionLost(silence)))
    })
}

/// The connection has ended; or the server is a replica now, and its address may be another's.
fn is_to_be_left(result: &Result<Value, Failure>) -> bool {
    match result {
        Err(Failure::Error(Error::ConnectionLost(_))) => true,
        Err(Failure::Reply(reply)) => reply.kind == "READONLY",
        _ => false,
    }
}

fn read(value: &Value, checks: usize) -> Result<Reply, Failure> {
    let reply = match value {
        Value::BulkString(bytes) => Reply::read(bytes, checks),
        _ => Err("is no bulk string".to_owned()),
    };
    reply.map_err(|wrong| {
        Failure::Error(Error::Protocol(format!(
            "the reply of Redis to 'decide' {wrong}; whether anything was charged is unknown. Is something between this \
             process and Redis changing replies?"
        )))
    })
}

fn settle(tickets: Vec<Ticket>, result: Result<Reply, Failure>) {
    let batch = tickets.len();
    let mut first = 0;
    for Ticket { request, reply, .. } in tickets {
        let own = match &result {
            Ok(read) => Ok(read.outcome(first, request.checks.len())),
            Err(failure) => Err(Refusal { failure: failure.clone(), batch }),
        };
        first += request.checks.len();
        // Who asked may have gone.
        let _ = reply.send(own);
    }
}
