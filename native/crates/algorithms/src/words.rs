//! Short texts as numbers: words of them, of which some overlap. Two texts of one length are the same if their words are, and
//! to compare words takes less than a call of `memcmp`.

/// Bytes of a text that is known by its words alone: a UUID as text fits.
pub const WORDS_MAX: usize = 36;
/// Bytes of a text that is known by its ends alone.
const ENDS_MAX: usize = 16;
/// An odd number with its bits well mixed.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The first and the last word of a text: all of it, up to 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ends {
    head: u64,
    tail: u64,
}

impl Ends {
    /// Those of this text.
    #[inline(always)]
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
            return Self { head: u64::from_ne_bytes(*head), tail: u64::from_ne_bytes(*tail) };
        }
        if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
            return Self { head: u32::from_ne_bytes(*head).into(), tail: u32::from_ne_bytes(*tail).into() };
        }
        // The middle of two bytes is the second, and of three what the ends leave out.
        match (bytes.first(), bytes.get(bytes.len() / 2), bytes.last()) {
            (Some(&first), Some(&middle), Some(&last)) => {
                Self { head: first.into(), tail: u16::from_ne_bytes([middle, last]).into() }
            }
            _ => Self::default(),
        }
    }

    /// A byte of a hash of them, but never 0.
    #[inline(always)]
    pub(crate) fn mark(self) -> u8 {
        let mixed = (self.head.rotate_left(32) ^ self.tail).wrapping_mul(SPREAD);
        ((mixed >> 56) as u8).max(1)
    }
}

/// What the ends leave out of a text of 17 to 36 bytes; of a longer one too little, and nothing of a shorter one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Between {
    second: [u8; 8],
    second_last: [u8; 8],
    /// The bytes after the second word.
    middle: [u8; 4],
}

impl Between {
    /// What the ends of this text leave out.
    #[inline(always)]
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        match (bytes.get(8..).and_then(<[u8]>::first_chunk), bytes.split_last_chunk::<8>()) {
            (Some(second), Some((front, _))) if bytes.len() > ENDS_MAX => Self {
                second: *second,
                second_last: front.last_chunk().copied().unwrap_or_default(),
                middle: bytes.get(16..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default(),
            },
            _ => Self::default(),
        }
    }

    /// Whether it is of this text, given that lengths and ends are the same.
    #[inline(always)]
    pub fn is_of(&self, text: &str) -> bool {
        text.len() <= ENDS_MAX || *self == Self::of(text)
    }
}

/// The text of so many bytes that has these words, `WORDS_MAX` at most.
pub(crate) fn text_of(length: usize, ends: Ends, between: Between) -> String {
    let mut bytes = [0_u8; WORDS_MAX];
    let mut write = |from: usize, word: &[u8]| {
        if let Some(place) = bytes.get_mut(from..from + word.len()) {
            place.copy_from_slice(word);
        }
    };
    let Ends { head, tail } = ends;
    match length {
        8.. => {
            if length > ENDS_MAX {
                write(16, &between.middle);
                write(8, &between.second);
                write(length - 16, &between.second_last);
            }
            write(0, &head.to_ne_bytes());
            write(length - 8, &tail.to_ne_bytes());
        }
        4.. => {
            write(0, &(head as u32).to_ne_bytes());
            write(length - 4, &(tail as u32).to_ne_bytes());
        }
        _ => {
            let [middle, last] = (tail as u16).to_ne_bytes();
            write(0, &[head as u8]);
            write(length / 2, &[middle]);
            write(length.saturating_sub(1), &[last]);
        }
    }
    String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_same(a: &str, b: &str) -> bool {
        a.len() == b.len() && Ends::of(a) == Ends::of(b) && Between::of(a).is_of(b)
    }

    #[test]
    fn texts_of_any_length_equal_themselves_and_no_other() {
        let text: String = ('a'..='z').cycle().take(WORDS_MAX).collect();
        for length in 0..=text.len() {
            let own = text.get(..length).unwrap_or_default();
            assert!(are_same(own, own), "{own}");
            assert_eq!(text_of(length, Ends::of(own), Between::of(own)), own);
            for place in 0..length {
                let mut other = own.to_owned();
                other.replace_range(place..=place, "-");
                assert!(!are_same(own, &other), "{own} {other}");
            }
        }
    }
}
