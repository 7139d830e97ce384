//! The walk held against the plain ABI library.

use std::sync::LazyLock;

use alloy_dyn_abi::DynSolType;
use alloy_primitives::B256;

use super::{EventData, GROUPS, Group};
use crate::gmx_v2::{layout, log};

/// The part of the envelope that the walk reads, with keys and values as bare bytes, so that only structure can be refused.
static STRUCTURE: LazyLock<DynSolType> = LazyLock::new(|| {
    "(bytes32,bytes,(((bytes,bytes32)[]),((bytes,bytes32)[]),((bytes,bytes32)[]),((bytes,bytes32)[]),((bytes,bytes32)[])))"
        .parse()
        .expect("the structure is a type of the ABI")
});

/// Name and items, or nothing where the data are refused.
type Answer = Option<(Vec<u8>, Vec<(Group, Vec<u8>, B256)>)>;

/// Reads the data of an `EventLog` by the walk and by the library; whether they are one.
///
/// # Panics
///
/// Where the two differ, or a reader of events panics.
pub fn event_log(data: &[u8]) -> bool {
    let walked = by_walk(data);
    assert_eq!(walked, by_library(data), "{}", alloy_primitives::hex::encode(data));
    for name in layout::WATCHED {
        // What is read, or refused, is the reader's business.
        let _ = log::parse(name, data);
    }
    walked.is_some()
}

fn by_walk(data: &[u8]) -> Answer {
    let read = EventData::parse(data).ok()?;
    let items = |group| read.group(group).iter().map(move |item| (group, item.key.to_vec(), B256::from(*item.value)));
    Some((read.name.to_vec(), GROUPS.into_iter().flat_map(items).collect()))
}

fn by_library(data: &[u8]) -> Answer {
    let value = STRUCTURE.abi_decode_params(data).ok()?;
    let [_, name, groups] = value.as_tuple()? else { return None };
    let mut items = Vec::new();
    for (group, list) in GROUPS.into_iter().zip(groups.as_tuple()?) {
        for item in list.as_tuple()?[0].as_array()? {
            let [key, value] = item.as_tuple()? else { return None };
            items.push((group, key.as_bytes()?.to_vec(), value.as_word()?));
        }
    }
    Some((name.as_bytes()?.to_vec(), items))
}
