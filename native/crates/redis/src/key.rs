//! Keys read `<prefix>sl1:{<shard tag>}:<limit>:<algorithm>:<subject>`: the twin of `src/keys.ts` and `src/subject.ts`, held to
//! the same golden vectors.

use crate::key_part::{encode_part, limit_key_name};
use crate::shard_tags::{SHARD_TAGS, TAGS};
use crate::slot::slot_of;
use sluice_algorithms::Plan;
use std::fmt::Write as _;
use thiserror::Error;

const LAYOUT: &str = "sl1";
const PREFIX_BYTES_MAX: usize = 128;

/// Virtual shards where the user names no number: `keys.shards` of `lua/manifest.json`.
pub const DEFAULT_SHARDS: u16 = match u16::from_str_radix(env!("SLUICE_SHARDS"), 10) {
    Ok(shards) => shards,
    Err(_) => 1,
};

/// A key cannot be made of what was given. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The prefix has other characters, or too many.
    #[error(
        "prefix {0:?} cannot stand before keys: use up to 128 letters, digits and _ - . : / @ (braces would choose the slot \
         in a cluster)"
    )]
    Prefix(String),
    /// The number of shards is no power of two in range.
    #[error("{0} shards: give a power of two from 1 to {TAGS}, or DEFAULT_SHARDS")]
    Shards(u16),
    /// The policy has no name, or names parts of its group that it does not count by.
    #[error("policy {policy:?}: {problem}")]
    Policy {
        /// Its name.
        policy: String,
        /// What is wrong, and what is accepted.
        problem: &'static str,
    },
    /// The subject is not what the policy counts by. What it is does not stand here: it may be personal.
    #[error("policy {policy:?}: {problem}")]
    Subject {
        /// Name of the policy.
        policy: String,
        /// What is wrong, and the way out.
        problem: String,
    },
}

/// Who is counted.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A plain string.
    Text(&'a str),
    /// Named parts, such as `[("tenant", "acme"), ("user", "ada")]`, in any order.
    Parts(&'a [(&'a str, &'a str)]),
}

impl<'a> From<&'a str> for Subject<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a, const N: usize> From<&'a [(&'a str, &'a str); N]> for Subject<'a> {
    fn from(parts: &'a [(&'a str, &'a str); N]) -> Self {
        Self::Parts(parts)
    }
}

/// Where the keys of a fleet are: its prefix and its number of virtual shards. All limiters on the same keys agree on both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpace {
    /// With its separator; empty when there is none.
    prefix: String,
    shards: u16,
}

impl Default for KeySpace {
    fn default() -> Self {
        Self { prefix: String::new(), shards: DEFAULT_SHARDS }
    }
}

impl KeySpace {
    /// Keys behind `prefix`, followed by a `:` unless it ends in one, over so many virtual shards.
    ///
    /// # Errors
    /// [`KeyError::Prefix`], [`KeyError::Shards`]
    pub fn new(prefix: &str, shards: u16) -> Result<Self, KeyError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '@');
        if prefix.len() > PREFIX_BYTES_MAX || !prefix.chars().all(is_allowed) {
            return Err(KeyError::Prefix(prefix.to_owned()));
        }
        if !shards.is_power_of_two() || usize::from(shards) > TAGS {
            return Err(KeyError::Shards(shards));
        }
        let separator = if prefix.is_empty() || prefix.ends_with(':') { "" } else { ":" };
        Ok(Self { prefix: format!("{prefix}{separator}"), shards })
    }

    /// Virtual shards.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The key of what all limiters on these keys agree on. It has no hash tag: on a cluster it lives at the node of its own
    /// slot.
    pub fn meta_key(&self) -> String {
        format!("{}{LAYOUT}:meta", self.prefix)
    }

    /// The keys of a policy's limit.
    ///
    /// - `index`: which limit of the policy, from 0
    /// - `plan`: its algorithm is part of the key; its numbers are not, so a limit may change while its counters live
    ///
    /// # Errors
    /// [`KeyError::Policy`] where the policy has no name
    pub fn limit(&self, policy: &str, index: usize, plan: &Plan) -> Result<LimitKeys, KeyError> {
        if policy.is_empty() {
            return Err(KeyError::Policy { policy: String::new(), problem: "a policy needs a name" });
        }
        let name = limit_key_name(policy, index);
        let algorithm = algorithm_name(plan);
        let stride = TAGS / usize::from(self.shards);
        let tags = SHARD_TAGS.iter().step_by(stride);
        let heads = tags.map(|tag| format!("{}{LAYOUT}:{{{tag}}}:{name}:{algorithm}:", self.prefix)).collect();
        Ok(LimitKeys { policy: policy.to_owned(), heads, by: None, group: None })
    }
}

/// The keys of one limit: for a policy and a subject there is one.
#[derive(Clone, Debug)]
pub struct LimitKeys {
    policy: String,
    /// What stands before the subject, for each shard.
    heads: Vec<String>,
    by: Option<Vec<String>>,
    group: Option<Vec<String>>,
}

impl LimitKeys {
    /// The parts that the policy counts apart, in the order of the key. Without it: the whole subject, whatever its parts.
    #[must_use]
    pub fn by(mut self, parts: &[&str]) -> Self {
        self.by = (!parts.is_empty()).then(|| parts.iter().map(|&part| part.to_owned()).collect());
        self
    }

    /// Those of `by` that choose the shard, so that all subjects of a group can be decided in one step. Without it: all.
    ///
    /// # Errors
    /// [`KeyError::Policy`] where a part is not one that the policy counts by
    pub fn group(mut self, parts: &[&str]) -> Result<Self, KeyError> {
        let by = self.by.as_deref().unwrap_or_default();
        if parts.is_empty() || parts.iter().any(|part| !by.iter().any(|own| own == part)) {
            let problem = "a group names some of the parts that the policy counts by: say `by` first";
            return Err(KeyError::Policy { policy: self.policy, problem });
        }
        // The order of `by` counts, whatever the group's was.
        let group: Vec<String> = by.iter().filter(|part| parts.contains(&part.as_str())).cloned().collect();
        self.group = (group.len() < by.len()).then_some(group);
        Ok(self)
    }

    /// The key that counts a subject.
    ///
    /// # Errors
    /// [`KeyError::Subject`] where a part is missing or empty
    pub fn key<'a>(&self, subject: impl Into<Subject<'a>>) -> Result<String, KeyError> {
        let subject = subject.into();
        let path = self.path(subject, self.by.as_deref())?;
        let shard = match &self.group {
            None => self.shard_of(&path),
            Some(group) => self.shard_of(&self.path(subject, Some(group))?),
        };
        // There are as many heads as shards.
        let mut key = self.heads.get(shard).cloned().unwrap_or_default();
        key.push_str(&path);
        Ok(key)
    }

    /// The slot is the CRC16 mod 16,384, so its low bits are those of the CRC16.
    fn shard_of(&self, group: &str) -> usize {
        usize::from(slot_of(group)) & (self.heads.len() - 1)
    }

    fn path(&self, subject: Subject<'_>, by: Option<&[String]>) -> Result<String, KeyError> {
        match (subject, by) {
            (Subject::Text(text), None | Some([_])) => self.encode("the subject", text),
            (Subject::Text(_), Some(by)) => {
                Err(self.refused(format!("it counts by {}: give a subject with these parts", by.join(", "))))
            }
            (Subject::Parts(parts), None) => self.whole_path(parts),
            (Subject::Parts(parts), Some(by)) => {
                let mut path = String::new();
                for (i, name) in by.iter().enumerate() {
                    let Some((_, value)) = parts.iter().find(|(own, _)| own == name) else {
                        return Err(self.refused(format!("part {name:?} of the subject is missing: it counts by it")));
                    };
                    let separator = if i == 0 { "" } else { ":" };
                    let value = self.encode(&format!("part {name:?} of the subject"), value)?;
                    // Writing to a String cannot fail.
                    let _ = write!(path, "{separator}{value}");
                }
                Ok(path)
            }
        }
    }

    /// All parts as `name=value`, sorted as that text: one order whatever order they were written in.
    fn whole_path(&self, parts: &[(&str, &str)]) -> Result<String, KeyError> {
        if parts.is_empty() {
            return Err(self.refused("the subject has no parts: give at least one".to_owned()));
        }
        let mut names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(self.refused("a part of the subject is given twice".to_owned()));
        }
        let mut texts = Vec::with_capacity(parts.len());
        for (name, value) in parts {
            let value = self.encode(&format!("part {name:?} of the subject"), value)?;
            texts.push(format!("{}={value}", self.encode("the name of a part", name)?));
        }
        texts.sort_unstable();
        Ok(texts.join(":"))
    }

    fn encode(&self, what: &str, text: &str) -> Result<String, KeyError> {
        if text.is_empty() {
            return Err(self.refused(format!("{what} is empty: give it a text, or do not check what has none")));
        }
        Ok(encode_part(text))
    }

    fn refused(&self, problem: String) -> KeyError {
        KeyError::Subject { policy: self.policy.clone(), problem }
    }
}

fn algorithm_name(plan: &Plan) -> &'static str {
    match plan {
        Plan::Gcra(_) => "gcra",
        Plan::FixedWindow(_) => "fixed_window",
        Plan::TokenBucket(_) => "token_bucket",
        Plan::LeakyBucket(_) => "leaky_bucket",
        Plan::SlidingCounter(_) => "sliding_counter",
        Plan::SlidingWindow(_) => "sliding_window",
        Plan::Quota(_) => "quota",
        Plan::Concurrency(_) => "concurrency",
    }
}
