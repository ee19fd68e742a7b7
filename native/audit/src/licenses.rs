use spdx::{Expression, LicenseReq, ParseMode};

/// Licenses that let anyone use and ship the crate in anything, if its notice is kept.
const AGREED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether what a crate says of its license can be met with the agreed ones alone; otherwise what is the matter.
pub fn check(license: Option<&str>) -> Result<(), String> {
    let text = license.ok_or("names no license in its manifest")?;
    let expression = Expression::parse_mode(text, ParseMode::LAX)
        .map_err(|error| format!("its license '{text}' is not an SPDX expression: {}", error.reason))?;
    if expression.evaluate(is_agreed) { Ok(()) } else { Err(format!("its license '{text}' was not agreed to")) }
}

/// An exception only ever allows more.
fn is_agreed(needed: &LicenseReq) -> bool {
    needed.license.id().is_some_and(|id| AGREED.contains(&id.name))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_choice_needs_one_agreed_license_and_a_sum_needs_all() {
        for license in [
            "MIT",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(check(Some(license)), Ok(()), "{license}");
        }
        for license in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "MPL-2.0", "LicenseRef-own", "free", ""] {
            assert!(check(Some(license)).is_err(), "{license}");
        }
        assert!(check(None).is_err());
    }
}
