//! Lines of a Hyperliquid node's files.

use std::fmt::Write as _;

use crate::num::decimal;

/// One leg of a match, as `node_fills_by_block` has it.
#[derive(Clone, Debug)]
pub struct FillEvent {
    /// The account, lower-case hex.
    pub user: String,
    /// Market.
    pub coin: &'static str,
    /// Price text.
    pub px: String,
    /// Size text.
    pub sz: String,
    /// Whether this account bought.
    pub buyer: bool,
    /// Time of the block, unix milliseconds.
    pub time_ms: i64,
    /// Signed position before, as text; the node prints it from a double.
    pub start_position: String,
    /// The exchange's word for what happened.
    pub dir: &'static str,
    /// Realised profit, 10^-6 dollars.
    pub closed_pnl_e6: i128,
    /// Transaction hash, hex.
    pub hash: String,
    /// Order id.
    pub oid: u64,
    /// Whether this account was the taker.
    pub crossed: bool,
    /// Fee, 10^-6 of its token; negative is a rebate.
    pub fee_e6: i128,
    /// Match id.
    pub tid: u64,
    /// Token of the fee.
    pub fee_token: &'static str,
    /// The liquidation both legs carry.
    pub liquidation: Option<LiquidationNote>,
}

/// What both legs of a forced match say about it.
#[derive(Clone, Debug)]
pub struct LiquidationNote {
    /// The liquidated account, lower-case hex.
    pub user: String,
    /// Mark price text.
    pub mark_px: String,
    /// `market` or `backstop`.
    pub method: &'static str,
}

/// One payment of an hourly funding event.
#[derive(Clone, Debug)]
pub struct FundingDelta {
    /// The account, lower-case hex.
    pub user: String,
    /// Market.
    pub coin: &'static str,
    /// Received, 10^-6 dollars.
    pub amount_e6: i128,
    /// Signed position text.
    pub szi: String,
    /// Hourly rate, 10^-10.
    pub rate_e10: i128,
}

/// Lines and events of the node's two streams.
#[derive(Clone, Copy, Debug)]
pub struct Lines;

impl FillEvent {
    /// Appends `["user",{…}]`.
    pub fn write(&self, out: &mut String) {
        let FillEvent { user, coin, px, sz, time_ms, start_position, dir, hash, oid, crossed, tid, fee_token, .. } = self;
        let side = if self.buyer { 'B' } else { 'A' };
        let (pnl, fee) = (decimal(self.closed_pnl_e6, 6), decimal(self.fee_e6, 6));
        write!(
            out,
            r#"["{user}",{{"coin":"{coin}","px":"{px}","sz":"{sz}","side":"{side}","time":{time_ms},"startPosition":"{start_position}","dir":"{dir}","closedPnl":"{pnl}","hash":"{hash}","oid":{oid},"crossed":{crossed},"fee":"{fee}","tid":{tid}"#
        )
        .expect("writing to a string succeeds");
        if let Some(LiquidationNote { user, mark_px, method }) = &self.liquidation {
            write!(out, r#","liquidation":{{"liquidatedUser":"{user}","markPx":"{mark_px}","method":"{method}"}}"#)
                .expect("writing to a string succeeds");
        }
        write!(out, r#","feeToken":"{fee_token}","twapId":null}}]"#).expect("writing to a string succeeds");
    }
}

impl Lines {
    /// A block's line around the events of the block, already rendered and joined by commas.
    pub fn block(number: u64, time_ms: i64, nanos_below_ms: u32, events: &str) -> String {
        let block_time = iso(time_ms, nanos_below_ms);
        let local_time = iso(time_ms + 151, nanos_below_ms / 2);
        format!(r#"{{"local_time":"{local_time}","block_time":"{block_time}","block_number":{number},"events":[{events}]}}"#)
    }

    /// A misc event that pays funding.
    pub fn funding(time_ms: i64, nanos_below_ms: u32, deltas: &[FundingDelta]) -> String {
        let mut inner = String::from(r#"{"Funding":{"deltas":["#);
        for (n, FundingDelta { user, coin, amount_e6, szi, rate_e10 }) in deltas.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            let (amount, rate) = (decimal(*amount_e6, 6), decimal(*rate_e10, 10));
            write!(
                inner,
                r#"{comma}{{"user":"{user}","coin":"{coin}","funding_amount":"{amount}","szi":"{szi}","funding_rate":"{rate}"}}"#
            )
            .expect("writing to a string succeeds");
        }
        inner.push_str("]}}");
        Self::misc(time_ms, nanos_below_ms, &format!("0x{:064x}", 0), &inner)
    }

    /// A misc event that rewards validators; no perp data.
    pub fn validator_rewards(time_ms: i64, nanos_below_ms: u32, validator: &str, amount_e6: i128) -> String {
        let inner = format!(r#"{{"ValidatorRewards":{{"validator_to_reward":[["{validator}","{}"]]}}}}"#, decimal(amount_e6, 6));
        Self::misc(time_ms, nanos_below_ms, &format!("0x{:064x}", 0), &inner)
    }

    /// A ledger row of one user; `delta` is its object without braces.
    pub fn ledger(time_ms: i64, nanos_below_ms: u32, hash: &str, user: &str, delta: &str) -> String {
        let inner = format!(r#"{{"LedgerUpdate":{{"users":["{user}"],"delta":{{{delta}}}}}}}"#);
        Self::misc(time_ms, nanos_below_ms, hash, &inner)
    }

    fn misc(time_ms: i64, nanos_below_ms: u32, hash: &str, inner: &str) -> String {
        format!(r#"{{"time":"{}","hash":"{hash}","inner":{inner}}}"#, iso(time_ms, nanos_below_ms))
    }
}

/// `2026-04-07T00:00:00.040123456`, UTC without a zone.
fn iso(time_ms: i64, nanos_below_ms: u32) -> String {
    let (days, ms) = (time_ms.div_euclid(86_400_000), time_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (secs, nanos) = (ms / 1_000, (ms % 1_000) * 1_000_000 + i64::from(nanos_below_ms));
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{nanos:09}", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// Year, month and day of a number of days since 1970-01-01 in the Gregorian calendar.
fn civil(days: i64) -> (i64, u32, u32) {
    let mut year = 1970 + days.div_euclid(366);
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_before = |year: i64| (year - 1970) * 365 + leaps_before(year) - leaps_before(1970);
    while days_before(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_before(year);
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while rest >= lengths[month] {
        rest -= lengths[month];
        month += 1;
    }
    (year, month as u32 + 1, rest as u32 + 1)
}

/// Leap years before a year.
fn leaps_before(year: i64) -> i64 {
    let past = year - 1;
    past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_real_blocks() {
        assert_eq!(iso(1_761_584_399_797, 563_798), "2025-10-27T16:59:59.797563798");
        assert_eq!(iso(1_781_139_600_039, 772_125), "2026-06-11T01:00:00.039772125");
        assert_eq!(iso(1_709_164_800_000, 0), "2024-02-29T00:00:00.000000000");
    }

    #[test]
    fn a_line_is_json() {
        let mut events = String::new();
        let fill = FillEvent {
            user: "0xab".to_owned(),
            coin: "BTC",
            px: "68500.0".to_owned(),
            sz: "0.1".to_owned(),
            buyer: true,
            time_ms: 1_761_584_399_797,
            start_position: "-0.1".to_owned(),
            dir: "Close Short",
            closed_pnl_e6: -402_645,
            hash: "0x1".to_owned(),
            oid: 7,
            crossed: false,
            fee_e6: -383,
            tid: 9,
            fee_token: "USDC",
            liquidation: Some(LiquidationNote { user: "0xab".to_owned(), mark_px: "1.0".to_owned(), method: "market" }),
        };
        fill.write(&mut events);
        let line = Lines::block(5, 1_761_584_399_797, 1, &events);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["events"][0][1]["closedPnl"], "-0.402645");
        assert_eq!(value["events"][0][1]["liquidation"]["method"], "market");
        assert_eq!(value["block_number"], 5);
    }
}
