//! What stands in the files beside perp trades: funding, transfers, spot.

use super::market::SCALE;
use super::{Block, Venue};
use crate::encode::hyperliquid::{FillEvent, FundingDelta, Lines};
use crate::num::{decimal, half_even, pow10, small};
use crate::truth::{Flow, Tally};
use crate::world::scene::named_address;

/// Amounts of the ledger are kept with eight decimals.
const LEDGER_DECIMALS: u32 = 8;

impl Venue<'_> {
    /// The hour's funding: each holder pays or receives position times oracle price times rate.
    pub(super) fn fund(&mut self, block: &mut Block, tally: &mut Tally) {
        let hour_ended_ms = block.time_ms - block.time_ms % 3_600_000 - 1;
        let mut deltas = Vec::new();
        for market in &self.markets {
            let rate_e10 = i128::from(self.rng.between(-150_000, 400_000));
            let oracle = market.price(self.scene.prices.at(market.listing.asset, block.time_ms));
            let mut is_paid = false;
            for (user, position) in &market.positions {
                let amount_e6 = half_even(-position.size * oracle * rate_e10, pow10(SCALE + 10));
                if amount_e6 == 0 {
                    continue;
                }
                is_paid = true;
                tally.funding(market.id, hour_ended_ms, small(amount_e6));
                let (user, szi) = (user.address.clone(), decimal(position.size, SCALE));
                deltas.push(FundingDelta { user, coin: market.listing.coin, amount_e6, szi, rate_e10 });
            }
            if is_paid {
                tally.rate(market.id, hour_ended_ms, small(rate_e10 * 100));
            }
        }
        block.misc.push(Lines::funding(block.time_ms, block.nanos, &deltas));
        let validator = format!("{:#x}", named_address(0, "validator", 0));
        block.misc.push(Lines::validator_rewards(block.time_ms, block.nanos, &validator, 282_217));
    }

    /// A deposit or a withdrawal.
    pub(super) fn move_funds(&mut self, block: &mut Block, tally: &mut Tally) {
        let user = self.taker();
        let into = self.rng.percent(60);
        let amount_e6 = i128::from(self.rng.skewed(10, 12)) * pow10(6) + i128::from(self.rng.below(1_000_000));
        let (hash, _) = self.next_order();
        let usdc = decimal(amount_e6, 6);
        let delta = match into {
            true => format!(r#""type":"deposit","usdc":"{usdc}""#),
            false => format!(r#""type":"withdraw","usdc":"{usdc}","nonce":{},"fee":"1.0""#, block.time_ms),
        };
        block.misc.push(Lines::ledger(block.time_ms, block.nanos, &hash, &user.address, &delta));
        tally.flow(Flow {
            chain: "hyperliquid",
            venue: "hyperliquid",
            token: "USDC".to_owned(),
            ts_ms: block.time_ms,
            into,
            native: amount_e6 * pow10(LEDGER_DECIMALS - 6),
            dollar_decimals: Some(LEDGER_DECIMALS),
        });
    }

    /// Spot fills in the same files: a match of two, and a dust conversion of one, whose match id is zero.
    pub(super) fn spot(&mut self, block: &mut Block) {
        let (hash, oid) = self.next_order();
        for (buyer, dir, tid) in [(true, "Buy", oid), (false, "Sell", oid), (false, "Spot Dust Conversion", 0)] {
            let user = self.user("hyperliquid taker", u64::from(buyer));
            let fill = FillEvent {
                user: user.address,
                coin: "@107",
                px: "31.2".to_owned(),
                sz: "0.5".to_owned(),
                buyer,
                time_ms: block.time_ms,
                start_position: "100.0".to_owned(),
                dir,
                closed_pnl_e6: 0,
                hash: hash.clone(),
                oid,
                crossed: buyer,
                fee_e6: 350,
                tid,
                fee_token: if buyer { "HYPE" } else { "USDC" },
                liquidation: None,
            };
            let mut text = String::new();
            fill.write(&mut text);
            block.fills.push(text);
        }
    }
}
