use crate::server::RedisServer;
use crate::support::{LONG, consume, counter, engine_of};
use sluice_algorithms::Status;
use sluice_redis::{Error, KeySpace, Meta, Options, RedisEngine, Store};

fn engine_of_shards(server: &RedisServer, shards: u16) -> RedisEngine {
    let keys = KeySpace::new("shop", shards).unwrap();
    let options = Options { deadline: LONG, ..Options::default() };
    RedisEngine::new(Store::from_url(&server.url()).unwrap(), &keys, options)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_engine_writes_what_the_others_compare() {
    let server = RedisServer::start();
    let plan = counter(10.0);
    let first = engine_of_shards(&server, 64);
    assert_eq!(consume(&first, "k", &plan).await, Ok(Status::Allowed));
    assert_eq!(server.raw("shop:sl1:meta").unwrap(), br#"{"stateVersion":1,"shards":64}"#);

    let same = engine_of_shards(&server, 64);
    same.ready().await.unwrap();
    let other = engine_of_shards(&server, 32);
    let refused = consume(&other, "k", &plan).await.unwrap_err();
    let [own, stored] = [32, 64].map(|shards| Meta { state_version: 1, shards });
    assert_eq!(refused, Error::MetaMismatch { key: "shop:sl1:meta".to_owned(), own, stored });
    assert!(refused.to_string().contains("64 shards") && refused.to_string().contains("32 shards"));
    assert_eq!(crate::support::used(&first, "k", &plan).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_later_releases_are_left_alone_and_what_is_no_agreement_is_told() {
    let server = RedisServer::start();
    let plan = counter(10.0);
    let () = server.run(&["SET", "sl1:meta", r#"{"stateVersion":1,"shards":32,"later":true}"#]);
    assert_eq!(consume(&engine_of(&server), "k", &plan).await, Ok(Status::Allowed));

    for text in ["", "[]", r#"{"shards":32}"#] {
        let () = server.run(&["SET", "sl1:meta", text]);
        let error = consume(&engine_of(&server), "k", &plan).await.unwrap_err();
        assert_eq!(error.code(), "ERR_SLUICE_META_DAMAGED", "{text}");
    }
    let () = server.run(&["DEL", "sl1:meta"]);
    let () = server.run(&["LPUSH", "sl1:meta", "1"]);
    assert_eq!(consume(&engine_of(&server), "k", &plan).await.unwrap_err().code(), "ERR_SLUICE_META_DAMAGED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_was_refused_goes_on_once_the_store_agrees() {
    let server = RedisServer::start();
    let plan = counter(10.0);
    let () = server.run(&["SET", "sl1:meta", r#"{"stateVersion":2,"shards":32}"#]);
    let engine = engine_of(&server);
    assert_eq!(consume(&engine, "k", &plan).await.unwrap_err().code(), "ERR_SLUICE_META_MISMATCH");
    let () = server.run(&["DEL", "sl1:meta"]);
    assert_eq!(consume(&engine, "k", &plan).await, Ok(Status::Allowed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_read_the_agreement_is_told_so() {
    let server = RedisServer::start();
    let () = server.run(&["ACL", "SETUSER", "ada", "on", ">secret", "~k", "+@all"]);
    let url = server.url().replace("redis://", "redis://ada:secret@");
    let options = Options { deadline: LONG, ..Options::default() };
    let engine = RedisEngine::new(Store::from_url(&url).unwrap(), &KeySpace::default(), options);
    let error = consume(&engine, "k", &counter(10.0)).await.unwrap_err();
    assert_eq!(error.code(), "ERR_SLUICE_PERMISSION");
    assert!(!error.to_string().contains("secret"));
}
