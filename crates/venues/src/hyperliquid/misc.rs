//! Misc events: funding payments and rates here, ledger updates in [`super::ledger`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{
    Amount, Decimal, DecodeUnit, Decoded, Event, EventBody, FundingKind, FundingPayment, FundingRate, Period, PositionSide, RawRecord,
    TokenAmount,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::EVENTS;
use super::block_events::BlockEvents;
use super::dexes::collateral;
use super::ledger::ledger_update;
use super::lines::{Trouble, decimal, events, failure, lower, name, token_units};

/// Funding is settled every hour, some milliseconds past it.
const FUNDING_INTERVAL_MS: i64 = 3_600_000;

/// An event: one variant with its fields. Time and hash are those of the block and of no use here.
#[derive(Deserialize)]
struct MiscEvent<'a> {
    #[serde(borrow)]
    inner: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

#[derive(Deserialize)]
struct Funding<'a> {
    #[serde(borrow)]
    deltas: Vec<&'a RawValue>,
}

/// One account's payment in one market.
#[derive(Deserialize)]
struct FundingDelta<'a> {
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    coin: Cow<'a, str>,
    #[serde(borrow)]
    funding_amount: Cow<'a, str>,
    #[serde(borrow)]
    szi: Cow<'a, str>,
    #[serde(borrow)]
    funding_rate: Cow<'a, str>,
}

/// The payments of one block, as they are made into events.
struct MiscBlock<'u> {
    events: BlockEvents<'u>,
    /// Rate of each market, as its first payment says.
    rates: BTreeMap<String, Decimal>,
}

/// Decodes the misc events of one block.
pub(super) fn decode(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let (raw, failures) = events(record, text);
    let mut out = Decoded { failures, ..Decoded::default() };
    let mut block = MiscBlock { events: BlockEvents::new(*unit), rates: BTreeMap::new() };
    let mut unknown = BTreeSet::new();
    for (index, raw) in raw.iter().enumerate() {
        let event: MiscEvent<'_> = match serde_json::from_str(raw.get()) {
            Ok(event) => event,
            Err(error) => {
                out.failures.push(failure(record, index.to_string(), Trouble::malformed(format!("misc event: {error}"))));
                continue;
            }
        };
        for (variant, fields) in event.inner {
            match &*variant {
                "Funding" => {
                    let troubles = block.funding(fields.get());
                    out.failures.extend(troubles.into_iter().map(|(part, trouble)| failure(record, format!("{index}{part}"), trouble)));
                }
                "LedgerUpdate" => match ledger_update(&mut block.events, fields.get()) {
                    Ok(None) => {}
                    Ok(Some(name)) if !unknown.insert(name.clone()) => {}
                    Ok(Some(name)) => out.unknown.push(failure(record, index.to_string(), Trouble::unknown(name))),
                    Err(trouble) => out.failures.push(failure(record, index.to_string(), trouble)),
                },
                name if EVENTS.iter().any(|spec| spec.name == name) => {}
                name => {
                    if unknown.insert(name.to_owned()) {
                        out.unknown.push(failure(record, index.to_string(), Trouble::unknown(format!("misc event {name:?}"))));
                    }
                }
            }
        }
    }
    out.events = block.finish();
    out
}

impl MiscBlock<'_> {
    /// The end of the interval that a payment of this block closes.
    fn interval_end_ms(&self) -> i64 {
        self.events.time_ms().div_euclid(FUNDING_INTERVAL_MS) * FUNDING_INTERVAL_MS
    }

    /// Payments of one funding event; troubles come with their place behind the event's index.
    fn funding(&mut self, raw: &str) -> Vec<(String, Trouble)> {
        let funding: Funding<'_> = match serde_json::from_str(raw) {
            Ok(funding) => funding,
            Err(error) => return vec![(String::new(), Trouble::malformed(format!("Funding: {error}")))],
        };
        let deltas = funding.deltas.iter().enumerate();
        deltas.filter_map(|(at, raw)| self.payment(raw.get()).err().map(|trouble| (format!(".{at}"), trouble))).collect()
    }

    fn payment(&mut self, raw: &str) -> Result<(), Trouble> {
        let delta: FundingDelta<'_> = serde_json::from_str(raw).map_err(|error| Trouble::malformed(format!("Funding delta: {error}")))?;
        let user = lower(name("user", &delta.user)?);
        name("coin", &delta.coin)?;
        let rate = decimal("funding_rate", &delta.funding_rate)?;
        let size = decimal("szi", &delta.szi)?;
        let native = token_units("funding_amount", &delta.funding_amount)?;
        let side = match (size.is_zero(), size.is_negative()) {
            (true, _) => None,
            (false, true) => Some(PositionSide::Short),
            (false, false) => Some(PositionSide::Long),
        };
        let payment = FundingPayment {
            account: user.clone().into_owned().into(),
            position_key: format!("{user}/{}", delta.coin).into(),
            side,
            kind: FundingKind::Funding,
            amount: TokenAmount { native, token: collateral(&delta.coin).into_owned().into() },
            token_price_usd: None,
            size: Some(Amount::decimals(size.value, size.scale)),
            interval_end_ms: Some(self.interval_end_ms()),
        };
        self.events.push(&["funding", &user, &delta.coin], Some(delta.coin.to_string()), EventBody::FundingPayment(payment));
        let first = *self.rates.entry(delta.coin.to_string()).or_insert(rate);
        if first == rate {
            Ok(())
        } else {
            Err(Trouble::invalid(format!("Funding of {}: rate {rate} beside {first} in one block", delta.coin)))
        }
    }

    /// The events, with one rate of each market behind the payments.
    fn finish(mut self) -> Vec<Event> {
        let end_ms = self.interval_end_ms();
        for (coin, rate) in std::mem::take(&mut self.rates) {
            let period = Period::Exact { start_ms: end_ms - FUNDING_INTERVAL_MS, end_ms };
            let body = FundingRate { kind: FundingKind::Funding, period, cost_long_1h: Some(rate), cost_short_1h: Some(rate.neg()) };
            self.events.push(&["rate", &coin], Some(coin.clone()), EventBody::FundingRate(body));
        }
        self.events.into_events()
    }
}
