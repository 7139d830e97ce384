//! Lighter as Ethereum sees it: a rollup whose order book and funding live elsewhere. The chain tells deposits, withdrawals
//! that were paid out, and which assets and markets were registered.
//!
//! Amounts count ticks of their asset; the size of a tick stands in `RegisterAssetConfig`. Of the assets registered so far the
//! ticks are known from that event; an amount of another asset keeps the asset's number as its token, in ticks.
//! Two generations stand side by side over the whole history, told apart by their selectors: USDC alone, and by asset.

use alloy_primitives::{Address, B256, I256, b256};
use perpdex_core::{
    ChainId, CollateralFlow, DecodeUnit, Decoded, Deployment, Disposition, EventBody, EvmLog, FlowDirection, FlowScope, StreamSpec,
    TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, Emitter, EvmEvent, event, evm_streams, specs},
};

/// The decoder.
pub(crate) static LIGHTER: Lighter = Lighter;

/// Decoder of the rollup's contract.
#[derive(Debug)]
pub(crate) struct Lighter;

const SLUG: VenueSlug = VenueSlug::known("lighter");

/// USD Coin on Ethereum, asset 3 with ticks of one smallest unit, and the only asset of the first generation.
const USDC: &str = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const USDC_ASSET: u64 = 3;
/// The native coin, asset 1 with ticks of 10^10 wei; named as tokens.toml names a chain's native coin.
const ETH: &str = "0xfdae1ba7c826abdc4c99903c8056f82a1a04a615";
const ETH_ASSET: u64 = 1;
const ETH_TICK_WEI: u64 = 10_000_000_000;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "lighter",
    name: "Lighter",
    model: VenueModel::Custody,
    deployments: &[Deployment {
        chain: ChainId::ETHEREUM,
        address: "0x3b4d794a66304f130a4db8f2551b0070dfcf5ca7",
        first_height: Some(21_642_011),
        source: "the proxy's creation on Ethereum",
    }],
    layout: "abi/lighter/zk_lighter.json",
    events: &specs(LAYOUT),
    gives: &["flows"],
    unverified: &[
        "the block at which the generations change is not known: both are decoded everywhere",
        "ticks of assets registered later than ETH and USDC are not resolved: such amounts stay in ticks of their asset",
        "deposits to the spot route are counted with those to perpetuals: the route does not bind the money",
    ],
};

const DEPOSIT: B256 = b256!("493c3b8240368e8343bcd42cac5f4b8b161c06d061710e542a72f06a40ddd9d1");
const DEPOSIT_USDC: B256 = b256!("15dce32b28da4e9abe948d3acb53e6764159ef75b454aa1030604232a8d366bb");
const WITHDRAW_PENDING: B256 = b256!("ef80235b5f4cf1822ad6a8621af41ac64372ff672c402874f507fc63dbe5e06f");
const WITHDRAW_PENDING_USDC: B256 = b256!("557736d88d2d6dc50f9ffb2e3d7602f7047c5211e49c80d32757191ad7c6dc9e");

const LAYOUT: &[EvmEvent; 15] = &[
    event(DEPOSIT, "Deposit(uint48,address,uint16,uint8,uint128)", Disposition::Mapped),
    event(DEPOSIT_USDC, "Deposit(uint48,address,uint128)", Disposition::Mapped),
    event(WITHDRAW_PENDING, "WithdrawPending(address,uint16,uint128)", Disposition::Mapped),
    event(WITHDRAW_PENDING_USDC, "WithdrawPending(address,uint128)", Disposition::Mapped),
    event(
        b256!("0b9611e8d9accceb77d9bb0d333a36271ab56e419030135f4935cc3ee83def5e"),
        "Withdraw",
        Disposition::Ignored("a request; what leaves has its own event"),
    ),
    event(
        b256!("efdd379e3e15772fcc7d2a67fa5bbb0790b932724153aded4648307094733b2f"),
        "NewPriorityRequest",
        Disposition::Ignored("a request to the rollup: a deposit has its own event, a forced order is an intent, not a fill"),
    ),
    event(
        b256!("181b25ea9d4d730f30d779f3d2099c03b26b653c889d33eef253d54baaacbd0d"),
        "BatchCommit",
        Disposition::Ignored("says that the state moved on, not how"),
    ),
    event(
        b256!("5c836e1ff20ea85c52b6e3d2ef0124d3304bf3b37cc8fb0e2c84ae7d44c0593e"),
        "BatchVerification",
        Disposition::Ignored("says that the state moved on, not how"),
    ),
    event(
        b256!("5d490d991d08230b7690c7511bb854b7b8a05fb7c87e2348e1909384cb325511"),
        "BatchesExecuted",
        Disposition::Ignored("says that the state moved on, not how"),
    ),
    event(
        b256!("6d80424573caa7280d1b1d9933dd38c7532f82305e148b3f3a9df551a4c53581"),
        "BatchesRevert",
        Disposition::Ignored("takes back what was committed but not executed: no money moved"),
    ),
    event(
        b256!("645e0b8f839353842bdac87abd27fc8bdda536e0731cdb7cc75e4f0740b575ac"),
        "StateRootUpdate",
        Disposition::Ignored("says that the state moved on, not how"),
    ),
    event(
        b256!("9f7e400a81dddbf1c18b1c37f82aa303d166295ca4b577eb2a7c23d4b704ba89"),
        "DesertMode",
        Disposition::Ignored("the rollup's emergency exit; kept raw, moves no money by itself"),
    ),
    event(
        b256!("134f63a6bbe3b3ef885ce4067eb2753fe1c912c51c4b8e0cc7966f21773c047e"),
        "CreateMarket((uint16,uint8,bytes),uint8,uint8,bytes32)",
        Disposition::Ignored("no trade of a market is on this chain; kept raw as the list of markets"),
    ),
    event(
        b256!("cdf79644b3a590c684a41204b67b11ec44c6219a0765fe19341ea3f9095825f4"),
        "CreateMarket((uint8,uint32,uint32,uint32,uint32,uint64,uint64,uint16,uint16,uint16,uint16,uint32,uint24,uint24,uint56,uint48),uint8,uint8,bytes32)",
        Disposition::Ignored("no trade of a market is on this chain; kept raw as the list of markets"),
    ),
    event(
        b256!("f1b24e81016b9f39e2290cf2a9303264a07534a569df7e6200a39573d7f26b0c"),
        "RegisterAssetConfig",
        Disposition::Ignored("an asset's tick; kept raw, those of ETH and USDC are known here"),
    ),
];

impl Venue for Lighter {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        for record in unit.records {
            let Some((log, topic0)) = emitter.log(record) else { continue };
            let Some(known) = LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
                continue;
            };
            let flow = match topic0 {
                DEPOSIT | DEPOSIT_USDC => deposit(log, topic0 == DEPOSIT),
                WITHDRAW_PENDING | WITHDRAW_PENDING_USDC => withdrawal(log, topic0 == WITHDRAW_PENDING),
                _ => continue,
            };
            match flow {
                Ok(flow) => emitter.event(record, None, EventBody::CollateralFlow(flow)),
                Err(error) => emitter.failure(record, known.spec.name, error),
            }
        }
        emitter.finish()
    }
}

/// `Deposit`: the account is the owner of the rollup's account, the zero address for the venue's own accounts.
fn deposit(log: &EvmLog, by_asset: bool) -> Result<CollateralFlow, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(48, "toAccountIndex")?;
    let account = data.address("toAddress")?;
    let mut asset = I256::unchecked_from(USDC_ASSET);
    if by_asset {
        asset = data.uint(16, "assetIndex")?;
        data.uint(8, "routeType")?;
    }
    let ticks = data.uint(128, "amount")?;
    data.end()?;
    Ok(flow(account, FlowDirection::In, amount(asset, ticks)))
}

/// `WithdrawPending`: emitted after the tokens were sent.
fn withdrawal(log: &EvmLog, by_asset: bool) -> Result<CollateralFlow, DecodeError> {
    let [owner] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let asset = if by_asset { data.uint(16, "assetIndex")? } else { I256::unchecked_from(USDC_ASSET) };
    let ticks = data.uint(128, "amount")?;
    data.end()?;
    Ok(flow(abi::address(owner, "owner")?, FlowDirection::Out, amount(asset, ticks)))
}

fn flow(account: Address, direction: FlowDirection, amount: TokenAmount) -> CollateralFlow {
    CollateralFlow { account: hex(account), scope: FlowScope::Margin, direction, amount, fee_native: None }
}

/// Ticks of an asset as an amount of its token; 128 bits times a tick cannot overflow.
fn amount(asset: I256, ticks: I256) -> TokenAmount {
    match u64::try_from(asset) {
        Ok(USDC_ASSET) => TokenAmount { native: ticks, token: USDC.into() },
        Ok(ETH_ASSET) => TokenAmount { native: ticks * I256::unchecked_from(ETH_TICK_WEI), token: ETH.into() },
        _ => TokenAmount { native: ticks, token: format!("lighter:{asset}").into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../abi/lighter/zk_lighter.json"));
    }
}
