//! Cascades by the words of their definition: every minute of the whole history is looked at, with all minutes of the day before it.

use std::collections::{BTreeMap, BTreeSet};

/// One liquidated account and execution, in order of time: unix milliseconds, venue, side, micro-dollars.
pub(crate) type Liquidation = (i64, i64, String, i64);

/// What makes a cascade; the other thresholds are one floor and one burst minute.
pub(crate) struct Definition {
    pub(crate) floor_usd_e6: i64,
    pub(crate) baseline_minutes: i64,
    pub(crate) baseline_percentile: i64,
    pub(crate) baseline_factor: i64,
    pub(crate) gap_minutes: i64,
    pub(crate) venue_ppm: i64,
}

const MINUTE_MS: i64 = 60_000;

/// Side, start and end, notional and that of longs, burst minutes, peak minute and its notional, venues that count, the first of
/// them, whether two of them began near each other: a row of `cascades` each.
pub(crate) fn by_definition(of: &Definition, rows: &[Liquidation]) -> Vec<String> {
    let mut out = Vec::new();
    for side in ["both", "long", "short"] {
        let rows: Vec<&Liquidation> = rows.iter().filter(|row| side == "both" || row.2 == side).collect();
        let mut usd: BTreeMap<i64, i64> = BTreeMap::new();
        for row in &rows {
            *usd.entry(row.0.div_euclid(MINUTE_MS)).or_default() += row.3;
        }
        let bursts: Vec<i64> =
            usd.iter().filter(|(minute, usd_e6)| is_burst(of, &usd, **minute, **usd_e6)).map(|(minute, _)| *minute).collect();
        let mut at = 0;
        while at < bursts.len() {
            let mut end = at;
            while end + 1 < bursts.len() && bursts[end + 1] - bursts[end] <= of.gap_minutes {
                end += 1;
            }
            out.push(row(of, side, &rows, &usd, &bursts[at..=end]));
            at = end + 1;
        }
    }
    out.sort();
    out
}

fn is_burst(of: &Definition, usd: &BTreeMap<i64, i64>, minute: i64, usd_e6: i64) -> bool {
    let mut before: Vec<i64> = (minute - of.baseline_minutes..minute).map(|minute| usd.get(&minute).copied().unwrap_or(0)).collect();
    before.sort_unstable();
    // Nearest rank: 99 of 1,440 is the 1,426th.
    let rank = (of.baseline_minutes * of.baseline_percentile + 99) / 100;
    let baseline = before[usize::try_from(rank - 1).unwrap()];
    usd_e6 >= of.floor_usd_e6.max(of.baseline_factor * baseline)
}

fn row(of: &Definition, side: &str, rows: &[&Liquidation], usd: &BTreeMap<i64, i64>, bursts: &[i64]) -> String {
    let (start_ms, end_ms) = (bursts[0] * MINUTE_MS, (bursts[bursts.len() - 1] + 1) * MINUTE_MS);
    let inside: Vec<&&Liquidation> = rows.iter().filter(|row| (start_ms..end_ms).contains(&row.0)).collect();
    let total: i64 = inside.iter().map(|row| row.3).sum();
    let longs: i64 = inside.iter().filter(|row| row.2 == "long").map(|row| row.3).sum();
    let minutes = || usd.range(start_ms / MINUTE_MS..end_ms / MINUTE_MS);
    let peak_usd = minutes().map(|(_, usd)| *usd).max().unwrap();
    let peak = minutes().find(|(_, usd)| **usd == peak_usd).unwrap().0;
    let venues: BTreeSet<i64> = inside.iter().map(|row| row.1).collect();
    let mut firsts: Vec<(i64, i64)> = Vec::new();
    for venue in venues {
        let mut of_venue = inside.iter().filter(|row| row.1 == venue);
        let first_ms = of_venue.clone().map(|row| row.0).min().unwrap();
        let sum: i128 = of_venue.by_ref().map(|row| i128::from(row.3)).sum();
        // Half of a part per million is not worth a venue here: no share lies so near its threshold.
        if sum * 1_000_000 >= i128::from(of.venue_ppm) * i128::from(total) {
            firsts.push((first_ms, venue));
        }
    }
    firsts.sort_unstable();
    let is_cross = firsts.windows(2).any(|pair| pair[1].0 - pair[0].0 <= of.gap_minutes * MINUTE_MS);
    let (first, bursts) = (firsts[0].1, bursts.len());
    format!("{side} {start_ms} {end_ms} {total} {longs} {bursts} {peak} {peak_usd} {} {first} {}", firsts.len(), i64::from(is_cross))
}
