//! The events of the contracts: selectors and what becomes of each. Source: dydxprotocol/perpetual, `contracts/protocol`.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const TRADE: B256 = b256!("5171a2ba3550a103fd09ca39b7dcfdf328a5acef18e290c7802d69c8ba73d8d9");
pub(super) const INDEX: B256 = b256!("995e61c355733308eab39a59e1e1ac167274cdd1ad707fe4d13e127a01076428");
pub(super) const ACCOUNT_SETTLED: B256 = b256!("022694ffbbd957d26de6b85c040be68ec582d13d40114b29130581793a1bf31e");
pub(super) const DEPOSIT: B256 = b256!("40a9cb3a9707d3a68091d8ef7ffd4158d01d0b2ad92b1e489abe8312dd543023");
pub(super) const WITHDRAW: B256 = b256!("74348e8cb927b5536fe550310d0cdf05914498fcb04ad61b99c29e3899b0bce9");
pub(super) const WITHDRAW_FINAL: B256 = b256!("c3b34c584e097adcd5d59ecaf4107928698a4f075c7753b5dbe28cd20d7ac1fd");
pub(super) const ORDER_FILLED: B256 = b256!("5760b5a80923536b02524ebe3b1f92cc973195ac25559c60564e8db9e02d15ad");
pub(super) const LIQUIDATED: B256 = b256!("6a35c9c914a0cd15e436f6ff44611a525491fdeb755e1044e9841d7e74ba4242");
pub(super) const DELEVERAGED: B256 = b256!("750eb1daab9f5a06890a5126e981abeeb7d50b590d48e4a9e523016de22985bb");

pub(super) const LAYOUT: &[EvmEvent; 25] = &[
    event(TRADE, "LogTrade", Mapped),
    event(INDEX, "LogIndex", Mapped),
    event(ACCOUNT_SETTLED, "LogAccountSettled", Mapped),
    event(DEPOSIT, "LogDeposit", Mapped),
    event(WITHDRAW, "LogWithdraw", Mapped),
    event(WITHDRAW_FINAL, "LogWithdrawFinalSettlement", Mapped),
    event(ORDER_FILLED, "LogOrderFilled", StateOnly),
    event(LIQUIDATED, "LogLiquidated", StateOnly),
    event(DELEVERAGED, "LogDeleveraged", StateOnly),
    event(
        b256!("68e4c41627e835051be46337f1542645a60c7e6d6ea79efc5f20bdadae5f88d2"),
        "LogFinalSettlementEnabled",
        Ignored("trading ends; positions leave one by one with LogWithdrawFinalSettlement"),
    ),
    event(b256!("ad675642c3cba5442815383698d42cd28889533d9671a6d32cffea58ef0874da"), "LogSetOracle", Ignored("configuration")),
    event(b256!("433b5c8c9ff78f62114ee8804a916537fa42009ebac4965bfed953f771789e47"), "LogSetFunder", Ignored("configuration")),
    event(b256!("248b36ced4662a14c995e0872f00eb61be4e3dea3913226cdeb513d64728cdca"), "LogSetMinCollateral", Ignored("configuration")),
    event(b256!("eaeee7699e70e6b31ac89ec999ef6936b97ac1e364f0e1fcf584772372caa0d3"), "LogSetGlobalOperator", Ignored("configuration")),
    event(b256!("fe9fa8ad7dbd5e50cbcd1a903ea64717cb80b02e6b737e74f7e2f070b3e4d15f"), "LogSetLocalOperator", Ignored("a permission")),
    event(b256!("7e644d79422f17c01e4894b5f4f588d331ebfa28653d42ae832dc59e38c9798f"), "AdminChanged", Ignored("configuration")),
    event(b256!("bc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b"), "Upgraded", Ignored("configuration")),
    event(b256!("4117a4c82505f7102c183e1fb9daa8f8e06d56d6af04479fc417fa8c04902893"), "LogOrderCanceled", Ignored("an order")),
    event(b256!("bd06df5febc1b0cd2e8ba37a6bb524ae77524c4aa2dc5e0f5ac64f5d11a50b1b"), "LogOrderApproved", Ignored("an order")),
    event(
        b256!("c5c00dddf28309e25cd647751e97c5c3b8be3425d81f33ba7835ac8e710aa8b9"),
        "LogMarkedForDeleveraging",
        Ignored("a warning; the deleveraging has its own event"),
    ),
    event(
        b256!("9771b33aeb53e1bf116f495e5f185f99fd84b523e3da950a84ca36ad10b8160e"),
        "LogUnmarkedForDeleveraging",
        Ignored("a warning withdrawn"),
    ),
    event(
        b256!("40f472379384d27e4916dabc7440b7ce7f7282a3e665176fe8fbcaf4c12a90a3"),
        "LogDeleveragingOperatorSet",
        Ignored("configuration"),
    ),
    event(b256!("8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0"), "OwnershipTransferred", Ignored("configuration")),
    event(
        b256!("56f54e5e291f84831023c9ddf34fe42973dae320af11193db2b5f7af27719ba6"),
        "LogLiquidatorProxyUsed",
        Ignored("of a helper contract that is not watched: the liquidation has its own event"),
    ),
    event(
        b256!("2ebf65220b5046a8d9cff102710ef15de0a0bf3709dcc11c3af50abe472e1c22"),
        "LogFundingRateUpdated",
        Ignored("of the funding oracle, which is not watched: the rate from here on; what it came to stands in LogIndex"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/dydx_v1/perpetual.json"));
    }
}
