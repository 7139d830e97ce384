//! The events of the contracts: selectors and what becomes of each. Source: the published ABI of the contracts on BNB Chain.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const PAIR_ADDED: B256 = b256!("eda679f3434de965730a28b8b694f2a348c09a2c1bb3e226633b6af24841adc1");
pub(super) const EXECUTE_ORDER: B256 = b256!("8fc142e45fbea6c13cebff3c2e0cf327ab9c5eccf88500858e9361c66587e194");
pub(super) const EXECUTE_LIQUIDATION: B256 = b256!("f92bd60979e7c44573752415aeb65a1eceb65d64c6ab2975d93945513262654e");
pub(super) const EXECUTE_ADL_ORDER: B256 = b256!("848f1ac058d7c8ba1794a5c4436909ac76b44482b4d716a15bab1aa1748dbec2");

pub(super) const LAYOUT: &[EvmEvent; 8] = &[
    event(PAIR_ADDED, "PairAdded", Mapped),
    event(EXECUTE_ORDER, "ExecuteOrderV2", Mapped),
    event(EXECUTE_LIQUIDATION, "ExecuteLiquidation", StateOnly),
    event(EXECUTE_ADL_ORDER, "ExecuteAdlOrder", StateOnly),
    event(
        b256!("efaf8e5c8a1e0fc7765de2181763981e54c901cc58100bad6623d33fd062bd44"),
        "UpdatePosition",
        Ignored("of the position manager, whose address is not known"),
    ),
    event(
        b256!("1ae8683eab23ec8d2d3eb297043db25c91e5ede56c4b8afb584ceef8a57d5d20"),
        "UpdateFundingRate",
        Ignored("of the position manager, whose address is not known"),
    ),
    event(
        b256!("08182ae5e1ab59028f1e2c3b7b7b766cfe54841afccfe9fd7ba68e2a72b6c052"),
        "UpdateFundingRateV2",
        Ignored("of the position manager, whose address is not known"),
    ),
    event(
        b256!("d96cd62fe772eae2e66a1482cbd5058820e670cb26d2312b309591b23e36e2c9"),
        "AdjustCollateral",
        Ignored("of the position manager; collateral alone, the size does not change"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/myx_v1/contracts.json"));
    }
}
