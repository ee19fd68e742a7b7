use crate::words::{Between, Ends, WORDS_MAX, text_of};
use std::fmt;

/// Who holds a lease.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LeaseId(Text);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Words { length: u8, between: Between, ends: Ends },
    Heap(Box<str>),
}

impl LeaseId {
    /// Whether its text is this one, of which the ends are known.
    #[inline(always)]
    pub(crate) fn is(&self, text: &str, its_ends: Ends) -> bool {
        match &self.0 {
            Text::Words { length, between, ends } => {
                usize::from(*length) == text.len() && *ends == its_ends && between.is_of(text)
            }
            Text::Heap(own) => **own == *text,
        }
    }
}

impl From<&str> for LeaseId {
    #[inline(always)]
    fn from(text: &str) -> Self {
        let length = text.len();
        Self(if length <= WORDS_MAX {
            Text::Words { length: length as u8, between: Between::of(text), ends: Ends::of(text) }
        } else {
            Text::Heap(text.into())
        })
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Text::Words { length, between, ends } => f.write_str(&text_of(usize::from(*length), *ends, *between)),
            Text::Heap(text) => f.write_str(text),
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
                assert!(id.is(&text, Ends::of(&text)));
                let longer = format!("{text}a");
                assert!(!id.is(&longer, Ends::of(&longer)));
                assert_eq!(id, LeaseId::from(text.as_str()));
            }
        }
        assert_ne!(LeaseId::from("holder-1"), LeaseId::from("holder-2"));
    }
}
