use crate::error::{Error, Failure};
use crate::link::Link;
use redis::Value;

const OLDEST_MAJOR: u32 = 7;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A server that holds all keys.
    Server,
    /// A node of a cluster.
    Node,
}

/// Asks a server what it is, once connected and before the first check.
///
/// # Errors
/// Why it cannot be used, as far as it says so itself.
pub(crate) async fn check_server(link: &Link, role: Role) -> Result<(), Error> {
    match link.call(&redis::cmd("HELLO"), false).await {
        Ok(hello) => problem(&hello, link.address(), role).map_or(Ok(()), Err),
        // Not everything that speaks the protocol knows the command, and not every user may call it.
        Err(Failure::Reply(_)) => Ok(()),
        Err(Failure::Error(error)) => Err(error),
    }
}

fn problem(hello: &Value, address: &str, role: Role) -> Option<Error> {
    let said = |name: &str| said(hello, name);
    if said("mode") == Some("sentinel") {
        return Some(Error::Address(format!(
            "store: {address} is a Sentinel, which holds no keys, and its primary is not asked for here"
        )));
    }
    if role == Role::Server && said("mode") == Some("cluster") {
        return Some(Error::Address(format!(
            "store: {address} is a node of a cluster, and holds only some of the keys; write redis+cluster://{address}"
        )));
    }
    let version = said("version").unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if said("server") == Some("redis") && major.is_some_and(|major| major < OLDEST_MAJOR) {
        return Some(Error::Version { address: address.to_owned(), version: version.to_owned() });
    }
    match said("role") {
        Some(other) if role == Role::Server && other != "master" => {
            Some(Error::ReadOnly(format!("{address} is a read-only {other}; point the store at the primary")))
        }
        _ => None,
    }
}

/// The answer is a map in RESP3, and a flat list of names and values before.
fn said<'a>(hello: &'a Value, name: &str) -> Option<&'a str> {
    match hello {
        Value::Map(fields) => fields.iter().find(|(own, _)| text(own) == Some(name)).and_then(|(_, value)| text(value)),
        Value::Array(list) => {
            let (pairs, _) = list.as_chunks();
            pairs.iter().find(|[own, _]| text(own) == Some(name)).and_then(|[_, value]| text(value))
        }
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(fields: &[(&str, &str)]) -> Value {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Map(fields.iter().map(|(name, value)| (bulk(name), bulk(value))).collect())
    }

    fn told(fields: &[(&str, &str)], role: Role) -> Option<&'static str> {
        problem(&hello(fields), "localhost:6379", role).map(|error| error.code())
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        let good = [("server", "redis"), ("version", "7.0.15"), ("mode", "standalone"), ("role", "master")];
        assert_eq!(told(&good, Role::Server), None);
        assert_eq!(told(&[("mode", "sentinel")], Role::Server), Some("ERR_SLUICE_OPTION"));
        assert_eq!(told(&[("mode", "cluster")], Role::Server), Some("ERR_SLUICE_OPTION"));
        assert_eq!(told(&[("mode", "cluster"), ("role", "replica")], Role::Node), None);
        assert_eq!(told(&[("server", "redis"), ("version", "6.2.14")], Role::Node), Some("ERR_SLUICE_SCRIPTING"));
        assert_eq!(told(&[("server", "valkey"), ("version", "6.0.0")], Role::Server), None);
        assert_eq!(told(&[("role", "replica")], Role::Server), Some("ERR_SLUICE_READ_ONLY"));
    }

    #[test]
    fn what_it_does_not_say_is_no_problem() {
        assert_eq!(told(&[], Role::Server), None);
        assert_eq!(problem(&Value::Nil, "localhost:6379", Role::Server), None);
        let list = ["mode", "cluster"].map(|text| Value::SimpleString(text.to_owned())).to_vec();
        assert!(problem(&Value::Array(list), "localhost:6379", Role::Server).is_some());
    }
}
