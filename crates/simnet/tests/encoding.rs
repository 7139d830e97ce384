//! Every EVM log of a world reads back with alloy's dynamic decoder, and what it says adds up to the truth.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy_dyn_abi::{DynSolEvent, DynSolValue, Specifier};
use alloy_json_abi::JsonAbi;
use alloy_primitives::{B256, U256, keccak256};
use perpdex_simnet::chain::{EvmChain, EvmLog};
use perpdex_simnet::world::{World, WorldOptions};

const ABIS: &[&str] = &[
    include_str!("../../../abi/fx_v2/contracts.json"),
    include_str!("../../../abi/gmx_v2/event_emitter.json"),
    include_str!("../../../abi/aster_1001x/diamond.json"),
    include_str!("../../../abi/aster_vault/vault.json"),
    include_str!("../../../abi/aster_vault/token.json"),
    include_str!("../../../abi/gmx_v1/vault.json"),
    include_str!("../../../abi/gtrade/diamond_v10.json"),
    include_str!("../../../abi/gtrade/diamond_v9.json"),
    include_str!("../../../abi/ostium/contracts.json"),
    include_str!("../../../abi/mux_v1/liquidity_pool.json"),
    include_str!("../../../abi/kiloex/perp_trade.json"),
    include_str!("../../../abi/dydx_v1/perpetual.json"),
    include_str!("../../../abi/myx_v1/contracts.json"),
    include_str!("../../../abi/level/pool.json"),
    include_str!("../../../abi/mcdex_v2/contracts.json"),
    include_str!("../../../abi/lighter/zk_lighter.json"),
    include_str!("../../../abi/starkex/stark_perpetual.json"),
];

static WORLD: LazyLock<World> =
    LazyLock::new(|| World::build(&WorldOptions { hours: 1, events: 12_000, is_wide: true, ..WorldOptions::default() }));

/// Names and layouts by selector. Where two ABIs have one and its layouts differ, the world emits the later one's: `Transfer` is one of
/// dollars, not of a position.
static LAYOUTS: LazyLock<BTreeMap<B256, (String, DynSolEvent)>> = LazyLock::new(|| {
    let abis = ABIS.iter().map(|text| serde_json::from_str::<JsonAbi>(text).unwrap()).collect::<Vec<_>>();
    let events = abis.iter().flat_map(JsonAbi::events);
    events.map(|event| (event.selector(), (event.name.clone(), event.resolve().unwrap()))).collect()
});

fn logs(chain: &EvmChain) -> impl Iterator<Item = &EvmLog> {
    chain.blocks.iter().flat_map(|block| &block.logs)
}

#[test]
fn every_log_is_what_the_dynamic_encoder_makes_of_its_values() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for log in [&WORLD.arbitrum, &WORLD.bnb, &WORLD.ethereum].into_iter().flat_map(logs) {
        let (name, layout) = &LAYOUTS[&log.topics[0]];
        let read = layout.decode_log_parts(log.topics.iter().copied(), &log.data).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(DynSolValue::Tuple(read.body).abi_encode_params(), log.data, "{name}");
        *seen.entry(name).or_default() += 1;
    }
    for name in [
        "EventLog1",
        "EventLog2",
        "AddPair",
        "MarketPendingTrade",
        "OpenLimitOrder",
        "OpenMarketTrade",
        "ExecuteLimitOrderSuccessful",
        "UpdatePairPositionInfo",
        "UpdatePairAccFundingFeePerShare",
        "OpenFee",
        "CloseFee",
        "CloseTradeSuccessful",
        "ExecuteCloseSuccessful",
        "CloseTradeReceived",
        "CollectMarginFees",
        "LiquidatePosition",
        "MarketExecuted",
        "LimitExecuted",
        "PositionSizeIncreaseExecuted",
        "PositionSizeDecreaseExecuted",
        "BorrowingPairOiUpdated",
        "BorrowingPairOiBeforeV10Updated",
        "MarketCloseExecuted",
        "MarketCloseExecutedV2",
        "LimitCloseExecuted",
        "VaultLiqFeeCharged",
        "OpenPosition",
        "Liquidate",
        "Deposit",
        "Withdraw",
        "Transfer",
        "IncreasePositionV3",
        "DecreasePositionV3",
        "PositionLiquidated",
        "LogTrade",
        "LogLiquidated",
        "LogAccountSettled",
        "ExecuteOrderV2",
        "ExecuteLiquidation",
        "ExecuteAdlOrder",
        "IncreasePosition",
        "DecreasePosition",
        "LiquidatePosition",
        "ClosePosition",
        "Trade",
        "Liquidate",
        "UpdateFundingRate",
        "Operate",
        "RebalanceTick",
        "WithdrawPending",
        "NewPriorityRequest",
        "LogWithdrawalPerformed",
        "LogForcedTradeRequest",
    ] {
        assert!(seen.contains_key(name), "no {name} among {seen:?}");
    }
}

/// Sums of `sizeDeltaUsd` over position events, market by market, against the truth's volume.
#[test]
fn gmx_sizes_add_up_to_the_volume() {
    let changes = [keccak256("PositionIncrease"), keccak256("PositionDecrease")];
    let mut volume: BTreeMap<String, i64> = BTreeMap::new();
    for log in logs(&WORLD.arbitrum).filter(|log| log.topics.get(1).is_some_and(|name| changes.contains(name))) {
        let (_, layout) = &LAYOUTS[&log.topics[0]];
        let read = layout.decode_log_parts(log.topics.iter().copied(), &log.data).unwrap();
        let data = read.body.last().unwrap().as_tuple().unwrap();
        let market = item(&data[0], "market").as_address().unwrap();
        let size = item(&data[1], "sizeDeltaUsd").as_uint().unwrap().0;
        let (whole, rest) = size.div_rem(U256::from(10).pow(U256::from(24)));
        let half = U256::from(5) * U256::from(10).pow(U256::from(23));
        let up = rest > half || (rest == half && whole.bit(0));
        *volume.entry(format!("{market:#x}")).or_default() += i64::try_from(whole).unwrap() + i64::from(up);
    }
    let mut truth: BTreeMap<String, i64> = BTreeMap::new();
    for hour in WORLD.truth.hours.iter().filter(|hour| hour.venue == "gmx_v2") {
        *truth.entry(hour.market.clone()).or_default() += hour.volume_usd_e6;
    }
    assert_eq!(volume, truth);
}

/// The value of an item of a GMX item list.
fn item<'a>(list: &'a DynSolValue, key: &str) -> &'a DynSolValue {
    let items = list.as_tuple().unwrap()[0].as_array().unwrap();
    let found = items.iter().map(|item| item.as_tuple().unwrap()).find(|item| item[0].as_str() == Some(key));
    &found.unwrap_or_else(|| panic!("no {key}"))[1]
}

/// The quantities that the last event of a pair states, against the truth's levels (ten digits on both sides).
#[test]
fn aster_pairs_state_the_levels() {
    let mut stated: BTreeMap<String, (U256, U256)> = BTreeMap::new();
    for log in logs(&WORLD.bnb) {
        let (name, layout) = &LAYOUTS[&log.topics[0]];
        if name == "UpdatePairPositionInfo" {
            let read = layout.decode_log_parts(log.topics.iter().copied(), &log.data).unwrap();
            let [_, long, short, ..] = &read.body[..] else { panic!("{name} has seven values") };
            let pair = format!("{:#x}", read.indexed[0].as_address().unwrap());
            stated.insert(pair, (long.as_uint().unwrap().0, short.as_uint().unwrap().0));
        }
    }
    let mut compared = 0;
    for hour in WORLD.truth.hours.iter().filter(|hour| (hour.chain, hour.venue) == ("bnb", "aster_1001x") && hour.asset != "BNB") {
        let (long, short) = stated[&hour.market];
        assert_eq!((U256::from(hour.long_q), U256::from(hour.short_q)), (long, short), "{}", hour.asset);
        compared += 1;
    }
    assert_eq!(compared, 2);
}
