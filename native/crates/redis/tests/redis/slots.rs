use crate::cluster::{RedisCluster, key_at};
use crate::support::{LONG, consume, counter, statuses, used};
use parking_lot::Mutex;
use sluice_algorithms::{Op, Status};
use sluice_redis::{Ask, Error, KeySpace, Listener, Options};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn many_subjects_are_decided_at_every_node_in_one_call_for_each_slot() {
    let cluster = RedisCluster::start();
    let engine = cluster.engine();
    engine.ready().await.unwrap();
    let plan = counter(2.0);
    let limit = KeySpace::default().limit("perUser", 0, &plan).unwrap();
    let keys: Vec<String> = (0..600).map(|i| limit.key(format!("user-{i}").as_str()).unwrap()).collect();
    for expected in [Status::Allowed, Status::Allowed, Status::Denied] {
        let answers = futures_util::future::join_all(keys.iter().map(|key| consume(&engine, key, &plan))).await;
        assert!(answers.into_iter().all(|answer| answer == Ok(expected)));
    }
    let calls: Vec<u64> = cluster.nodes.iter().map(|node| node.calls("evalsha")).collect();
    // 600 checks over 32 shards, thrice: those of a shard go together, in two calls where they were asked for in two turns.
    assert!(calls.iter().all(|own| *own > 0) && calls.iter().sum::<u64>() <= 3 * 64, "{calls:?}");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_several_slots_is_all_or_nothing() {
    let cluster = RedisCluster::start();
    let engine = cluster.engine();
    let [wide, narrow] = [10.0, 1.0].map(counter);
    let keys = [key_at(&cluster, 2, 0), key_at(&cluster, 0, 0), key_at(&cluster, 1, 0)];
    let request =
        [Ask::consume(&keys[0], &wide, 2.0), Ask::consume(&keys[1], &narrow, 1.0), Ask::consume(&keys[2], &wide, 3.0)];
    let passed = engine.decide(&request).await.unwrap();
    assert_eq!(statuses(&passed), [Status::Allowed; 3]);
    let remaining =
        |outcome: &sluice_redis::Outcome| outcome.checks.iter().map(|own| own.remaining).collect::<Vec<_>>();
    assert_eq!(remaining(&passed), [8.0, 0.0, 7.0]);

    let refused = engine.decide(&request).await.unwrap();
    assert_eq!(statuses(&refused), [Status::Allowed, Status::Denied, Status::Allowed]);
    assert!(refused.checks.iter().all(|own| own.granted == 0.0));
    assert_eq!(remaining(&refused), [8.0, 0.0, 7.0]);
    assert_eq!((used(&engine, &keys[0], &wide).await, used(&engine, &keys[2], &wide).await), (2.0, 3.0));

    let impossible = engine.decide(&[request[0], Ask::consume(&keys[1], &narrow, 2.0)]).await.unwrap();
    assert_eq!(statuses(&impossible)[1], Status::Impossible);
    let alone = engine.decide(&[request[0], Ask { op: Op::Reset, ..request[1] }]).await.unwrap();
    assert_eq!(statuses(&alone)[1], Status::BadCheck);
    assert_eq!(used(&engine, &keys[0], &wide).await, 2.0);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_over_the_same_slots_never_exceed_a_limit_and_give_back_what_they_lose() {
    let cluster = RedisCluster::start();
    let engine = cluster.engine();
    let [wide, narrow] = [1_000.0, 5.0].map(counter);
    let keys = [key_at(&cluster, 0, 1), key_at(&cluster, 2, 1)];
    // What is charged first is wide, what refuses in the end is narrow: losers have something to give back.
    let request = [Ask::consume(&keys[0], &wide, 1.0), Ask::consume(&keys[1], &narrow, 1.0)];
    let answers = futures_util::future::join_all((0..40).map(|_| engine.decide(&request))).await;
    let passed = answers.iter().filter(|answer| statuses(answer.as_ref().unwrap()) == [Status::Allowed; 2]).count();
    assert_eq!(passed, 5);
    assert_eq!((used(&engine, &keys[0], &wide).await, used(&engine, &keys[1], &narrow).await), (5.0, 5.0));
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_request_over_several_slots_is_undone() {
    let cluster = RedisCluster::start();
    let [engine, hasty] = [LONG, Duration::from_millis(300)]
        .map(|deadline| cluster.engine_with(Options { deadline, ..Options::default() }));
    let plan = counter(10.0);
    let keys = [key_at(&cluster, 0, 2), key_at(&cluster, 2, 2)];
    let request = keys.each_ref().map(|key| Ask::consume(key, &plan, 1.0));
    engine.ready().await.unwrap();
    hasty.ready().await.unwrap();
    cluster.nodes[2].freeze();
    // It never gets past the looks.
    let late = hasty.decide(&request).await.unwrap_err();
    assert_eq!((late.code(), late.may_have_charged()), ("ERR_SLUICE_STORE_UNAVAILABLE", false));
    cluster.nodes[2].thaw();
    assert_eq!(engine.decide(&request).await.map(|outcome| statuses(&outcome)), Ok(vec![Status::Allowed; 2]));
    assert_eq!((used(&engine, &keys[0], &plan).await, used(&engine, &keys[1], &plan).await), (1.0, 1.0));
}

#[derive(Default)]
struct Losses(Mutex<Vec<Error>>);

impl Listener for Losses {
    fn lost(&self, error: &Error) {
        self.0.lock().push(error.clone());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_is_lost_costs_its_own_slots_and_no_others() {
    let mut cluster = RedisCluster::start();
    let losses = Arc::new(Losses::default());
    let options = Options { deadline: LONG, listener: losses.clone(), ..Options::default() };
    let engine = cluster.engine_with(options);
    engine.ready().await.unwrap();
    let () = cluster.nodes[0].run(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    let () = cluster.nodes[1].run(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    let plan = counter(10.0);
    let keys: Vec<String> = (0..3).map(|node| key_at(&cluster, node, 3)).collect();
    cluster.nodes.pop().unwrap().kill();
    // The first call may still be on its way when the connection ends.
    let lost = loop {
        match consume(&engine, &keys[2], &plan).await {
            Err(error) if !error.may_have_charged() => break error,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(lost.code(), "ERR_SLUICE_STORE_UNAVAILABLE");
    for key in &keys[..2] {
        assert_eq!(consume(&engine, key, &plan).await, Ok(Status::Allowed));
    }
    let across = [Ask::consume(&keys[0], &plan, 1.0), Ask::consume(&keys[2], &plan, 1.0)];
    assert_eq!(engine.decide(&across).await.unwrap_err().code(), "ERR_SLUICE_STORE_UNAVAILABLE");
    assert_eq!(used(&engine, &keys[0], &plan).await, 1.0);
    assert_eq!(losses.0.lock().len(), 0);
}
