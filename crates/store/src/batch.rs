//! What a transaction gathers before it writes: rows that come and go, events that wait, failures.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use perpdex_core::{Catalog, ChainId, Event, EventBody, StreamId, VenueSlug, market_id};
use perpdex_reducer::{Expanded, Row, TokenRow, WaitFor, expand};
use tokio::sync::mpsc::unbounded_channel;

use crate::aggregate::{Sign, Sums};
use crate::db::Tx;
use crate::dirty::{self, Touched};
use crate::fact::{self, height_cell};
use crate::kept::{
    JOINED, Joined, UNDESCRIBED, UNRESOLVED, event_name, event_text, is_close, parse_event, push_joined, push_undescribed, push_waiting,
};
use crate::market::{FirstSeen, Market, insert_listings, is_listing, load, lower_first, refresh};
use crate::raw::Records;
use crate::reference::remove_unused_assets;
use crate::sql::{Bulk, Fault, Lot, Param, Result};

/// A close makes its fill under its own key, and its payments under this many keys that follow.
pub(crate) const JOINED_SUBS: u32 = 2;

/// Events whose rows are made at once: a fraction of a millisecond, so that the writer is seldom left without any.
const EVENTS_AT_ONCE: usize = 64;

/// Markets of the venues a transaction touches, by id.
pub(crate) type Markets = HashMap<i64, Market>;

/// Gathered changes of one transaction. [`Batch::write_rows`] and [`Batch::finish`] write them.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    catalog: &'a Catalog,
    chain: ChainId,
    sums: Sums,
    rows: Vec<Row>,
    waiting: Vec<(WaitFor, Event)>,
    undescribed: Vec<Event>,
    joined: Vec<Joined>,
    failures: Bulk,
    has_redone: bool,
    /// Events whose numbers fit no column.
    pub(crate) failed: u64,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(catalog: &'a Catalog, chain: ChainId) -> Batch<'a> {
        Batch {
            catalog,
            chain,
            sums: Sums::default(),
            rows: Vec::new(),
            waiting: Vec::new(),
            undescribed: Vec::new(),
            joined: Vec::new(),
            failures: Bulk::new("decode_failures", FAILURES),
            has_redone: false,
            failed: 0,
        }
    }

    /// The same without what it gathered.
    pub(crate) fn anew(&self) -> Batch<'a> {
        Batch::new(self.catalog, self.chain)
    }

    /// Reference data of the program.
    pub(crate) fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    /// The row of a token of the batch's chain.
    pub(crate) fn token(&self, address: &str) -> Option<TokenRow> {
        self.catalog.token(self.chain.market_chain(), address).map(|token| TokenRow { decimals: token.decimals, usd_par: token.usd_par })
    }

    /// Writes records and what new events become; the events' rows are made while the records and other rows are written. Closes
    /// are given back: they are joined when the rows stand.
    pub(crate) async fn write(&mut self, tx: &mut Tx, records: Vec<Records>, events: Vec<Event>) -> Result<Vec<Event>> {
        let markets = self.meet_all(tx, &events).await?;
        // Each of the others goes when its rows are made.
        let (closes, others) = events.into_iter().partition(is_close);
        self.write_scaled::<Event>(tx, records, others, &markets).await?;
        Ok(closes)
    }

    /// [`Batch::write`] before the commit's turn has come; closes are left out. Gives the markets that the rows were made with, or `None`
    /// where rows were not made: what the events say of their markets must be written first.
    pub(crate) async fn write_ahead(&mut self, tx: &mut Tx, records: Vec<Records>, events: &[Event]) -> Result<Option<Markets>> {
        let mut markets = load(tx, self.chain, &venues_of(events), self.catalog).await?;
        let met = met_markets(events);
        if !met.iter().all(|(id, met)| markets.get(id).is_some_and(|market| !met.is_listed && market.is_seen_since(met.seen))) {
            tx.write(records).await?;
            return Ok(None);
        }
        markets.retain(|id, _| met.iter().any(|(other, _)| other == id));
        let others: Vec<&Event> = events.iter().filter(|event| !is_close(event)).collect();
        self.write_scaled(tx, records, others, &markets).await?;
        Ok(Some(markets))
    }

    /// Whether markets are as they were.
    pub(crate) async fn still_stand(&self, tx: &mut Tx, used: &Markets) -> Result<bool> {
        let mut venues: Vec<VenueSlug> = used.values().map(|market| market.row.venue).collect();
        venues.sort_unstable();
        venues.dedup();
        let now = load(tx, self.chain, &venues, self.catalog).await?;
        Ok(used.iter().all(|(id, market)| now.get(id) == Some(market)))
    }

    /// Writes records and the rows of events of these markets.
    async fn write_scaled<E: Borrow<Event>>(
        &mut self,
        tx: &mut Tx,
        records: Vec<Records>,
        events: Vec<E>,
        markets: &Markets,
    ) -> Result<()> {
        // By key: an id is a hash, too dear to make for every event.
        let by_key: HashMap<(VenueSlug, &str), &Market> =
            markets.values().map(|market| ((market.row.venue, market.row.market_key.as_str()), market)).collect();
        let make = |batch: &mut Self, event: E| {
            let event = event.borrow();
            let market = event.market.as_deref().and_then(|key| by_key.get(&(event.venue, key)).copied());
            batch.expand(event, market)
        };
        self.write_as_made(tx, records, events, make).await
    }

    /// Writes records and what `make` makes of events, which it does meanwhile.
    pub(crate) async fn write_as_made<E>(
        &mut self,
        tx: &mut Tx,
        records: Vec<Records>,
        events: impl IntoIterator<Item = E>,
        mut make: impl FnMut(&mut Self, E) -> Result<()>,
    ) -> Result<()> {
        let (rows, made) = unbounded_channel();
        let writing = async {
            if !records.is_empty() {
                tx.write(records).await?;
                // The records stay where rows must be made anew.
                tx.mark().await?;
            }
            fact::insert_made(tx, made).await
        };
        let making = async {
            let (rows, mut events) = (rows, events.into_iter().peekable());
            loop {
                for event in events.by_ref().take(EVENTS_AT_ONCE) {
                    make(self, event)?;
                }
                let is_wanted = rows.send(std::mem::take(&mut self.rows)).is_ok();
                if events.peek().is_none() || !is_wanted {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        futures::try_join!(writing, making)?;
        Ok(())
    }

    /// The markets of new events, with what the events say of them: listings first, so that the markets stand before anything is
    /// scaled by them.
    async fn meet_all(&mut self, tx: &mut Tx, events: &[Event]) -> Result<Markets> {
        let mut markets = load(tx, self.chain, &venues_of(events), self.catalog).await?;
        let listings: Vec<&Event> = events.iter().filter(|event| is_listing(event).is_some()).collect();
        insert_listings(tx, &listings).await?;
        for (id, met) in met_markets(events) {
            self.meet(tx, &mut markets, id, met).await?;
        }
        Ok(markets)
    }

    /// Makes the rows of one event and adds what they contribute; [`Batch::write_rows`] writes them.
    pub(crate) fn expand(&mut self, event: &Event, market: Option<&Market>) -> Result<()> {
        match expand(event, market.map(|market| &market.row), &|address| self.token(address)) {
            Ok(Expanded::Rows(rows)) => {
                self.sums.add(&rows, Sign::Plus)?;
                self.rows.extend(rows);
                if market.is_some_and(|market| market.is_undescribed_at(event)) {
                    self.undescribed.push(event.clone());
                }
            }
            Ok(Expanded::Waiting(target)) => self.waiting.push((target, event.clone())),
            Err(error) => {
                self.failed += 1;
                let part = format!("{} {}", event_name(&event.body), event.key.sub);
                let stream = StreamId { chain: event.chain, venue: event.venue, part: String::new(), version: 0 };
                self.fail(&stream, event.key.height, event.key.rec, part, "number", error.to_string(), Some(event_text(event)));
            }
        }
        Ok(())
    }

    /// Adds a row of `decode_failures`.
    #[expect(clippy::too_many_arguments, reason = "one argument a column")]
    pub(crate) fn fail(
        &mut self,
        stream: &StreamId,
        height: u64,
        rec: i64,
        part: String,
        kind: &'static str,
        error: String,
        text: Option<String>,
    ) {
        self.failures.push([
            stream.chain.as_i64().into(),
            height_cell(height),
            rec.into(),
            part.into(),
            stream.venue.id().into(),
            i64::from(stream.version).into(),
            Param::Name(kind),
            error.into(),
            text.into(),
        ]);
    }

    /// Whether rows of events that were stored before have been made anew.
    pub(crate) fn has_redone(&self) -> bool {
        self.has_redone
    }

    /// Keeps a close that was joined to what stood of its position since a height.
    pub(crate) fn joined(&mut self, close: &Event, since: u64, is_settled: bool) {
        self.joined.push(Joined { close: close.clone(), since, is_settled });
    }

    /// Forgets what closes became that are no longer joined, where it has not been written yet.
    pub(crate) fn forget_joined(&mut self, closes: &[Event]) {
        let keys: HashSet<(u64, i64, u32)> =
            closes.iter().flat_map(|close| (0..=JOINED_SUBS).map(|sub| (close.key.height, close.key.rec, close.key.sub + sub))).collect();
        let is_of = |event: &Event| {
            matches!(event.body, EventBody::Fill(_) | EventBody::FundingPayment(_))
                && keys.contains(&(event.key.height, event.key.rec, event.key.sub))
        };
        self.undescribed.retain(|event| !is_of(event));
        self.waiting.retain(|(_, event)| !is_of(event));
    }

    /// Lets an event wait for what stood of its position.
    pub(crate) fn wait_for_open(&mut self, close: Event) {
        self.waiting.push((WaitFor::Open, close));
    }

    /// Writes the row of a market that new events name, and makes anew what hung on its old one.
    async fn meet(&mut self, tx: &mut Tx, markets: &mut Markets, id: i64, met: Met) -> Result<()> {
        if let Some(stored) = markets.get_mut(&id).filter(|_| !met.is_listed) {
            if lower_first(tx, stored, met.seen).await? {
                self.sums.touch_whole(id);
            }
            return Ok(());
        }
        let old = markets.get(&id).cloned();
        let (new, is_changed) = refresh(tx, self.catalog, met.venue, self.chain, &met.key, old.as_ref(), Some(met.seen)).await?;
        if is_changed {
            // Where levels begin, what they are made of and whose they are hangs on the listings.
            self.sums.touch_whole(id);
        }
        if let Some(old) = old {
            self.redo(tx, &old, &new).await?;
            if !new.scales_like(&old) {
                self.leave_asset(tx, &old).await?;
                remove_unused_assets(tx).await?;
            }
        }
        markets.insert(id, new);
        Ok(())
    }

    /// Marks the windows that a market's old asset has from it.
    pub(crate) async fn leave_asset(&self, tx: &mut Tx, old: &Market) -> Result<()> {
        let mut touched = Touched::default();
        touched.add(old.asset_id(), dirty::ALWAYS, dirty::FOREVER);
        dirty::mark_assets(tx, &touched).await
    }

    /// Makes the rows of a market's waiting and undescribed events anew after its row has changed.
    pub(crate) async fn redo(&mut self, tx: &mut Tx, old: &Market, new: &Market) -> Result<()> {
        if let Some(trouble) = new.contradicts(old) {
            return Err(Fault::Corrupt(trouble));
        }
        self.has_redone = true;
        let id = new.row.market_id;
        let kept = tx.rows("SELECT body FROM undescribed_events WHERE market_id = $1", vec![id.into()]).await?;
        tx.execute("DELETE FROM undescribed_events WHERE market_id = $1", vec![id.into()]).await?;
        for record in &kept {
            let event = parse_event(record.text(0)?)?;
            if new.scales_like(old) {
                self.undescribed.extend(Some(event).filter(|event| new.is_undescribed_at(event)));
                continue;
            }
            if let Ok(Expanded::Rows(rows)) = expand(&event, Some(&old.row), &|address| self.token(address)) {
                fact::remove(tx, &rows).await?;
                self.sums.add(&rows, Sign::Minus)?;
            }
            self.expand(&event, Some(new))?;
        }
        if new.scales_like(old) {
            return Ok(());
        }
        let of_market = "market_id = $1 AND target = 'market'";
        let waiting = tx.rows(&format!("SELECT body FROM unresolved WHERE {of_market}"), vec![id.into()]).await?;
        tx.execute(&format!("DELETE FROM unresolved WHERE {of_market}"), vec![id.into()]).await?;
        for record in &waiting {
            self.expand(&parse_event(record.text(0)?)?, Some(new))?;
        }
        Ok(())
    }

    /// Writes the rows gathered so far; their contributions are written at the end.
    pub(crate) async fn write_rows(&mut self, tx: &mut Tx) -> Result<()> {
        fact::insert(tx, std::mem::take(&mut self.rows)).await
    }

    /// Marks a market for the reducer from its first hour on.
    pub(crate) fn touch_whole(&mut self, market_id: i64) {
        self.sums.touch_whole(market_id);
    }

    /// Takes the contributions of rows out; the caller removes the rows.
    pub(crate) fn subtract(&mut self, rows: &[Row]) -> Result<()> {
        self.sums.add(rows, Sign::Minus)
    }

    /// Writes everything that is still gathered.
    pub(crate) async fn finish(mut self, tx: &mut Tx) -> Result<()> {
        self.write_rows(tx).await?;
        self.sums.apply(tx, self.catalog).await?;
        tx.upsert(self.failures, "ON CONFLICT (chain_id, height, rec, part) DO NOTHING").await?;
        tx.write(vec![Lot { table: "joined_closes", columns: JOINED, rows: self.joined, push: push_joined }]).await?;
        let mut unresolved = Bulk::new("unresolved", UNRESOLVED);
        for (target, event) in &self.waiting {
            push_waiting(&mut unresolved, *target, event);
        }
        tx.bulk(unresolved).await?;
        let mut undescribed = Bulk::new("undescribed_events", UNDESCRIBED);
        self.undescribed.iter().for_each(|event| push_undescribed(&mut undescribed, event));
        tx.bulk(undescribed).await
    }
}

const FAILURES: &[&str] = &["chain_id", "height", "rec", "part", "venue_id", "version", "kind", "error", "text"];

/// What new events say of one market.
#[derive(Clone, Debug)]
struct Met {
    venue: VenueSlug,
    key: String,
    seen: FirstSeen,
    is_listed: bool,
}

/// The markets events name, in the order they are first named.
fn met_markets(events: &[Event]) -> Vec<(i64, Met)> {
    let mut order: Vec<(i64, Met)> = Vec::new();
    let mut at: HashMap<(VenueSlug, &str), usize> = HashMap::new();
    for event in events {
        let Some(key) = event.market.as_deref() else { continue };
        let seen = FirstSeen { height: event.key.height, ms: event.time_ms };
        let is_listed = is_listing(event).is_some();
        match at.get(&(event.venue, key)) {
            Some(index) => {
                let met = &mut order[*index].1;
                met.seen = met.seen.min(seen);
                met.is_listed |= is_listed;
            }
            None => {
                at.insert((event.venue, key), order.len());
                let met = Met { venue: event.venue, key: key.to_owned(), seen, is_listed };
                order.push((market_id(event.venue, event.chain, key), met));
            }
        }
    }
    order
}

fn venues_of(events: &[Event]) -> Vec<VenueSlug> {
    let mut venues: Vec<VenueSlug> = Vec::new();
    for event in events.iter().filter(|event| event.market.is_some()) {
        if !venues.contains(&event.venue) {
            venues.push(event.venue);
        }
    }
    venues
}
