use crate::error::Error;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError};
use std::fmt;
use std::sync::Arc;

/// Where the counters are.
///
/// ```
/// use sluice_redis::Store;
///
/// Store::from_url("rediss://user:password@redis.internal:6380/2")?;
/// Store::from_url("redis+cluster://node-1.internal:6379,node-2.internal:6379")?;
/// # Ok::<(), sluice_redis::Error>(())
/// ```
#[derive(Clone)]
pub struct Store(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    Server(ConnectionInfo),
    /// `reach`: how its nodes are reached, whatever their address. `seeds`: some of them.
    Cluster {
        reach: ConnectionInfo,
        seeds: Vec<NodeAddress>,
    },
}

impl fmt::Debug for Store {
    /// Without users and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Server(info) => f.debug_tuple("Server").field(&info.addr().to_string()).finish(),
            Place::Cluster { seeds, .. } => f.debug_list().entries(seeds.iter().map(ToString::to_string)).finish(),
        }
    }
}

impl Store {
    /// - `redis://user:password@host:6379/0`, `rediss://…` for TLS
    /// - `unix:///run/redis.sock?db=0`
    /// - `redis+cluster://user:password@host1:6379,host2:6379`, `rediss+cluster://…`: some of its nodes
    ///
    /// # Errors
    /// [`Error::Address`] where the address cannot be read; its message holds no user and no password
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let parse = |address: &str| address.into_connection_info().map_err(|error| unreadable(url, reason_of(&error)));
        let Some((scheme, rest)) = url.split_once("://") else { return Err(unreadable(url, String::new())) };
        let Some(scheme) = scheme.strip_suffix("+cluster") else { return Self::server(parse(url)?) };
        // The last one: a password may hold an @ that nobody has encoded.
        let (access, hosts) = rest.rsplit_once('@').map_or(("", rest), |(access, hosts)| (access, hosts));
        let at = if access.is_empty() { "" } else { "@" };
        let seeds = hosts.split(',').map(|host| parse(&format!("{scheme}://{access}{at}{host}")));
        Self::cluster(seeds.collect::<Result<Vec<_>, _>>()?)
    }

    /// One server: an address, or what redis-rs knows of one, such as `Client::build_with_tls(…)?.get_connection_info()` with
    /// certificates of its own.
    ///
    /// # Errors
    /// [`Error::Address`]
    pub fn server(info: impl IntoConnectionInfo) -> Result<Self, Error> {
        Ok(Self(Place::Server(read(info)?)))
    }

    /// A cluster, by some of its nodes. User, password and TLS of the first count for the nodes that are found.
    ///
    /// # Errors
    /// [`Error::Address`]
    pub fn cluster(seeds: impl IntoIterator<Item = impl IntoConnectionInfo>) -> Result<Self, Error> {
        let infos: Vec<_> = seeds.into_iter().map(read).collect::<Result<_, _>>()?;
        let address = |info| {
            NodeAddress::of(info)
                .ok_or_else(|| Error::Address("a socket is no node of a cluster: write host and port".to_owned()))
        };
        let seeds = infos.iter().map(address).collect::<Result<_, _>>()?;
        match infos.into_iter().next() {
            Some(first) if first.redis_settings().db() != 0 => {
                Err(Error::Address("a cluster has only database 0: leave the database out".to_owned()))
            }
            Some(reach) => Ok(Self(Place::Cluster { reach, seeds })),
            None => Err(Error::Address("a cluster needs at least one node to begin with".to_owned())),
        }
    }
}

fn read(info: impl IntoConnectionInfo) -> Result<ConnectionInfo, Error> {
    let info = info
        .into_connection_info()
        .map_err(|error| Error::Address(format!("the address of Redis cannot be read{}", reason_of(&error))))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        choose_cryptography();
    }
    // Only with RESP3 the client tells that a connection has ended.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Without it a batch would wait until the one before it is acknowledged.
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// rustls has no cryptography of its own. What the application has chosen stays.
fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only where another thread has chosen meanwhile.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// In the client's own words, which hold nothing of the address.
fn reason_of(error: &RedisError) -> String {
    let text = error.to_string();
    format!(" ({})", text.split(" - ").next().unwrap_or_default())
}

/// Users and passwords stand before the host, or behind a question mark.
fn unreadable(url: &str, reason: String) -> Error {
    let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
    let place = place.split('?').next().unwrap_or_default();
    Error::Address(format!(
        "{place:?} is no address of Redis{reason}: write redis://…, rediss://…, unix:///…, redis+cluster://… or \
         rediss+cluster://…"
    ))
}

/// A node of a cluster, as the others name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeAddress {
    pub host: Arc<str>,
    pub port: u16,
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl NodeAddress {
    /// `None` for a socket, which is no node of a cluster.
    pub fn of(info: &ConnectionInfo) -> Option<Self> {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Self { host: host.as_str().into(), port: *port })
            }
            _ => None,
        }
    }

    /// How to reach this node: as `seed` is reached.
    pub fn reached_as(&self, seed: &ConnectionInfo) -> ConnectionInfo {
        let host = self.host.to_string();
        let addr = match seed.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port: self.port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, self.port),
        };
        seed.clone().set_addr(addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let server = Store::from_url("redis://ada:secret@localhost:7000/3").unwrap();
        assert_eq!(format!("{server:?}"), r#"Server("localhost:7000")"#);
        let cluster = Store::from_url("rediss+cluster://ada:se@cret@one:7000,two").unwrap();
        assert_eq!(format!("{cluster:?}"), r#"["one:7000", "two:6379"]"#);
        let Place::Cluster { reach, .. } = &cluster.0 else { panic!("not a cluster") };
        assert_eq!(reach.redis_settings().username(), Some("ada"));
    }

    #[test]
    fn what_is_no_address_is_told_without_its_secrets() {
        for (url, shown) in [
            ("ada:secret@localhost", r#""localhost" is no address of Redis: write redis://…"#),
            ("http://ada:secret@localhost", r#""localhost" is no address of Redis (Redis URL did not parse): write"#),
            ("redis://:secret@localhost:99999", r#""localhost:99999" is no address"#),
            (
                "redis://localhost/first",
                r#""redis://localhost/first" is no address of Redis (Invalid database number)"#,
            ),
            ("unix:///run/redis.sock?db=x&pass=secret", r#""unix:///run/redis.sock" is no address"#),
            ("redis+cluster://ada:secret@", r#""" is no address"#),
        ] {
            let error = Store::from_url(url).unwrap_err();
            assert_eq!(error.code(), "ERR_SLUICE_OPTION");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(error.to_string().contains(shown), "{error}");
        }
        assert!(Store::from_url("redis+cluster://one:7000/3").unwrap_err().to_string().contains("database 0"));
        assert!(Store::cluster(Vec::<&str>::new()).is_err());
    }
}
