use crate::cluster::{RedisCluster, key_at};
use crate::support::{LONG, consume, counter, statuses, used};
use sluice_algorithms::Status;
use sluice_redis::{Ask, Options, slot_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_on_its_way_is_asked_where_its_keys_are() {
    let cluster = RedisCluster::start();
    let engine = cluster.engine();
    engine.ready().await.unwrap();
    let plan = counter(10.0);
    let tag = key_at(&cluster, 0, 0);
    let [stays, goes, new] = ["stays", "goes", "new"].map(|name| format!("{tag}:{name}"));
    for key in [&stays, &goes] {
        assert_eq!(consume(&engine, key, &plan).await, Ok(Status::Allowed));
    }
    let moving = cluster.begin_move(slot_of(&tag));
    moving.move_key(&goes);
    // One is here, one there, and one will be made there: ASK. Asked for together, of several keys: TRYAGAIN.
    let keys = [&stays, &goes, &new];
    let answers = futures_util::future::join_all(keys.map(|key| consume(&engine, key, &plan))).await;
    assert_eq!(answers, vec![Ok(Status::Allowed); 3]);
    assert_eq!((moving.keys_at_source(), moving.keys_at_target()), (1, 2));

    moving.finish();
    for (key, expected) in keys.into_iter().zip([3.0, 3.0, 2.0]) {
        assert_eq!(consume(&engine, key, &plan).await, Ok(Status::Allowed));
        assert_eq!(used(&engine, key, &plan).await, expected);
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_keys_at_both_nodes_waits_until_the_slot_has_moved() {
    let cluster = RedisCluster::start();
    let engine = cluster.engine_with(Options { deadline: LONG, ..Options::default() });
    engine.ready().await.unwrap();
    let plan = counter(10.0);
    let tag = key_at(&cluster, 1, 0);
    let [stays, goes] = ["stays", "goes"].map(|name| format!("{tag}:{name}"));
    for key in [&stays, &goes] {
        assert_eq!(consume(&engine, key, &plan).await, Ok(Status::Allowed));
    }
    let moving = cluster.begin_move(slot_of(&tag));
    moving.move_key(&goes);
    let asked = {
        let (engine, stays, goes) = (engine.clone(), stays.clone(), goes.clone());
        tokio::spawn(async move {
            engine.decide(&[Ask::consume(&stays, &plan, 1.0), Ask::consume(&goes, &plan, 1.0)]).await
        })
    };
    crate::server::until("it was refused", || {
        let errors: String = moving.source().run(&["INFO", "errorstats"]);
        errors.contains("errorstat_TRYAGAIN")
    });
    moving.finish();
    assert_eq!(statuses(&asked.await.unwrap().unwrap()), [Status::Allowed; 2]);
    assert_eq!((used(&engine, &stays, &plan).await, used(&engine, &goes, &plan).await), (2.0, 2.0));
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_under_load_and_every_check_counts_once() {
    let cluster = RedisCluster::start();
    let engine = cluster.engine();
    engine.ready().await.unwrap();
    let plan = counter(1e9);
    let keys: Arc<[String]> = (0..4).map(|number| key_at(&cluster, 0, number)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (engine, keys, stop) = (engine.clone(), Arc::clone(&keys), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut counts = vec![0.0; keys.len()];
                while !stop.load(Ordering::Relaxed) {
                    for (key, count) in keys.iter().zip(&mut counts) {
                        assert_eq!(consume(&engine, key, &plan).await, Ok(Status::Allowed));
                        *count += 1.0;
                    }
                }
                counts
            })
        })
        .collect();
    for key in keys.iter() {
        let moving = cluster.begin_move(slot_of(key));
        moving.finish();
    }
    stop.store(true, Ordering::Relaxed);
    let mut expected = vec![0.0; keys.len()];
    for task in tasks {
        for (sum, own) in expected.iter_mut().zip(task.await.unwrap()) {
            *sum += own;
        }
    }
    for (key, count) in keys.iter().zip(expected) {
        assert_eq!(used(&engine, key, &plan).await, count);
    }
    engine.close().await;
}
