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
        self.as_bytes() == text.as_bytes()
    }
}

impl Default for Subject {
    fn default() -> Self {
        Self::Inline { length: 0, bytes: [0; INLINE_MAX] }
    }
}
