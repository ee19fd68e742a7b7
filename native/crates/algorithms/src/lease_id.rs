use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Bytes of an id that stand in the lease itself: a UUID as text fits.
const INLINE_MAX: usize = 38;

/// Who holds a lease.
#[derive(Clone)]
pub struct LeaseId(Text);

#[derive(Clone)]
enum Text {
    Inline { length: u8, bytes: [u8; INLINE_MAX] },
    Heap(Box<str>),
}

impl LeaseId {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Made of a text, so that it is one.
            Text::Inline { .. } => str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Text::Heap(text) => text,
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Text::Heap(text) => text.as_bytes(),
        }
    }

    /// Whether its text is this one.
    #[inline]
    pub fn is(&self, text: &str) -> bool {
        let (own, other) = (self.as_bytes(), text.as_bytes());
        // Others differ soon, as a rule, and a call of `memcmp` takes longer.
        own.len() == other.len() && own.first_chunk::<8>() == other.first_chunk() && own == other
    }
}

impl From<&str> for LeaseId {
    #[inline]
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_MAX];
        Self(match bytes.get_mut(..text.len()) {
            Some(own) => {
                own.copy_from_slice(text.as_bytes());
                Text::Inline { length: text.len() as u8, bytes }
            }
            None => Text::Heap(text.into()),
        })
    }
}

impl PartialEq for LeaseId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for LeaseId {}

impl Hash for LeaseId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for LeaseId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_any_length_keep_their_text() {
        for length in 0..100 {
            let text = "é".repeat(length);
            let id = LeaseId::from(text.as_str());
            assert_eq!(id.as_str(), text);
            assert!(id.is(&text));
            assert!(!id.is(&format!("{text}a")));
            assert_eq!(id, LeaseId::from(text.as_str()));
        }
        assert!(!LeaseId::from("holder-1").is("holder-2"));
    }
}
