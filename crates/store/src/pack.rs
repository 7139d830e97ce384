//! Bytes of a payload as they are stored: as they are, packed, or only their digest.

use std::borrow::Cow;
use std::cell::RefCell;

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress, get_maximum_output_size};

/// First byte of a stored payload that stands as it is.
const PLAIN: u8 = 0;
/// First byte of a stored payload that is one LZ4 block behind its plain length (4 bytes, little-endian).
const LZ4: u8 = 1;
/// First byte of what is stored in place of a payload that was dropped: SHA-256 of its plain bytes follows.
const DIGEST: u8 = 2;
/// Shorter payloads gain nothing.
const PACKED_BYTES_MIN: usize = 64;
/// Plain bytes of a payload at most: a damaged length asks for no more.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Room for packing that a thread keeps; larger payloads are rare.
const KEPT_BYTES_MAX: usize = 256 * 1024;

thread_local! {
    /// What packing needs again for each of many small payloads: the table of what was seen, and room for what comes out.
    static PACKER: RefCell<(CompressTable, Vec<u8>)> = RefCell::default();
}

/// A payload as it is stored. Words of contracts are mostly zeros and lines mostly names: they take a third of their bytes, and
/// the server need not compress them itself, which takes it longer than all the rest of the row.
pub(crate) fn pack(plain: &[u8]) -> Vec<u8> {
    let packed = (plain.len() >= PACKED_BYTES_MIN).then(|| PACKER.with_borrow_mut(|(table, room)| lz4(plain, table, room))).flatten();
    packed.unwrap_or_else(|| [&[PLAIN], plain].concat())
}

/// Packed bytes; `None` where they are no fewer.
fn lz4(plain: &[u8], table: &mut CompressTable, room: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = u32::try_from(plain.len()).ok()?;
    let bytes_max = get_maximum_output_size(plain.len());
    if room.len() < bytes_max {
        room.resize(bytes_max, 0);
    }
    let packed = compress_into_with_table(plain, room, table).ok().map(|bytes| &room[..bytes]);
    let stored = packed.filter(|packed| packed.len() + 4 < plain.len()).map(|packed| [&[LZ4], &length.to_le_bytes()[..], packed].concat());
    if KEPT_BYTES_MAX < room.len() {
        *room = Vec::new();
    }
    if matches!(table, CompressTable::Large(_)) {
        // It has twice the bytes, which are cleared for every payload.
        *table = CompressTable::default();
    }
    stored
}

/// What is stored in place of a payload with this digest.
pub(crate) fn digest(sha256: &[u8]) -> Vec<u8> {
    [&[DIGEST], sha256].concat()
}

/// The digest that is stored in place of a payload, if that is so.
pub(crate) fn dropped(stored: &[u8]) -> Option<&[u8]> {
    stored.strip_prefix(&[DIGEST])
}

/// A stored payload as it was; `None` where the bytes are none of ours.
pub(crate) fn unpack(stored: &[u8]) -> Option<Cow<'_, [u8]>> {
    match stored.split_first()? {
        (&PLAIN, plain) => Some(Cow::Borrowed(plain)),
        (&LZ4, packed) => {
            let (length, block) = packed.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= PAYLOAD_BYTES_MAX)?;
            decompress(block, length).ok().map(Cow::Owned)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: u8) -> Vec<u8> {
        (0..count).flat_map(|word| [[0; 31].as_slice(), &[word]].concat()).collect()
    }

    #[test]
    fn payloads_come_back_and_damage_is_told() {
        let noise: Vec<u8> = (0..300u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let long = words(40).repeat(400);
        assert!(KEPT_BYTES_MAX < long.len() && usize::from(u16::MAX) < long.len());
        // Each finds what the one before has left in the thread's room.
        for plain in [Vec::new(), vec![7], words(40), noise, long, words(41), words(2)] {
            let stored = pack(&plain);
            assert!(stored.len() <= plain.len() + 1);
            assert_eq!(unpack(&stored).as_deref(), Some(plain.as_slice()));
        }
        let stored = pack(&words(40));
        assert!(stored.len() * 3 < words(40).len(), "{} of {} bytes", stored.len(), words(40).len());
        let longer = [&[LZ4, 0xff, 0xff, 0xff, 0xff], &stored[5..]].concat();
        for damaged in [&[][..], &[3, 0, 0], &[LZ4, 0], &stored[..stored.len() - 1], &longer] {
            assert_eq!(unpack(damaged), None, "{damaged:02x?}");
        }
    }

    /// Put together by hand from the description of the format (LZ4 Block Format, "Compressed block format"): one literal, a match
    /// of 94 bytes one byte back, five literals at the end.
    #[test]
    fn a_block_of_the_format_is_read() {
        let block = [&[0x1f, b'a', 1, 0, 94 - 4 - 15, 0x50], &[b'a'; 5][..]].concat();
        let stored = [&[LZ4, 100, 0, 0, 0], block.as_slice()].concat();
        assert_eq!(unpack(&stored).as_deref(), Some(&[b'a'; 100][..]));
    }
}
