//! Ledger updates: deposits and withdrawals become flows, the rest moves inside the venue.

use std::borrow::Cow;

use perpdex_core::{CollateralFlow, EventBody, FlowDirection, FlowScope, TokenAmount};
use serde::Deserialize;

use super::EVENTS;
use super::block_events::BlockEvents;
use super::dexes::QUOTE_TOKEN;
use super::lines::{self, Trouble, lower, token_units};

#[derive(Deserialize)]
struct LedgerUpdate<'a> {
    users: Vec<String>,
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    usdc: Option<String>,
    fee: Option<String>,
}

/// Reads a ledger update; gives its name if the layout does not list it.
pub(super) fn ledger_update(events: &mut BlockEvents<'_>, raw: &str) -> Result<Option<String>, Trouble> {
    let update: LedgerUpdate<'_> = serde_json::from_str(raw).map_err(|error| Trouble::malformed(format!("LedgerUpdate: {error}")))?;
    let name = format!("LedgerUpdate.{}", update.delta.kind);
    let direction = match &*update.delta.kind {
        "deposit" => FlowDirection::In,
        "withdraw" => FlowDirection::Out,
        _ => return Ok((!EVENTS.iter().any(|spec| spec.name == name)).then_some(name)),
    };
    let missing = |what: &str| Trouble::malformed(format!("{name}: no {what}"));
    let user = update.users.first().ok_or_else(|| missing("user"))?;
    let amount = token_units("usdc", update.delta.usdc.as_deref().ok_or_else(|| missing("usdc"))?)?;
    if amount.is_negative() {
        return Err(Trouble::invalid(format!("{name}: usdc is below zero")));
    }
    let account = lower(lines::name("user", user)?).into_owned();
    let flow = CollateralFlow {
        account: account.clone().into(),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: amount, token: QUOTE_TOKEN.into() },
        fee_native: update.delta.fee.as_deref().map(|fee| token_units("fee", fee)).transpose()?,
    };
    events.push(&[&update.delta.kind, &account], None, EventBody::CollateralFlow(flow));
    Ok(None)
}
