//! The events of the contracts: selectors and what becomes of each. Source: level-fi/level-trading-contracts,
//! `src/interfaces/IPool.sol`, and the published ABI of the generation before it.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const INCREASE: B256 = b256!("8f1a004341b7c2e1e0799b80c6b849e04431c20757ba9b8c9064d5132405465d");
pub(super) const DECREASE_PARTS: B256 = b256!("cd04eb76238d1d18dc5b134bd1a2fc71184aedd9b40ee1970faef50d860d1412");
pub(super) const DECREASE: B256 = b256!("8b8cf2b995650a0e5239d131bc9ace3606d59971f1c0370675babdbc1fc48e5f");
pub(super) const LIQUIDATE_PARTS: B256 = b256!("8b372416ec9524b0238c4da0dc9f7d743dae07b6391152c6b768877d68c080b0");
pub(super) const LIQUIDATE: B256 = b256!("136cbd19b29e7d7cbbb67178581f238ef5029382a513cd55f0096e974441a6fb");
pub(super) const UPDATE: B256 = b256!("569f4ef16f93b9d0b6625dcd44e8eb6e6ca8db330ee738654cd9fd57461499c7");
pub(super) const CLOSE: B256 = b256!("57646b4faf64a91c1ad76512fe716b11edf1056115e03bd65877e0640570ffb5");

pub(super) const LAYOUT: &[EvmEvent; 31] = &[
    event(INCREASE, "IncreasePosition", Mapped),
    event(
        DECREASE_PARTS,
        "DecreasePosition(bytes32,address,address,address,uint256,uint256,uint8,uint256,(uint256,uint256),uint256)",
        Mapped,
    ),
    event(DECREASE, "DecreasePosition(bytes32,address,address,address,uint256,uint256,uint8,uint256,int256,uint256)", Mapped),
    event(
        LIQUIDATE_PARTS,
        "LiquidatePosition(bytes32,address,address,address,uint8,uint256,uint256,uint256,uint256,(uint256,uint256),uint256)",
        Mapped,
    ),
    event(LIQUIDATE, "LiquidatePosition(bytes32,address,address,address,uint8,uint256,uint256,uint256,uint256,int256,uint256)", Mapped),
    event(UPDATE, "UpdatePosition", StateOnly),
    event(CLOSE, "ClosePosition", StateOnly),
    event(
        b256!("5e804d42ae3b860f881d11cb44a4bb1f2f0d5b3d081f5539a32d6f97b629d978"),
        "InterestAccrued",
        Ignored("an index of a collateral token, not of a market; what positions pay of it is inside their fee"),
    ),
    event(
        b256!("6a65f90b1a644d2faac467a21e07e50e3f8fa5846e26231d30ae79a417d3d262"),
        "TokenWhitelisted",
        Ignored("a token of the pool; markets are named by the reference table"),
    ),
    event(b256!("6621c4efc5efa31320394260425b7d14cbb9d7e3754b2c98c04af66b1cbf315b"), "TokenDelisted", Ignored("configuration")),
    event(
        b256!("43c967b388d3a4ccad3f7ab80167852e322e5a3fde9893f530252281b2ae8b70"),
        "LiquidityAdded",
        Ignored("the liquidity of the pool"),
    ),
    event(
        b256!("d765e08eef31c0983ecca03ecd166297ac485ecd5dd69e291c848f0a020333c1"),
        "LiquidityRemoved",
        Ignored("the liquidity of the pool"),
    ),
    event(b256!("d6d34547c69c5ee3d2667625c188acf1006abb93e0ee7cf03925c67cf7760413"), "Swap", Ignored("a spot trade with the pool")),
    event(
        b256!("fbd27ae8e0cbad564a4319af9e067e20be6a75a27dbbc7fb6ff8937c90378bea"),
        "PnLDistributed",
        Ignored("the pool's side of a close"),
    ),
    event(b256!("3ca8ff425d27ae390700aab4fc3bd68ad54292e65f04097717a261f0c633acc8"), "SetOrderManager", Ignored("configuration")),
    event(b256!("6f8fef25a3cd63e7d1cae44c5eeaad06db500709a24fab9630fcc59d7b22642b"), "DaoFeeWithdrawn", Ignored("configuration")),
    event(b256!("35c81ae8b76f0a9ebe84c3436a6e2b4772fc4b1a5c9124658044bb51cc275295"), "DaoFeeReduced", Ignored("configuration")),
    event(b256!("c567a7e76455af13dfa1d15455b235923c14ccb050c95473d8341b6bafcc1a53"), "FeeDistributorSet", Ignored("configuration")),
    event(b256!("dae284678809492c8bd664cadead2a0f413eafac1b7f0739bd92e1b8013155fa"), "TokenWeightSet", Ignored("configuration")),
    event(b256!("1c22ce892d949604d8532ddac8cca2e0199a1168487d121893beb4d2739700f9"), "PositionFeeSet", Ignored("configuration")),
    event(b256!("b9a82b487887e54d10e6a4a2103a6ec77857215769dcec41f850ee467fd28960"), "DaoFeeSet", Ignored("configuration")),
    event(b256!("fb4f6c9f69eb638af090e017e45b53c84e9abf3ef2a5e4310560fa2e11e3e040"), "SwapFeeSet", Ignored("configuration")),
    event(b256!("629b53ebf66271b592438aa954e367dad37de9cd1c1a2b9dc4acade7e1ff9f40"), "MaxLeverageChanged", Ignored("configuration")),
    event(b256!("05cd89403c6bdeac21c2ff33de395121a31fa1bc2bf3adf4825f1f86e79969dd"), "OracleChanged", Ignored("configuration")),
    event(b256!("1291737bc1f130247bdde7cb11d5ed967988c2052a47a007b5a2a862ef6048e8"), "InterestRateSet", Ignored("configuration")),
    event(b256!("4e6b991d62e1ac839b013bf53d83f8492500f61815760c5d305fd54aabc71362"), "MaxPositionSizeSet", Ignored("configuration")),
    event(b256!("19bb300333f90fa8a2a80005c472841eb92c400ff856f1741188b2e27a8d072e"), "PoolHookChanged", Ignored("configuration")),
    event(b256!("35314649edaf3baad737fb8eef30620a61bc4dc48c96f4c217a8c170f4e47acc"), "TrancheAdded", Ignored("configuration")),
    event(b256!("823ca66e8fe4a9506e9c918be51228fd1a49346a3ade75da23b79ffba7d10c05"), "TokenRiskFactorUpdated", Ignored("configuration")),
    event(b256!("361f687df539664645c65434f6ac8ca100a42a2411ee76fac9e2fbeeb07f3350"), "MaintenanceMarginChanged", Ignored("configuration")),
    event(b256!("9e3c23537384ee5eb18669bc07bf9f95f857ba260a27e565e5cab56b5cd325d9"), "AddRemoveLiquidityFeeSet", Ignored("configuration")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/level/pool.json"));
    }
}
