//! What the layout has beside plain borsh: sides, states, symbols, and markets as events name them.

pub(super) use crate::borsh::{Bytes, LayoutError};

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

impl Bytes<'_> {
    pub(super) fn key(&mut self, field: &'static str) -> Result<Key, LayoutError> {
        self.array(field)
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
