//! Hyperliquid's perpetuals on HyperCore, from the lines of a node: fills (trades, liquidations, auto-deleveraging,
//! position changes) and misc events (funding payments, deposits, withdrawals); from the archive's older fills and trades and its
//! asset contexts; from the public interface.
//!
//! Perpetuals only: plain coins and builder-deployed `dex:COIN`. Spot pairs and outcome tokens in the same lines are
//! passed over. Positions are computed from `startPosition`, `side` and `sz`, never from `dir`. A trade's two legs stand
//! in one block, and a block is one unit, so the class of a trade is known on both.

mod block_events;
mod contexts;
mod dexes;
mod fill_row;
mod fills;
mod ledger;
mod lines;
mod misc;
#[cfg(any(test, feature = "oracle"))]
pub(crate) mod oracle;
mod rates;
mod scan;
mod texts;
mod trades;

use perpdex_core::{
    ChainId, DecodeUnit, Decoded, Deployment, Disposition, EventSpec, HyperliquidStream, RawBody, StreamSpec, StreamStart, Venue,
    VenueInfo, VenueModel, VenueSlug, Watch,
};

/// The decoder.
pub(crate) static HYPERLIQUID: Hyperliquid = Hyperliquid;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct Hyperliquid;

const SLUG: VenueSlug = VenueSlug::known("hyperliquid");

/// Decimals of token amounts in events: HyperCore prints them as decimal numbers, with at most this many digits.
const TOKEN_DECIMALS: u8 = 8;

/// Distance in canonical order between the streams of a block.
const STREAM_ORD: i64 = 1 << 32;

/// HyperCore's history begins with block 1; covered from there, every level starts at zero.
const GENESIS: Option<u64> = Some(1);

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "hyperliquid",
    name: "Hyperliquid",
    model: VenueModel::Book,
    deployments: &[
        Deployment {
            chain: ChainId::HYPERLIQUID,
            address: "fills",
            first_height: GENESIS,
            source: "HyperCore block 1: every position was opened in or after it",
        },
        Deployment {
            chain: ChainId::HYPERLIQUID,
            address: "misc",
            first_height: GENESIS,
            source: "HyperCore block 1: every payment was made in or after it",
        },
        timed(ChainId::HYPERLIQUID_FILES, "node_fills", "archive hl-mainnet-node-data: hours 2025-05-25T14 to 2025-07-27T08"),
        timed(ChainId::HYPERLIQUID_FILES, "node_trades", "archive hl-mainnet-node-data: hours from 2025-03-22T10 on"),
        timed(ChainId::HYPERLIQUID_FILES, "asset_ctxs", "archive hyperliquid-archive: days from 2023-05-20 on"),
        timed(ChainId::HYPERLIQUID_API, "contexts", "info request metaAndAssetCtxs: the state of the moment, no history"),
        timed(ChainId::HYPERLIQUID_API, "funding", "info request fundingHistory: settled rates since a market's listing"),
        timed(ChainId::HYPERLIQUID_API, "trades", "websocket subscription trades: from the moment of subscribing on"),
    ],
    layout: "abi/hyperliquid/events.json",
    events: EVENTS,
    gives: &["trades", "liquidations", "funding", "oi", "flows", "prices"],
    unverified: &[
        "open interest needs history from block 1, which the public archives do not have, or a stated level (asset_ctxs, contexts): the change is exact",
        "the public interface has no feed of liquidations and tells no positions: its trades bring neither",
        "which side of a trade of node_trades was liquidated: the lines do not say",
        "rows of asset_ctxs are unseen: the columns are those of the archive's description",
        "one liquidator vault is known by address; others are told by a backstop liquidation in the same block alone",
        "fills named Net Child Vaults are taken as moves between vaults, not as volume: no source says so in words",
        "the collateral of builder-deployed dexes is a list of early 2026, node lines do not name it; payments of a dex that is not listed have no dollars",
        "deposit and withdraw ledger updates are read as the venue's API documents them; no node line was at hand",
        "whether a withdrawal's fee is inside its amount",
    ],
};

const EVENTS: &[EventSpec] = &[
    spec("Fill", Disposition::Mapped),
    spec("Trade", Disposition::Mapped),
    spec("AssetContext", Disposition::Mapped),
    spec("SettledRate", Disposition::Mapped),
    spec("PublicTrade", Disposition::Mapped),
    spec("Funding", Disposition::Mapped),
    spec("LedgerUpdate.deposit", Disposition::Mapped),
    spec("LedgerUpdate.withdraw", Disposition::Mapped),
    spec("LedgerUpdate.liquidation", Disposition::Ignored("states the whole position at mark; what was closed are the fills")),
    spec("LedgerUpdate.accountClassTransfer", Disposition::Ignored(INSIDE)),
    spec("LedgerUpdate.internalTransfer", Disposition::Ignored(INSIDE)),
    spec("LedgerUpdate.subAccountTransfer", Disposition::Ignored(INSIDE)),
    spec("LedgerUpdate.perpDexClassTransfer", Disposition::Ignored(INSIDE)),
    spec("LedgerUpdate.send", Disposition::Ignored(INSIDE)),
    spec("LedgerUpdate.spotTransfer", Disposition::Ignored(SPOT)),
    spec("LedgerUpdate.spotGenesis", Disposition::Ignored(SPOT)),
    spec("LedgerUpdate.cStakingTransfer", Disposition::Ignored(STAKING)),
    spec("LedgerUpdate.accountActivationGas", Disposition::Ignored("a fee for a new account")),
    spec("LedgerUpdate.deployGasAuction", Disposition::Ignored("a fee for a listing")),
    spec("LedgerUpdate.rewardsClaim", Disposition::Ignored("a reward of the venue")),
    spec("LedgerUpdate.vaultCreate", Disposition::Ignored(VAULT)),
    spec("LedgerUpdate.vaultDeposit", Disposition::Ignored(VAULT)),
    spec("LedgerUpdate.vaultDistribution", Disposition::Ignored(VAULT)),
    spec("LedgerUpdate.vaultLeaderCommission", Disposition::Ignored(VAULT)),
    spec("LedgerUpdate.vaultWithdraw", Disposition::Ignored(VAULT)),
    spec("ValidatorRewards", Disposition::Ignored(STAKING)),
    spec("GossipPriorityAuctionRestart", Disposition::Ignored("an auction for network priority")),
    spec("CDeposit", Disposition::Ignored(STAKING)),
    spec("CWithdrawal", Disposition::Ignored(STAKING)),
    spec("Delegation", Disposition::Ignored(STAKING)),
];

const INSIDE: &str = "moves money between accounts inside the venue";
const SPOT: &str = "spot tokens";
const STAKING: &str = "staking";
const VAULT: &str = "moves money between a user and a vault inside the venue";

const fn timed(chain: ChainId, address: &'static str, source: &'static str) -> Deployment {
    Deployment { chain, address, first_height: None, source }
}

const fn spec(name: &'static str, disposition: Disposition) -> EventSpec {
    EventSpec { name, disposition }
}

/// Time to subscribe to every market of the public interface.
const SUBSCRIBE_MS: u64 = 10_000;

impl Venue for Hyperliquid {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        let parts: &[HyperliquidStream] = match chain {
            ChainId::HYPERLIQUID => &[HyperliquidStream::Fills, HyperliquidStream::MiscEvents],
            ChainId::HYPERLIQUID_FILES => &[HyperliquidStream::NodeFills, HyperliquidStream::NodeTrades, HyperliquidStream::AssetContexts],
            ChainId::HYPERLIQUID_API => &[HyperliquidStream::ApiContexts, HyperliquidStream::ApiFunding, HyperliquidStream::ApiTrades],
            _ => &[],
        };
        let stream = |stream: &HyperliquidStream| StreamSpec {
            part: stream.as_str(),
            version: 1,
            watch: Watch::HyperCore(*stream),
            first_height: GENESIS.filter(|_| chain == ChainId::HYPERLIQUID),
            sees_unknown: true,
        };
        parts.iter().map(stream).collect()
    }

    fn stream_start(&self, part: &str) -> StreamStart {
        match part {
            "contexts" => StreamStart::Head { after: 0 },
            "trades" => StreamStart::Head { after: SUBSCRIBE_MS },
            _ => StreamStart::Configured,
        }
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut out = Decoded::default();
        for record in unit.records {
            let RawBody::HyperliquidLine(line) = &record.body else {
                out.unknown.push(lines::failure(record, String::new(), lines::Trouble::unknown("not a line of a node")));
                continue;
            };
            out.append(match line.stream {
                HyperliquidStream::Fills => fills::decode(unit, record, &line.text),
                HyperliquidStream::MiscEvents => misc::decode(unit, record, &line.text),
                HyperliquidStream::NodeFills => fills::decode_lines(unit, record, &line.text),
                HyperliquidStream::NodeTrades => trades::decode_node(unit, record, &line.text),
                HyperliquidStream::ApiTrades => trades::decode_public(unit, record, &line.text),
                HyperliquidStream::AssetContexts => contexts::decode_rows(unit, record, &line.text),
                HyperliquidStream::ApiContexts => contexts::decode_answer(unit, record, &line.text),
                HyperliquidStream::ApiFunding => rates::decode(unit, record, &line.text),
            });
        }
        out
    }
}
