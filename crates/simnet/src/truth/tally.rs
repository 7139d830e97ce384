//! Keeping the truth while the world happens.

use std::collections::BTreeMap;

use alloy_primitives::U256;

use super::{Truth, TruthCascade, TruthCascadeVenue, TruthFlow, TruthHour, TruthTotal};
use crate::num::{half_even, pow10, small};

/// A market of the tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MarketId(usize);

/// What the tally needs to know of a market.
#[derive(Clone, Debug)]
pub(crate) struct MarketSpec {
    pub(crate) chain: &'static str,
    pub(crate) venue: &'static str,
    pub(crate) key: String,
    pub(crate) asset: &'static str,
    /// Digits of stored quantities.
    pub(crate) qty_scale: u8,
    /// Canonical units in one venue unit.
    pub(crate) multiplier: i128,
    /// Decimals of the venue's own quantities.
    pub(crate) decimals: u32,
}

/// One execution, seen from its taker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade {
    pub(crate) ts_ms: i64,
    /// Notional as the venue counts it.
    pub(crate) volume_usd_e6: i64,
    /// Notional at the execution price.
    pub(crate) exec_usd_e6: i64,
    /// Whether the taker bought; `None` where that says nothing.
    pub(crate) bought: Option<bool>,
}

/// A position before and after, signed, in the venue's integers. Whether it is one position is the caller's affair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) before: i128,
    pub(crate) after: i128,
}

/// One movement of collateral.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) chain: &'static str,
    pub(crate) venue: &'static str,
    pub(crate) token: String,
    pub(crate) ts_ms: i64,
    pub(crate) into: bool,
    pub(crate) native: i128,
    /// Decimals of a token that counts as a dollar; `None` for the others.
    pub(crate) dollar_decimals: Option<u32>,
}

/// The truth in the making.
#[derive(Debug)]
pub(crate) struct Tally {
    first_hour: i64,
    hours: usize,
    markets: Vec<Market>,
    flows: BTreeMap<(&'static str, &'static str, String, i64), TruthFlow>,
    tables: BTreeMap<&'static str, BTreeMap<(&'static str, &'static str), u64>>,
    cascade: TruthCascade,
}

#[derive(Debug)]
struct Market {
    spec: MarketSpec,
    sums: Vec<TruthHour>,
    /// Long and short level now, scaled.
    level: (i128, i128),
    /// The level after the last change of each hour.
    closing: Vec<Option<(i128, i128)>>,
}

const HOUR_MS: i64 = 3_600_000;

impl Tally {
    /// A tally of the hours from `start_ms` on, with the window of the cascade.
    pub(crate) fn new(start_ms: i64, hours: u32, cascade: TruthCascade) -> Tally {
        Tally {
            first_hour: start_ms.div_euclid(HOUR_MS),
            hours: hours as usize,
            markets: Vec::new(),
            flows: BTreeMap::new(),
            tables: BTreeMap::new(),
            cascade,
        }
    }

    /// A market that is listed at the world's beginning.
    pub(crate) fn market(&mut self, spec: MarketSpec) -> MarketId {
        let sums = (0..self.hours as i64).map(|n| TruthHour {
            chain: spec.chain,
            venue: spec.venue,
            market: spec.key.clone(),
            asset: spec.asset,
            hour_id: self.first_hour + n,
            ..TruthHour::default()
        });
        self.markets.push(Market { sums: sums.collect(), level: (0, 0), closing: vec![None; self.hours], spec });
        MarketId(self.markets.len() - 1)
    }

    /// A market of which nobody tells what its levels once were: only the last hour's can be known.
    pub(crate) fn market_without_past_levels(&mut self, spec: MarketSpec) -> MarketId {
        let market = self.market(spec);
        let hours = self.markets[market.0].sums.split_last_mut().map_or(&mut [][..], |(_, past)| past);
        hours.iter_mut().for_each(|hour| hour.is_level_lost = true);
        market
    }

    /// A market of which nothing tells what was open when the world began: its levels cannot be known.
    pub(crate) fn market_without_levels(&mut self, spec: MarketSpec) -> MarketId {
        let market = self.market(spec);
        self.markets[market.0].sums.iter_mut().for_each(|hour| hour.is_level_lost = true);
        market
    }

    /// The venue has stated the whole level: from this hour on it can be known.
    pub(crate) fn level_told(&mut self, market: MarketId, ts_ms: i64) {
        let index = self.hour_index(ts_ms);
        self.markets[market.0].sums[index..].iter_mut().for_each(|hour| hour.is_level_lost = false);
    }

    /// The level after a moment, as many longs as shorts, in the venue's integers.
    pub(crate) fn level(&mut self, market: MarketId, ts_ms: i64, qty: i128) {
        let index = self.hour_index(ts_ms);
        let Market { spec, level, closing, .. } = &mut self.markets[market.0];
        let q = half_even(qty * spec.multiplier * pow10(u32::from(spec.qty_scale)), pow10(spec.decimals));
        *level = (q, q);
        closing[index] = Some(*level);
    }

    /// A taker execution that is volume.
    pub(crate) fn trade(&mut self, market: MarketId, trade: Trade) {
        let hour = self.hour(market, trade.ts_ms);
        hour.trades += 1;
        hour.volume_usd_e6 += trade.volume_usd_e6;
        hour.exec_volume_usd_e6 += trade.exec_usd_e6;
        match trade.bought {
            Some(true) => hour.taker_buy_usd_e6 += trade.volume_usd_e6,
            Some(false) => hour.taker_sell_usd_e6 += trade.volume_usd_e6,
            None => {}
        }
    }

    /// One row of fills: a leg of an execution, with what it did to the account's position and the fee it paid.
    pub(crate) fn leg(&mut self, market: MarketId, ts_ms: i64, held: Held, fee_usd_e6: i64) {
        self.count("fills", market);
        let index = self.hour_index(ts_ms);
        let Market { spec, sums, level, closing } = &mut self.markets[market.0];
        let scaled = |qty: i128| half_even(qty * spec.multiplier * pow10(u32::from(spec.qty_scale)), pow10(spec.decimals));
        let sides = |qty: i128| (scaled(qty.max(0)), scaled((-qty).max(0)));
        let (before, after) = (sides(held.before), sides(held.after));
        level.0 += after.0 - before.0;
        level.1 += after.1 - before.1;
        assert!(level.0 >= 0 && level.1 >= 0, "open interest of {} below zero", spec.key);
        closing[index] = Some(*level);
        sums[index].fees_usd_e6 += fee_usd_e6;
    }

    /// A liquidated account's execution.
    pub(crate) fn liquidation(&mut self, market: MarketId, ts_ms: i64, long: bool, exec_usd_e6: i64) {
        self.count("liquidations", market);
        let hour = self.hour(market, ts_ms);
        hour.liq_rows += 1;
        match long {
            true => hour.liq_long_usd_e6 += exec_usd_e6,
            false => hour.liq_short_usd_e6 += exec_usd_e6,
        }
        let spec = &self.markets[market.0].spec;
        let inside = (self.cascade.start_ms..self.cascade.end_ms).contains(&ts_ms);
        if long && inside && spec.asset == self.cascade.asset {
            self.cascade.rows += 1;
            self.cascade.usd_e6 += exec_usd_e6;
            let (chain, venue) = (spec.chain, spec.venue);
            let part = match self.cascade.venues.iter().position(|part| (part.chain, part.venue) == (chain, venue)) {
                Some(at) => &mut self.cascade.venues[at],
                None => {
                    self.cascade.venues.push(TruthCascadeVenue { chain, venue, first_ms: ts_ms, rows: 0, usd_e6: 0 });
                    self.cascade.venues.last_mut().expect("just pushed")
                }
            };
            part.rows += 1;
            part.usd_e6 += exec_usd_e6;
        }
    }

    /// An auto-deleveraged account's execution.
    pub(crate) fn adl(&mut self, market: MarketId, ts_ms: i64, exec_usd_e6: i64) {
        self.count("liquidations", market);
        let hour = self.hour(market, ts_ms);
        hour.adl_rows += 1;
        hour.adl_usd_e6 += exec_usd_e6;
    }

    /// A payment of funding that counts in the hour of `ts_ms`; above zero is received, zero is in a token that has no dollars. Not to be called for nothing paid.
    pub(crate) fn funding(&mut self, market: MarketId, ts_ms: i64, usd_e6: i64) {
        self.count("funding_payments", market);
        let hour = self.hour(market, ts_ms);
        hour.funding_received_usd_e6 += usd_e6.max(0);
        hour.funding_charged_usd_e6 += (-usd_e6).max(0);
    }

    /// A borrow fee that was paid. Not to be called for nothing paid.
    pub(crate) fn borrow(&mut self, market: MarketId, ts_ms: i64, usd_e6: i64) {
        self.count("funding_payments", market);
        self.hour(market, ts_ms).borrow_charged_usd_e6 += usd_e6;
    }

    /// The rate of the hour in which `ts_ms` lies.
    pub(crate) fn rate(&mut self, market: MarketId, ts_ms: i64, cost_long_1h_e12: i64) {
        self.hour(market, ts_ms).cost_long_1h_e12 = Some(cost_long_1h_e12);
    }

    /// Collateral that moved.
    pub(crate) fn flow(&mut self, flow: Flow) {
        *self.tables.entry("collateral_flows").or_default().entry((flow.chain, flow.venue)).or_default() += 1;
        let hour_id = flow.ts_ms.div_euclid(HOUR_MS);
        let usd = flow.dollar_decimals.map_or(0, |decimals| small(half_even(flow.native * pow10(6), pow10(decimals))));
        let native = U256::from(u128::try_from(flow.native).expect("flows are unsigned"));
        let row = self.flows.entry((flow.chain, flow.venue, flow.token.clone(), hour_id)).or_insert_with(|| TruthFlow {
            chain: flow.chain,
            venue: flow.venue,
            token: flow.token,
            hour_id,
            deposits: 0,
            withdrawals: 0,
            deposits_native: U256::ZERO,
            withdrawals_native: U256::ZERO,
            deposits_usd_e6: 0,
            withdrawals_usd_e6: 0,
        });
        if flow.into {
            row.deposits += 1;
            row.deposits_native += native;
            row.deposits_usd_e6 += usd;
        } else {
            row.withdrawals += 1;
            row.withdrawals_native += native;
            row.withdrawals_usd_e6 += usd;
        }
    }

    /// The finished truth: levels carried through quiet hours, sums made.
    pub(crate) fn finish(self) -> Truth {
        let mut hours = Vec::new();
        for market in self.markets {
            let mut level = (0, 0);
            for (mut sum, closing) in market.sums.into_iter().zip(market.closing) {
                level = closing.unwrap_or(level);
                (sum.long_q, sum.short_q) = (small(level.0), small(level.1));
                hours.push(sum);
            }
        }
        hours.sort_by(|a, b| (a.chain, a.venue, &a.market, a.hour_id).cmp(&(b.chain, b.venue, &b.market, b.hour_id)));
        let mut cascade = self.cascade;
        cascade.venues.sort_by_key(|part| (part.chain, part.venue));
        Truth { totals: totals(&hours), hours, flows: self.flows.into_values().collect(), cascade, tables: self.tables }
    }

    fn count(&mut self, table: &'static str, market: MarketId) {
        let spec = &self.markets[market.0].spec;
        *self.tables.entry(table).or_default().entry((spec.chain, spec.venue)).or_default() += 1;
    }

    fn hour_index(&self, ts_ms: i64) -> usize {
        let index = usize::try_from(ts_ms.div_euclid(HOUR_MS) - self.first_hour).expect("nothing happens before the world begins");
        assert!(index < self.hours, "something happens after the last whole hour");
        index
    }

    fn hour(&mut self, market: MarketId, ts_ms: i64) -> &mut TruthHour {
        let index = self.hour_index(ts_ms);
        &mut self.markets[market.0].sums[index]
    }
}

fn totals(hours: &[TruthHour]) -> Vec<TruthTotal> {
    let mut totals: BTreeMap<(&str, &str), TruthTotal> = BTreeMap::new();
    for hour in hours {
        let total = totals.entry((hour.chain, hour.venue)).or_default();
        (total.chain, total.venue) = (hour.chain, hour.venue);
        total.trades += hour.trades;
        total.volume_usd_e6 += hour.volume_usd_e6;
        total.liq_rows += hour.liq_rows;
        total.liq_usd_e6 += hour.liq_long_usd_e6 + hour.liq_short_usd_e6;
        total.adl_rows += hour.adl_rows;
        total.fees_usd_e6 += hour.fees_usd_e6;
        total.funding_received_usd_e6 += hour.funding_received_usd_e6;
        total.funding_charged_usd_e6 += hour.funding_charged_usd_e6;
        total.borrow_charged_usd_e6 += hour.borrow_charged_usd_e6;
    }
    totals.into_values().collect()
}
