//! Real GMX v2 receipts and Phoenix payloads, served over JSON-RPC by local nodes and taken in by `sync`.
//!
//! The receipts are mainnet logs at their real heights; the blocks around them are constructed and empty. The Phoenix
//! payloads are real; the transactions they stand in are constructed.

use std::path::Path;

use perpdex_core::Decimal;
use perpdex_simnet::chain::{EvmBlock, EvmChain, EvmLog, SolanaBlock, SolanaChain, SolanaInner, SolanaInstruction, SolanaTransaction};
use perpdex_simnet::node::{EvmNode, SolanaNode};
use serde_json::Value;

use crate::support::{Engine, folder, perpdex_ok, query, reference};

#[tokio::test(flavor = "multi_thread")]
async fn gmx_receipts_give_their_decoded_values() {
    let test = "gmx_receipts_give_their_decoded_values";
    let names = ["gmx_v2_partial_decrease_long_btc_with_swap.json", "gmx_v2_increase_short_zec.json"];
    let Some(receipts) = samples(test, "arbitrum/samples", &names) else { return };
    let chain = evm_chain(&receipts, 450_000_020..=450_000_115);
    let node = EvmNode::serve(chain).expect("the node starts");
    for engine in Engine::all(test) {
        let folder = folder();
        let url = engine.database(folder.path(), "receipts");
        sync(folder.path(), &url, "arbitrum", &node.url(), (450_000_020, 450_000_115));
        let fills = query(
            folder.path(),
            &url,
            "SELECT f.height, m.market_key, f.account, f.action, f.side, CAST(f.qty_native AS TEXT) AS qty_native, f.price, f.notional_usd_e6, \
             CAST(f.fee_native AS TEXT) AS fee_native, f.fee_usd_e6, f.realized_pnl_usd_e6 \
             FROM fills f JOIN markets m ON m.market_id = f.market_id ORDER BY f.height",
        );
        assert_eq!(fills.len(), 2, "{fills:?}");
        gmx_fill(&fills[0], &receipts[0]["expected"], "PositionDecrease", 8);
        gmx_fill(&fills[1], &receipts[1]["expected"], "PositionIncrease", 8);
    }
}

/// One fill row against the decoded fields of its receipt.
fn gmx_fill(row: &Value, expected: &Value, event: &str, index_decimals: u8) {
    let position = &expected[event];
    let fees = &expected["PositionFeesCollected"];
    let text = |name: &str| position[name].as_str().unwrap();
    assert_eq!(row["account"].as_str().unwrap(), text("account").to_lowercase());
    assert_eq!(row["market_key"].as_str().unwrap(), text("market").to_lowercase());
    assert_eq!(row["qty_native"].as_str(), Some(text("sizeDeltaInTokens")));
    let price = Decimal::new(text("executionPrice").parse().unwrap(), 30 - index_decimals);
    assert_eq!(Decimal::parse(row["price"].as_str().unwrap()), Ok(price));
    let notional = Decimal::new(text("sizeDeltaUsd").parse().unwrap(), 30).to_i64(6).unwrap();
    assert_eq!(row["notional_usd_e6"].as_i64(), Some(notional));
    let fee = |name: &str| fees[name].as_str().map_or(0, |text| text.parse::<i64>().unwrap());
    let paid = fee("positionFeeAmount") - fee("referral.traderDiscountAmount");
    assert_eq!(row["fee_native"].as_str(), Some(paid.to_string().as_str()));
    assert_eq!(row["fee_usd_e6"].as_i64(), Some(paid), "USDC counts at par and has six decimals");
    let identity = paid + fee("borrowingFeeAmount") + fee("fundingFeeAmount") + fee("uiFeeAmount");
    assert_eq!(identity, fee("totalCostAmount"), "the receipt's own cost identity");
    if let Some(pnl) = position["basePnlUsd"].as_str() {
        let pnl = Decimal::new(pnl.parse().unwrap(), 30).to_i64(6).unwrap();
        assert_eq!(row["realized_pnl_usd_e6"].as_i64(), Some(pnl));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gmx_withdrawal_gives_its_funding_rate() {
    let test = "a_gmx_withdrawal_gives_its_funding_rate";
    let Some(receipts) = samples(test, "arbitrum/samples", &["gmx_v2_funding_update_withdrawal_b.json"]) else { return };
    let node = EvmNode::serve(evm_chain(&receipts, 397_672_400..=397_672_500)).expect("the node starts");
    let folder = folder();
    let url = Engine::Sqlite.database(folder.path(), "funding");
    sync(folder.path(), &url, "arbitrum", &node.url(), (397_672_400, 397_672_500));
    let rates = query(folder.path(), &url, "SELECT kind, start_ms, end_ms, cost_long_1h_e12 FROM funding_rates");
    assert_eq!(rates.len(), 1, "{rates:?}");
    let derived = &receipts[0]["expected"]["derived"];
    let rate = Decimal::parse(derived["funding_rate_per_hour_paying_side"].as_str().unwrap()).unwrap();
    assert_eq!(rates[0]["cost_long_1h_e12"].as_i64(), Some(rate.to_i64(12).unwrap()));
    let seconds = (rates[0]["end_ms"].as_i64().unwrap() - rates[0]["start_ms"].as_i64().unwrap()) / 1_000;
    assert_eq!(Some(seconds), derived["seconds_since_last_update_from_borrowing"].as_i64());
    let trades = query(folder.path(), &url, "SELECT COUNT(*) AS n FROM fills");
    assert_eq!(trades[0]["n"].as_i64(), Some(0), "a withdrawal is no trade");
}

#[tokio::test(flavor = "multi_thread")]
async fn phoenix_payloads_give_their_decoded_values() {
    let test = "phoenix_payloads_give_their_decoded_values";
    let names = [
        "phoenix_taker_sell_with_collateral_transfer.json",
        "phoenix_liquidation_transfer.json",
        "phoenix_stop_losses.json",
        "phoenix_spline_parameters.json",
        "phoenix_market_added.json",
    ];
    let Some(transactions) = samples(test, "solana/samples", &names) else { return };
    for engine in Engine::all(test) {
        let folder = folder();
        let url = engine.database(folder.path(), "phoenix");
        for chain in solana_chains(&transactions) {
            let (first, last) = (chain.blocks[0].slot, chain.blocks[chain.blocks.len() - 1].slot);
            let node = SolanaNode::serve(chain).expect("the node starts");
            sync(folder.path(), &url, "solana", &node.url(), (first, last));
        }
        let trades = query(
            folder.path(),
            &url,
            "SELECT asset, side, qty, notional_usd, price, tx_id FROM v_trades WHERE chain = 'solana' ORDER BY ts_ms",
        );
        assert_eq!(trades.len(), 1, "{trades:?}");
        let trade = &trades[0];
        assert!(trade["asset"].as_str().unwrap().contains("SPCX"));
        assert_eq!(trade["side"].as_str(), Some("sell"));
        assert_eq!(trade["qty"].as_f64(), Some(63.65));
        assert_eq!(trade["notional_usd"].as_f64(), Some(9_967.379_7));
        assert!((trade["price"].as_f64().unwrap() - 156.597).abs() < 0.000_5, "published to three digits");
        assert_eq!(trade["tx_id"].as_str(), transactions[0]["signature"].as_str());
        // The takeover's transaction has no Header: both of its legs wait, with their exact lots, for the market's decimals.
        let waiting = query(folder.path(), &url, "SELECT target, body FROM v_unresolved WHERE body LIKE '%takeover%' ORDER BY event_key");
        assert_eq!(waiting.len(), 2, "{waiting:?}");
        for (row, (account, signed_lots)) in waiting.iter().zip([(liquidatee(&transactions[1]), "48"), (liquidator(&transactions[1]), "0")])
        {
            assert_eq!(row["target"].as_str(), Some("market"));
            let body: Value = serde_json::from_str(row["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["tx_id"], transactions[1]["signature"]);
            assert_eq!((body["body"]["account"].as_str(), body["market"].as_str()), (Some(account), Some("0:SOL")));
            assert_eq!(native(&body["body"]["qty"]), "40");
            assert_eq!(native(&body["body"]["before"]["qty"]), signed_lots);
        }
    }
}

fn transfer(sample: &Value) -> &Value {
    let events = sample["expected"]["decoded"][0]["events"].as_array().unwrap();
    &events.iter().find(|event| event["name"] == "LiquidationTransfer").unwrap()["fields"]
}

fn liquidatee(sample: &Value) -> &str {
    transfer(sample)["liquidatee"].as_str().unwrap()
}

fn liquidator(sample: &Value) -> &str {
    transfer(sample)["liquidator"].as_str().unwrap()
}

/// The chain's integer of a serialised amount, in decimal.
fn native(amount: &Value) -> String {
    let amount: perpdex_core::Amount = serde_json::from_value(amount.clone()).expect("an amount");
    amount.native.to_string()
}

fn sync(folder: &Path, url: &str, chain: &str, node: &str, (from, to): (u64, u64)) {
    let at = |height: u64| format!("{chain}={height}");
    let endpoint = format!("{chain}={node}");
    perpdex_ok(
        folder,
        &["sync", "--chain", chain, "--endpoint", &endpoint, "--from", &at(from), "--to", &at(to), "--once=latest", "--database", url],
    );
}

fn samples(test: &str, folder: &str, names: &[&str]) -> Option<Vec<Value>> {
    let read = |name: &&str| {
        let text = std::fs::read_to_string(reference(test, &format!("{folder}/{name}"))?).expect("a sample is readable");
        Some(serde_json::from_str(&text).expect("a sample is JSON"))
    };
    names.iter().map(read).collect()
}

/// Empty blocks around the receipts, which stand at their real heights, log indexes and times.
fn evm_chain(receipts: &[Value], heights: std::ops::RangeInclusive<u64>) -> EvmChain {
    let int = |value: &Value| value.as_u64().expect("a number");
    let (first, last) = (&receipts[0], &receipts[receipts.len() - 1]);
    let (h0, t0) = (int(&first["block_number"]), int(&first["block_time"]));
    let (dh, dt) = (int(&last["block_number"]) - h0, int(&last["block_time"]) - t0);
    let hash = |height: u64| alloy_primitives::keccak256(height.to_be_bytes());
    let block = |height: u64| {
        let receipt = receipts.iter().find(|receipt| int(&receipt["block_number"]) == height);
        EvmBlock {
            number: height,
            hash: hash(height),
            parent: hash(height - 1),
            // Linear between the receipts; both receipts get their real second.
            timestamp_secs: (t0 * dh + height * dt - h0 * dt).checked_div(dh).unwrap_or(t0 + height / 4 - h0 / 4),
            logs: receipt.map_or_else(Vec::new, receipt_logs),
        }
    };
    EvmChain { chain_id: 42_161, blocks: heights.map(block).collect(), views: Default::default() }
}

/// A receipt's logs, behind as many foreign logs as its first log index asks for.
fn receipt_logs(receipt: &Value) -> Vec<EvmLog> {
    let tx_hash = receipt["tx_hash"].as_str().unwrap().parse().unwrap();
    let logs = receipt["logs"].as_array().unwrap();
    let mut out: Vec<EvmLog> = Vec::new();
    for log in logs {
        let index = log["log_index"].as_u64().unwrap() as usize;
        let foreign = EvmLog {
            address: alloy_primitives::Address::ZERO,
            topics: Vec::new(),
            data: Default::default(),
            tx_hash: alloy_primitives::B256::repeat_byte(1),
            tx_index: 0,
        };
        out.resize(index, foreign);
        out.push(EvmLog {
            address: log["address"].as_str().unwrap().parse().unwrap(),
            topics: log["topics"].as_array().unwrap().iter().map(|topic| topic.as_str().unwrap().parse().unwrap()).collect(),
            data: log["data"].as_str().unwrap().parse().unwrap(),
            tx_hash,
            tx_index: 1,
        });
    }
    out
}

/// The samples at their real slots and a constructed empty block in every slot between; a chain for each stretch of
/// slots that lie close together.
fn solana_chains(samples: &[Value]) -> Vec<SolanaChain> {
    const CLOSE_SLOTS: u64 = 1_000;
    let slot_of = |sample: &Value| sample["slot"].as_u64().unwrap();
    let mut sorted: Vec<&Value> = samples.iter().collect();
    sorted.sort_by_key(|sample| slot_of(sample));
    let stretches = sorted.chunk_by(|a, b| slot_of(b) - slot_of(a) < CLOSE_SLOTS);
    stretches.map(|stretch| solana_chain(stretch, slot_of(stretch[0])..=slot_of(stretch[stretch.len() - 1]))).collect()
}

fn solana_chain(samples: &[&Value], slots: std::ops::RangeInclusive<u64>) -> SolanaChain {
    let hash = |slot: u64| bs58_32(alloy_primitives::keccak256(slot.to_be_bytes()).0);
    let mut time_secs = 0;
    let block = |slot: u64| {
        let here: Vec<&Value> = samples.iter().copied().filter(|sample| sample["slot"].as_u64() == Some(slot)).collect();
        time_secs = here.first().map_or(time_secs, |sample| sample["block_time"].as_i64().unwrap());
        SolanaBlock {
            slot,
            parent_slot: slot - 1,
            blockhash: hash(slot),
            previous_blockhash: hash(slot - 1),
            time_secs,
            transactions: here.into_iter().map(solana_transaction).collect(),
        }
    };
    SolanaChain { blocks: slots.map(block).collect() }
}

/// A constructed envelope: the sample's instructions at their stack paths, with a foreign one wherever the sample has none.
fn solana_transaction(sample: &Value) -> SolanaTransaction {
    let foreign = "ComputeBudget111111111111111111111111111111";
    let mut instructions: Vec<SolanaInstruction> = Vec::new();
    let recorded = sample["transaction"]["instructions"].as_array().or(sample["events"].as_array()).expect("instructions or events");
    for instruction in recorded {
        let path: Vec<usize> = instruction["stack_path"].as_array().unwrap().iter().map(|step| step.as_u64().unwrap() as usize).collect();
        let program = instruction.get("programId").or(instruction.get("program")).unwrap().as_str().unwrap().to_owned();
        let base64 = instruction.get("data_base64").or(instruction.get("payload_base64")).unwrap().as_str().unwrap();
        let data = decode_base64(base64);
        while instructions.len() <= path[0] {
            instructions.push(SolanaInstruction { program: foreign.to_owned(), data: vec![2], inner: Vec::new() });
        }
        let top = &mut instructions[path[0]];
        if path.len() == 1 {
            (top.program, top.data) = (program, data);
        } else {
            top.inner.push(SolanaInner { program, data, stack_height: path.len() as u32 });
        }
    }
    let signature = sample["signature"].as_str().unwrap().to_owned();
    SolanaTransaction { signature, version: Some(0), failed: false, instructions, accounts: Vec::new(), logs: Vec::new() }
}

fn decode_base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("a sample's payload is base64")
}

fn bs58_32(bytes: [u8; 32]) -> String {
    bs58::encode(bytes).into_string()
}
