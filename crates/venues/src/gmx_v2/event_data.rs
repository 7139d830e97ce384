//! Walking the key-value data of an event without copying it.
//!
//! `(address msgSender, string eventName, EventLogData eventData)`, where `EventLogData` is one group of items per type,
//! each a list of `(string key, value)` and a list of arrays. Values are looked up by key, never by position: releases
//! add and rename keys. Arrays, `bytes` and `string` items are not read; no event needs them.

use alloy_primitives::{Address, B256, I256};

use crate::{
    abi::{self, DataError},
    emit::DecodeError,
};

/// Words of an item that share no place with another's: where it stands, and its value. As the library has it, a list that names more
/// items than can stand behind it is refused, so that what is read is never larger than the data.
const ITEM_WORDS_MIN: usize = 2;

/// Bytes of the smallest envelope: a word for the sender, the name and each group. Less holds no event, even where offsets point at one
/// and the same word.
const ENVELOPE_BYTES_MIN: usize = 32 * (2 + GROUPS.len());

/// Groups that are read, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// `address`.
    Address,
    /// `uint256`.
    Uint,
    /// `int256`.
    Int,
    /// `bool`.
    Bool,
    /// `bytes32`.
    Bytes32,
}

const GROUPS: [Group; 5] = [Group::Address, Group::Uint, Group::Int, Group::Bool, Group::Bytes32];

/// Items of the longest events. As many are small enough for what the allocator hands out fastest.
const ITEMS_USUAL: usize = 42;

/// The items of one event.
#[derive(Debug)]
pub(super) struct EventData<'a> {
    /// Name of the event as it stands in the data.
    pub(super) name: &'a [u8],
    /// Group by group.
    items: Vec<Item<'a>>,
    /// How many items stand up to the end of each group.
    ends: [usize; GROUPS.len()],
}

#[derive(Debug)]
struct Item<'a> {
    key: &'a [u8],
    value: &'a [u8; 32],
}

impl<'a> EventData<'a> {
    /// Reads the structure; values are checked when asked for.
    pub(super) fn parse(data: &'a [u8]) -> Result<EventData<'a>, DataError> {
        if data.len() < ENVELOPE_BYTES_MIN {
            return Err(abi::outside(data, "eventData"));
        }
        let name = pointer(data, 0, 32).and_then(|at| abi::bytes_at(data, at)).ok_or_else(|| abi::outside(data, "eventName"))?;
        let base = pointer(data, 0, 64).ok_or_else(|| abi::outside(data, "eventData"))?;
        let mut items = Vec::with_capacity(ITEMS_USUAL);
        let mut ends = [0; GROUPS.len()];
        for (i, group) in GROUPS.into_iter().enumerate() {
            let list = pointer(data, base, base + 32 * i).and_then(|group_base| pointer(data, group_base, group_base));
            list.and_then(|list| read_items(data, list, &mut items)).ok_or_else(|| abi::outside(data, group.field()))?;
            ends[i] = items.len();
        }
        Ok(EventData { name, items, ends })
    }

    /// An `address`.
    pub(super) fn address(&self, key: &str) -> Result<Address, DecodeError> {
        Ok(abi::address(self.value(Group::Address, key)?, key)?)
    }

    /// A `uint256` below 2^255.
    pub(super) fn uint(&self, key: &str) -> Result<I256, DecodeError> {
        Ok(abi::uint(self.value(Group::Uint, key)?, 256, key)?)
    }

    /// A `uint256` that not every generation or not every event of its name has.
    pub(super) fn optional_uint(&self, key: &str) -> Result<Option<I256>, DecodeError> {
        Ok(self.find(Group::Uint, key).map(|word| abi::uint(word, 256, key)).transpose()?)
    }

    /// An `int256` that not every event of its name has.
    pub(super) fn optional_int(&self, key: &str) -> Result<Option<I256>, DecodeError> {
        Ok(self.find(Group::Int, key).map(|word| abi::int(word, 256, key)).transpose()?)
    }

    /// A `bool`.
    pub(super) fn boolean(&self, key: &str) -> Result<bool, DecodeError> {
        Ok(abi::boolean(self.value(Group::Bool, key)?, key)?)
    }

    /// A `bytes32`.
    pub(super) fn bytes32(&self, key: &str) -> Result<B256, DecodeError> {
        Ok(B256::from(*self.value(Group::Bytes32, key)?))
    }

    /// A `bytes32` that not every generation has.
    pub(super) fn optional_bytes32(&self, key: &str) -> Option<B256> {
        self.find(Group::Bytes32, key).map(|word| B256::from(*word))
    }

    fn value(&self, group: Group, key: &str) -> Result<&'a [u8; 32], DecodeError> {
        self.find(group, key).ok_or_else(|| DecodeError::malformed(format!("no item {key:?} among {}", group.field())))
    }

    fn find(&self, group: Group, key: &str) -> Option<&'a [u8; 32]> {
        self.group(group).iter().find(|item| item.key == key.as_bytes()).map(|item| item.value)
    }

    fn group(&self, group: Group) -> &[Item<'a>] {
        let index = group as usize;
        &self.items[index.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[index]]
    }
}

impl Group {
    fn field(self) -> &'static str {
        match self {
            Group::Address => "addressItems",
            Group::Uint => "uintItems",
            Group::Int => "intItems",
            Group::Bool => "boolItems",
            Group::Bytes32 => "bytes32Items",
        }
    }
}

/// The items of one group; `None` where one of them lies outside of the data.
fn read_items<'a>(data: &'a [u8], list: usize, items: &mut Vec<Item<'a>>) -> Option<()> {
    let first = list + 32;
    let count = abi::length(abi::word_at(data, list)?).filter(|count| count * ITEM_WORDS_MIN <= (data.len() - first) / 32)?;
    for i in 0..count {
        let item = pointer(data, first, first + 32 * i)?;
        let key = abi::bytes_at(data, pointer(data, item, item)?)?;
        items.push(Item { key, value: abi::word_at(data, item + 32)? });
    }
    Some(())
}

/// The position that the offset at `at` points to, counted from `base`. It lies inside the data, so that sums of it and a
/// few words cannot overflow.
#[inline]
fn pointer(data: &[u8], base: usize, at: usize) -> Option<usize> {
    abi::length(abi::word_at(data, at)?).and_then(|offset| base.checked_add(offset)).filter(|position| *position < data.len())
}

#[cfg(any(test, feature = "oracle"))]
pub(crate) mod oracle;
#[cfg(test)]
mod tests;
