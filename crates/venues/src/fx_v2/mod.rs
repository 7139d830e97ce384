//! f(x) Protocol v2 on Ethereum: leveraged positions on collateral, no perpetual. What can be compared with other venues is
//! the collateral that users bring and take; positions, prices and the costs of borrowing stay raw.
//!
//! A position is a token of its pool; the manager names it by number and never its owner. Rebalances, liquidations and
//! redemptions act on ranges of prices and touch positions without naming them: hence no fills and no open interest.
//! Source: AladdinDAO/fx-protocol-contracts, `PoolManager.sol`, `ShortPoolManager.sol`.

mod layout;

use alloy_primitives::I256;
use perpdex_core::{
    ChainId, CollateralFlow, DecodeUnit, Decoded, Deployment, EventBody, EvmLog, FlowDirection, FlowScope, StreamSpec, TokenAmount, Venue,
    VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, Emitter, evm_streams, specs},
};

/// The decoder.
pub(crate) static FX_V2: FxV2 = FxV2;

/// Decoder of the managers and pools.
#[derive(Debug)]
pub(crate) struct FxV2;

const SLUG: VenueSlug = VenueSlug::known("fx_v2");

/// Pools whose collateral is known: wrapped staked ether and wrapped bitcoin of the long pools.
const COLLATERALS: &[(&str, &str)] = &[
    ("0x6ecfa38fee8a5277b91efda204c235814f0122e8", "0x7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0"),
    ("0xab709e26fa6b0a30c119d8c55b887ded24952473", "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "fx_v2",
    name: "f(x) Protocol v2",
    model: VenueModel::Custody,
    deployments: &[
        deployment("0x250893ca4ba5d05626c785e8da758026928fcd24", 21_529_341),
        deployment("0x6ecfa38fee8a5277b91efda204c235814f0122e8", 21_529_392),
        deployment("0xab709e26fa6b0a30c119d8c55b887ded24952473", 22_067_306),
        deployment("0xacdc0ab51178d0ae8f70c1ead7d3cf5421fdd66d", 22_953_721),
        deployment("0x25707b9e6690b52c60ae6744d711cf9c1dfc1876", 22_953_759),
        deployment("0xa0cc8162c523998856d59065faa254f87d20a5b0", 22_995_917),
    ],
    layout: "abi/fx_v2/contracts.json",
    events: &specs(layout::LAYOUT),
    gives: &["flows"],
    unverified: &[
        "no Operate was at hand: it is decoded by the published source; recorded are registrations and configuration",
        "the collateral of short pools is the protocol's own dollar, which the events do not name: it is named by its pool",
        "collateral that rebalances, liquidations and redemptions take out of a pool is no user's withdrawal and not counted",
    ],
};

const fn deployment(address: &'static str, first_height: u64) -> Deployment {
    Deployment {
        chain: ChainId::ETHEREUM,
        address,
        first_height: Some(first_height),
        source: "AladdinDAO/fx-protocol-contracts, ignition/deployments",
    }
}

impl Venue for FxV2 {
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
            let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
                continue;
            };
            if topic0 != layout::OPERATE {
                continue;
            }
            match operated(log) {
                Ok(Some(flow)) => emitter.event(record, None, EventBody::CollateralFlow(flow)),
                Ok(None) => {}
                Err(error) => emitter.failure(record, known.spec.name, error),
            }
        }
        emitter.finish()
    }
}

/// `Operate`: collateral into or out of a position, in the token's smallest units; `None` where only its debt changed.
fn operated(log: &EvmLog) -> Result<Option<CollateralFlow>, DecodeError> {
    let [pool, position] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let collateral = data.int(256, "deltaColls")?;
    data.int(256, "deltaDebts")?;
    data.uint(256, "protocolFees")?;
    data.end()?;
    if collateral.is_zero() {
        return Ok(None);
    }
    let pool = hex(abi::address(pool, "pool")?);
    let known = COLLATERALS.iter().find(|(of, _)| *of == pool);
    let amount = collateral.checked_abs().ok_or_else(|| DecodeError::invalid(format!("deltaColls {collateral} is no amount")))?;
    Ok(Some(CollateralFlow {
        account: format!("{pool}/{}", abi::uint(position, 256, "position")?).into(),
        scope: FlowScope::Margin,
        direction: if collateral > I256::ZERO { FlowDirection::In } else { FlowDirection::Out },
        amount: TokenAmount { native: amount, token: known.map_or_else(|| format!("fx_v2:{pool}").into(), |(_, token)| (*token).into()) },
        fee_native: None,
    }))
}
