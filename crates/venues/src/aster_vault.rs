//! Aster treasury vaults: deposits and withdrawals of Aster Pro's traders. The chain shows nothing of what they trade.
//!
//! Two generations of `Deposit` and `Withdraw` stand side by side, told apart by their selectors. The selectors are shared
//! with other protocols, so streams always name the vault's address. Plain token transfers are flows of their own, less those
//! that a deposit or withdrawal explains. On Solana a program holds the treasury, with events of its own.

mod transfer;
mod treasury;

use alloy_primitives::{Address, B256, I256, b256};
use perpdex_core::{
    Carrier, ChainId, CollateralFlow, DecodeUnit, Decoded, Deployment, Disposition, EventBody, EventSpec, EvmFilter, EvmLog, FlowDirection,
    FlowScope, RawRecord, StreamSpec, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug, Watch,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    anchor,
    emit::{DecodeError, Emitter, EvmEvent, event, specs},
};

/// The decoder.
pub(crate) static ASTER_VAULT: AsterVault = AsterVault;

/// Decoder of the treasury vaults.
#[derive(Debug)]
pub(crate) struct AsterVault;

const SLUG: VenueSlug = VenueSlug::known("aster_vault");

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "aster",
    name: "Aster treasury vault",
    model: VenueModel::Custody,
    deployments: &[
        deployment(ChainId::BNB, "0x128463a60784c4d3f46c23af3f65ed859ba87974"),
        deployment(ChainId::ETHEREUM, "0x604dd02d620633ae427888d41bfd15e38483736e"),
        deployment(ChainId::ARBITRUM, "0x9e36cb86a159d479ced94fa05036f235ac40e1d5"),
        deployment(ChainId::SOLANA, treasury::PROGRAM),
    ],
    layout: "abi/aster_vault/vault.json",
    events: &joined(specs(LAYOUT), specs(transfer::LAYOUT), anchor::specs(treasury::LAYOUT)),
    gives: &["flows"],
    unverified: &[
        "whether the amount of a five-word withdrawal includes its fee is not established: both are stored",
        "plain token transfers are credited too, says the venue; which are a trader's money and which the venue's own is not told: they are of scope plain, and of listed tokens alone",
        "the event of depositFor is not established",
        "creation blocks are not known",
        "on Solana the layouts are those of the source of 2024, checked against no record; the account is a deposit's signer and a withdrawal's receiver",
    ],
};

const fn deployment(chain: ChainId, address: &'static str) -> Deployment {
    Deployment { chain, address, first_height: None, source: "docs.asterdex.com, overview/what-is-aster/our-smart-contracts" }
}

/// Events of the vaults, of the tokens they hold, and of the treasury program.
const fn joined(vaults: [EventSpec; 9], tokens: [EventSpec; 1], program: [EventSpec; 6]) -> [EventSpec; 16] {
    let mut out = [tokens[0]; 16];
    let mut i = 0;
    while i < vaults.len() {
        out[i] = vaults[i];
        i += 1;
    }
    let mut i = 0;
    while i < program.len() {
        out[vaults.len() + 1 + i] = program[i];
        i += 1;
    }
    out
}

const DEPOSIT_FLAGGED: B256 = b256!("18081cde2fa64894914e1080b98cca17bb6d1acf633e57f6e26ebdb945ad830b");
const DEPOSIT: B256 = b256!("dcbc1c05240f31ff3ad067ef1ee35ce4997762752e3a095284754544f4c709d7");
const WITHDRAW_FLAGGED: B256 = b256!("81b8021db23057eb1dfd88796511e506e0a736c5d4758e29c39aa74b8509bcee");
const WITHDRAW: B256 = b256!("fe7813e2866053d5c3938554e517b554fce6666a6561bed9eaa7419b29fa9b68");

const LAYOUT: &[EvmEvent; 9] = &[
    event(DEPOSIT_FLAGGED, "Deposit(address,address,bool,uint256,uint256)", Disposition::Mapped),
    event(DEPOSIT, "Deposit(address,address,uint256,uint256)", Disposition::Mapped),
    event(WITHDRAW_FLAGGED, "Withdraw(uint256,address,address,bool,uint256)", Disposition::Mapped),
    event(WITHDRAW, "Withdraw(uint256,address,address,uint256,uint256)", Disposition::Mapped),
    event(
        b256!("e25b4595fcf79866f7cbb640445a5235d8b71d78ebf254ac1d69619028a05722"),
        "DepositFailed",
        Disposition::Ignored("nothing was credited"),
    ),
    event(
        b256!("88655d4ce709d20f0d4615ecbb09d91c03964e7c93cf29be9912b6467d8449d1"),
        "WithdrawPaused",
        Disposition::Ignored("nothing left the vault"),
    ),
    event(
        b256!("1a5f279a9c22a4ad34f4070b85334882f8a945656329d87746c0f2c8806ba00e"),
        "ReceiveETH",
        Disposition::Ignored("native coin moved between contracts; a trader's deposit has its own event"),
    ),
    event(b256!("5e44b8d769cde64991e4725cd0276d385af04c64b64cba70267e0ed4d42350a0"), "AddToken", Disposition::Ignored("configuration")),
    event(b256!("4eb129c82dcd3eedb52df2b0e6fb4cfa41ac64ee9d63ff081acbb1877e85d79b"), "RemoveToken", Disposition::Ignored("configuration")),
];

impl Venue for AsterVault {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        if chain == ChainId::SOLANA {
            return anchor::streams(&INFO, chain, Carrier::Log, treasury::PROGRAM);
        }
        let Some(vault) = vault(chain) else { return Vec::new() };
        let of_vault = EvmFilter { addresses: vec![vault], topics: Default::default() };
        let filters = std::iter::once(of_vault).chain(transfer::filters(chain, vault)).collect();
        vec![StreamSpec { part: "", version: 2, watch: Watch::Evm(filters), first_height: None, sees_unknown: true }]
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        if unit.chain == ChainId::SOLANA {
            return treasury::decode(unit, SLUG);
        }
        let mut emitter = Emitter::new(unit, SLUG);
        let mut flows: Vec<Option<CollateralFlow>> = unit.records.iter().map(|record| read(&mut emitter, unit.chain, record)).collect();
        transfer::match_off(&mut flows);
        for (record, flow) in unit.records.iter().zip(flows) {
            if let Some(flow) = flow {
                emitter.event(record, None, EventBody::CollateralFlow(flow));
            }
        }
        emitter.finish()
    }
}

/// The vault of an EVM chain.
fn vault(chain: ChainId) -> Option<Address> {
    let deployed = INFO.deployments.iter().find(|deployment| deployment.chain == chain)?;
    deployed.address.parse().ok()
}

/// What one record says by itself, `None` for what moves no money or was refused.
fn read(emitter: &mut Emitter<'_>, chain: ChainId, record: &RawRecord) -> Option<CollateralFlow> {
    let (log, topic0) = emitter.log(record)?;
    let vault = vault(chain)?;
    let layout: &[EvmEvent] = if log.address == vault { LAYOUT } else { transfer::LAYOUT };
    let Some(known) = layout.iter().find(|event| event.topic0 == topic0) else {
        emitter.unknown(record, format!("topic {topic0} of {} is not in {}", log.address, INFO.layout));
        return None;
    };
    let read = if log.address == vault { flow(log, topic0) } else { transfer::flow(log, vault) };
    read.unwrap_or_else(|error| {
        emitter.failure(record, known.spec.name, error);
        None
    })
}

/// The flow of a vault's log, `None` for events that move no trader's money.
fn flow(log: &EvmLog, topic0: B256) -> Result<Option<CollateralFlow>, DecodeError> {
    let mut data = Reader::new(&log.data);
    let (direction, account, currency, amount, fee_native) = match topic0 {
        DEPOSIT_FLAGGED | DEPOSIT => {
            let [account, currency] = indexed(log)?;
            if topic0 == DEPOSIT_FLAGGED {
                data.boolean("isNative")?;
            }
            let amount = data.uint(256, "amount")?;
            data.uint(256, "broker")?;
            (FlowDirection::In, account, currency, amount, None)
        }
        WITHDRAW_FLAGGED | WITHDRAW => {
            let [_, to, currency] = indexed(log)?;
            let (amount, fee) = withdrawn(&mut data, topic0 == WITHDRAW_FLAGGED)?;
            (FlowDirection::Out, to, currency, amount, fee)
        }
        _ => return Ok(None),
    };
    data.end()?;
    Ok(Some(CollateralFlow {
        account: hex(abi::address(account, "account")?),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: amount, token: hex(abi::address(currency, "currency")?) },
        fee_native,
    }))
}

fn withdrawn(data: &mut Reader<'_>, flagged: bool) -> Result<(I256, Option<I256>), DecodeError> {
    if flagged {
        data.boolean("isNative")?;
        Ok((data.uint(256, "amount")?, None))
    } else {
        Ok((data.uint(256, "amount")?, Some(data.uint(256, "fee")?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../abi/aster_vault/vault.json"));
        let tokens: Vec<_> = transfer::LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&tokens, include_str!("../../../abi/aster_vault/token.json"));
    }
}
