//! What this module was built for.

use napi_derive::napi;

/// The layout of the block and the names exported here. `src/native/binding.ts` has the number it speaks.
const INTERFACE: u32 = 2;

/// What this module was built for. The package loads none that was built for another.
#[napi(object)]
pub struct About {
    /// Version of the package.
    pub version: String,
    /// Of the boundary: names, and the layout of the block.
    pub interface: u32,
    /// SHA-256 of `lua/manifest.json`, in hex.
    pub manifest_sha256: String,
}

/// Tells what this module was built for.
#[napi]
pub fn about() -> About {
    About {
        version: env!("SLUICE_PACKAGE_VERSION").to_owned(),
        interface: INTERFACE,
        manifest_sha256: env!("SLUICE_MANIFEST_SHA256").to_owned(),
    }
}
