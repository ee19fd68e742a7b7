use crate::server::{RedisServer, free_port};
use crate::support::{LONG, consume, counter};
use redis::{Client, ClientTlsConfig, TlsCertificates};
use sluice_algorithms::Status;
use sluice_redis::{Error, KeySpace, Options, RedisEngine, Store};
use std::path::{Path, PathBuf};
use std::process::Command;

/// An authority made for one test, and what it signed: a server's certificate for `localhost`, and a client's.
struct Certificates(PathBuf);

impl Certificates {
    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("sluice-native-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let own = Self(folder);
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        own.openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=Authority"));
        for (name, names) in [("server", "DNS:localhost"), ("client", "DNS:client")] {
            own.openssl(&format!(
                "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name} -addext subjectAltName={names}"
            ));
            let signed_by = "-CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days 2";
            own.openssl(&format!("x509 -req -in {name}.csr {signed_by} -out {name}.pem"));
        }
        own
    }

    fn openssl(&self, words: &str) {
        let output = Command::new("openssl").args(words.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(Path::new(&self.path(name))).unwrap()
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn ask(store: Result<Store, Error>) -> Result<Status, Error> {
    let options = Options { deadline: LONG, ..Options::default() };
    let engine = RedisEngine::new(store?, &KeySpace::default(), options);
    let answer = consume(&engine, "k", &counter(10.0)).await;
    engine.close().await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_certificates_of_ones_own() {
    let certificates = Certificates::make();
    let port = free_port();
    let text = port.to_string();
    let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| certificates.path(name));
    let arguments = ["--tls-port", &text, "--tls-ca-cert-file", &ca, "--tls-cert-file", &cert, "--tls-key-file", &key];
    let _server = RedisServer::start_on(free_port(), &arguments);
    let url = format!("rediss://localhost:{port}");

    // The server asks for a certificate of ours, and nobody here knows its authority.
    let error = ask(Store::from_url(&url)).await.unwrap_err();
    assert_eq!(error.code(), "ERR_SLUICE_STORE_UNAVAILABLE");
    assert!(error.to_string().contains("cannot be reached"), "{error}");

    let client_tls =
        ClientTlsConfig { client_cert: certificates.read("client.pem"), client_key: certificates.read("client.key") };
    let known = TlsCertificates { client_tls: Some(client_tls), root_cert: Some(certificates.read("ca.pem")) };
    let client = Client::build_with_tls(url, known).unwrap();
    assert_eq!(ask(Store::server(client.get_connection_info().clone())).await, Ok(Status::Allowed));
}
