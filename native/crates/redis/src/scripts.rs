//! The canonical scripts, the same bytes that the other implementations run. `build.rs` holds them to `lua/manifest.json`.

/// A script as servers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// As `lua/manifest.json` names it.
    pub name: &'static str,
    /// What `EVAL` and `SCRIPT LOAD` take.
    pub source: &'static str,
    /// What `EVALSHA` takes: 40 digits of lower-case hex.
    pub sha1: &'static str,
}

/// Decides a batch of requests.
pub const DECIDE: Script = Script {
    name: "decide",
    source: include_str!("../../../../lua/dist/decide.lua"),
    sha1: env!("SLUICE_DECIDE_SHA1"),
};

/// Tells the type, remaining life and raw state of keys; changes nothing.
pub const INSPECT: Script = Script {
    name: "inspect",
    source: include_str!("../../../../lua/dist/inspect.lua"),
    sha1: env!("SLUICE_INSPECT_SHA1"),
};
