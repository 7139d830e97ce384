//! One price path per asset: correlated random walks, and the one fall.

use super::scene::CASCADE_MS;
use crate::options::WorldOptions;
use crate::rng::Rng;

/// Prices carry twelve digits behind the point.
pub(super) const PRICE_SCALE: u32 = 12;

/// Start price in dollars times 10^12, and the share of Bitcoin's moves the asset follows, in percent.
const ASSETS: &[(&str, i64, i64)] = &[
    ("BTC", 68_500_000_000_000_000, 100),
    ("ETH", 2_050_000_000_000_000, 120),
    ("SOL", 82_500_000_000_000, 130),
    ("BNB", 610_000_000_000_000, 80),
    ("HYPE", 31_200_000_000_000, 110),
    ("XRP", 1_350_000_000_000, 100),
    ("DOGE", 92_000_000_000, 130),
    ("PEPE", 3_500_000, 150),
    ("LINK", 9_100_000_000_000, 120),
];

/// Widest step of a second, parts per million: of the whole market and of one asset.
const STEP_PPM: (i64, i64) = (130, 100);
/// Additional move of Bitcoin per second, parts per million: while the cascade falls, and in the quarter hour after it.
const FALL_PPM: i64 = -230;
const RECOVERY_PPM: i64 = 25;

/// Price paths with a price for every second.
#[derive(Debug)]
pub(super) struct Prices {
    start_ms: i64,
    paths: Vec<(&'static str, Vec<i64>)>,
}

impl Prices {
    /// Draws the paths.
    pub(super) fn draw(options: &WorldOptions, cascade_start_ms: i64) -> Prices {
        let seconds = usize::try_from(options.hours).expect("hours fit") * 3_600 + 1;
        let mut market = Rng::new(options.seed, 100, options.fork);
        let market_ppm: Vec<i64> = (0..seconds as i64)
            .map(|second| {
                let now_ms = options.start_ms + second * 1_000;
                market.at(now_ms);
                let drift = match now_ms - cascade_start_ms {
                    _ if options.is_quiet => 0,
                    0..CASCADE_MS => FALL_PPM,
                    CASCADE_MS..1_200_000 => RECOVERY_PPM,
                    _ => 0,
                };
                market.between(-STEP_PPM.0, STEP_PPM.0) + drift
            })
            .collect();
        let paths = ASSETS.iter().zip(101..).map(|((asset, start, follows), label)| {
            let mut own = Rng::new(options.seed, label, options.fork);
            let mut price = *start;
            let path = market_ppm.iter().enumerate().map(|(second, market_ppm)| {
                own.at(options.start_ms + second as i64 * 1_000);
                let step_ppm = market_ppm * follows / 100 + own.between(-STEP_PPM.1, STEP_PPM.1);
                price = step(price, step_ppm).clamp(start / 10, start * 10);
                price
            });
            (*asset, path.collect())
        });
        Prices { start_ms: options.start_ms, paths: paths.collect() }
    }

    /// Dollars times 10^12 per unit of the asset.
    pub(super) fn at(&self, asset: &str, now_ms: i64) -> i128 {
        let (_, path) = self.paths.iter().find(|(name, _)| *name == asset).unwrap_or_else(|| panic!("no price of {asset}"));
        let second = usize::try_from((now_ms - self.start_ms) / 1_000).expect("no price before the beginning");
        i128::from(path[second.min(path.len() - 1)])
    }
}

/// A price moved by parts per million.
pub(super) fn step(price: i64, ppm: i64) -> i64 {
    price + i64::try_from(i128::from(price) * i128::from(ppm) / 1_000_000).expect("a step is smaller than the price")
}
