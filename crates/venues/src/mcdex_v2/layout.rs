//! The events of the contracts: selectors and what becomes of each. Source: mcdexio/mai-protocol-v2,
//! `contracts/perpetual` and `contracts/liquidity`.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const TRADE: B256 = b256!("135cf68d1e6a12ec6a39f6b6aada223fb652ff83463299e701e94d96f515ec92");
pub(super) const LIQUIDATE: B256 = b256!("f3fa0eaee8f258c23b013654df25d1527f98a5c7ccd5e951dd77caca400ef972");
pub(super) const UPDATE: B256 = b256!("e763e57e3bd855c6028a13805d580b19a2403f388a7e9be7233d487a61a5abe5");
pub(super) const FUNDING: B256 = b256!("c0f950314c1203122896795efe729e8208b4c58eb5d6f41c476f32c773250a5d");
pub(super) const DEPOSIT: B256 = b256!("86de21edb5b3a1a20fae2c01980314cc1f3ffd795eea0f3845d72eda15eac017");
pub(super) const WITHDRAW: B256 = b256!("6cbfc1fa1bd70df60ae95827e6e5afc480ddbeb5afa7e64b83c89aea3200f6ad");

pub(super) const LAYOUT: &[EvmEvent; 21] = &[
    event(TRADE, "Trade", Mapped),
    event(LIQUIDATE, "Liquidate", Mapped),
    event(UPDATE, "UpdatePositionAccount", StateOnly),
    event(FUNDING, "UpdateFundingRate", Mapped),
    event(DEPOSIT, "Deposit", Mapped),
    event(WITHDRAW, "Withdraw", Mapped),
    event(
        b256!("a8c07d4ddb7eb4e7ba9a183be644aad9367c0f05c8bded6d8de71af6e8f66c2c"),
        "EnterEmergencyStatus",
        Ignored("trading ends; positions are settled one by one"),
    ),
    event(
        b256!("7f3ce1c76983eae344e9f2128da433a376e86ce0120fa6559cdb6cfb8bbc70b8"),
        "EnterSettledStatus",
        Ignored("trading has ended; positions are settled one by one"),
    ),
    event(
        b256!("de57095cee0e2b3e28a10edcb01a21aecea59e23eaf8c397fdfcb96314c94a8b"),
        "SocialLoss",
        Ignored("a loss shared by a side; no position changes"),
    ),
    event(
        b256!("49192a7dda1cc39e2d766a9072acd56ab15ddb5a795196151c6f241d24b3da11"),
        "UpdateInsuranceFund",
        Ignored("a level of the insurance fund"),
    ),
    event(
        b256!("1ac10aeb02067cb92b39c4fafbffea6b5f480eca5028634920adbb8e20d6ae70"),
        "Transfer",
        Ignored("margin between accounts: fees and shares of the pool, not told apart"),
    ),
    event(
        b256!("c24bd33b96083abf7d5d42b49ca64a9342e6bc36ee02105a971e4804180eeed0"),
        "InternalUpdateBalance",
        Ignored("a penalty or a correction of margin, not told apart"),
    ),
    event(b256!("452033573db49cf36742da05fb11e8af9b693e2d3effa92546a2871c157ca117"), "CreateAccount", Ignored("an account's number")),
    event(b256!("589053a901072b38ace1b069bfcc054538243ee864698f53296b83852afac856"), "CreatePerpetual", Ignored("configuration")),
    event(b256!("62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258"), "Paused", Ignored("configuration")),
    event(b256!("5db9ee0a495bf2e6ff9c91a7834c1ba4fdd244a5e8aa4e537bd38aeae4b073aa"), "Unpaused", Ignored("configuration")),
    event(b256!("5ef8a0361ae9c045897f902c7385aff40b9b8b99c3d05dce51d7151b5c8adaf8"), "DisableWithdraw", Ignored("configuration")),
    event(b256!("8a94b2423eefb7db610e590b6d43fc5d17674a1f258f529b2e061194a99bc0e5"), "EnableWithdraw", Ignored("configuration")),
    event(b256!("6aa860b940c7799e6bdf99ed372f8f4aeb7017da638e5eedeb47cf68d577d022"), "CreateAMM", Ignored("configuration")),
    event(b256!("c3d18999fb01e35e747dd6b7658ba5c080fd98900f063b48d25d7af86f552148"), "UpdateGovernanceParameter", Ignored("configuration")),
    event(b256!("751c92ce43833ad84a5880a77bf98f5f92b373bf104af031bc7c4e6a591268a2"), "UpdateGovernanceAddress", Ignored("configuration")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/mcdex_v2/contracts.json"));
    }
}
