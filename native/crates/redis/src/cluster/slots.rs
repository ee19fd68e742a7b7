use crate::error::ServerReply;
use crate::slot::SLOTS;
use crate::store::NodeAddress;
use redis::Value;

/// Slots `from` to `to`, both included, and who serves them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlotRange {
    pub from: u16,
    pub to: u16,
    pub master: NodeAddress,
    pub replicas: Vec<NodeAddress>,
}

/// Reads the reply of `CLUSTER SLOTS`; `None` when it is none.
///
/// `asked`: the node that answered. A node that does not know its own name leaves it out (nil, empty, or `?` where it should
/// announce a hostname and has none): what is meant is the host by which it was reached.
pub(crate) fn read_slots(reply: &Value, asked: &NodeAddress) -> Option<Vec<SlotRange>> {
    let Value::Array(ranges) = reply else { return None };
    ranges.iter().map(|range| read_range(range, asked)).collect()
}

fn read_range(range: &Value, asked: &NodeAddress) -> Option<SlotRange> {
    let Value::Array(fields) = range else { return None };
    let [from, to, master, replicas @ ..] = fields.as_slice() else { return None };
    Some(SlotRange {
        from: read_slot(from)?,
        to: read_slot(to)?,
        master: read_node(master, asked)?,
        replicas: replicas.iter().map(|node| read_node(node, asked)).collect::<Option<_>>()?,
    })
}

fn read_slot(value: &Value) -> Option<u16> {
    let Value::Int(slot) = value else { return None };
    u16::try_from(*slot).ok().filter(|slot| *slot < SLOTS)
}

fn read_node(value: &Value, asked: &NodeAddress) -> Option<NodeAddress> {
    let Value::Array(fields) = value else { return None };
    let [host, Value::Int(port), ..] = fields.as_slice() else { return None };
    let host = match host {
        Value::Nil => "",
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
        Value::SimpleString(text) => text,
        _ => return None,
    };
    Some(node_of(host, u16::try_from(*port).ok()?, asked))
}

fn node_of(host: &str, port: u16, asked: &NodeAddress) -> NodeAddress {
    let host = if matches!(host, "" | "?") { asked.host.clone() } else { host.into() };
    NodeAddress { host, port }
}

/// Where a slot is: `MOVED 3999 127.0.0.1:6381`. The host may be missing, or an IPv6 address without brackets.
///
/// `from`: the node that answered so.
pub(crate) fn read_redirect(reply: &ServerReply, from: &NodeAddress) -> Option<(u16, NodeAddress)> {
    let (slot, place) = reply.detail.split_once(' ')?;
    let (host, port) = place.rsplit_once(':')?;
    Some((slot.parse().ok().filter(|slot| *slot < SLOTS)?, node_of(host, port.parse().ok()?, from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn asked() -> NodeAddress {
        NodeAddress { host: "seed".into(), port: 7000 }
    }

    #[test]
    fn ranges_are_read_with_their_replicas() {
        let node = |host, port| Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])]);
        let range =
            |from, to, nodes: Vec<Value>| Value::Array([vec![Value::Int(from), Value::Int(to)], nodes].concat());
        let reply = Value::Array(vec![
            range(0, 8191, vec![node(text("one"), 7001), node(text("two"), 7002)]),
            range(8192, 16383, vec![node(Value::Nil, 7003)]),
        ]);
        let ranges = read_slots(&reply, &asked()).unwrap();
        assert_eq!(ranges[0].master.to_string(), "one:7001");
        assert_eq!(ranges[0].replicas[0].to_string(), "two:7002");
        assert_eq!((ranges[1].from, ranges[1].to, ranges[1].master.to_string()), (8192, 16383, "seed:7003".to_owned()));

        for wrong in [
            range(0, 16384, vec![node(text("one"), 1)]),
            range(-1, 5, vec![node(text("one"), 1)]),
            range(0, 5, vec![node(text("one"), 70_000)]),
            range(0, 5, vec![]),
            Value::Okay,
        ] {
            assert_eq!(read_slots(&Value::Array(vec![wrong]), &asked()), None);
        }
    }

    #[test]
    fn redirects_are_read_whatever_the_host_is() {
        let read = |detail: &str| {
            let reply = ServerReply { kind: "MOVED".to_owned(), detail: detail.to_owned() };
            read_redirect(&reply, &asked()).map(|(slot, to)| format!("{slot} {to}"))
        };
        assert_eq!(read("3999 127.0.0.1:6381").as_deref(), Some("3999 127.0.0.1:6381"));
        assert_eq!(read("3999 ::1:6381").as_deref(), Some("3999 ::1:6381"));
        assert_eq!(read("3999 :6381").as_deref(), Some("3999 seed:6381"));
        for wrong in ["", "3999", "16384 one:1", "x one:1", "1 one:x"] {
            assert_eq!(read(wrong), None);
        }
    }
}
