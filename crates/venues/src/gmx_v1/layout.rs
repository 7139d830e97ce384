//! The events of the vault: selectors and what becomes of each. Source: gmx-io/gmx-contracts, `contracts/core/Vault.sol`; the shorter
//! `UpdatePosition` is that of the first deployment.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const INCREASE_POSITION: B256 = b256!("2fe68525253654c21998f35787a8d0f361905ef647c854092430ab65f2f15022");
pub(super) const DECREASE_POSITION: B256 = b256!("93d75d64d1f84fc6f430a64fc578bdd4c1e090e90ea2d51773e626d19de56d30");
pub(super) const LIQUIDATE_POSITION: B256 = b256!("2e1f85a64a2f22cf2f0c42584e7c919ed4abe8d53675cff0f62bf1e95a1c676f");
pub(super) const UPDATE_POSITION_MARKED: B256 = b256!("20853733b590dce729d9f4628682ebd9a34d2354e72679e66f43a008fc03b773");
pub(super) const CLOSE_POSITION: B256 = b256!("73af1d417d82c240fdb6d319b34ad884487c6bf2845d98980cc52ad9171cb455");
pub(super) const UPDATE_FUNDING_RATE: B256 = b256!("a146fc154e1913322e9817d49f0d5c37466c24326e15de10e739a948be815eab");
pub(super) const UPDATE_PNL: B256 = b256!("3ff41bdde87755b687ae83d0221a232b6be51a803330ed9661c1b5d0105e0d8a");
pub(super) const COLLECT_MARGIN_FEES: B256 = b256!("5d0c0019d3d45fadeb74eff9d2c9924d146d000ac6bcf3c28bf0ac3c9baa011a");
pub(super) const UPDATE_POSITION: B256 = b256!("25e8a331a7394a9f09862048843323b00bdbada258f524f5ce624a45bf00aabb");

const LIQUIDITY: &str = "the pool's liquidity, not a trader's money";
const SWAP: &str = "spot swaps";
const POOL: &str = "the pool's own accounts of what a trade did";

pub(super) const LAYOUT: &[EvmEvent; 22] = &[
    event(INCREASE_POSITION, "IncreasePosition", Mapped),
    event(DECREASE_POSITION, "DecreasePosition", Mapped),
    event(LIQUIDATE_POSITION, "LiquidatePosition", Mapped),
    event(UPDATE_POSITION_MARKED, "UpdatePosition(bytes32,uint256,uint256,uint256,uint256,uint256,int256,uint256)", StateOnly),
    event(CLOSE_POSITION, "ClosePosition", StateOnly),
    event(UPDATE_FUNDING_RATE, "UpdateFundingRate", Mapped),
    event(UPDATE_PNL, "UpdatePnl", StateOnly),
    event(COLLECT_MARGIN_FEES, "CollectMarginFees", StateOnly),
    event(UPDATE_POSITION, "UpdatePosition(bytes32,uint256,uint256,uint256,uint256,uint256,int256)", StateOnly),
    event(b256!("ab4c77c74cd32c85f35416cf03e7ce9e2d4387f7b7f2c1f4bf53daaecf8ea72d"), "BuyUSDG", Ignored(LIQUIDITY)),
    event(b256!("d732b7828fa6cee72c285eac756fc66a7477e3dc22e22e7c432f1c265d40b483"), "SellUSDG", Ignored(LIQUIDITY)),
    event(b256!("0874b2d545cb271cdbda4e093020c452328b24af12382ed62c4d00f5c26709db"), "Swap", Ignored(SWAP)),
    event(b256!("47cd9dda0e50ce30bcaaacd0488452b596221c07ac402a581cfae4d3933cac2b"), "CollectSwapFees", Ignored(SWAP)),
    event(b256!("a5a389190ebf6170a133bda5c769b77f4d6715b8aa172ec0ddf8473d0b4944bd"), "DirectPoolDeposit", Ignored(LIQUIDITY)),
    event(b256!("976177fbe09a15e5e43f848844963a42b41ef919ef17ff21a17a5421de8f4737"), "IncreasePoolAmount", Ignored(POOL)),
    event(b256!("112726233fbeaeed0f5b1dba5cb0b2b81883dee49fb35ff99fd98ed9f6d31eb0"), "DecreasePoolAmount", Ignored(POOL)),
    event(b256!("64243679a443432e2293343b77d411ff6144370404618f00ca0d2025d9ca9882"), "IncreaseUsdgAmount", Ignored(POOL)),
    event(b256!("e1e812596aac93a06ecc4ca627014d18e30f5c33b825160cc9d5c0ba61e45227"), "DecreaseUsdgAmount", Ignored(POOL)),
    event(b256!("aa5649d82f5462be9d19b0f2b31a59b2259950a6076550bac9f3a1c07db9f66d"), "IncreaseReservedAmount", Ignored(POOL)),
    event(b256!("533cb5ed32be6a90284e96b5747a1bfc2d38fdb5768a6b5f67ff7d62144ed67b"), "DecreaseReservedAmount", Ignored(POOL)),
    event(b256!("d9d4761f75e0d0103b5cbeab941eeb443d7a56a35b5baf2a0787c03f03f4e474"), "IncreaseGuaranteedUsd", Ignored(POOL)),
    event(b256!("34e07158b9db50df5613e591c44ea2ebc82834eff4a4dc3a46e000e608261d68"), "DecreaseGuaranteedUsd", Ignored(POOL)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/gmx_v1/vault.json"));
    }
}
