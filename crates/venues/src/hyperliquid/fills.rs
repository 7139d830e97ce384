//! Fills: each event is one leg of a trade.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use perpdex_core::{
    Action, Amount, Decimal, DecodeUnit, Decoded, Event, EventBody, EventKey, Failure, Fill, Forced, Liquidation, LiquidationKind,
    PositionSide, RawRecord, Side, Size, Text, TokenAmount, execution_id,
};
use serde::Deserialize;

use super::fill_row::FillRow;
use super::lines::{Trouble, decimal, events, failure, lower, name};
use super::scan;
use super::texts::Texts;
use super::{SLUG, TOKEN_DECIMALS};

/// Digits of a position: `startPosition` is printed from a double (`3135809.3999999999`), sizes have at most six.
const POSITION_DECIMALS: u8 = 6;

/// Accounts that take positions over from liquidated users, besides those seen doing so in the same block: the child vault of HLP that
/// is the liquidated account of the auto-deleveraging of 2025-10-10.
const LIQUIDATOR_VAULTS: &[&str] = &["0x2e3d94f0562703b25c83308a05046ddaf9a8dd14"];

const ADL: &str = "Auto-Deleveraging";
const SETTLEMENT: &str = "Settlement";
pub(super) const NET_CHILD_VAULTS: &str = "Net Child Vaults";

/// One leg with its numbers read.
pub(super) struct Leg<'a> {
    /// Index of the event in the block.
    index: usize,
    user: Cow<'a, str>,
    /// Which of several legs with the same coin, trade, user and side.
    nth: u32,
    numbers: Numbers,
    row: FillRow<'a>,
}

/// What a leg moves, and its position around it.
struct Numbers {
    side: Side,
    qty: Decimal,
    price: Decimal,
    before: Decimal,
    after: Decimal,
}

/// A block's line, or a part of it.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) events: Vec<scan::Pair<'a>>,
}

/// What the legs of a trade say of it together.
#[derive(Clone, Copy, Debug, Default)]
struct Trade {
    is_adl: bool,
    is_liquidation: bool,
    is_backstop: bool,
}

/// Decodes the fills of one block, or of one moment where lines name no block.
pub(super) fn decode(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let mut legs = Legs::new(record, text.len() / PAIR_BYTES_USUAL + 1);
    if scan::lines(text, |(user, row)| legs.read(user, row)).is_some() {
        return legs.decoded(unit);
    }
    if let Some(pairs) = typed(text) {
        return legs_of(unit, record, pairs.into_iter().map(|(user, row)| leg(user, row)));
    }
    let (raw, failures) = events(record, text);
    let out = legs_of(unit, record, raw.iter().map(|raw| read_leg(raw.get())));
    with_failures(out, failures)
}

/// All events at one reading; `None` where one of them cannot be read, and they are to be read one by one.
fn typed(text: &str) -> Option<Vec<scan::Pair<'_>>> {
    let mut all = Vec::new();
    for line in text.split('\n') {
        all.append(&mut serde_json::from_str::<Line<'_>>(line).ok()?.events);
    }
    Some(all)
}

/// Decodes lines of `node_fills`, one leg a line.
pub(super) fn decode_lines(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    legs_of(unit, record, text.split('\n').map(read_leg))
}

fn with_failures(mut out: Decoded, mut failures: Vec<Failure>) -> Decoded {
    failures.append(&mut out.failures);
    Decoded { failures, ..out }
}

/// Events of legs that were read or refused, in order; `None` for those of other instruments.
pub(super) fn legs_of<'a>(
    unit: &DecodeUnit<'_>,
    record: &RawRecord,
    read: impl Iterator<Item = Result<Option<Leg<'a>>, Trouble>>,
) -> Decoded {
    let mut legs = Legs::new(record, read.size_hint().0);
    read.for_each(|leg| legs.push(leg));
    legs.decoded(unit)
}

/// Bytes of an account and its fill, rather fewer than usual.
const PAIR_BYTES_USUAL: usize = 350;

/// The legs of a unit, as they are read.
struct Legs<'r, 'a> {
    record: &'r RawRecord,
    /// Events read or refused so far.
    n_events: usize,
    legs: Vec<Leg<'a>>,
    out: Decoded,
}

impl<'r, 'a> Legs<'r, 'a> {
    fn new(record: &'r RawRecord, legs_usual: usize) -> Legs<'r, 'a> {
        Legs { record, n_events: 0, legs: Vec::with_capacity(legs_usual), out: Decoded::default() }
    }

    /// Reads the numbers of a leg and keeps it where it is to stay.
    fn read(&mut self, user: Cow<'a, str>, row: FillRow<'a>) {
        let index = self.n_events;
        self.n_events += 1;
        match numbers(&user, &row) {
            Ok(Some(numbers)) => self.legs.push(Leg { index, user: lower(user), nth: 0, numbers, row }),
            Ok(None) => {}
            Err(trouble) => self.out.failures.push(failure(self.record, index.to_string(), trouble)),
        }
    }

    fn push(&mut self, leg: Result<Option<Leg<'a>>, Trouble>) {
        let index = self.n_events;
        self.n_events += 1;
        match leg {
            Ok(Some(leg)) => self.legs.push(Leg { index, ..leg }),
            Ok(None) => {}
            Err(trouble) => self.out.failures.push(failure(self.record, index.to_string(), trouble)),
        }
    }

    fn decoded(self, unit: &DecodeUnit<'_>) -> Decoded {
        let Legs { record, mut legs, mut out, .. } = self;
        number_alike(&mut legs);
        let block = Block::over(&legs);
        let (mut height, mut texts) = (itoa::Buffer::new(), Texts::new());
        let height = height.format(unit.height);
        out.events.reserve_exact(legs.len());
        for leg in &legs {
            match leg_event(unit, leg, &block, height, &mut texts) {
                Ok(event) => out.events.push(event),
                Err(trouble) => out.failures.push(failure(record, leg.index.to_string(), trouble)),
            }
        }
        out.unknown = unknown_methods(record, &legs);
        out
    }
}

/// Tells each leg how many like it stand before it.
fn number_alike(legs: &mut [Leg<'_>]) {
    let mut order: Vec<usize> = (0..legs.len()).collect();
    order.sort_unstable_by(|a, b| legs[*a].order_by_name(&legs[*b]).then(a.cmp(b)));
    for two in order.windows(2) {
        if legs[two[0]].order_by_name(&legs[two[1]]).is_eq() {
            legs[two[1]].nth = legs[two[0]].nth + 1;
        }
    }
}

/// Whether a coin is a perpetual: `BTC`, `xyz:NVDA`; not `@107`, `PURR/USDC` (spot) or `#1890` (outcome token).
pub(super) fn is_perpetual(coin: &str) -> bool {
    !coin.starts_with(['@', '#']) && !coin.contains('/')
}

fn read_leg(raw: &str) -> Result<Option<Leg<'_>>, Trouble> {
    let (user, row) = match scan::pair(raw).map_or_else(|| serde_json::from_str::<scan::Pair<'_>>(raw), Ok) {
        Ok(pair) => pair,
        Err(_) if names_no_perpetual(raw) => return Ok(None),
        Err(error) => return Err(Trouble::malformed(format!("fill: {error}"))),
    };
    leg(user, row)
}

/// A leg with its numbers; `None` for one of another instrument.
pub(super) fn leg<'a>(user: Cow<'a, str>, row: FillRow<'a>) -> Result<Option<Leg<'a>>, Trouble> {
    let numbers = numbers(&user, &row)?;
    Ok(numbers.map(|numbers| Leg { index: 0, user: lower(user), nth: 0, numbers, row }))
}

fn numbers(user: &str, row: &FillRow<'_>) -> Result<Option<Numbers>, Trouble> {
    if !is_perpetual(&row.coin) {
        return Ok(None);
    }
    name("coin", &row.coin)?;
    name("user", user)?;
    let side = match &*row.side {
        "B" => Side::Buy,
        "A" => Side::Sell,
        other => return Err(Trouble::invalid(format!("fill of {}: side {other:?} is neither B nor A", row.coin))),
    };
    let (qty, price) = (decimal("sz", &row.sz)?, decimal("px", &row.px)?);
    if qty.is_zero() || qty.is_negative() || price.is_negative() {
        return Err(Trouble::invalid(format!("fill of {}: size {qty} at price {price}", row.coin)));
    }
    let before = decimal("startPosition", &row.start_position)?.rescale(POSITION_DECIMALS).map_err(Trouble::invalid)?;
    let change = if side == Side::Buy { qty } else { qty.neg() };
    let after = before.add(&change).map_err(Trouble::invalid)?;
    Ok(Some(Numbers { side, qty, price, before, after }))
}

/// Whether a fill that cannot be read is at least known to be none of a perpetual.
fn names_no_perpetual(raw: &str) -> bool {
    #[derive(Deserialize)]
    struct Coin {
        coin: String,
    }
    serde_json::from_str::<(String, Coin)>(raw).is_ok_and(|(_, row)| !is_perpetual(&row.coin))
}

/// What the whole block tells about its trades.
struct Block<'a> {
    /// Those that are more than buying and selling.
    trades: HashMap<(&'a str, u64), Trade>,
    /// Users of each forced trade, so that a leg can name its counterparty.
    users: HashMap<(&'a str, u64), Vec<&'a str>>,
    /// Accounts that take positions over.
    vaults: BTreeSet<&'a str>,
}

impl<'a> Block<'a> {
    fn over(legs: &'a [Leg<'a>]) -> Block<'a> {
        let mut block = Block { trades: HashMap::new(), users: HashMap::new(), vaults: BTreeSet::new() };
        for leg in legs {
            let is_adl = leg.row.dir == ADL;
            let is_liquidation = leg.row.liquidation.is_some() || leg.row.dir.starts_with("Liquidated ");
            if is_adl || is_liquidation {
                let trade = block.trades.entry(leg.trade()).or_default();
                trade.is_adl |= is_adl;
                trade.is_liquidation |= is_liquidation;
                trade.is_backstop |= leg.row.liquidation.as_ref().is_some_and(|row| row.method == "backstop");
            }
        }
        if block.trades.is_empty() {
            return block;
        }
        block.vaults.extend(LIQUIDATOR_VAULTS);
        for leg in legs {
            let trade = block.trade(leg);
            if trade.is_liquidation || trade.is_adl {
                block.users.entry(leg.trade()).or_default().push(&leg.user);
            }
            if trade.is_backstop && !trade.is_adl && !leg.is_liquidated() && leg.row.liquidation.is_some() {
                block.vaults.insert(&leg.user);
            }
        }
        block
    }

    fn trade(&self, leg: &Leg<'_>) -> Trade {
        self.trades.get(&leg.trade()).copied().unwrap_or_default()
    }

    fn counterparty(&self, leg: &Leg<'_>) -> Option<Text> {
        self.users.get(&leg.trade())?.iter().find(|user| **user != leg.user).map(Text::new)
    }
}

impl Leg<'_> {
    fn trade(&self) -> (&str, u64) {
        (&self.row.coin, self.row.tid)
    }

    /// Legs that are equal by coin, trade, user and side stand beside each other.
    fn order_by_name(&self, other: &Leg<'_>) -> Ordering {
        let name = |leg: &Leg<'_>| (leg.row.tid, leg.numbers.side == Side::Buy);
        name(self).cmp(&name(other)).then_with(|| self.row.coin.cmp(&other.row.coin)).then_with(|| self.user.cmp(&other.user))
    }

    /// Whether this leg's account is the one that is liquidated.
    fn is_liquidated(&self) -> bool {
        self.row.liquidation.as_ref().is_some_and(|row| row.liquidated_user.eq_ignore_ascii_case(&self.user))
    }

    /// The side of the position that this leg reduces.
    fn closed_side(&self) -> PositionSide {
        if self.numbers.side == Side::Sell { PositionSide::Long } else { PositionSide::Short }
    }

    /// What the leg does to the position, by its size before and after.
    fn plain_action(&self) -> Action {
        let (before, after) = (self.numbers.before, self.numbers.after);
        let grows = !before.is_zero() && before.is_negative() == (self.numbers.side == Side::Sell);
        if before.is_zero() {
            Action::Open
        } else if after.is_zero() {
            Action::Close
        } else if grows {
            Action::Increase
        } else if before.is_negative() != after.is_negative() {
            Action::Flip
        } else {
            Action::Decrease
        }
    }
}

/// What a leg is, beyond buying and selling.
struct Nature {
    action: Action,
    forced: Forced,
    in_volume: bool,
    is_directional: bool,
    liquidation: Option<LiquidationKind>,
}

fn nature(leg: &Leg<'_>, block: &Block<'_>) -> Nature {
    let trade = block.trade(leg);
    let forced = match (trade.is_adl, trade.is_liquidation) {
        (true, _) => Forced::Adl,
        (false, true) => Forced::Liq,
        (false, false) => Forced::None,
    };
    let outside_volume = |action| Nature { action, forced, in_volume: false, is_directional: false, liquidation: None };
    match &*leg.row.dir {
        SETTLEMENT => return outside_volume(Action::Settlement),
        NET_CHILD_VAULTS => return outside_volume(Action::Transfer),
        _ => {}
    }
    let by_method = if trade.is_backstop { LiquidationKind::Backstop } else { LiquidationKind::Market };
    let (action, liquidation) = if leg.is_liquidated() {
        // The vault beside an auto-deleveraged user only hands on what it took over: that was counted at the takeover.
        let counted = !trade.is_adl || !block.vaults.contains(&*leg.user);
        if counted { (Action::Liquidation, Some(by_method)) } else { (leg.plain_action(), None) }
    } else if leg.row.dir == ADL {
        (Action::Adl, Some(LiquidationKind::Adl))
    } else {
        (leg.plain_action(), None)
    };
    let is_directional = !trade.is_adl && !trade.is_backstop;
    Nature { action, forced, in_volume: true, is_directional, liquidation }
}

/// `height`: that of the unit.
fn leg_event(unit: &DecodeUnit<'_>, leg: &Leg<'_>, block: &Block<'_>, height: &str, texts: &mut Texts) -> Result<Event, Trouble> {
    let (row, Numbers { side, qty, price, before, after }) = (&leg.row, &leg.numbers);
    let nature = nature(leg, block);
    let size = |position: &Decimal| Size { qty: Some(Amount::decimals(position.value, position.scale)), entry_usd: None };
    let (mut tid, mut nth) = (itoa::Buffer::new(), itoa::Buffer::new());
    let tid = tid.format(row.tid);
    let side_name = if *side == Side::Buy { "B" } else { "A" };
    let rec = execution_id(&["fill", &row.coin, tid, &leg.user, side_name, nth.format(leg.nth)]);
    let ord = i64::try_from(leg.index).map_err(Trouble::invalid)?;
    let (fee, realized_pnl_usd) = (fee(row)?, row.closed_pnl.as_deref().map(|text| decimal("closedPnl", text)).transpose()?);
    let liquidation = nature.liquidation.map(|kind| liquidation(leg, block, kind)).transpose()?;
    let fill = Box::new(Fill {
        account: texts.account(&leg.user),
        position_key: texts.position(&leg.user, &row.coin),
        position_side: None,
        collateral_token: None,
        trade_key: texts.trade(height, &row.coin, tid),
        order_key: row.oid.map(|oid| Text::new(itoa::Buffer::new().format(oid))),
        is_taker: row.crossed,
        is_directional: nature.is_directional,
        in_volume: nature.in_volume,
        forced: nature.forced,
        side: *side,
        action: nature.action,
        qty: Amount::decimals(qty.value, qty.scale),
        price: Amount::decimals(price.value, price.scale),
        venue_notional_usd: None,
        before: Some(size(before)),
        after: Some(size(after)),
        fee,
        fee_token_price_usd: None,
        realized_pnl_usd,
        liquidation,
    });
    Ok(Event {
        key: EventKey { height: unit.height, rec, sub: 0 },
        ord,
        chain: unit.chain,
        venue: SLUG,
        market: Some(Text::new(&row.coin)),
        time_ms: row.time,
        tx_id: tx_id(unit, row, texts),
        body: EventBody::Fill(fill),
    })
}

/// The transaction's hash; fills of the system (TWAP slices, liquidations by the vault) have none but zeros.
fn tx_id(unit: &DecodeUnit<'_>, row: &FillRow<'_>, texts: &mut Texts) -> Text {
    let hash = row.hash.as_deref().unwrap_or_default();
    let is_zero = hash.strip_prefix("0x").unwrap_or(hash).bytes().all(|byte| byte == b'0');
    if is_zero { unit.tx_id.clone() } else { texts.transaction(hash) }
}

fn fee(row: &FillRow<'_>) -> Result<Option<TokenAmount>, Trouble> {
    let (Some(fee), Some(token)) = (&row.fee, &row.fee_token) else { return Ok(None) };
    let native = decimal("fee", fee)?.rescale(TOKEN_DECIMALS).map_err(Trouble::invalid)?.value;
    Ok(Some(TokenAmount { native, token: Text::new(token) }))
}

fn liquidation(leg: &Leg<'_>, block: &Block<'_>, kind: LiquidationKind) -> Result<Liquidation, Trouble> {
    let mark = leg.row.liquidation.as_ref().map(|row| decimal("markPx", &row.mark_px)).transpose()?;
    Ok(Liquidation {
        kind,
        side: leg.closed_side(),
        liquidator: if kind == LiquidationKind::Backstop && !block.trade(leg).is_adl { block.counterparty(leg) } else { None },
        mark_price: mark.map(|mark| Amount::decimals(mark.value, mark.scale)),
        fee: None,
        is_partial: Some(!leg.numbers.after.is_zero()),
    })
}

/// Methods of liquidation that the layout does not know, once each; their legs count as closed on the book.
fn unknown_methods(record: &RawRecord, legs: &[Leg<'_>]) -> Vec<Failure> {
    let mut seen = BTreeSet::new();
    let known = |method: &str| method == "market" || method == "backstop";
    let unknown = legs.iter().filter_map(|leg| Some((leg, &leg.row.liquidation.as_ref()?.method))).filter(|(_, method)| !known(method));
    unknown
        .filter(|(_, method)| seen.insert(&***method))
        .map(|(leg, method)| failure(record, leg.index.to_string(), Trouble::unknown(format!("liquidation method {method:?}"))))
        .collect()
}
