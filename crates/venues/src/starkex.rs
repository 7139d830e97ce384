//! StarkEx perpetuals as Ethereum sees them: dYdX v3 and edgeX v1 keep collateral in a `StarkPerpetual` contract each and
//! match and settle elsewhere. The chain tells deposits, withdrawals and that the state moved on; never a trade.
//!
//! An asset is named by a hash of its token and of the quantum amounts are divided by, and an event states an amount both
//! ways: so the quantum is known, and whether the hash is that of the venue's collateral can be computed from the record.
//! What is another asset keeps the hash as its name. Source of the hash: `StarkEx` documentation, asset types.

use alloy_primitives::{Address, B256, I256, U256, address, b256, keccak256};
use perpdex_core::{
    ChainId, CollateralFlow, DecodeUnit, Decoded, Deployment, Disposition, EventBody, EvmLog, FlowDirection, FlowScope, StreamSpec, Text,
    TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{Reader, hex, indexed},
    emit::{DecodeError, Emitter, EvmEvent, event, evm_streams, specs},
};

/// dYdX v3: USDC, 2021 to 2024.
pub(crate) static DYDX_V3: StarkPerpetual =
    StarkPerpetual { info: &DYDX_V3_INFO, collateral: address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48") };

/// edgeX v1: USDT.
pub(crate) static EDGEX: StarkPerpetual =
    StarkPerpetual { info: &EDGEX_INFO, collateral: address!("dac17f958d2ee523a2206206994597c13d831ec7") };

/// Decoder of one `StarkPerpetual` contract.
#[derive(Debug)]
pub(crate) struct StarkPerpetual {
    info: &'static VenueInfo,
    /// The ERC-20 token that margin is kept in.
    collateral: Address,
}

static DYDX_V3_INFO: VenueInfo = info(
    "dydx_v3",
    "dYdX v3",
    &[Deployment {
        chain: ChainId::ETHEREUM,
        address: "0xd54f502e184b6b739d7d27a6410a67dc462d69c8",
        first_height: None,
        source: "dydxfoundation/governance-contracts, mainnet configuration",
    }],
    &[
        "the creation block is not known: at the latest 11813207",
        "a deposit through the venue's proxy names the proxy's caller only as far as StarkEx was told",
    ],
);

static EDGEX_INFO: VenueInfo = info(
    "edgex",
    "edgeX v1",
    &[Deployment {
        chain: ChainId::ETHEREUM,
        address: "0xfaae2946e846133af314d1df13684c89fa7d83dd",
        first_height: None,
        source: "l2beat, edgeX discovery",
    }],
    &["the creation block is not known", "deposits through the venue's deposit pool name the pool as depositor, where it deposits itself"],
);

const fn info(
    slug: &'static str,
    name: &'static str,
    deployments: &'static [Deployment],
    unverified: &'static [&'static str],
) -> VenueInfo {
    VenueInfo {
        slug: VenueSlug::known(slug),
        group: slug,
        name,
        model: VenueModel::Custody,
        deployments,
        layout: "abi/starkex/stark_perpetual.json",
        events: &EVENTS,
        gives: &["flows"],
        unverified,
    }
}

const DEPOSIT: B256 = b256!("06724742ccc8c330a39a641ef02a0b419bd09248360680bb38159b0a8c2635d6");
const WITHDRAWAL: B256 = b256!("b7477a7b93b2addc5272bbd7ad0986ef1c0d0bd265f26c3dc4bbe42727c2ac0c");

const LAYOUT: &[EvmEvent; 6] = &[
    event(DEPOSIT, "LogDeposit", Disposition::Mapped),
    event(WITHDRAWAL, "LogWithdrawalPerformed", Disposition::Mapped),
    event(
        b256!("9866f8ddfe70bb512b2f2b28b49d4017c43f7ba775f1a20c61c13eea8cdac111"),
        "LogStateTransitionFact",
        Disposition::Ignored("a proof's hash: says that the state moved on, not how"),
    ),
    event(
        b256!("2672b53d25204094519f7b0fba8d2b5cd0cc1e426f49554c89461cdb9dcec08f"),
        "LogUpdateState",
        Disposition::Ignored("a batch's number: says that the state moved on, not how"),
    ),
    event(
        b256!("5f3a3d7d7c2b8cc20fa315d7504580e81d5f74ea46e1b3dc2985281df08e204d"),
        "LogForcedWithdrawalRequest",
        Disposition::Ignored("a request; what leaves has its own event"),
    ),
    event(
        b256!("79acb9227c98b68d7628d2c99a7719926eff77e8c2275f6ffe7cf255b32772be"),
        "LogForcedTradeRequest",
        Disposition::Ignored("a request; the trade happens off this chain, if at all"),
    ),
];

static EVENTS: [perpdex_core::EventSpec; 6] = specs(LAYOUT);

impl Venue for StarkPerpetual {
    fn info(&self) -> &'static VenueInfo {
        self.info
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(self.info, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, self.info.slug);
        for record in unit.records {
            let Some((log, topic0)) = emitter.log(record) else { continue };
            let Some(known) = LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", self.info.layout));
                continue;
            };
            let flow = match topic0 {
                DEPOSIT => deposit(log, self.collateral),
                WITHDRAWAL => withdrawal(log, self.collateral),
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

/// `LogDeposit`: tokens came in for a position; the account is the Ethereum address that sent them.
fn deposit(log: &EvmLog, collateral: Address) -> Result<CollateralFlow, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let account = data.address("depositorEthKey")?;
    data.uint(256, "starkKey")?;
    data.uint(256, "vaultId")?;
    let asset_type = data.uint(256, "assetType")?;
    let amount = data.uint(256, "nonQuantizedAmount")?;
    let quantized = data.uint(256, "quantizedAmount")?;
    data.end()?;
    Ok(flow(account, FlowDirection::In, amount, token(asset_type, amount, quantized, collateral)))
}

/// `LogWithdrawalPerformed`: tokens left; the account is the receiver.
fn withdrawal(log: &EvmLog, collateral: Address) -> Result<CollateralFlow, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(256, "ownerKey")?;
    let asset_type = data.uint(256, "assetType")?;
    let amount = data.uint(256, "nonQuantizedAmount")?;
    let quantized = data.uint(256, "quantizedAmount")?;
    let recipient = data.address("recipient")?;
    data.end()?;
    Ok(flow(recipient, FlowDirection::Out, amount, token(asset_type, amount, quantized, collateral)))
}

fn flow(account: Address, direction: FlowDirection, amount: I256, token: Text) -> CollateralFlow {
    CollateralFlow {
        account: hex(account),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: amount, token },
        fee_native: None,
    }
}

/// The token's address where the asset type is that of the collateral under the quantum that the amounts imply (one, for
/// amounts of nothing), else the asset type itself.
fn token(asset_type: I256, amount: I256, quantized: I256, collateral: Address) -> Text {
    let quantum = if quantized.is_zero() { I256::ONE } else { amount / quantized };
    let asset_type = asset_type.into_raw();
    if asset_type == erc20_type(collateral, quantum.into_raw()) { hex(collateral) } else { format!("starkex:{asset_type:#x}").into() }
}

/// The StarkEx asset type of an ERC-20 token: the low 250 bits of the hash of the selector of `ERC20Token(address)`, the
/// token and the quantum.
fn erc20_type(token: Address, quantum: U256) -> U256 {
    let mut bytes = Vec::with_capacity(4 + 32 + 32);
    bytes.extend_from_slice(&[0xf4, 0x72, 0x61, 0xb0]);
    bytes.extend_from_slice(token.into_word().as_slice());
    bytes.extend_from_slice(&quantum.to_be_bytes::<32>());
    U256::from_be_bytes(keccak256(&bytes).0) & (U256::MAX >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../abi/starkex/stark_perpetual.json"));
    }

    /// The asset type of dYdX's USDC, as its deposits on Ethereum carry it.
    #[test]
    fn the_asset_type_of_usdc_is_the_one_in_use() {
        let known: U256 = "0x2893294412a4c8f915f75892b395ebbf6859ec246ec365c3b1f56f47c3a0a5d".parse().unwrap();
        assert_eq!(erc20_type(DYDX_V3.collateral, U256::from(1)), known);
        assert_ne!(erc20_type(DYDX_V3.collateral, U256::from(10)), known);
        assert_ne!(erc20_type(EDGEX.collateral, U256::from(1)), known);
    }
}
