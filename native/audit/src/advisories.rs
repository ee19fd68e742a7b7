use anyhow::{Context, Result, bail};
use semver::{Version, VersionReq};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

const COLUMNS: &str = "# crate\tid\tkind\tversions that are not concerned";
const DATE: &str = "# From the RustSec advisory database as of ";

/// What is known to be wrong with crates, and as of when.
#[derive(Debug, PartialEq)]
pub struct Advisories {
    /// `2026-08-21`
    pub date: String,
    by_crate: BTreeMap<String, Vec<Advisory>>,
}

#[derive(Debug, PartialEq)]
pub struct Advisory {
    id: String,
    /// `vulnerability`, `unsound`, `unmaintained`, `notice`
    kind: String,
    unconcerned: Vec<VersionReq>,
}

impl Advisory {
    /// A version before a release counts as the release: better told once too often.
    fn concerns(&self, version: &Version) -> bool {
        let release = Version::new(version.major, version.minor, version.patch);
        !self.unconcerned.iter().any(|range| range.matches(&release))
    }
}

impl fmt::Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.id, self.kind)?;
        if self.unconcerned.is_empty() {
            return f.write_str("every version is concerned");
        }
        write!(f, "use {}", join(&self.unconcerned))
    }
}

impl Advisories {
    /// The advisories on one version of a crate.
    pub fn of(&self, name: &str, version: &Version) -> impl Iterator<Item = &Advisory> {
        let all = self.by_crate.get(name).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |advisory| advisory.concerns(version))
    }

    /// Reads a checkout of the database: `crates/<name>/<id>.md`, each beginning with a table in TOML.
    pub fn of_database(root: &Path, date: &str) -> Result<Self> {
        let mut by_crate: BTreeMap<String, Vec<Advisory>> = BTreeMap::new();
        for folder in std::fs::read_dir(root.join("crates")).with_context(|| root.display().to_string())? {
            for file in std::fs::read_dir(folder?.path())? {
                let path = file?.path();
                let text = std::fs::read_to_string(&path)?;
                let Entry { advisory, versions } = entry_of(&text).with_context(|| path.display().to_string())?;
                if advisory.withdrawn.is_some() {
                    continue;
                }
                let kind = advisory.informational.unwrap_or_else(|| "vulnerability".to_owned());
                let unconcerned = versions.patched.into_iter().chain(versions.unaffected).collect();
                by_crate.entry(advisory.package).or_default().push(Advisory { id: advisory.id, kind, unconcerned });
            }
        }
        by_crate.values_mut().for_each(|advisories| advisories.sort_by(|a, b| a.id.cmp(&b.id)));
        Ok(Self { date: date.to_owned(), by_crate })
    }
}

#[derive(Deserialize)]
struct Entry {
    advisory: EntryHead,
    versions: EntryVersions,
}

#[derive(Deserialize)]
struct EntryHead {
    id: String,
    package: String,
    informational: Option<String>,
    withdrawn: Option<String>,
}

#[derive(Deserialize)]
struct EntryVersions {
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

fn entry_of(text: &str) -> Result<Entry> {
    let table =
        text.strip_prefix("```toml").and_then(|rest| rest.split_once("\n```")).context("has no table in TOML")?.0;
    Ok(toml::from_str(table)?)
}

fn join(ranges: &[VersionReq]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" || ")
}

impl fmt::Display for Advisories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{DATE}{}\n{COLUMNS}", self.date)?;
        for (name, advisories) in &self.by_crate {
            for Advisory { id, kind, unconcerned } in advisories {
                writeln!(f, "{name}\t{id}\t{kind}\t{}", join(unconcerned))?;
            }
        }
        Ok(())
    }
}

impl FromStr for Advisories {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let date = lines.next().and_then(|line| line.strip_prefix(DATE)).context("the first line tells no date")?;
        let mut by_crate: BTreeMap<String, Vec<Advisory>> = BTreeMap::new();
        for line in lines.filter(|line| !line.starts_with('#')) {
            let [name, id, kind, ranges] = line.split('\t').collect::<Vec<_>>()[..] else {
                bail!("'{line}' has not four columns");
            };
            let ranges = ranges.split(" || ").filter(|range| !range.is_empty());
            let unconcerned = ranges.map(VersionReq::parse).collect::<Result<_, _>>().context(id.to_owned())?;
            let advisory = Advisory { id: id.to_owned(), kind: kind.to_owned(), unconcerned };
            by_crate.entry(name.to_owned()).or_default().push(advisory);
        }
        Ok(Self { date: date.to_owned(), by_crate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_concerned_unless_a_range_says_otherwise() -> Result<()> {
        let text = format!("{DATE}2026-01-01\n{COLUMNS}\nsome\tRUSTSEC-1\tvulnerability\t>=0.4.2 || ^0.3.9 || <0.2\n");
        let known: Advisories = text.parse()?;
        assert_eq!(known.to_string(), text);
        for (version, is_concerned) in [
            ("0.4.1", true),
            ("0.4.2", false),
            ("1.0.0-rc.1", false),
            ("0.3.9", false),
            ("0.3.8", true),
            ("0.1.9", false),
        ] {
            assert_eq!(known.of("some", &version.parse()?).count() == 1, is_concerned, "{version}");
        }
        assert_eq!(known.of("other", &"0.4.1".parse()?).count(), 0);
        Ok(())
    }

    #[test]
    fn an_advisory_without_a_remedy_concerns_every_version() -> Result<()> {
        let known: Advisories = format!("{DATE}2026-01-01\nsome\tRUSTSEC-1\tunmaintained\t\n").parse()?;
        let told: Vec<String> = known.of("some", &"9.9.9".parse()?).map(ToString::to_string).collect();
        assert_eq!(told, ["RUSTSEC-1 (unmaintained): every version is concerned"]);
        Ok(())
    }

    #[test]
    fn reads_the_form_of_the_database() -> Result<()> {
        let text = "```toml\n[advisory]\nid = \"RUSTSEC-2\"\npackage = \"some\"\n[versions]\npatched = [\">= 1.2, < 2\"]\n```\n# Title";
        let Entry { advisory, versions } = entry_of(text)?;
        assert_eq!((advisory.id.as_str(), advisory.withdrawn), ("RUSTSEC-2", None));
        assert!(versions.patched.iter().any(|range| range.matches(&Version::new(1, 3, 0))));
        Ok(())
    }

    #[test]
    fn the_committed_list_can_be_read() -> Result<()> {
        let known: Advisories = std::fs::read_to_string(crate::ADVISORIES)?.parse()?;
        assert!(known.by_crate.len() > 500);
        Ok(())
    }
}
