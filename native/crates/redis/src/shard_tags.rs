use crate::slot::{SLOTS, slot_of};
use std::sync::LazyLock;

/// Most virtual shards there can be.
pub(crate) const TAGS: usize = 1024;

const SLOTS_PER_TAG: u16 = SLOTS / TAGS as u16;

/// Hash tags of the virtual shards: for each of 1,024 equal stripes of the slots the first base-36 numeral whose slot falls
/// into it. Every second, fourth, … tag is spread as evenly over the slots as all of them. `src/shard-tags.ts` has the same
/// as a table.
pub(crate) static SHARD_TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut tags = vec![String::new(); TAGS];
    let mut missing = TAGS;
    // Every stripe is met long before the numerals end.
    for numeral in 0u32.. {
        if missing == 0 {
            break;
        }
        let tag = base36(numeral);
        if let Some(stripe) = tags.get_mut(usize::from(slot_of(&tag) / SLOTS_PER_TAG)).filter(|tag| tag.is_empty()) {
            *stripe = tag;
            missing -= 1;
        }
    }
    tags
});

fn base36(mut numeral: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(numeral % 36, 36).unwrap_or('0'));
        numeral /= 36;
        if numeral == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_are_those_of_the_typescript() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../src/shard-tags.ts");
        let source = std::fs::read_to_string(path).unwrap();
        let table = source.split('`').nth(1).unwrap();
        let tags: Vec<&str> = table.split_whitespace().collect();
        assert_eq!(tags.len(), TAGS);
        assert_eq!(*SHARD_TAGS, tags);
    }
}
