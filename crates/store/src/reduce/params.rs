//! Thresholds of windows: rows of `reduce_params`.

use std::collections::BTreeMap;

use perpdex_reducer::{CascadeParams, ExtremeParams, SignalParams};

use crate::db::Tx;
use crate::sql::{Fault, Result};

/// All thresholds, by name and asset.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(BTreeMap<(String, String), i64>);

impl Params {
    pub(super) async fn load(tx: &mut Tx) -> Result<Params> {
        let rows = tx.rows("SELECT name, asset, value FROM reduce_params", Vec::new()).await?;
        rows.iter().map(|r| Ok(((r.string(0)?, r.string(1)?), r.int(2)?))).collect::<Result<_>>().map(Params)
    }

    /// A threshold of an asset, else of all.
    fn get<T: TryFrom<i64>>(&self, name: &str, asset: &str) -> Result<T> {
        let of = |asset: &str| self.0.get(&(name.to_owned(), asset.to_owned()));
        let value = of(asset).or_else(|| of("*")).and_then(|value| T::try_from(*value).ok());
        value.ok_or_else(|| Fault::Corrupt(format!("reduce_params has no usable row {name:?} of asset {asset:?} or '*'")))
    }

    pub(super) fn cascade(&self, asset: &str) -> Result<CascadeParams> {
        let floor_usd: i64 = self.get("cascade_floor_usd", asset)?;
        let positive = |name: &str| match self.get(name, asset)? {
            number if number >= 1 => Ok(number),
            number => Err(Fault::Corrupt(format!("reduce_params: {name} is {number} for {asset}, but must be 1 or more"))),
        };
        Ok(CascadeParams {
            floor_usd_e6: floor_usd.max(1).saturating_mul(1_000_000),
            baseline_minutes: positive("cascade_baseline_minutes")?,
            baseline_percentile: self.get("cascade_baseline_percentile", asset)?,
            baseline_factor: self.get("cascade_baseline_factor", asset)?,
            gap_minutes: positive("cascade_gap_minutes")?,
            keep_floors: self.get("cascade_keep_floors", asset)?,
            keep_bursts: self.get("cascade_keep_bursts", asset)?,
            venue_ppm: self.get("cascade_venue_ppm", asset)?,
        })
    }

    pub(super) fn extremes(&self, asset: &str) -> Result<ExtremeParams> {
        Ok(ExtremeParams {
            hours: self.get("extremes_hours", asset)?,
            points_min: self.get("extremes_points_min", asset)?,
            z_e6: self.get("extremes_z_e6", asset)?,
            rank_ppm: self.get("extremes_rank_ppm", asset)?,
        })
    }

    pub(super) fn signals(&self, asset: &str) -> Result<SignalParams> {
        Ok(SignalParams {
            hours: self.get("signal_hours", asset)?,
            oi_ppm: self.get("signal_oi_ppm", asset)?,
            rank_ppm: self.get("signal_rank_ppm", asset)?,
            window_hours: self.get("extremes_hours", asset)?,
            points_min: self.get("extremes_points_min", asset)?,
            liq_percentile: self.get("signal_liq_percentile", asset)?,
            flip_hours: self.get("signal_flip_hours", asset)?,
            price_ppm: self.get("signal_price_ppm", asset)?,
            divergent_oi_ppm: self.get("signal_divergent_oi_ppm", asset)?,
            call_ppm: self.get("signal_call_ppm", asset)?,
        })
    }
}
