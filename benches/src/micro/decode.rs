//! Decoders: records to events, beside a copy of the same bytes or the plain library's reading of them.

use std::borrow::Cow;
use std::sync::Arc;

use alloy_sol_types::{SolValue, sol};
use anyhow::{Result, ensure};
use serde::Deserialize;

use super::Step;
use super::input::{Input, evm};

sol! {
    struct AddressItem { string key; address value; }
    struct UintItem { string key; uint256 value; }
    struct IntItem { string key; int256 value; }
    struct BoolItem { string key; bool value; }
    struct Bytes32Item { string key; bytes32 value; }
    struct BytesItem { string key; bytes value; }
    struct StringItem { string key; string value; }
    struct AddressItems { AddressItem[] items; }
    struct UintItems { UintItem[] items; }
    struct IntItems { IntItem[] items; }
    struct BoolItems { BoolItem[] items; }
    struct Bytes32Items { Bytes32Item[] items; }
    struct BytesItems { BytesItem[] items; }
    struct StringItems { StringItem[] items; }
    struct EventLogData {
        AddressItems addressItems;
        UintItems uintItems;
        IntItems intItems;
        BoolItems boolItems;
        Bytes32Items bytes32Items;
        BytesItems bytesItems;
        StringItems stringItems;
    }
    struct EventLog { address msgSender; string eventName; EventLogData eventData; }
}

/// A block's line of fills, with the fields that events need.
#[derive(Deserialize)]
struct BlockLine<'a> {
    #[serde(borrow)]
    events: Vec<(Cow<'a, str>, PlainFill<'a>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainFill<'a> {
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    px: Cow<'a, str>,
    #[serde(borrow)]
    sz: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    time: i64,
    #[serde(borrow)]
    start_position: Cow<'a, str>,
    #[serde(borrow)]
    dir: Cow<'a, str>,
    #[serde(borrow)]
    closed_pnl: Cow<'a, str>,
    #[serde(borrow)]
    hash: Cow<'a, str>,
    oid: u64,
    crossed: bool,
    #[serde(borrow)]
    fee: Cow<'a, str>,
    tid: u64,
    #[serde(borrow)]
    fee_token: Cow<'a, str>,
}

/// Reads lines of fills as typed rows and nothing else: fills seen.
pub(crate) fn plain_parse(lines: &[&[u8]]) -> u64 {
    let mut fills = 0;
    for line in lines {
        if let Ok(block) = serde_json::from_slice::<BlockLine<'_>>(line) {
            for (user, fill) in &block.events {
                let texts = [&fill.coin, &fill.px, &fill.sz, &fill.side, &fill.start_position, &fill.dir, &fill.closed_pnl, &fill.hash];
                let lengths: usize =
                    texts.iter().map(|text| text.len()).sum::<usize>() + fill.fee.len() + fill.fee_token.len() + user.len();
                std::hint::black_box((lengths, fill.time, fill.oid, fill.tid, fill.crossed));
                fills += 1;
            }
        }
    }
    fills
}

pub(super) fn steps() -> Result<Vec<Step>> {
    let (gmx, aster) = evm()?;
    let hypercore = Input::of_hypercore()?;
    let fills = plain_parse(&hypercore.bytes());
    ensure!(fills > 0, "the plain parse read no fill of the simulated HyperCore");
    let logs = gmx.records.len() as u64;
    let mut steps = vec![
        step("GMX v2 logs to events", "log", logs, gmx, "`sol!` decode", |input| {
            let decoded = |bytes: &[u8]| EventLog::abi_decode_params(bytes).map_or(0, |log| log.eventData.uintItems.items.len() as u64);
            input.bytes().into_iter().map(decoded).sum()
        }),
        copied("Aster 1001x logs to events", "log", aster),
        step("Hyperliquid lines to events", "fill", fills, hypercore, "typed parse", |input| plain_parse(&input.bytes())),
    ];
    for (name, venue) in [
        ("Phoenix records to events (golden)", "phoenix_eternal"),
        ("Drift v2 records to events (golden)", "drift_v2"),
        ("Jupiter records to events (golden)", "jupiter_perps"),
    ] {
        steps.push(copied(name, "record", Input::of_golden("solana", venue)?));
    }
    Ok(steps)
}

fn copied(name: &'static str, unit: &'static str, input: Input) -> Step {
    let records = input.records.len() as u64;
    step(name, unit, records, input, "copy of the bytes", |input| {
        input.bytes().into_iter().map(|bytes| std::hint::black_box(bytes.to_vec()).len() as u64).sum()
    })
}

fn step(
    name: &'static str,
    unit: &'static str,
    items: u64,
    input: Input,
    limit_name: &'static str,
    limit: impl Fn(&Input) -> u64 + 'static,
) -> Step {
    let input = Arc::new(input);
    let same = input.clone();
    let run = move || {
        let mut events = 0;
        input.decode_each(|decoded| events += std::hint::black_box(decoded).events.len() as u64);
        events
    };
    Step { name, limit_name, items, unit, run: Box::new(run), limit: Box::new(move || limit(&same)) }
}
