//! Which fill a liquidation record speaks of. The record repeats the fill's size: it adds a reason, never volume.

use perpdex_core::{Liquidation, LiquidationKind, PositionSide, RawRecord};

use super::records::{Liquidated, OrderAction};
use crate::emit::{DecodeError, Emitter};

/// `OrderActionExplanation` of the fills of a liquidation: of its order on the book as well as of a position that the liquidator takes over
/// (drift-labs/protocol-v2, `controller/orders.rs`, `fulfill_perp_order_with_amm` and `_with_match`; `controller/liquidation.rs`).
pub(super) const LIQUIDATION: u8 = 5;

/// The liquidations of a transaction and what of them no fill has told yet.
#[derive(Debug, Default)]
pub(super) struct Liquidations<'a>(Vec<Open<'a>>);

#[derive(Debug)]
struct Open<'a> {
    record: &'a RawRecord,
    said: Liquidated,
    /// Base not yet found in fills.
    rest: u64,
}

impl<'a> Liquidations<'a> {
    /// Adds a record; one that moves no base only cancelled orders.
    pub(super) fn add(&mut self, record: &'a RawRecord, said: Liquidated) {
        if said.base_asset_amount != 0 {
            self.0.push(Open { record, said, rest: said.base_asset_amount.unsigned_abs() });
        }
    }

    /// The liquidation that a fill of `base` by its taker is part of. The record tells which kind it is, the fill does not: on the book
    /// the fills of the order that the program placed for the user count, from the record's number on; a takeover is the one fill
    /// of that number.
    pub(super) fn of_fill(&mut self, fill: &OrderAction, base: u64) -> Option<Liquidation> {
        let number = fill.fill_record_id?;
        let open = self.0.iter_mut().find(|open| {
            let said = &open.said;
            let is_named = if said.is_on_book {
                said.fill_record_id <= number && fill.taker_order_id == Some(said.user_order_id)
            } else {
                said.fill_record_id == number && fill.action_explanation == LIQUIDATION
            };
            is_named && open.rest >= base && fill.market_index == said.market_index && fill.taker == Some(said.user)
        })?;
        open.rest -= base;
        Some(Liquidation {
            kind: if open.said.is_on_book { LiquidationKind::Market } else { LiquidationKind::Takeover },
            side: if open.said.base_asset_amount < 0 { PositionSide::Long } else { PositionSide::Short },
            liquidator: Some(open.said.liquidator.to_string().into()),
            mark_price: None,
            fee: None,
            is_partial: None,
        })
    }

    /// A liquidation without its fills says that a record was lost.
    pub(super) fn refuse_open(self, emitter: &mut Emitter<'_>) {
        for Open { record, said, rest } in self.0.into_iter().filter(|open| open.rest > 0) {
            let Liquidated { user, market_index, fill_record_id, .. } = said;
            let error = format!("no fill of {rest} base units of {user} in market {market_index} from number {fill_record_id} on");
            emitter.failure(record, "LiquidationRecord", DecodeError::invalid(error));
        }
    }
}
