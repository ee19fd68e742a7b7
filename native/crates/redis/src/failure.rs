//! Why a connection failed, in one line, with the way out where it is known.

use redis::{ErrorKind, RedisError};

/// Of a failed attempt to connect. `is_tls`: the connection was to be encrypted.
pub(crate) fn describe(error: &RedisError, is_tls: bool) -> String {
    let text = error.to_string();
    // The words of the parser are about bytes, on several lines.
    if error.kind() == ErrorKind::Parse || text.contains("Parse error") {
        let instead = if is_tls { "" } else { ", or write rediss:// if it speaks TLS" };
        return format!("what answers does not speak as Redis does: check host and port{instead}");
    }
    let text = text.lines().next().unwrap_or_default();
    match hint(error, is_tls) {
        Some(hint) => format!("{text} ({hint})"),
        None => text.to_owned(),
    }
}

fn hint(error: &RedisError, is_tls: bool) -> Option<&'static str> {
    match error.code() {
        Some("WRONGPASS") => return Some("check user and password"),
        Some("NOAUTH") => return Some("it asks for a password: write redis://user:password@…"),
        Some("DENIED") => {
            return Some("it takes no connections from other machines without a password (protected-mode)");
        }
        _ => {}
    }
    if error.is_connection_refusal() {
        Some("nothing listens there: check host and port")
    } else if error.is_timeout() {
        Some(silence(is_tls))
    } else {
        None
    }
}

/// What it may be when nothing answers.
pub(crate) fn silence(is_tls: bool) -> &'static str {
    // A server that speaks no TLS waits for the end of what it takes for a command.
    if is_tls {
        "nothing answers in TLS: if the port speaks none, write redis:// instead of rediss://"
    } else {
        "nothing answers: check the host, and the firewalls on the way; or does it stand still?"
    }
}
