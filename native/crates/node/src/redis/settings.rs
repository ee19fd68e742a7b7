//! Where the servers are and how they are reached, as JavaScript says it.

use super::thread::Setup;
use napi::{Error, Result};
use napi_derive::napi;
use sluice_redis::redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, TlsCertificates,
};
use sluice_redis::{KeySpace, Store};
use std::path::PathBuf;

/// An address.
#[napi(object)]
pub struct NativeNode {
    /// A name or an address of IP.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
}

/// How connections are encrypted. Certificates and keys are PEM.
#[napi(object)]
pub struct NativeTls {
    /// Authorities that may have signed the server's certificate.
    pub ca: String,
    /// The client's own, where the server asks for one; with its key.
    pub cert: Option<String>,
    /// Of `cert`.
    pub key: Option<String>,
    /// Takes any certificate.
    pub accepts_any: bool,
}

/// A store on Redis: one server, by address or socket, or a cluster.
#[napi(object)]
pub struct NativeStore {
    /// Of one server's socket. Without it, `nodes` has one server, or some nodes of a cluster.
    pub path: Option<String>,
    /// Where to begin.
    pub nodes: Vec<NativeNode>,
    /// Whether the nodes are those of a cluster.
    pub is_cluster: bool,
    /// Of the servers.
    pub username: Option<String>,
    /// Of the servers.
    pub password: Option<String>,
    /// Number of the database.
    pub database: u32,
    /// Absent: not encrypted.
    pub tls: Option<NativeTls>,
    /// Before every key.
    pub prefix: String,
    /// Virtual shards: what limiters on the same keys agree on.
    pub shards: u16,
    /// Whether others count under these keys.
    pub shared: bool,
    /// Whether every batch is told of.
    pub tells_batches: bool,
}

impl NativeStore {
    /// Messages hold no user, no password and no certificate.
    pub(super) fn read(&self) -> Result<Setup> {
        let keys = KeySpace::new(&self.prefix, self.shards).map_err(|error| Error::from_reason(error.to_string()))?;
        let addresses = self.addresses();
        let infos = addresses.into_iter().map(|address| self.reach(address));
        let infos: Vec<ConnectionInfo> =
            infos.collect::<std::result::Result<_, _>>().map_err(|error| unusable(&error))?;
        let store = if self.is_cluster {
            Store::cluster(infos)
        } else {
            let info = infos.into_iter().next().ok_or_else(|| Error::from_reason("the store has no address"))?;
            Store::server(info)
        };
        let store = store.map_err(|error| Error::from_reason(error.to_string()))?;
        Ok(Setup { store, keys, shared: self.shared, tells_batches: self.tells_batches })
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        if let Some(path) = &self.path {
            return vec![ConnectionAddr::Unix(PathBuf::from(path))];
        }
        let address = |NativeNode { host, port }: &NativeNode| match &self.tls {
            None => ConnectionAddr::Tcp(host.clone(), *port),
            Some(tls) => {
                let (host, port, insecure) = (host.clone(), *port, tls.accepts_any);
                ConnectionAddr::TcpTls { host, port, insecure, tls_params: None }
            }
        };
        self.nodes.iter().map(address).collect()
    }

    fn reach(&self, address: ConnectionAddr) -> std::result::Result<ConnectionInfo, RedisError> {
        let info = address.into_connection_info()?;
        let mut settings = info.redis_settings().clone().set_db(i64::from(self.database));
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let info = info.set_redis_settings(settings);
        let Some(NativeTls { ca, cert, key, .. }) = &self.tls else { return Ok(info) };
        let client_tls = cert.as_ref().zip(key.as_ref()).map(|(cert, key)| ClientTlsConfig {
            client_cert: cert.as_bytes().to_vec(),
            client_key: key.as_bytes().to_vec(),
        });
        let certificates = TlsCertificates { client_tls, root_cert: Some(ca.as_bytes().to_vec()) };
        Ok(Client::build_with_tls(info, certificates)?.get_connection_info().clone())
    }
}

fn unusable(error: &RedisError) -> Error {
    Error::from_reason(format!("its settings cannot be used: {}", error.category()))
}
