//! `examples/shared_limit.rs` and `examples/shared-limit.ts`, run side by side on one server.

use crate::server::RedisServer;
use serde::Deserialize;
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[derive(Debug, Deserialize)]
struct Report {
    service: String,
    allowed: u32,
    refused: u32,
}

const CALLS: &str = "80";

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().unwrap()
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What `cargo test` has built beside this test.
fn start_rust(server: &RedisServer, subject: &str) -> Child {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples/shared_limit");
    let way_out = "`cargo test` builds it, and so does `cargo build --example shared_limit`";
    assert!(program.exists(), "{} is missing: {way_out}", program.display());
    start(Command::new(program).args([&server.url(), subject, CALLS]))
}

fn start_node(server: &RedisServer, subject: &str) -> Child {
    // The Node of the project, as its scripts choose it.
    let script = "source scripts/env.sh && use_node || { echo 'no Node: run scripts/setup' >&2; exit 1; }
        exec node --import ./scripts/run-source.ts examples/shared-limit.ts \"$@\"";
    let mut command = Command::new("bash");
    start(command.current_dir(root()).args(["-c", script, "node", &server.url(), subject, CALLS]))
}

fn report(child: Child) -> Report {
    let output = child.wait_with_output().unwrap();
    let [said, complained] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{complained}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{complained}"))
}

#[test]
fn a_service_in_rust_and_one_in_node_share_one_count() {
    let server = RedisServer::start();
    let running = [start_rust(&server, "ada"), start_node(&server, "ada")];
    let [rust, node] = running.map(report);
    assert_eq!((rust.service.as_str(), node.service.as_str()), ("rust", "node"));
    assert_eq!((rust.allowed + node.allowed, rust.refused + node.refused), (100, 60), "{rust:?} {node:?}");

    // One key for both, beside the one by which they agree.
    let mut keys: Vec<String> = server.run(&["KEYS", "*"]);
    keys.sort();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys[0] == "sl1:meta" && keys[1].ends_with(":shared:fixed_window:ada"), "{keys:?}");

    let [rust, node] = [start_rust(&server, "ada"), start_node(&server, "ada")].map(report);
    assert_eq!((rust.allowed, node.allowed), (0, 0));
    assert_eq!(report(start_rust(&server, "bob")).allowed, 80);
    assert_eq!(report(start_node(&server, "bob")).allowed, 20);
}
