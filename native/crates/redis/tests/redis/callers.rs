//! Callers who leave, and who is told what happens beside the answers.

use crate::server::{RedisServer, until};
use crate::support::{LONG, counter, engine_of, statuses, used};
use parking_lot::Mutex;
use sluice_algorithms::{Plan, Status};
use sluice_redis::{Ask, BatchReport, Caller, Error, KeySpace, Listener, Options, Outcome, RedisEngine, Store, redis};
use std::sync::Arc;
use tokio::task::JoinHandle;

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Listener for Told {
    fn connected(&self) {
        self.0.lock().push("connected".to_owned());
    }

    fn batch(&self, report: &BatchReport<'_>) {
        let BatchReport { requests, checks, queued, error, .. } = report;
        let code = error.map_or("answered", Error::code);
        self.0.lock().push(format!("{requests} requests, {checks} checks, {queued} behind: {code}"));
    }
}

fn told_by(server: &RedisServer, shared: bool) -> (RedisEngine, Arc<Told>) {
    let told = Arc::new(Told::default());
    let options = Options { deadline: LONG, shared, listener: told.clone() };
    let engine = RedisEngine::new(Store::from_url(&server.url()).unwrap(), &KeySpace::default(), options);
    (engine, told)
}

/// Asks, and returns once that has arrived at the server, which waits with it.
async fn arrive(
    server: &RedisServer,
    engine: &RedisEngine,
    caller: &Caller,
    plan: &Plan,
) -> JoinHandle<Result<Outcome, Error>> {
    let () = server.run(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    let call = tokio::spawn(engine.decide_for(caller, 0.0, &[Ask::consume("k", plan, 1.0)]));
    until("it has arrived", || server.run::<String>(&["INFO", "clients"]).contains("blocked_clients:1"));
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_left_before_it_was_sent_is_not_sent() {
    let server = RedisServer::start();
    let plan = counter(10.0);
    server.freeze();
    let engine = engine_of(&server);
    let (stays, leaves) = (Caller::default(), Caller::default());
    let staying = tokio::spawn(engine.decide_for(&stays, 0.0, &[Ask::consume("k", &plan, 1.0)]));
    let leaving = tokio::spawn(engine.decide_for(&leaves, 0.0, &[Ask::consume("k", &plan, 1.0)]));
    leaves.leave();
    server.thaw();
    assert_eq!(statuses(&staying.await.unwrap().unwrap()), [Status::Allowed]);
    assert_eq!(leaving.await.unwrap(), Err(Error::Closed));
    assert_eq!(used(&engine, "k", &plan).await, 1.0);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_left_after_it_was_sent_is_answered_all_the_same() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let plan = counter(10.0);
    engine.ready().await.unwrap();
    let caller = Caller::default();
    let call = arrive(&server, &engine, &caller, &plan).await;
    caller.leave();
    let () = server.run(&["CLIENT", "UNPAUSE"]);
    assert_eq!(statuses(&call.await.unwrap().unwrap()), [Status::Allowed]);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_in_the_middle_of_a_call_tells_that_it_may_be_charged() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let plan = counter(10.0);
    engine.ready().await.unwrap();
    let call = arrive(&server, &engine, &Caller::default(), &plan).await;
    engine.close().await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "ERR_SLUICE_CONNECTION_LOST");
    assert!(error.may_have_charged());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_of_connections_and_of_every_batch() {
    let server = RedisServer::start();
    let (engine, told) = told_by(&server, true);
    let plan = counter(10.0);
    engine.ready().await.unwrap();
    engine.decide(&[Ask::consume("a", &plan, 1.0), Ask::consume("b", &plan, 1.0)]).await.unwrap();
    let () = server.run(&["CONFIG", "SET", "maxmemory", "1"]);
    engine.decide(&[Ask::consume("c", &plan, 1.0)]).await.unwrap_err();
    let said = told.0.lock().clone();
    let failed = "1 requests, 1 checks, 0 behind: ERR_SLUICE_OUT_OF_MEMORY";
    assert_eq!(said, ["connected", "1 requests, 2 checks, 0 behind: answered", failed]);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_shares_its_keys_with_nobody_leaves_no_agreement() {
    let server = RedisServer::start();
    let (alone, _) = told_by(&server, false);
    let plan = counter(10.0);
    alone.decide(&[Ask::consume("k", &plan, 1.0)]).await.unwrap();
    assert_eq!(server.run::<Vec<String>>(&["KEYS", "*"]), ["k"]);
    let (fleet, _) = told_by(&server, true);
    fleet.ready().await.unwrap();
    until("it agrees", || server.run::<Vec<String>>(&["KEYS", "*"]).contains(&"sl1:meta".to_owned()));
    alone.close().await;
    fleet.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_command_goes_to_the_server_and_one_server_has_no_slots() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let mut echo = redis::cmd("ECHO");
    echo.arg("heard");
    assert_eq!(engine.call("k", echo).await, Ok(redis::Value::BulkString(b"heard".to_vec())));
    assert_eq!(engine.call("k", redis::cmd("NONE")).await.unwrap_err().code(), "ERR_SLUICE_SCRIPTING");
    assert_eq!(engine.slot_owners(), []);
    engine.close().await;
}
