use crate::words::{Between, Ends, WORDS_MAX, text_of};
use std::fmt;

/// Who holds a lease.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct LeaseId {
    ends: Ends,
    between: Between,
    length: u32,
    /// The text, of which the words are only a part.
    long: Option<Box<str>>,
}

/// Who asks for a lease: a text and its words, all of which are there whatever its length, so that it takes no branch to
/// compare them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Holder<'a> {
    pub text: &'a str,
    ends: Ends,
    between: Between,
    length: u32,
}

impl<'a> Holder<'a> {
    #[inline(always)]
    pub fn of(text: &'a str) -> Self {
        Self { text, ends: Ends::of(text), between: Between::of(text), length: text.len() as u32 }
    }
}

impl LeaseId {
    /// Whether this is who holds it.
    #[inline(always)]
    pub(crate) fn is(&self, holder: &Holder<'_>) -> bool {
        self.ends == holder.ends
            && self.between == holder.between
            && self.length == holder.length
            && (holder.text.len() <= WORDS_MAX || self.long.as_deref() == Some(holder.text))
    }

    /// Makes a short id that of this holder, who has a short one too.
    #[inline(always)]
    pub(crate) fn set_short(&mut self, holder: &Holder<'_>) {
        self.ends = holder.ends;
        self.between = holder.between;
        self.length = holder.length;
    }
}

impl From<&Holder<'_>> for LeaseId {
    #[inline(always)]
    fn from(holder: &Holder<'_>) -> Self {
        let Holder { text, ends, between, length } = *holder;
        let long = if text.len() <= WORDS_MAX { None } else { Some(text.into()) };
        Self { ends, between, length, long }
    }
}

impl From<&str> for LeaseId {
    fn from(text: &str) -> Self {
        (&Holder::of(text)).into()
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.long {
            None => f.write_str(&text_of(self.length as usize, self.ends, self.between)),
            Some(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_string().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_length_keep_their_text() {
        for length in 0..50 {
            for letter in ["a", "é"] {
                let text = letter.repeat(length);
                let id = LeaseId::from(text.as_str());
                assert_eq!(id.to_string(), text);
                assert!(id.is(&Holder::of(&text)));
                let longer = format!("{text}a");
                assert!(!id.is(&Holder::of(&longer)));
                assert_eq!(id, LeaseId::from(text.as_str()));
            }
        }
        assert_ne!(LeaseId::from("holder-1"), LeaseId::from("holder-2"));
    }
}
