//! Texts of a block's fills, each made once: the legs of a trade and the fills of an order stand beside each other.

use perpdex_core::Text;

/// Texts that are remembered of a kind: those of both legs of a trade.
const RECENT: usize = 2;

/// What names accounts, positions, trades and transactions of a block.
#[derive(Debug)]
pub(super) struct Texts {
    accounts: Recent,
    positions: Recent,
    trades: Recent,
    transactions: Recent,
    /// Where a key is put together.
    key: String,
}

/// Bytes of the longest keys, about.
const KEY_BYTES_USUAL: usize = 80;

impl Texts {
    pub(super) fn new() -> Texts {
        let recent = Recent::default;
        Texts {
            accounts: recent(),
            positions: recent(),
            trades: recent(),
            transactions: recent(),
            key: String::with_capacity(KEY_BYTES_USUAL),
        }
    }

    pub(super) fn account(&mut self, account: &str) -> Text {
        self.accounts.text(account)
    }

    pub(super) fn transaction(&mut self, hash: &str) -> Text {
        self.transactions.text(hash)
    }

    /// A position: one an account and coin.
    pub(super) fn position(&mut self, account: &str, coin: &str) -> Text {
        self.positions.text(joined(&mut self.key, [account, "/", coin, "", ""]))
    }

    /// A trade, which is told apart inside its block.
    pub(super) fn trade(&mut self, height: &str, coin: &str, tid: &str) -> Text {
        self.trades.text(joined(&mut self.key, [height, "/", coin, "/", tid]))
    }
}

fn joined<'k>(key: &'k mut String, parts: [&str; 5]) -> &'k str {
    key.clear();
    parts.into_iter().for_each(|part| key.push_str(part));
    key
}

/// The latest texts of one kind.
#[derive(Debug, Default)]
struct Recent {
    texts: [Text; RECENT],
    /// Which one is forgotten next.
    oldest: usize,
}

impl Recent {
    fn text(&mut self, text: &str) -> Text {
        if let Some(known) = self.texts.iter().find(|known| *known == text) {
            return known.clone();
        }
        let made = Text::new(text);
        self.texts[self.oldest] = made.clone();
        self.oldest = (self.oldest + 1) % RECENT;
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_they_were_made_of_however_many_there_are() {
        let mut texts = Texts::new();
        for round in 0..3 {
            for n in 0..2 * RECENT {
                let (account, tid) = (format!("0x{n:040}"), n.to_string());
                assert_eq!(texts.account(&account), account, "{round}");
                assert_eq!(texts.position(&account, "BTC"), format!("{account}/BTC"));
                assert_eq!(texts.trade("700000000", "xyz:NVDA-LONG", &tid), format!("700000000/xyz:NVDA-LONG/{n}"));
                assert_eq!(texts.transaction(&account), account);
            }
        }
        assert_eq!(texts.account(""), "");
    }

    #[test]
    fn a_text_that_stood_just_before_is_shared() {
        let mut texts = Texts::new();
        let (first, other) = (texts.account(&"a".repeat(42)), texts.account(&"b".repeat(42)));
        assert!(std::ptr::eq(first.as_str(), texts.account(&"a".repeat(42)).as_str()));
        assert!(std::ptr::eq(other.as_str(), texts.account(&"b".repeat(42)).as_str()));
    }
}
