//! Fills of a line read in place: in one pass, without a copy, in the form in which nodes write them.
//!
//! Promises: what is read here, `serde_json` reads alike. Does not: refuse. Whatever is unusual (white space, an escape, a key that stands
//! twice, a number that is no plain integer, a value in a value) gives `None` and is left to `serde_json`, to read or to refuse.

use std::borrow::Cow;

use super::fill_row::{FillRow, LiquidationRow};

/// The account of a fill and the fill.
pub(super) type Pair<'a> = (Cow<'a, str>, FillRow<'a>);

/// The events of all lines of a block, one after the other; those before an unusual place are given, too, before it is `None`.
pub(super) fn lines<'a>(text: &'a str, mut take: impl FnMut(Pair<'a>)) -> Option<()> {
    let mut cursor = Cursor { text, at: 0 };
    loop {
        let mut is_there = false;
        cursor.object(|cursor, key| match key {
            "events" if is_there => None,
            "events" => {
                is_there = true;
                cursor.pairs(&mut take)
            }
            _ => cursor.skip(),
        })?;
        if !is_there {
            return None;
        }
        if cursor.is_at_end() {
            return Some(());
        }
        cursor.eat(b'\n')?;
    }
}

/// A line that is one fill.
pub(super) fn pair(text: &str) -> Option<Pair<'_>> {
    let mut cursor = Cursor { text, at: 0 };
    let pair = cursor.pair()?;
    cursor.is_at_end().then_some(pair)
}

/// Digits that fit in 64 bits, whatever they are.
const DIGITS_MAX: usize = 19;

/// Fields of a fill that have been read; the inner `None` stands for `null`.
#[derive(Default)]
struct Fields<'a> {
    coin: Option<&'a str>,
    px: Option<&'a str>,
    sz: Option<&'a str>,
    side: Option<&'a str>,
    time: Option<i64>,
    start_position: Option<&'a str>,
    dir: Option<&'a str>,
    closed_pnl: Option<Option<&'a str>>,
    hash: Option<Option<&'a str>>,
    oid: Option<Option<u64>>,
    crossed: Option<bool>,
    fee: Option<Option<&'a str>>,
    tid: Option<u64>,
    fee_token: Option<Option<&'a str>>,
    liquidation: Option<Option<LiquidationRow<'a>>>,
}

impl<'a> Fields<'a> {
    /// The fill, where all that it must have is there.
    #[inline]
    fn row(self) -> Option<FillRow<'a>> {
        let text = |field: Option<Option<&'a str>>| field.flatten().map(Cow::Borrowed);
        Some(FillRow {
            coin: Cow::Borrowed(self.coin?),
            px: Cow::Borrowed(self.px?),
            sz: Cow::Borrowed(self.sz?),
            side: Cow::Borrowed(self.side?),
            time: self.time?,
            start_position: Cow::Borrowed(self.start_position?),
            dir: Cow::Borrowed(self.dir.unwrap_or_default()),
            closed_pnl: text(self.closed_pnl),
            hash: text(self.hash),
            oid: self.oid.flatten(),
            crossed: self.crossed?,
            fee: text(self.fee),
            tid: self.tid?,
            fee_token: text(self.fee_token),
            liquidation: self.liquidation.flatten(),
        })
    }
}

/// A place in the text; all before it is read.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// A text without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let rest = &self.text.as_bytes()[self.at..];
        let mut length = 0;
        while let Some(bytes) = rest[length..].first_chunk::<8>() {
            let special = special(*bytes);
            if special != 0 {
                length += special.trailing_zeros() as usize / 8;
                break;
            }
            length += 8;
        }
        while !is_special(*rest.get(length)?) {
            length += 1;
        }
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length;
        self.eat(b'"')?;
        Some(text)
    }

    /// An integer that is written plainly. What follows it is the caller's to look at, and no digit, point or exponent to it.
    fn integer(&mut self) -> Option<u64> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let is_plain = length == 1 || (length > 1 && rest[0] != b'0');
        if !is_plain || length > DIGITS_MAX {
            return None;
        }
        self.at += length;
        Some(rest[..length].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.peek()? {
            b't' => self.word("true").map(|()| true),
            _ => self.word("false").map(|()| false),
        }
    }

    /// What `read` reads, or nothing for `null`.
    fn optional<T>(&mut self, read: impl FnOnce(&mut Cursor<'a>) -> Option<T>) -> Option<Option<T>> {
        if self.peek()? == b'n' { self.word("null").map(|()| None) } else { read(self).map(Some) }
    }

    /// A value that nobody needs, without values in it.
    fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'n' => self.word("null"),
            b't' | b'f' => self.boolean().map(|_| ()),
            _ => self.integer().map(|_| ()),
        }
    }

    /// An object: `field` reads the value of each key.
    fn object(&mut self, mut field: impl FnMut(&mut Cursor<'a>, &'a str) -> Option<()>) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.eat(b':')?;
            field(self, key)?;
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    fn pairs(&mut self, take: &mut impl FnMut(Pair<'a>)) -> Option<()> {
        self.eat(b'[')?;
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            take(self.pair()?);
            if self.eat(b',').is_none() {
                return self.eat(b']');
            }
        }
    }

    fn pair(&mut self) -> Option<Pair<'a>> {
        self.eat(b'[')?;
        let user = self.string()?;
        self.eat(b',')?;
        let row = self.row()?;
        self.eat(b']')?;
        Some((Cow::Borrowed(user), row))
    }

    fn row(&mut self) -> Option<FillRow<'a>> {
        let (start, mut fields) = (self.at, Fields::default());
        if self.usual(&mut fields).is_none() {
            (self.at, fields) = (start, Fields::default());
            self.eat(b'{')?;
            self.others(&mut fields)?;
        } else if self.eat(b',').is_some() {
            self.others(&mut fields)?;
        } else {
            self.eat(b'}')?;
        }
        fields.row()
    }

    /// The fields that nodes write first, in their order: each key is compared with one text, and looked for among no others.
    #[inline]
    fn usual(&mut self, fields: &mut Fields<'a>) -> Option<()> {
        self.word("{\"coin\":")?;
        fields.coin = Some(self.string()?);
        self.word(",\"px\":")?;
        fields.px = Some(self.string()?);
        self.word(",\"sz\":")?;
        fields.sz = Some(self.string()?);
        self.word(",\"side\":")?;
        fields.side = Some(self.string()?);
        self.word(",\"time\":")?;
        fields.time = Some(self.time()?);
        self.word(",\"startPosition\":")?;
        fields.start_position = Some(self.string()?);
        self.word(",\"dir\":")?;
        fields.dir = Some(self.string()?);
        self.word(",\"closedPnl\":")?;
        fields.closed_pnl = Some(self.optional(Cursor::string)?);
        self.word(",\"hash\":")?;
        fields.hash = Some(self.optional(Cursor::string)?);
        self.word(",\"oid\":")?;
        fields.oid = Some(self.optional(Cursor::integer)?);
        self.word(",\"crossed\":")?;
        fields.crossed = Some(self.boolean()?);
        self.word(",\"fee\":")?;
        fields.fee = Some(self.optional(Cursor::string)?);
        self.word(",\"tid\":")?;
        fields.tid = Some(self.integer()?);
        Some(())
    }

    /// Fields in any order, behind those that are read already, and the end of the object.
    fn others(&mut self, fields: &mut Fields<'a>) -> Option<()> {
        loop {
            let key = self.string()?;
            self.eat(b':')?;
            match key {
                "feeToken" => once(&mut fields.fee_token, self.optional(Cursor::string)?),
                "liquidation" => once(&mut fields.liquidation, self.optional(Cursor::liquidation)?),
                "coin" => once(&mut fields.coin, self.string()?),
                "px" => once(&mut fields.px, self.string()?),
                "sz" => once(&mut fields.sz, self.string()?),
                "side" => once(&mut fields.side, self.string()?),
                "time" => once(&mut fields.time, self.time()?),
                "startPosition" => once(&mut fields.start_position, self.string()?),
                "dir" => once(&mut fields.dir, self.string()?),
                "closedPnl" => once(&mut fields.closed_pnl, self.optional(Cursor::string)?),
                "hash" => once(&mut fields.hash, self.optional(Cursor::string)?),
                "oid" => once(&mut fields.oid, self.optional(Cursor::integer)?),
                "crossed" => once(&mut fields.crossed, self.boolean()?),
                "fee" => once(&mut fields.fee, self.optional(Cursor::string)?),
                "tid" => once(&mut fields.tid, self.integer()?),
                _ => self.skip(),
            }?;
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    fn time(&mut self) -> Option<i64> {
        i64::try_from(self.integer()?).ok()
    }

    fn liquidation(&mut self) -> Option<LiquidationRow<'a>> {
        let (mut liquidated_user, mut mark_px, mut method) = (None, None, None);
        self.object(|cursor, key| match key {
            "liquidatedUser" => once(&mut liquidated_user, cursor.string()?),
            "markPx" => once(&mut mark_px, cursor.string()?),
            "method" => once(&mut method, cursor.string()?),
            _ => cursor.skip(),
        })?;
        let text = |slot: Option<&'a str>| slot.map(Cow::Borrowed);
        Some(LiquidationRow { liquidated_user: text(liquidated_user)?, mark_px: text(mark_px)?, method: text(method)? })
    }
}

/// Fills a slot that is empty.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value);
    Some(())
}

/// Whether a text ends here, or is not plain: a quote, a backslash or a control character.
fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// The highest bit of each of eight bytes, the first one lowest, set for those that are special; of those behind the first one that is set
/// nothing is said. The usual test for a zero byte: `(x - 0x01…) & !x & 0x80…`.
fn special(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let bytes = u64::from_le_bytes(bytes);
    let is = |byte: u8| {
        let zero = bytes ^ (ONES * u64::from(byte));
        zero.wrapping_sub(ONES) & !zero
    };
    let control = bytes.wrapping_sub(ONES * 0x20) & !bytes;
    (is(b'"') | is(b'\\') | control) & HIGH
}

#[cfg(test)]
mod tests {
    use perpdex_core::{RawBody, RawRecord};

    use super::*;

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = [b'a'; 8];
                bytes[at] = byte;
                let found = (special(bytes) != 0).then(|| special(bytes).trailing_zeros() as usize / 8);
                assert_eq!(found, is_special(byte).then_some(at), "{byte} at {at}");
            }
        }
        let bytes = [b'\\', b'"', 0, 0xff, b'"', b'a', 0x1f, b'"'];
        assert_eq!(special(bytes).trailing_zeros(), 7);
    }

    /// Rows as `serde_json` reads them and as they are read in place.
    fn both(text: &str) -> (Option<Pair<'_>>, Option<Pair<'_>>) {
        (serde_json::from_str(text).ok(), pair(text))
    }

    #[test]
    fn what_nodes_write_is_read_in_place() {
        let line = r#"["0xA",{"coin":"xyz:NVDA","px":"1.5","sz":"2","side":"B","time":5,"startPosition":"-1","dir":"Open Long","closedPnl":"0.0","hash":"0xé","oid":18446744073709,"crossed":true,"fee":"-0.1","tid":0,"cloid":"0x","liquidation":{"liquidatedUser":"0xb","markPx":"1","method":"market"},"feeToken":"USDC","twapId":null}]"#;
        let (read, scanned) = both(line);
        assert!(scanned.is_some());
        assert_eq!(scanned, read);
    }

    #[test]
    fn fields_are_the_same_in_any_order_and_stand_once() {
        let fields = [
            r#""coin":"B""#,
            r#""px":"1""#,
            r#""sz":"2""#,
            r#""side":"A""#,
            r#""time":5"#,
            r#""startPosition":"-1""#,
            r#""dir":"Open Short""#,
            r#""closedPnl":"0.5""#,
            r#""hash":"0x1""#,
            r#""oid":7"#,
            r#""crossed":false"#,
            r#""fee":null"#,
            r#""tid":8"#,
            r#""feeToken":"USDC""#,
        ];
        let line = |fields: &[&str]| format!("[\"0xA\",{{{}}}]", fields.join(","));
        let usual = line(&fields);
        let (read, scanned) = both(&usual);
        assert!(scanned.is_some());
        assert_eq!(scanned, read);
        for at in 0..fields.len() {
            let mut turned = fields;
            turned.rotate_left(at);
            assert_eq!(pair(&line(&turned)), read, "{at}");
            turned[1..].reverse();
            assert_eq!(pair(&line(&turned)), read, "{at}");
            // What has no more fields than these ends behind any of them.
            assert_eq!(both(&line(&fields[..at])).0, both(&line(&fields[..at])).1, "{at}");
            let twice = line(&[&fields[..], &[fields[at]]].concat());
            assert_eq!(pair(&twice), None, "{}", fields[at]);
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_library() {
        let row = |more: &str| {
            format!(r#"["0xA",{{"coin":"B","px":"1","sz":"2","side":"B","startPosition":"0","crossed":false,"tid":7,{more}}}]"#)
        };
        assert_eq!(both(&row(r#""time":5"#)).0, both(&row(r#""time":5"#)).1);
        for more in [
            r#""time": 5"#,
            r#""time":-5"#,
            r#""time":05"#,
            r#""time":5.0"#,
            r#""time":5,"time":5"#,
            r#""time":5,"hash":null,"hash":"0x1""#,
            r#""time":99999999999999999999"#,
            r#""time":18446744073709551615"#,
            r#""time":5,"dir":null"#,
            r#""time":5,"dir":"a\u0041""#,
            r#""time":5,"more":{}"#,
            r#""time":5,"#,
            "\"time\":5,\"dir\":\"a\tb\"",
        ] {
            assert_eq!(pair(&row(more)), None, "{more}");
        }
        assert_eq!(pair(&format!("{} ", row(r#""time":5"#))), None);
        let empty = |text| lines(text, |pair| panic!("{pair:?}"));
        assert_eq!(empty(r#"{"events":[],"events":[]}"#), None);
        assert_eq!(empty("{}"), None);
        assert_eq!(empty("{\"events\":[]}\n"), None);
        assert_eq!(empty("{\"block_number\":1,\"events\":[]}\n{\"events\":[]}"), Some(()));
    }
    /// Changed lines that are compared.
    const CHANGES: usize = 4_000;
    /// What is put in: what the forms hang on, and what upsets them.
    const PIECES: [&str; 20] =
        ["\"", "\\", ",", ":", "{", "}", "[", "]", "0", "9", "-", ".", "e", " ", "null", "true", "\n", "\u{e9}", "\"tid\":1,", "\u{0}"];

    /// Pieces of recorded and constructed lines are put in, taken out and moved.
    #[test]
    fn lines_are_read_as_the_library_reads_them() {
        let cases = [
            include_str!("../../../../tests/golden/hyperliquid/hyperliquid/recorded_market_liquidation/records.jsonl"),
            include_str!("../../../../tests/golden/hyperliquid/hyperliquid/kinds_of_fills/records.jsonl"),
        ];
        let records = cases.iter().flat_map(|case| case.lines()).map(|line| serde_json::from_str::<RawRecord>(line).unwrap());
        let bases: Vec<String> = records
            .flat_map(|record| match record.body {
                RawBody::HyperliquidLine(line) => line.text.lines().map(str::to_owned).collect::<Vec<_>>(),
                _ => panic!("a line is expected"),
            })
            .collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |end: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 16).unwrap() % end
        };
        let (mut read, mut left) = (0, 0);
        for _ in 0..CHANGES {
            let mut text = bases[random(bases.len())].clone();
            if random(4) == 0 {
                text = format!("{text}\n{}", bases[random(bases.len())]);
            }
            for _ in 0..random(3) {
                let at = text.floor_char_boundary(random(text.len() + 1));
                let to = text.floor_char_boundary((at + random(4)).min(text.len()));
                text.replace_range(at..to, PIECES[random(PIECES.len())]);
            }
            *(if super::super::oracle::line(&text) { &mut read } else { &mut left }) += 1;
        }
        assert!(CHANGES / 10 < read && CHANGES / 10 < left, "{read} were read in place and {left} left");
    }
}
