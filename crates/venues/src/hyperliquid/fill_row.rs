//! The fields of a fill.

use std::borrow::Cow;

use serde::Deserialize;

/// A fill as the node prints it. Keys that are not read here are ignored. [`super::scan`] reads the same.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FillRow<'a> {
    #[serde(borrow)]
    pub(super) coin: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) px: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) sz: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) side: Cow<'a, str>,
    pub(super) time: i64,
    #[serde(borrow)]
    pub(super) start_position: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) dir: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) closed_pnl: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) hash: Option<Cow<'a, str>>,
    pub(super) oid: Option<u64>,
    pub(super) crossed: bool,
    #[serde(borrow)]
    pub(super) fee: Option<Cow<'a, str>>,
    pub(super) tid: u64,
    #[serde(borrow)]
    pub(super) fee_token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) liquidation: Option<LiquidationRow<'a>>,
}

/// The object on both legs of a liquidation or auto-deleveraging.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiquidationRow<'a> {
    #[serde(borrow)]
    pub(super) liquidated_user: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) mark_px: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) method: Cow<'a, str>,
}
