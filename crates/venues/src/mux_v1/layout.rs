//! The events of the pool contract: selectors and what becomes of each. Source: mux-world/mux-protocol, `contracts/core/Events.sol`.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped};

use crate::emit::{EvmEvent, event};

pub(super) const ADD_ASSET: B256 = b256!("fdb7e1b6147dbcaa8b4b4f67f5f4324921f27271ae3463824452556451774d4d");
pub(super) const OPEN_POSITION: B256 = b256!("db27855d3e94a6c985e1e59c77870a73484ef3c40d29fbfe14bb3e686da86efb");
pub(super) const CLOSE_POSITION: B256 = b256!("645156066afee3ede009256908a9e96538cc1ad681c46b10114f6ce98ebd0600");
pub(super) const LIQUIDATE: B256 = b256!("d63e21d9ddaf46f8d28d121f06e7ed33fcc0300af1f8c794e69056dbf37e2d6a");
pub(super) const UPDATE_FUNDING_RATE: B256 = b256!("59b0ca320d4e4d85aa96c127c03fb78b50d499a8ccf1987b628b97b9acb66cac");
pub(super) const DEPOSIT_COLLATERAL: B256 = b256!("94ab403b9852b1c10901b0928c9b5692d2d229c8e666bae8f77cac8814ead64f");
pub(super) const WITHDRAW_COLLATERAL: B256 = b256!("39db80d104f204d9d7117515e240ca09e84cf05a4061c9a9a0877aecd8b2607f");

pub(super) const LAYOUT: &[EvmEvent; 30] = &[
    event(ADD_ASSET, "AddAsset", Mapped),
    event(OPEN_POSITION, "OpenPosition", Mapped),
    event(CLOSE_POSITION, "ClosePosition", Mapped),
    event(LIQUIDATE, "Liquidate", Mapped),
    event(UPDATE_FUNDING_RATE, "UpdateFundingRate", Mapped),
    event(DEPOSIT_COLLATERAL, "DepositCollateral", Mapped),
    event(WITHDRAW_COLLATERAL, "WithdrawCollateral", Mapped),
    event(
        b256!("974288fc79dc8b8b1fe9f1f0b8f5738873e53e07d3122c5e3c02b834c018d6cb"),
        "UpdateSequence",
        Ignored("a counter of the pool's transactions"),
    ),
    event(
        b256!("fe5353ab8f25b751655ce462adb7567c9e4dff8da72a5f26094ef0e9300d737c"),
        "CollectedFee",
        Ignored("the fee in the collateral token; the trade's own event has it in dollars"),
    ),
    event(
        b256!("4fd749fd2a8d968a01b106b5d56dfff72958e32f65e3b1666d92f4607f7c04e5"),
        "ClaimBrokerGasRebate",
        Ignored("a refund to the keeper"),
    ),
    event(
        b256!("4b834bda1e32273014eaae217dcc631b391d25d7d056066e2f008aecd86083e8"),
        "AddLiquidity",
        Ignored("the pool's liquidity, not a trader's money"),
    ),
    event(
        b256!("d20afc5b5a4edaae7399b3eb4737f26d8688e6a86e1b525ffbe063574583b1aa"),
        "RemoveLiquidity",
        Ignored("the pool's liquidity, not a trader's money"),
    ),
    event(b256!("d0c3486ef4b9bf72f47c2ca4ac35dcb5e25dab2f82701138522da20515a39aa0"), "IssueMuxToken", Ignored("a debt note of the pool")),
    event(b256!("a76ab15d99fce78af68594e15ef49d09c577827bb14729563a5746fe0e6ba403"), "RedeemMuxToken", Ignored("a debt note of the pool")),
    event(
        b256!("eb9bf2cb51f41dfacd571a3fa0742757c031317644527fd26db5cb7516df197b"),
        "Rebalance",
        Ignored("a swap of the pool's own assets"),
    ),
    event(b256!("8a545db87c099fd21f0a6729013aaa68a315a726271eb8239bcc30170a4ce40b"), "SetAssetParams", Ignored("configuration")),
    event(b256!("c2584bc16fc882ad266db46fe5ccb39d246e07c58825b8cbbefbfb802d3092c1"), "SetAssetFlags", Ignored("configuration")),
    event(b256!("6f7ad294d40e361770177ff88ae3b62bdab34547e1b530060fe80fcad0fd5953"), "SetReferenceOracle", Ignored("configuration")),
    event(b256!("318cd38ce4d3f61a5e60de4f51d143ee426378b241efbe076180870b3394405b"), "SetFundingParams", Ignored("configuration")),
    event(b256!("41c014a2dd74f3d1ada70fc516f134f02e2ffdd2f208320663300a9e093c78e5"), "SetFundingInterval", Ignored("configuration")),
    event(b256!("715d9f598cbf93067f06e0db8773770d07a5f09b2c8f15ebbe8a4ed971ac1362"), "SetMlpPriceRange", Ignored("configuration")),
    event(b256!("b97a93995fbff5fafc7defd9c41d52a41e402d34ef57abcf3eae22042910df9e"), "SetLiquidityFee", Ignored("configuration")),
    event(b256!("922a86287dffe250b116e287f13cec73d7aebbca29e35b545f13fafb203c1fa5"), "SetStrictStableDeviation", Ignored("configuration")),
    event(b256!("90d2ff51f70c1805e062f1e89009c2b4a86533de78b2145adf26f95f55fa1d99"), "SetBrokerGasRebate", Ignored("configuration")),
    event(b256!("20495ad1c3942659031bc9602fe224bb567644c05306fe5656f04f0c5cd09ef5"), "SetMaintainer", Ignored("configuration")),
    event(b256!("8a24dcf97d36a7d6c53760ca365425426e042611881df1138051227059fa027d"), "SetLiquidityManager", Ignored("configuration")),
    event(
        b256!("f81b718ab776e0011332f4662259a37be2abe9511d53ca54206f4d71124515eb"),
        "WithdrawCollectedFee",
        Ignored("fees leaving to the venue"),
    ),
    event(
        b256!("b487f4e81f33139d200ec61f4269ce6361842282f43bd990d8c7f2dba2c942c8"),
        "TransferLiquidity",
        Ignored("the pool's own assets between contracts"),
    ),
    event(b256!("79f5e17a0fd20a621a90272196d71907e6c55c9d9d8dadb013e04c7687d9907b"), "BorrowAsset", Ignored("the pool's own assets")),
    event(b256!("8b0e10e6a23b017a84b2cd5ba0a1cc73e4d5903cc3fc5cfedfd24dcb639761a9"), "RepayAsset", Ignored("the pool's own assets")),
];
