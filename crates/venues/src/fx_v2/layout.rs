//! The events of the contracts: selectors and what becomes of each. Source: AladdinDAO/fx-protocol-contracts,
//! `contracts/interfaces`.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped};

use crate::emit::{EvmEvent, event};

pub(super) const OPERATE: B256 = b256!("9a243f0f02273a4b80be965697988a178f95cd11863de2122e69f811445dff44");

pub(super) const LAYOUT: &[EvmEvent; 58] = &[
    event(OPERATE, "Operate", Mapped),
    event(
        b256!("dfc596fabc6581c887262c97695176a79e3c8fc6ab7aaf14700820f3436b8fb9"),
        "RegisterPool",
        Ignored("a pool; its positions are no perpetual market"),
    ),
    event(
        b256!("87c6d2a0cd0c74f592aa5180672ba8d1f3646cb6e00d7622a7cbb4aa7aeb93b8"),
        "PositionSnapshot",
        Ignored("a leveraged position's state; no perpetual, kept raw"),
    ),
    event(
        b256!("5fe96f4d1f13c468b9090d9e0bfa3b28cf26e4fe6439122f08ddbf605998e8a9"),
        "TickMovement",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("0eb47678af0fcacabbadc23b52144abfc1b9341bfb37b6ede42d22bb243defda"),
        "DebtIndexSnapshot",
        Ignored("costs of borrowing that a funding rate cannot be compared with; kept raw"),
    ),
    event(
        b256!("ae4d80815d6017051882e2605756a6374b276db7e0552860fa6b7c320a20be01"),
        "CollateralIndexSnapshot",
        Ignored("costs of borrowing that a funding rate cannot be compared with; kept raw"),
    ),
    event(
        b256!("4bb06cac844a363088e8f86dfbc70a781d8369fdbd4caa71228facb72d50dfc9"),
        "SnapshotAaveBorrowIndex",
        Ignored("costs of borrowing that a funding rate cannot be compared with; kept raw"),
    ),
    event(
        b256!("f8cdb1f9af03fbf36ddb1d43fce878a63592deba4f09a82777616f3019aa6c4d"),
        "RebalanceTick(address,int16,uint256,uint256,uint256)",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("0fb7c112e2248b21d15aa2d7f59f29499d35a70a8cf45cea0c90fa784ee4b40a"),
        "RebalanceTick(address,int16,uint256,uint256)",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("2ee87fe08e822e20d39eb53e4cfe022c750e0b72e3dfafa2413b41b61f3dacc5"),
        "Rebalance(address,uint256,uint256,uint256)",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("d033303d155e6e089abe5ff3f071407e115def6bfd93964db36d85299107572c"),
        "Rebalance(address,uint256,uint256)",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("158ba9ab7bbbd08eeffa4753bad41f4d450e24831d293427308badf3eadd8c76"),
        "Liquidate(address,uint256,uint256,uint256)",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("3c4b1d42b9c7fa283f6fe657533f6a5a8a7ad1d36f9ef1d9d89ad04485e10d2c"),
        "Liquidate(address,uint256,uint256)",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("bd5034ffbd47e4e72a94baa2cdb74c6fad73cb3bcdc13036b72ec8306f5a7646"),
        "Redeem",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("1636a7b61c31940ef7c54692ea1c56d6c47321574f8693e2ef4538e1560f9120"),
        "RedeemByCreditNote",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(
        b256!("8a71ee13bf13e8b561796365ba04cdca906b2944b6ba975995fb5ba8c2955d57"),
        "RedeemForSettle",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(b256!("4ecc57664c1f9a5360e47535042baf49ea2cb1f4456cc0d7a4187570e6e8e53f"), "KillPool", Ignored("the end of a pool; kept raw")),
    event(
        b256!("1262a3736798fdf0db303ff574ae6ca57e17b1e40b8f3bf3519564f4d755eb58"),
        "SettleKillPool",
        Ignored("the end of a pool; kept raw"),
    ),
    event(
        b256!("243d60a280579accabafa82109d7f67f7ce230d575b0ff7a301e8dabf3a3f505"),
        "ReduceDebt",
        Ignored("acts on a range of prices, not on positions; kept raw"),
    ),
    event(b256!("b97aa24214e8edbddacca4eccaa3910b760a7aa10a284e8b782d12f1137a7561"), "Harvest", Ignored("rewards of the collateral")),
    event(b256!("e02c6e99b21daa3ddf5404c5d54ac9c919fe91ab12e1e72665dc1fd8bc865467"), "UpdatePoolCapacity", Ignored("configuration")),
    event(b256!("5eae3446f897bd3bbec9c0c4bfa76e39caf18a7b1a0ed8e89de3aea8a297acae"), "UpdateTokenRate", Ignored("configuration")),
    event(b256!("10b3b443f661bc4dbef89b2198e49efc73d0c1d2a3eeb5a42ec55fe981611ca8"), "UpdateRewardSplitter", Ignored("configuration")),
    event(b256!("9f4d9f603359ea7747a1caa931ec105693f4fa63d739ca60d729ca98a683bff0"), "UpdateDebtRatioRange", Ignored("configuration")),
    event(b256!("15658fc22e6d738d694640c7ec144edc24a5217d8e1b1cb6a17973b1f1c92875"), "UpdateRebalanceRatios", Ignored("configuration")),
    event(b256!("7adbf035b2e2ae03a957c0cd561744f4010902e1001c2d41086c06f54504b716"), "UpdateLiquidateRatios", Ignored("configuration")),
    event(b256!("8874dc26eed942ffa0cacd0a09a6a0e782d014442e67ed2c7d3bcf61b759f637"), "UpdateOpenRatio", Ignored("configuration")),
    event(b256!("daf49fa2ee916dacec50caa3c51a56add055165efaf1f17d25725fcd2c991935"), "UpdateCloseFeeRatio", Ignored("configuration")),
    event(b256!("e6bbe7a165b8fa6949fe8e2bb60416d7af3b8149e381b428196d08c2a166b635"), "UpdateFundingRatio", Ignored("configuration")),
    event(b256!("1fcbbe01cb93b28951415a235e7b7d08a83d81e801ecd137f56085830cea62c4"), "UpdateCounterparty", Ignored("configuration")),
    event(b256!("0c62bbdfbcbe8bf3480c55ec19a4923a65eb876e49568f084595873b64cf8386"), "UpdateBorrowStatus", Ignored("configuration")),
    event(b256!("e92fbb024677220febae1048128887af04da8455f22497316b00bb175be6b3ed"), "UpdateRedeemStatus", Ignored("configuration")),
    event(
        b256!("a81c6ce7b85dedd389acede97c4c68e7ccd76ae970023b8af6a32d3d5b75e8ae"),
        "UpdateMaxRedeemRatioPerTick",
        Ignored("configuration"),
    ),
    event(b256!("f3920b145a63851522088bd18b14d6bb919fbd12ac87f12498d6001c727ba070"), "UpdatePriceOracle", Ignored("configuration")),
    event(
        b256!("87b7851a3d0ea68ea4815a7d26786f79a1395130f36977b4cae075de129f3cbd"),
        "UpdatePermissionedLiquidationThreshold",
        Ignored("configuration"),
    ),
    event(
        b256!("b5905b07f0c450b4bfc9df549639d6d41a561c63f983efb2d22b6710a147d9c0"),
        "UpdateShortBorrowCapacityRatio",
        Ignored("configuration"),
    ),
    event(b256!("3ed91ef70e6e7c6a805523d1a95ddc27851b8f620524b5def16053d07bc33c32"), "UpdateReservePool", Ignored("configuration")),
    event(b256!("d101a15f9e9364a1c0a7c4cc8eb4cd9220094e83353915b0c74e09f72ec73edb"), "UpdateTreasury", Ignored("configuration")),
    event(b256!("731b9ea4fb17ff346b10938712cc430bfa7ba2198f0d2d66a9594804ddf56bc2"), "UpdateOpenRevenuePool", Ignored("configuration")),
    event(b256!("e5110bb0e516861a91fc6865f2b0c0540cceff8cec2bfaaa5b032979e13c7e41"), "UpdateCloseRevenuePool", Ignored("configuration")),
    event(b256!("bcfa1f4a44edd726cc4f3c7dca57d46a5a8e8adb14b1eaae01bc3576059ddd42"), "UpdateMiscRevenuePool", Ignored("configuration")),
    event(b256!("38a939f96f90bf373822856f3ca5959e9f2fa4d92dfd22cc236d692ac15c80ff"), "UpdateFundingExpenseRatio", Ignored("configuration")),
    event(b256!("77cf0faf60882cf7bf063a7308f5b2f7acc4c4cf6118126dc6f45a3fc19a05d1"), "UpdateRewardsExpenseRatio", Ignored("configuration")),
    event(
        b256!("c47c244bb9022fbfd61c1961e43c3f6100aba94a7196cca3e6743b6ec04f7d09"),
        "UpdateLiquidationExpenseRatio",
        Ignored("configuration"),
    ),
    event(b256!("2c3b971a5011a057ee9b96ea2aa1504d93d268e5c9cfdee7581d31435b24435e"), "UpdateHarvesterRatio", Ignored("configuration")),
    event(b256!("6435b9a85963bf02d1ea1c96162e6e48e3cf1112e4b029810eba42e10532e5a9"), "UpdateFlashLoanFeeRatio", Ignored("configuration")),
    event(b256!("bf5383b9e422a4efef091bed41e294217b4a7c7adfbed0dc4d48588bac69afa8"), "UpdateRedeemFeeRatio", Ignored("configuration")),
    event(b256!("c7f505b2f371ae2175ee4913f4499e1f2633a7b5936321eed1cdaeb6115181d2"), "Initialized", Ignored("configuration")),
    event(b256!("2f8788117e7eff1d82e926ec794901d17c78024a50270940304540a733656f0d"), "RoleGranted", Ignored("configuration")),
    event(b256!("f6391f5c32d9c69d2a47ea670b442974b53935d1edc7fd64eb21e047a839171b"), "RoleRevoked", Ignored("configuration")),
    event(b256!("bd79b86ffe0ab8e8776151514217cd7cacd52c909f66475c3af44e129f0b00ff"), "RoleAdminChanged", Ignored("configuration")),
    event(b256!("62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258"), "Paused", Ignored("configuration")),
    event(b256!("5db9ee0a495bf2e6ff9c91a7834c1ba4fdd244a5e8aa4e537bd38aeae4b073aa"), "Unpaused", Ignored("configuration")),
    event(b256!("bc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b"), "Upgraded", Ignored("configuration")),
    event(b256!("7e644d79422f17c01e4894b5f4f588d331ebfa28653d42ae832dc59e38c9798f"), "AdminChanged", Ignored("configuration")),
    event(
        b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
        "Transfer",
        Ignored("the token that stands for a position changes hands"),
    ),
    event(
        b256!("8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"),
        "Approval",
        Ignored("the token that stands for a position changes hands"),
    ),
    event(
        b256!("17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31"),
        "ApprovalForAll",
        Ignored("the token that stands for a position changes hands"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/fx_v2/contracts.json"));
    }
}
