//! The events of the contracts: selectors and what becomes of each. Source: KiloExPerp/kiloex-python-sdk, `abi/PerpTrade.abi`.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const INCREASE: B256 = b256!("33d87486ebf756c0fef6fcecd6cc79d0c41726aef20c6a51850a094b45ac9106");
pub(super) const DECREASE: B256 = b256!("abb054199c9b2129058eda93c9f27d17a3df89c521a63b2154065da7c9c02743");
pub(super) const LIQUIDATED: B256 = b256!("6f7734c2b603545392ede46279193d0b944bffb5d4c822bb78cd37eb6c2aadc9");

pub(super) const LAYOUT: &[EvmEvent; 8] = &[
    event(INCREASE, "IncreasePositionV3", Mapped),
    event(DECREASE, "DecreasePositionV3", Mapped),
    event(LIQUIDATED, "PositionLiquidated", StateOnly),
    event(
        b256!("2e890c95d44d3846a7bd7a1b51caaa740ca2b740d0c91c801c792c85f32fe826"),
        "MarginAddedV2",
        Ignored("margin of a position; its size does not change"),
    ),
    event(
        b256!("040b952111b47b5195b02ba48f01c3c108d05275afbdbaf7a5e4fec789010fc2"),
        "ExecuteLiquidateError",
        Ignored("nothing was liquidated"),
    ),
    event(b256!("7f26b83ff96e1f2b6a682f133852f6798a09c465da95921460cefb3847402498"), "Initialized", Ignored("configuration")),
    event(b256!("91a8c1cc2d4a3bb60738481947a00cbb9899c822916694cf8bb1d68172fdcd54"), "SetGov", Ignored("configuration")),
    event(b256!("167d3e9c1016ab80e58802ca9da10ce5c6a0f4debc46a2e7a2cd9e56899a4fb5"), "SetOwner", Ignored("configuration")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/kiloex/perp_trade.json"));
    }
}
