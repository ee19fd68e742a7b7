//! Tells the module which package it is built for: its version, and the digest of the scripts' manifest.

use sha2::{Digest, Sha256};
use std::error::Error;
use std::fs;

const PACKAGE: &str = "../../../package.json";
const MANIFEST: &str = "../../../lua/manifest.json";

fn main() -> Result<(), Box<dyn Error>> {
    napi_build::setup();
    let package: serde_json::Value = serde_json::from_slice(&fs::read(PACKAGE)?)?;
    let version = package.get("version").and_then(|version| version.as_str()).ok_or("package.json has no version")?;
    let manifest = Sha256::digest(fs::read(MANIFEST)?);
    println!("cargo::rustc-env=SLUICE_PACKAGE_VERSION={version}");
    println!("cargo::rustc-env=SLUICE_MANIFEST_SHA256={manifest:x}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PACKAGE}");
    println!("cargo::rerun-if-changed={MANIFEST}");
    Ok(())
}
