//! The text of one part of a key: the twin of `src/key-part.ts`.

use crate::hex::hex;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A part that would be longer becomes `~` and the SHA-256 of its raw bytes; `~` itself is always written `%7E`.
const PART_BYTES_MAX: usize = 256;

/// Writes everything but `A-Za-z0-9_-.` as `%XX`, so that distinct parts never read alike and none can hold a separator, a
/// hash tag or a glob character.
pub(crate) fn encode_part(part: &str) -> String {
    // Each byte takes at least one: what is too long is told without encoding it.
    if part.len() <= PART_BYTES_MAX {
        let encoded = part.bytes().fold(String::with_capacity(part.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
                encoded.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        });
        if encoded.len() <= PART_BYTES_MAX {
            return encoded;
        }
    }
    format!("~{}", hex(&Sha256::digest(part.as_bytes())))
}

/// The part of a key that names a limit: the first limit of a policy is named as the policy alone.
pub(crate) fn limit_key_name(policy: &str, index: usize) -> String {
    let mut name = encode_part(policy);
    if index > 0 {
        let _ = write!(name, "~{index}");
    }
    name
}
