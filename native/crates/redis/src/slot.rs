use crc::{CRC_16_XMODEM, Crc};

/// Hash slots of a Redis Cluster.
pub(crate) const SLOTS: u16 = 16_384;

const CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The hash slot of a key in Redis Cluster: of its hash tag `{…}` where it has one that is not empty, else of the whole.
///
/// ```
/// assert_eq!(sluice_redis::slot_of("sl1:{5b}:perUser:gcra:alice"), 13956);
/// ```
pub fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    CRC16.checksum(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}
