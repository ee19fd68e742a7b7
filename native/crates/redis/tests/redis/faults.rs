use crate::server::{RedisServer, free_port, until};
use crate::support::{consume, counter, engine_of, engine_with, used};
use sluice_algorithms::{Plan, Status};
use sluice_redis::{Error, KeySpace, Options, RedisEngine, Store};
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const TASKS: usize = 16;

/// What became of the calls of a test.
#[derive(Debug, Default)]
struct Tally {
    allowed: u64,
    unknown: u64,
    unasked: u64,
}

/// Keeps asking from several tasks until told to stop. Each call is answered, once.
fn keep_asking(engine: &RedisEngine, plan: Plan, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<Tally>> {
    let ask = |_| {
        let (engine, stop) = (engine.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            let mut tally = Tally::default();
            while !stop.load(Ordering::Relaxed) {
                match consume(&engine, "hot", &plan).await {
                    Ok(status) => {
                        assert_eq!(status, Status::Allowed);
                        tally.allowed += 1;
                    }
                    Err(error) if error.may_have_charged() => tally.unknown += 1,
                    Err(error) => {
                        assert_eq!(error.code(), "ERR_SLUICE_STORE_UNAVAILABLE");
                        tally.unasked += 1;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
            }
            tally
        })
    };
    (0..TASKS).map(ask).collect()
}

async fn sum(tasks: Vec<tokio::task::JoinHandle<Tally>>) -> Tally {
    let mut sum = Tally::default();
    for task in tasks {
        let own = task.await.unwrap();
        sum.allowed += own.allowed;
        sum.unknown += own.unknown;
        sum.unasked += own.unasked;
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_under_load_lose_answers_and_replay_nothing() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(1e9);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = keep_asking(&engine, plan, &stop);
    for _ in 0..10 {
        let calls = server.calls("evalsha");
        until("it is busy", || server.calls("evalsha") > calls + 5);
        let _: i64 = server.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    stop.store(true, Ordering::Relaxed);
    let Tally { allowed, unknown, .. } = sum(tasks).await;
    engine_of(&server).ready().await.unwrap();
    let charged = used(&engine_of(&server), "hot", &plan).await;
    assert!(allowed > 0);
    let (least, most) = (allowed as f64, (allowed + unknown) as f64);
    assert!((least..=most).contains(&charged), "{charged} charged, {least} answered, {most} sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_costs_what_was_under_way_and_is_used_again_when_it_is_back() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(1e9);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = keep_asking(&engine, plan, &stop);
    until("it is busy", || server.calls("evalsha") > 5);
    let port = server.kill();
    let error = loop {
        if let Err(error) = engine.ready().await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(error.code(), "ERR_SLUICE_STORE_UNAVAILABLE");
    assert!(error.to_string().contains(&port.to_string()), "{error}");

    let server = RedisServer::start_on(port, &[]);
    until("it is asked again", || server.calls("evalsha") + server.calls("eval") > 5);
    stop.store(true, Ordering::Relaxed);
    let Tally { allowed, unasked, .. } = sum(tasks).await;
    assert!(allowed > 0 && unasked > 0);
    // It has lost its counters, and nothing from before came twice.
    assert!(used(&engine, "hot", &plan).await <= allowed as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_late_may_be_charged_and_is_never_replayed() {
    let server = RedisServer::start();
    let patient = engine_of(&server);
    let hasty = engine_with(&server, Duration::from_secs(1));
    let plan = counter(1_000.0);
    patient.ready().await.unwrap();
    hasty.ready().await.unwrap();
    server.freeze();
    let late = consume(&hasty, "k", &plan).await.unwrap_err();
    assert_eq!(late, Error::Timeout { deadline_ms: 1_000 });
    assert!(late.may_have_charged());
    server.thaw();
    until("it was charged", || server.raw("k").is_some());
    assert_eq!(consume(&hasty, "other", &plan).await, Ok(Status::Allowed));
    assert_eq!(used(&patient, "k", &plan).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_before_its_deadline_is_not_charged() {
    let server = RedisServer::start();
    let engine = engine_with(&server, Duration::from_millis(100));
    let plan = counter(1_000.0);
    server.freeze();
    let error = consume(&engine, "k", &plan).await.unwrap_err();
    assert_eq!(error.code(), "ERR_SLUICE_STORE_UNAVAILABLE");
    assert!(!error.may_have_charged());
    server.thaw();
    let patient = engine_of(&server);
    assert_eq!(consume(&patient, "k", &plan).await, Ok(Status::Allowed));
    assert_eq!(used(&patient, "k", &plan).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_stops_no_start_and_is_used_once_it_is() {
    let port = free_port();
    let url = format!("redis://127.0.0.1:{port}");
    let options = sluice_redis::Options { deadline: Duration::from_secs(5), ..Default::default() };
    let store = sluice_redis::Store::from_url(&url).unwrap();
    let engine = RedisEngine::new(store, &sluice_redis::KeySpace::default(), options);
    let plan = counter(10.0);
    let error = consume(&engine, "k", &plan).await.unwrap_err();
    assert_eq!(error.code(), "ERR_SLUICE_STORE_UNAVAILABLE");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    let _server = RedisServer::start_on(port, &[]);
    let mut answer = consume(&engine, "k", &plan).await;
    while answer.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = consume(&engine, "k", &plan).await;
    }
    assert_eq!(answer, Ok(Status::Allowed));
    assert_eq!(used(&engine, "k", &plan).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_server_are_told_apart_and_charge_nothing() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let plan = counter(10.0);
    engine.ready().await.unwrap();
    let told = async || {
        let error = consume(&engine, "k", &plan).await.unwrap_err();
        assert!(!error.may_have_charged(), "{error}");
        error.code()
    };

    let () = server.run(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(told().await, "ERR_SLUICE_OUT_OF_MEMORY");
    let () = server.run(&["CONFIG", "SET", "maxmemory", "0"]);

    let () = server.run(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(told().await, "ERR_SLUICE_READ_ONLY");
    let () = server.run(&["CONFIG", "SET", "min-replicas-to-write", "0"]);

    let () = server.run(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    let () = server.run(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    assert_eq!(told().await, "ERR_SLUICE_STORE_UNAVAILABLE");
    let () = server.run(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
    assert_eq!(told().await, "ERR_SLUICE_READ_ONLY");
    // The address may lead to another server by now, so it is connected to anew: this one says at once that it is a replica.
    while engine.ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
    while told().await != "ERR_SLUICE_READ_ONLY" {
        tokio::task::yield_now().await;
    }
    let () = server.run(&["REPLICAOF", "NO", "ONE"]);
    while engine.ready().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let () = server.run(&["ACL", "SETUSER", "default", "-evalsha", "-eval"]);
    assert_eq!(told().await, "ERR_SLUICE_SCRIPTING");
    let () = server.run(&["ACL", "SETUSER", "default", "+@all"]);

    assert_eq!(consume(&engine, "k", &plan).await, Ok(Status::Allowed));
    assert_eq!(used(&engine, "k", &plan).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_call_what_it_may_load_is_told_at_the_start() {
    let server = RedisServer::start();
    let _: String = server.run(&["ACL", "SETUSER", "few", "on", ">right", "~*", "+@all", "-evalsha"]);
    let url = format!("redis://few:right@127.0.0.1:{}", server.port);
    let engine = RedisEngine::new(Store::from_url(&url).unwrap(), &KeySpace::default(), Options::default());
    assert_eq!(engine.ready().await.unwrap_err().code(), "ERR_SLUICE_SCRIPTING");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_store_cannot_be_reached_is_told_in_a_line_with_the_way_out() {
    let server = RedisServer::start();
    let mail = TcpListener::bind("127.0.0.1:0").unwrap();
    let mail_port = mail.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let greeted: Vec<_> = mail
            .incoming()
            .flatten()
            .map(|mut caller| caller.write_all(b"220 mail ESMTP\r\n").map(|()| caller))
            .collect();
        drop(greeted);
    });
    for (url, way_out) in [
        (format!("redis://127.0.0.1:{}", free_port()), "(nothing listens there: check host and port)"),
        (format!("redis://nobody:wrong@127.0.0.1:{}", server.port), "(check user and password)"),
        (format!("redis://127.0.0.1:{mail_port}"), "does not speak as Redis does: check host and port"),
    ] {
        let engine = RedisEngine::new(Store::from_url(&url).unwrap(), &KeySpace::default(), Options::default());
        let told = engine.ready().await.unwrap_err().to_string();
        assert!(told.contains(way_out) && told.lines().count() == 1, "{told}");
    }
}
