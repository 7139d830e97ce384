//! The base of a market's levels where history does not begin at zero, or goes on behind a gap: the first moment at which
//! the chain has stated every part of the level since.

use perpdex_core::AmountError;

use super::{AnchorBase, CoveredTime, HOUR_MS, Level};

impl AnchorBase {
    pub(super) fn hour_id(&self) -> i64 {
        self.ts_ms.div_euclid(HOUR_MS)
    }

    /// The level at the end of the base's hour; `None` unless the rest of the hour is covered.
    pub(super) fn level_at_hour_end(&self, covered: &[CoveredTime]) -> Result<Option<Level>, AmountError> {
        let end_ms = (self.hour_id() + 1) * HOUR_MS;
        if !covered.iter().any(|stretch| stretch.from_ms <= self.ts_ms && end_ms <= stretch.to_ms) {
            return Ok(None);
        }
        let mut level = self.level()?;
        for delta in &self.tail {
            level = level.plus(delta).map_err(|(_, error)| error)?;
        }
        Ok(Some(level))
    }

    /// The parts added up.
    fn level(&self) -> Result<Level, AmountError> {
        let mut level = Level::zero();
        for part in &self.parts {
            let (q, usd) = match part.is_long {
                true => (&mut level.long_q, &mut level.long_usd_e6),
                false => (&mut level.short_q, &mut level.short_usd_e6),
            };
            *q = super::sum(*q, part.q)?;
            *usd = usd.zip(part.usd_e6).map(|(sum, part)| super::sum(sum, part)).transpose()?;
        }
        Ok(level)
    }
}
