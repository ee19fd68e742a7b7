//! Holds the embedded scripts to the manifest: a build with a script that is not the released one fails here.
#![allow(clippy::panic, clippy::expect_used, reason = "a build script fails by panicking")]
#![allow(clippy::indexing_slicing, reason = "of JSON, what is absent is null")]

use serde_json::Value;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fmt::Write as _;
use std::path::Path;

/// What this crate can speak.
const WIRE_VERSION: u64 = 1;
const STATE_VERSION: u64 = 1;
const LAYOUT: &str = "sl1";
const SCRIPTS: [&str; 2] = ["decide", "inspect"];

fn main() {
    let lua = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../lua");
    let manifest_path = lua.join("manifest.json");
    println!("cargo:rerun-if-changed={}", manifest_path.display());
    let manifest: Value = serde_json::from_str(&read(&manifest_path))
        .unwrap_or_else(|error| panic!("lua/manifest.json is no JSON: {error}; node scripts/build-lua.ts writes it"));

    let known = (&manifest["wireVersion"], &manifest["stateVersion"], &manifest["keys"]["layout"]);
    assert!(
        known.0 == WIRE_VERSION && known.1 == STATE_VERSION && known.2 == LAYOUT,
        "lua/manifest.json is of wire version {}, state version {} and layout {}; this crate speaks {WIRE_VERSION}, \
         {STATE_VERSION} and \"{LAYOUT}\": it has to follow the scripts first",
        known.0,
        known.1,
        known.2
    );
    let shards = manifest["keys"]["shards"].as_u64().unwrap_or_else(|| panic!("lua/manifest.json has no keys.shards"));
    println!("cargo:rustc-env=SLUICE_SHARDS={shards}");

    for name in SCRIPTS {
        let path = lua.join(format!("dist/{name}.lua"));
        println!("cargo:rerun-if-changed={}", path.display());
        let source = read(&path);
        let sha1 = hex(&Sha1::digest(source.as_bytes()));
        let expected = &manifest["scripts"][name];
        compare(name, "SHA-1", &sha1, &expected["sha1"]);
        compare(name, "SHA-256", &hex(&Sha256::digest(source.as_bytes())), &expected["sha256"]);
        println!("cargo:rustc-env=SLUICE_{}_SHA1={sha1}", name.to_uppercase());
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("cannot read {}: {error}; this crate is built within its repository", path.display())
    })
}

fn compare(script: &str, digest: &str, found: &str, expected: &Value) {
    assert!(
        expected == found,
        "lua/dist/{script}.lua is not the script of lua/manifest.json: its {digest} is {found}, and {expected} there; \
         node scripts/build-lua.ts writes both"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all text");
        text
    })
}
