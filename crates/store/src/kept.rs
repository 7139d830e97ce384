//! Events that are kept as they came: those that wait for something, those whose market nothing has described yet, closes that were
//! joined to a position.

use perpdex_core::{Event, EventBody, market_id};
use perpdex_reducer::WaitFor;

use crate::fact::{height_cell, key_cells};
use crate::market::row_key;
use crate::sql::{Bulk, Fault, Param, Result};

pub(crate) const UNRESOLVED: &[&str] =
    &["chain_id", "height", "rec", "sub", "event", "ord", "venue_id", "market_id", "ts_ms", "target", "account", "position_key", "body"];

pub(crate) const JOINED: &[&str] = &["chain_id", "height", "rec", "sub", "venue_id", "position_key", "since_height", "is_settled", "body"];

pub(crate) const UNDESCRIBED: &[&str] = &["chain_id", "height", "rec", "sub", "event", "ord", "market_id", "body"];

/// Adds an event that waits.
pub(crate) fn push_waiting(bulk: &mut Bulk, target: WaitFor, event: &Event) {
    let (account, position_key) = match &event.body {
        EventBody::Close(close) => (close.account.as_ref(), Some(&close.position_key)),
        EventBody::Fill(fill) => (Some(&fill.account), Some(&fill.position_key)),
        EventBody::FundingPayment(payment) => (Some(&payment.account), Some(&payment.position_key)),
        _ => (None, None),
    };
    let [chain, height, rec, sub] = key_cells(&row_key(event));
    bulk.push([
        chain,
        height,
        rec,
        sub,
        Param::Name(event_name(&event.body)),
        event.ord.into(),
        event.venue.id().into(),
        event.market.as_deref().map(|key| market_id(event.venue, event.chain, key)).into(),
        event.time_ms.into(),
        Param::Name(target.as_str()),
        account.cloned().into(),
        position_key.cloned().into(),
        event_text(event).into(),
    ]);
}

/// A close that was joined to what stood of its position since a height.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) close: Event,
    pub(crate) since: u64,
    pub(crate) is_settled: bool,
}

/// Adds a close that was joined.
pub(crate) fn push_joined(bulk: &mut Bulk, Joined { close, since, is_settled }: Joined) {
    let EventBody::Close(body) = &close.body else { unreachable!("only closes are joined") };
    let [chain, height, rec, sub] = key_cells(&row_key(&close));
    let (venue, position_key) = (close.venue.id().into(), body.position_key.clone().into());
    bulk.push([chain, height, rec, sub, venue, position_key, height_cell(since), is_settled.into(), event_text(&close).into()]);
}

/// Adds an event of a market that nothing has described at its height.
pub(crate) fn push_undescribed(bulk: &mut Bulk, event: &Event) {
    let key = event.market.as_deref().expect("an event without a market is never undescribed");
    let [chain, height, rec, sub] = key_cells(&row_key(event));
    let market = market_id(event.venue, event.chain, key);
    let name = Param::Name(event_name(&event.body));
    bulk.push([chain, height, rec, sub, name, event.ord.into(), market.into(), event_text(event).into()]);
}

/// Reads the body of a waiting event.
pub(crate) fn parse_event(text: &str) -> Result<Event> {
    serde_json::from_str(text).map_err(|error| Fault::Corrupt(format!("a waiting event cannot be read back: {error}")))
}

/// An event as [`parse_event`] reads it.
pub(crate) fn event_text(event: &Event) -> String {
    serde_json::to_string(event).expect("an event is texts, numbers and lists of them")
}

/// The name of an event's kind: the tag of its text form.
pub(crate) fn event_name(body: &EventBody) -> &'static str {
    match body {
        EventBody::Fill(_) => "fill",
        EventBody::Close(_) => "close",
        EventBody::FundingRate(_) => "funding_rate",
        EventBody::FundingIndex(_) => "funding_index",
        EventBody::FundingPayment(_) => "funding_payment",
        EventBody::OiAnchor(_) => "oi_anchor",
        EventBody::Price(_) => "price",
        EventBody::VolumeBar(_) => "volume_bar",
        EventBody::TokenPrice(_) => "token_price",
        EventBody::CollateralFlow(_) => "collateral_flow",
        EventBody::MarketListed(_) => "market_listed",
    }
}

/// Whether an event is a close that leaves something to its position.
pub(crate) fn is_close(event: &Event) -> bool {
    matches!(event.body, EventBody::Close(_))
}
