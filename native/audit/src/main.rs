//! Says which crates of the workspace have a license that was not agreed to, come from elsewhere than the crates.io registry,
//! or have a known vulnerability. Needs no network: what is known stands in `advisories.txt`.
//!
//! ```sh
//! cargo run -p sluice-audit                              # one line for each finding; ends with 1 when there is one
//! cargo run -p sluice-audit -- --update PATH DATE        # writes advisories.txt from a checkout of the RustSec database
//! ```

mod advisories;
mod licenses;

use advisories::Advisories;
use anyhow::{Context, Result, bail};
use cargo_metadata::{MetadataCommand, Package};
use std::path::Path;
use std::process::ExitCode;

const ADVISORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/advisories.txt");
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => audit(),
        ["--update", database, date] => {
            let advisories = Advisories::of_database(Path::new(database), date)?;
            std::fs::write(ADVISORIES, advisories.to_string()).context(ADVISORIES)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!(
            "usage: sluice-audit [--update PATH DATE], where PATH is a checkout of the RustSec database of that date"
        ),
    }
}

fn audit() -> Result<ExitCode> {
    let known: Advisories = std::fs::read_to_string(ADVISORIES).context(ADVISORIES)?.parse()?;
    let options = ["--locked".to_owned(), "--offline".to_owned()];
    let metadata = MetadataCommand::new().manifest_path(WORKSPACE).other_options(options).exec()?;
    let findings: Vec<String> = metadata.packages.iter().flat_map(|package| findings_of(package, &known)).collect();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        let count = metadata.packages.len();
        println!("audit: {count} crates, nothing to say; advisories as of {}", known.date);
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn findings_of(package: &Package, known: &Advisories) -> Vec<String> {
    let Package { name, version, .. } = package;
    let mut findings = Vec::new();
    if package.source.as_ref().is_some_and(|source| !source.is_crates_io()) {
        findings.push(format!("{name} {version}: does not come from the crates.io registry"));
    }
    if let Err(problem) = licenses::check(package.license.as_deref()) {
        findings.push(format!("{name} {version}: {problem}"));
    }
    let hit = known.of(name, version).map(|advisory| format!("{name} {version}: {advisory}"));
    findings.extend(hit);
    findings
}
