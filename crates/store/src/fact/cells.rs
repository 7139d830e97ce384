//! Cells that many tables share: keys, heights, numbers, names.

use perpdex_core::{BlockRef, ChainId, Decimal, Link, Side, VENUE_SLUGS, VenueSlug};
use perpdex_reducer::RowKey;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as NameError, StrDeserializer};

use crate::sql::{Param, Record, Result};

/// The four columns every event row begins with.
pub(crate) fn key_cells(key: &RowKey) -> [Param; 4] {
    [key.chain.as_i64().into(), height_cell(key.height), key.rec.into(), i64::from(key.sub).into()]
}

/// A height. Commits with heights beyond 63 bits are refused before any cell is made.
pub(crate) fn height_cell(height: u64) -> Param {
    Param::Int(i64::try_from(height).unwrap_or(i64::MAX))
}

pub(super) fn read_key(r: &Record) -> Result<RowKey> {
    Ok(RowKey { chain: read_chain(r, 0)?, height: r.height(1)?, rec: r.int(2)?, sub: read_u32(r, 3)? })
}

pub(crate) fn read_chain(r: &Record, at: usize) -> Result<ChainId> {
    Ok(ChainId(r.height(at)?))
}

pub(crate) fn read_venue(r: &Record, at: usize) -> Result<VenueSlug> {
    let id = r.int(at)?;
    VENUE_SLUGS.iter().find(|(known, _)| *known == id).map(|(_, slug)| *slug).ok_or_else(|| r.unexpected(at, "a venue's number"))
}

pub(crate) fn read_u8(r: &Record, at: usize) -> Result<u8> {
    u8::try_from(r.int(at)?).map_err(|_| r.unexpected(at, "a count of digits"))
}

pub(crate) fn read_u32(r: &Record, at: usize) -> Result<u32> {
    u32::try_from(r.int(at)?).map_err(|_| r.unexpected(at, "a small number"))
}

pub(crate) fn read_decimal(r: &Record, at: usize) -> Result<Decimal> {
    r.parsed(at, "a decimal", |text| Decimal::parse(text).ok())
}

/// A number as exact text and as the nearest double.
pub(crate) fn price_cells(price: &Decimal) -> [Param; 2] {
    let price = price.trimmed();
    [price.to_string().into(), price.to_f64().into()]
}

/// The variant of a field-less enum with this name.
pub(crate) fn named<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let names: StrDeserializer<'_, NameError> = text.into_deserializer();
    T::deserialize(names).ok()
}

pub(crate) fn name(text: Option<&'static str>) -> Param {
    text.map_or(Param::Null, Param::Name)
}

pub(super) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// Reads height, hash, parent's hash and time.
pub(crate) fn read_block(r: &Record) -> Result<BlockRef> {
    let hash = |at: usize| r.opt_bytes(at)?.map(|bytes| bytes.try_into().map_err(|_| r.unexpected(at, "a hash"))).transpose();
    let link = match (hash(1)?, hash(2)?) {
        (Some(hash), Some(parent)) => Some(Link { hash, parent }),
        _ => None,
    };
    Ok(BlockRef { height: r.height(0)?, link, time_ms: r.int(3)? })
}
