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

/// Who asks for a lease: a text and its ends, by which it is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Holder<'a> {
    pub text: &'a str,
    ends: Ends,
}

impl<'a> Holder<'a> {
    #[inline(always)]
    pub fn of(text: &'a str) -> Self {
        Self { text, ends: Ends::of(text) }
    }

    /// A byte that is the same for the same id, and never 0.
    #[inline(always)]
    pub fn mark(&self) -> u8 {
        self.ends.mark()
    }
}

impl LeaseId {
    /// Whether this is who holds it.
    pub(crate) fn is(&self, holder: &Holder<'_>) -> bool {
        self.is_short(holder) && (holder.text.len() <= WORDS_MAX || self.long.as_deref() == Some(holder.text))
    }

    /// The same of a short id.
    #[inline(always)]
    pub(crate) fn is_short(&self, holder: &Holder<'_>) -> bool {
        self.ends == holder.ends && self.length == holder.text.len() as u32 && self.between.is_of(holder.text)
    }

    /// See [`Holder::mark`].
    #[inline(always)]
    pub(crate) fn mark(&self) -> u8 {
        self.ends.mark()
    }

    /// Makes a short id that of this holder, who has a short one too.
    #[inline(always)]
    pub(crate) fn set_short(&mut self, holder: &Holder<'_>) {
        self.ends = holder.ends;
        self.between = Between::of(holder.text);
        self.length = holder.text.len() as u32;
    }
}

impl From<&Holder<'_>> for LeaseId {
    #[inline(always)]
    fn from(holder: &Holder<'_>) -> Self {
        let Holder { text, ends } = *holder;
        let long = if text.len() <= WORDS_MAX { None } else { Some(text.into()) };
        Self { ends, between: Between::of(text), length: text.len() as u32, long }
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
