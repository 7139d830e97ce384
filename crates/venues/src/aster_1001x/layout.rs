//! The events of the diamond: selectors and what becomes of each.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped};

use crate::emit::{EvmEvent, event};

pub(super) const OPEN_MARKET_TRADE: B256 = b256!("a858fcdefab65cbd1997932d8ac8aa1a9a8c46c90b20947575525d9a2a437f8c");
pub(super) const CLOSE_TRADE_SUCCESSFUL: B256 = b256!("664a65d3a62405ef2c683493b52778675085be44db1631414b5a2918e4f538b2");
pub(super) const EXECUTE_CLOSE_SUCCESSFUL: B256 = b256!("cba626e584622d7022d4d4d3fd92d648efa11355ffdccb027ffbae68632c438a");
pub(super) const UPDATE_PAIR_POSITION_INFO: B256 = b256!("a04a144d722ef9a0f99b64f35cb7be9249223e6d51f6f21d3034f7ceaf4c22f0");
pub(super) const UPDATE_PAIR_ACC_FUNDING_FEE_PER_SHARE: B256 = b256!("f0b0fca75ed271c6c5a24a53f407aeed7ed7572b42fb5a6ed97bab77a6513405");
pub(super) const ADD_PAIR: B256 = b256!("07406f7848ebae7b4bdbf957a2bc69ba5ffcebccd2b386244e6ccd3f47634fbf");

/// The ABI file's events, and three of a price-prediction game in the same diamond of which only the selectors are known.
pub(super) const LAYOUT: &[EvmEvent; 28] = &[
    event(OPEN_MARKET_TRADE, "OpenMarketTrade", Mapped),
    event(CLOSE_TRADE_SUCCESSFUL, "CloseTradeSuccessful", Mapped),
    event(EXECUTE_CLOSE_SUCCESSFUL, "ExecuteCloseSuccessful", Mapped),
    event(UPDATE_PAIR_POSITION_INFO, "UpdatePairPositionInfo", Mapped),
    event(UPDATE_PAIR_ACC_FUNDING_FEE_PER_SHARE, "UpdatePairAccFundingFeePerShare", Mapped),
    event(ADD_PAIR, "AddPair", Mapped),
    event(
        b256!("7064b82c073f138da0ec7646ebb51d4a0061d647accb4670bc564edf0bfac41d"),
        "MarketPendingTrade",
        Ignored("a request: it ends in OpenMarketTrade or PendingTradeRefund"),
    ),
    event(b256!("2f8b631074b09d8b7f3fbc9184a5ddb3a59bc2bff68c6511e7e6d3d7a26159da"), "PendingTradeRefund", Ignored("a refused request")),
    event(b256!("16f2583b41f054c64feb20ff6d158f31c821b6e7da89d8419c40e60c5f837124"), "ExecuteCloseRejected", Ignored("nothing was closed")),
    event(
        b256!("82982650e85330c501b1cfb68b1ae3e06d6be2048d4378a018d8b84da6d5c959"),
        "CloseTradeReceived",
        Ignored("payout of a close, in whatever tokens the pool has; not the trader's profit"),
    ),
    event(
        b256!("ccc6950ab8b66f24c2911a7518f1ff58987ce64aff7cbe3d9d32e41732b12849"),
        "CloseTradeAddLiquidity",
        Ignored("the pool's side of a close"),
    ),
    event(
        b256!("759c01cdf299fe5f0f1e1573d4319beb8fdf23aa4e5a75f63b9f9c624e57dcc8"),
        "CloseTradeRemoveLiquidity",
        Ignored("the pool's side of a close"),
    ),
    event(
        b256!("b0faf9d95bf9da91b484b80f15f870aa692d8b2480c3815dc994b1d7a85c3052"),
        "FundingFeeAddLiquidity",
        Ignored("the pool's share of funding; traders settle theirs at the close"),
    ),
    event(b256!("2a7ab882921b77d7b78834dbad50c67d2faff24860e4c0984f5bac96b7537090"), "UpdateTradeTp", Ignored("an order")),
    event(b256!("9647c373626d31e1fbb51dc7b51e1a095d6fcc90554e8b557faf61362b321e45"), "UpdateTradeSl", Ignored("an order")),
    event(
        b256!("8b98dca183cef44feaa5052f7f02dc5203ea63fe2425f6388b2608a00b7029ae"),
        "UpdateMargin",
        Ignored("margin of a position; its size does not change"),
    ),
    event(
        b256!("282511c899c366580a39dc3dc661f74be32e03147f49f11885a2b111b4abde10"),
        "OpenFee",
        Ignored("how the open's fee is shared out; the fee stands in OpenMarketTrade"),
    ),
    event(
        b256!("ed23951826835a2eca8093d18f8db8e21bef0d3e23fb913fbe8b4693d656b26b"),
        "CloseFee",
        Ignored("how the close's fee is shared out; the fee stands in the close"),
    ),
    event(
        b256!("e38afd60cfd7b6452216d6f6135a7bb7e59af7a977232075081582207b6ac35a"),
        "OpenLimitOrder",
        Ignored("an order: its hash becomes the position's when it is filled"),
    ),
    event(
        b256!("d48b4c763f84a7b70fb8f50dfdb01f2fdd369406bf208783cabe2a7e5762811f"),
        "ExecuteLimitOrderSuccessful",
        Ignored("the fill is the OpenMarketTrade of the same transaction"),
    ),
    event(
        b256!("c896ad605d7a73b65370251a7dee77e85953cb4420edd84d5b4a4262bff497c6"),
        "ExecuteLimitOrderRejected",
        Ignored("a refused order"),
    ),
    event(b256!("54382ed60ea95b96d3f7caef3fd15474c6a6268075a520279e33b986c0910f06"), "CancelLimitOrder", Ignored("an order")),
    event(b256!("88779b10d70a2dd620ee965455ffd100e72cc9222b0645d8ef4bd7033420d55c"), "UpdatePairStatus", Ignored("configuration")),
    event(
        b256!("eca0b711602dd213c7d72e466aa73f69991d535f45b6c24d0c50ac83137c042c"),
        "UpdatePairFundingFeeConfig",
        Ignored("configuration"),
    ),
    event(b256!("9697519ee68edd99585564430e506173581037114f47f0083979d8e97d1d0480"), "RemovePair", Ignored("configuration")),
    event(
        b256!("9327e597f77654c5259cbeff5340cbde86c469a7034ea15e5fa5b202ba0b474a"),
        "PredictAndBetPending",
        Ignored("a price-prediction game, no perpetual"),
    ),
    event(
        b256!("44160ac06ba9060cff7716fce0acd00feff72930a9f3fdd93e19f66cd8e946a3"),
        "PredictAndBet",
        Ignored("a price-prediction game, no perpetual"),
    ),
    event(
        b256!("6150d0a8fb8c88106db5aaf79cbc73741c167f0bf6a74238d6eca20693f605f7"),
        "SettlePredictionSuccessful",
        Ignored("a price-prediction game, no perpetual"),
    ),
];

/// How many events at the end of [`LAYOUT`] are not in the ABI file.
#[cfg(test)]
const OUTSIDE_ABI: usize = 3;

/// The event's name, `None` for a selector that the layout does not list.
pub(super) fn name(topic0: B256) -> Option<&'static str> {
    LAYOUT.iter().find(|event| event.topic0 == topic0).map(|event| event.spec.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let in_abi = &LAYOUT[..LAYOUT.len() - OUTSIDE_ABI];
        let layout: Vec<_> = in_abi.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/aster_1001x/diamond.json"));
    }
}
