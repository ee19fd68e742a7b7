/// Bytes that a subject can have and stand in the key itself: a UUID as text fits.
const INLINE_MAX: usize = 38;

/// Who is counted, in 40 bytes.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Inline { length: u8, bytes: [u8; INLINE_MAX] },
    Heap(Box<str>),
}

impl Subject {
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE_MAX];
        match bytes.get_mut(..text.len()) {
            Some(own) => {
                own.copy_from_slice(text.as_bytes());
                Self::Inline { length: text.len() as u8, bytes }
            }
            None => Self::Heap(text.into()),
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Heap(text) => text.as_bytes(),
        }
    }

    #[inline]
    pub fn is(&self, text: &str) -> bool {
        are_equal(self.as_bytes(), text.as_bytes())
    }
}

/// What `==` tells, for short texts in words of eight bytes, the last of which overlap: a call of `memcmp` takes longer.
#[inline]
fn are_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.len(), a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (8..=16, Some(a_first), Some(b_first), Some(a_last), Some(b_last)) => a_first == b_first && a_last == b_last,
        (17.., ..) => a == b,
        _ => a.iter().eq(b),
    }
}

impl Default for Subject {
    fn default() -> Self {
        Self::Inline { length: 0, bytes: [0; INLINE_MAX] }
    }
}

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn texts_of_any_length_equal_themselves_and_no_other() {
        let text: String = ('a'..='z').cycle().take(60).collect();
        for length in 0..text.len() {
            let own = text.get(..length).unwrap_or_default();
            let subject = Subject::new(own);
            assert!(subject.is(own));
            assert!(!subject.is(&format!("{own}a")));
            for place in 0..length {
                let mut other = own.to_owned();
                other.replace_range(place..=place, "-");
                assert!(!subject.is(&other), "{other}");
            }
        }
    }
}
