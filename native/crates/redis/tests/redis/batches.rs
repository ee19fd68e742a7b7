use crate::server::{RedisServer, until};
use crate::support::{consume, counter, engine_of, used};
use sluice_algorithms::Status;
use sluice_redis::scripts::{DECIDE, INSPECT};
use std::sync::Arc;

const TASKS: usize = 512;
/// The widest window there is: so many batches under way, and the next one waits.
const WINDOW_MAX: usize = 16;
/// More than a window and a full batch.
const ASKED: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn checks_of_many_tasks_share_few_calls_and_one_limit() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(200.0);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (engine, plan) = (engine.clone(), plan);
            tokio::spawn(async move { consume(&engine, "shared", &plan).await.unwrap() })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += usize::from(task.await.unwrap() == Status::Allowed);
    }
    assert_eq!(allowed, 200);
    let calls = server.calls("evalsha");
    assert!(calls <= TASKS as u64 / 4, "{calls} calls for {TASKS} checks");
    engine.close().await;
}

#[tokio::test]
async fn what_one_thread_asks_for_in_one_turn_leaves_together() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(1_000.0);
    let before = server.calls("evalsha");
    let keys: Vec<String> = (0..32).map(|i| format!("key-{i}")).collect();
    let answers = futures_util::future::join_all(keys.iter().map(|key| consume(&engine, key, &plan))).await;
    assert!(answers.into_iter().all(|answer| answer == Ok(Status::Allowed)));
    assert_eq!(server.calls("evalsha") - before, 1);

    assert_eq!(consume(&engine, "alone", &plan).await, Ok(Status::Allowed));
    assert_eq!(server.calls("evalsha") - before, 2);
    engine.close().await;
}

#[tokio::test]
async fn what_comes_while_batches_are_under_way_gathers() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(1_000.0);
    let before = server.calls("evalsha");
    server.freeze();
    let mut tasks = Vec::new();
    for _ in 0..ASKED {
        let engine = engine.clone();
        tasks.push(tokio::spawn(async move { consume(&engine, "k", &plan).await.unwrap() }));
        // Each in a turn of its own.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    server.thaw();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Status::Allowed);
    }
    let calls = server.calls("evalsha") - before;
    assert!((2..=WINDOW_MAX as u64 + 2).contains(&calls), "{calls} calls: the first ones alone, the others together");
    assert_eq!(used(&engine, "k", &plan).await, ASKED as f64);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_forgot_are_sent_again_and_charged_once() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    let plan = counter(1_000.0);
    engine.ready().await.unwrap();
    for round in 1..=3 {
        let () = server.run(&["SCRIPT", "FLUSH"]);
        let keys = ["a", "b", "c"];
        let answers = futures_util::future::join_all(keys.iter().map(|key| consume(&engine, key, &plan))).await;
        assert!(answers.into_iter().all(|answer| answer == Ok(Status::Allowed)));
        for key in keys {
            assert_eq!(used(&engine, key, &plan).await, f64::from(round));
        }
    }
    assert!((3..=9).contains(&server.calls("eval")), "EVAL only where EVALSHA was answered NOSCRIPT");
    engine.close().await;
}

#[test]
fn the_embedded_scripts_have_the_digests_that_a_server_computes() {
    let server = RedisServer::start();
    for script in [DECIDE, INSPECT] {
        assert_eq!(server.run::<String>(&["SCRIPT", "LOAD", script.source]), script.sha1, "{}", script.name);
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_before_it_was_sent_is_never_sent() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(1_000.0);
    server.freeze();
    let start = |key: &'static str| {
        let engine = engine.clone();
        tokio::spawn(async move { consume(&engine, key, &plan).await })
    };
    // They fill any window; what comes then waits.
    let mut sent = Vec::new();
    for _ in 0..WINDOW_MAX {
        sent.push(start("k"));
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
    let dropped: Vec<_> = (0..5).map(|_| start("k")).collect();
    let kept = start("k");
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    for task in dropped {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    server.thaw();
    for task in sent.into_iter().chain([kept]) {
        assert_eq!(task.await.unwrap(), Ok(Status::Allowed));
    }
    assert_eq!(used(&engine, "k", &plan).await, WINDOW_MAX as f64 + 1.0);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn close_answers_what_is_under_way_and_refuses_the_rest() {
    let server = RedisServer::start();
    let engine = engine_of(&server);
    engine.ready().await.unwrap();
    let plan = counter(1_000.0);
    let keys: Arc<[String]> = (0..100).map(|i| format!("key-{i}")).collect();
    let asked: Vec<_> = (0..keys.len())
        .map(|i| {
            let (engine, keys) = (engine.clone(), Arc::clone(&keys));
            tokio::spawn(async move { consume(&engine, &keys[i], &plan).await })
        })
        .collect();
    until("the server has some", || server.calls("evalsha") > 0);
    engine.close().await;
    assert_eq!(consume(&engine, "late", &plan).await.unwrap_err().code(), "ERR_SLUICE_CLOSED");
    for (i, task) in asked.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(status) => assert_eq!(status, Status::Allowed),
            Err(error) => {
                assert_eq!(error.code(), "ERR_SLUICE_CLOSED");
                assert_eq!(server.raw(&keys[i]), None, "what was refused was not charged");
            }
        }
    }
}
