//! Borsh values taken from bytes one after another. What the layout does not allow is an error, never a guess.

use std::fmt;

/// A public key.
pub(super) type Key = [u8; 32];

/// A market as events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) id: u32,
    pub(super) symbol: String,
}

/// Bid buys, ask sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BookSide {
    Bid,
    Ask,
}

/// Bytes not yet read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

/// Why bytes are no such event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LayoutError {
    /// The bytes end inside a field.
    Short { field: &'static str },
    /// An option, bool or enum byte that the layout does not allow.
    Byte { field: &'static str, value: u8 },
    /// Text that is not zero-padded ASCII.
    Symbol { field: &'static str },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Short { field } => write!(f, "the bytes end in field {field}"),
            LayoutError::Byte { field, value } => write!(f, "field {field}: byte {value} is not allowed"),
            LayoutError::Symbol { field } => write!(f, "field {field} is not zero-padded text"),
        }
    }
}

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], LayoutError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(LayoutError::Short { field })?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], LayoutError> {
        Ok(self.take(N, field)?.try_into().expect("as many bytes as asked for"))
    }

    pub(super) fn skip(&mut self, count: usize, field: &'static str) -> Result<(), LayoutError> {
        self.take(count, field).map(|_| ())
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, LayoutError> {
        Ok(self.take(1, field)?[0])
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, LayoutError> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, LayoutError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, LayoutError> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self, field: &'static str) -> Result<i64, LayoutError> {
        self.array(field).map(i64::from_le_bytes)
    }

    pub(super) fn key(&mut self, field: &'static str) -> Result<Key, LayoutError> {
        self.array(field)
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, LayoutError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(LayoutError::Byte { field, value }),
        }
    }

    pub(super) fn side(&mut self) -> Result<BookSide, LayoutError> {
        Ok(if self.flag("side")? { BookSide::Ask } else { BookSide::Bid })
    }

    /// One of the six states of a market, Uninitialized to Tombstoned.
    pub(super) fn market_status(&mut self, field: &'static str) -> Result<(), LayoutError> {
        match self.u8(field)? {
            0..=5 => Ok(()),
            value => Err(LayoutError::Byte { field, value }),
        }
    }

    pub(super) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Bytes<'a>) -> Result<T, LayoutError>,
    ) -> Result<Option<T>, LayoutError> {
        if self.flag(field)? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn symbol(&mut self, field: &'static str) -> Result<String, LayoutError> {
        let bytes: [u8; 16] = self.array(field)?;
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let (text, padding) = bytes.split_at(length);
        let is_text = !text.is_empty() && text.iter().all(u8::is_ascii_graphic) && padding.iter().all(|byte| *byte == 0);
        if is_text { Ok(text.iter().map(|byte| char::from(*byte)).collect()) } else { Err(LayoutError::Symbol { field }) }
    }

    pub(super) fn asset_symbol_first(&mut self) -> Result<Asset, LayoutError> {
        let symbol = self.symbol("asset_symbol")?;
        let id = self.u32("asset_id")?;
        Ok(Asset { id, symbol })
    }
}
