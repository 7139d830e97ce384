//! Aster Pro, matched off chain: trades between two accounts of nobody's concern, funding settled by each market's own
//! interval, open interest as one number.
//!
//! The truth is what the API tells of the past: volume and settled rates, and of levels only the last. Forced orders are
//! pushed to who listens and are no part of it.

use super::scene::Scene;
use crate::exchange::{AsterExchange, AsterForced, AsterMarket, AsterTrade, PRICE_DIGITS, QTY_DIGITS, RATE_DIGITS};
use crate::num::{half_even, pow10};
use crate::rng::Rng;
use crate::truth::{MarketId, Tally, Trade};

const HOUR_MS: i64 = 3_600_000;
/// Symbol, base, quote, hours between two settlements.
const LISTINGS: [(&str, &str, &str, i64); 4] =
    [("BTCUSDT", "BTC", "USDT", 4), ("BTCUSD1", "BTC", "USD1", 8), ("ETHUSDT", "ETH", "USDT", 1), ("SOLUSDT", "SOL", "USDT", 2)];
/// Share of executions that are followed by a forced order, percent.
const FORCED_PERCENT: u64 = 3;

/// The whole exchange, with about `events` executions.
pub(super) fn play(scene: &Scene<'_>, events: u64, tally: &mut Tally) -> AsterExchange {
    let (start_ms, hours) = (scene.options.start_ms, i64::from(scene.options.hours));
    let end_ms = start_ms + hours * HOUR_MS;
    // A world that has none of its executions does not have its settlements either.
    let listings = if events == 0 { &[][..] } else { &LISTINGS[..] };
    let markets = listings.iter().zip(300..).map(|((symbol, base, quote, interval_hours), label)| {
        let spec = scene.market(("offchain/aster", "aster_pro"), (*symbol).to_owned(), base, QTY_DIGITS);
        let id = tally.market_without_past_levels(spec);
        let market = AsterMarket {
            symbol: (*symbol).to_owned(),
            base: (*base).to_owned(),
            quote: (*quote).to_owned(),
            onboard_ms: start_ms,
            interval_hours: *interval_hours,
            ..AsterMarket::default()
        };
        let mut story = Story { scene, rng: scene.rng(label), market, id, level: 0 };
        story.trade(base, (start_ms, end_ms), events / LISTINGS.len() as u64, tally);
        story.settle((start_ms, end_ms), tally);
        story.market
    });
    AsterExchange { markets: markets.collect(), end_ms }
}

struct Story<'a> {
    scene: &'a Scene<'a>,
    rng: Rng,
    market: AsterMarket,
    id: MarketId,
    level: i64,
}

impl Story<'_> {
    fn trade(&mut self, base: &str, (start_ms, end_ms): (i64, i64), count: u64, tally: &mut Tally) {
        let step_ms = (end_ms - start_ms) / i64::try_from(count.max(1)).expect("a count of events is small");
        for n in 0..i64::try_from(count).expect("a count of events is small") {
            let time_ms = start_ms + n * step_ms + self.rng.between(0, step_ms.max(1) - 1);
            self.rng.at(time_ms);
            // Two digits and three make five: every notional is a whole number of micro-dollars.
            let off = i128::from(self.rng.between(-250, 250)) + 1_000_000;
            let exact_e12 = self.scene.prices.at(base, time_ms) * off / 1_000_000;
            let price = small(half_even(exact_e12, pow10(12 - PRICE_DIGITS))).max(1);
            let dollars = self.rng.skewed(50, 10);
            let qty = (dollars * 10_i64.pow(PRICE_DIGITS + QTY_DIGITS) / price).max(1);
            let taker_buys = self.rng.percent(51);
            self.market.trades.push(AsterTrade { time_ms, price, qty, taker_buys });
            let usd_e6 = price * qty * 10;
            tally.trade(self.id, Trade { ts_ms: time_ms, volume_usd_e6: usd_e6, exec_usd_e6: usd_e6, bought: Some(taker_buys) });
            let closing = qty.min(self.level);
            self.level += if self.rng.percent(45) { -closing } else { qty };
            self.market.levels.push((time_ms, self.level));
            tally.level(self.id, time_ms, i128::from(self.level));
            let is_apart = self.market.forced.last().is_none_or(|last| last.time_ms + 1_000 <= time_ms);
            if is_apart && self.rng.percent(FORCED_PERCENT) {
                let closes_long = self.rng.percent(60);
                self.market.forced.push(AsterForced { time_ms, price, qty, closes_long });
            }
        }
    }

    /// Settlements on whole multiples of the interval; the one at the world's end is not published yet.
    fn settle(&mut self, (start_ms, end_ms): (i64, i64), tally: &mut Tally) {
        let interval_ms = self.market.interval_hours * HOUR_MS;
        let mut stamp_ms = start_ms.div_euclid(interval_ms) * interval_ms + interval_ms;
        while stamp_ms < end_ms {
            // A multiple of 8, so that an hour's part of it is a whole number.
            let rate_e8 = self.rng.between(-2_000, 4_000) * 8;
            self.market.settlements.push((stamp_ms, rate_e8));
            let hour_e12 = rate_e8 * 10_i64.pow(12 - RATE_DIGITS) / self.market.interval_hours;
            for hour_ms in ((stamp_ms - interval_ms).max(start_ms)..stamp_ms).step_by(3_600_000) {
                tally.rate(self.id, hour_ms, hour_e12);
            }
            stamp_ms += interval_ms;
        }
    }
}

fn small(value: i128) -> i64 {
    crate::num::small(value)
}
