use serde::Deserialize;
use sluice_algorithms::{PLAN_ROW_LENGTH, Plan};
use sluice_redis::{KeyError, KeySpace, Subject, slot_of};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    #[serde(alias = "cases")]
    keys: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    story: String,
    #[serde(default)]
    prefix: String,
    shards: u16,
    policy: String,
    index: usize,
    algorithm: String,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default)]
    group: Vec<String>,
    subject: GivenSubject,
    key: String,
    slot: u16,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GivenSubject {
    Text(String),
    Parts(BTreeMap<String, String>),
}

fn plan_of(algorithm: &str) -> Plan {
    let names = [
        "gcra",
        "fixed_window",
        "token_bucket",
        "leaky_bucket",
        "sliding_counter",
        "sliding_window",
        "quota",
        "concurrency",
    ];
    let code = names.iter().position(|name| *name == algorithm).unwrap() + 1;
    let mut row = [1.0; PLAN_ROW_LENGTH];
    row[0] = code as f64;
    Plan::from_row(&row).unwrap()
}

fn tell(path: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path);
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(golden.keys.len() >= 36);
    for case in golden.keys {
        let keys = KeySpace::new(&case.prefix, case.shards).unwrap();
        let mut limit = keys.limit(&case.policy, case.index, &plan_of(&case.algorithm)).unwrap();
        if !case.by.is_empty() {
            limit = limit.by(&case.by.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if !case.group.is_empty() {
            limit = limit.group(&case.group.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        }
        let parts: Vec<(&str, &str)>;
        let subject = match &case.subject {
            GivenSubject::Text(text) => Subject::Text(text),
            GivenSubject::Parts(map) => {
                parts = map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                Subject::Parts(&parts)
            }
        };
        let key = limit.key(subject).unwrap();
        assert_eq!((key.as_str(), slot_of(&key)), (case.key.as_str(), case.slot), "{}", case.story);
    }
}

#[test]
fn keys_are_those_of_the_vectors_byte_for_byte() {
    tell("test/vectors/keys.json");
}

#[test]
fn keys_are_those_that_the_release_shows() {
    tell("lua/golden.json");
}

#[test]
fn what_makes_no_key_is_refused_without_naming_the_subject() {
    let plan = plan_of("gcra");
    let limit = KeySpace::default().limit("api", 0, &plan).unwrap();
    let by_two = limit.clone().by(&["tenant", "user"]);
    let told = |result: Result<String, KeyError>| result.unwrap_err().to_string();
    assert!(told(limit.key("")).contains("is empty"));
    assert!(told(limit.key(&[])).contains("no parts"));
    assert!(told(limit.key(&[("a", "1"), ("a", "2")])).contains("twice"));
    assert!(told(by_two.key("secret")).contains("counts by tenant, user"));
    assert!(told(by_two.key(&[("tenant", "secret")])).contains(r#"part "user" of the subject is missing"#));
    for error in [told(by_two.key("secret")), told(by_two.key(&[("tenant", "secret")]))] {
        assert!(!error.contains("secret"));
    }
    assert!(by_two.group(&["region"]).is_err());
    assert!(KeySpace::default().limit("", 0, &plan).is_err());
}

#[test]
fn a_prefix_and_a_number_of_shards_have_their_forms() {
    for prefix in ["{tag}", "a b", "*", &"x".repeat(129)] {
        assert_eq!(KeySpace::new(prefix, 32), Err(KeyError::Prefix(prefix.to_owned())));
    }
    for shards in [0, 3, 2048] {
        assert_eq!(KeySpace::new("", shards), Err(KeyError::Shards(shards)));
    }
    assert_eq!(KeySpace::new("shop", 32).unwrap().meta_key(), "shop:sl1:meta");
}
