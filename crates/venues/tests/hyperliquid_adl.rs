//! Who counts as a liquidator vault: those who take over, never those who are deleveraged.

mod common;

use perpdex_core::{ChainId, EventBody, HyperliquidLine, HyperliquidStream, LiquidationKind, RawBody, RawRecord};

const VAULT: &str = "0x2e3d94f0562703b25c83308a05046ddaf9a8dd14";

#[test]
fn a_deleveraged_account_is_no_vault() {
    let legs = [
        leg(1, VAULT, VAULT, "A", "Close Long"),
        leg(1, "0xb", VAULT, "B", "Auto-Deleveraging"),
        leg(2, "0xb", "0xb", "A", "Close Long"),
        leg(2, "0xc", "0xb", "B", "Auto-Deleveraging"),
    ];
    let text = format!(r#"{{"events":[{}]}}"#, legs.join(","));
    let body = RawBody::HyperliquidLine(HyperliquidLine { stream: HyperliquidStream::Fills, text });
    let record = RawRecord { chain: ChainId::HYPERLIQUID, height: 5, rec: 0, ord: 0, tx_id: "5".into(), tx_index: None, time_ms: 1, body };
    let decoded = common::decode(perpdex_venues::venue("hyperliquid").unwrap(), &[record]);
    assert!(decoded.failures.is_empty(), "{:?}", decoded.failures);
    let kinds: Vec<_> = decoded
        .events
        .iter()
        .map(|event| match &event.body {
            EventBody::Fill(fill) => fill.liquidation.as_ref().map(|liquidation| liquidation.kind),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [None, Some(LiquidationKind::Adl), Some(LiquidationKind::Backstop), Some(LiquidationKind::Adl)]);
}

fn leg(tid: u64, user: &str, liquidated: &str, side: &str, dir: &str) -> String {
    let start = if side == "A" { "1" } else { "-1" };
    format!(
        r#"["{user}",{{"coin":"BTC","px":"9","sz":"1","side":"{side}","time":1,"startPosition":"{start}","dir":"{dir}","crossed":{},"tid":{tid},"liquidation":{{"liquidatedUser":"{liquidated}","markPx":"9","method":"backstop"}}}}]"#,
        user == liquidated
    )
}
