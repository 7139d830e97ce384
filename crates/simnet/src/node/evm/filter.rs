//! Parameters of `eth_getLogs` and block tags, read as geth reads them.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Deserializer, de};

use crate::chain::EvmLog;
use crate::node::rpc::RpcError;

/// Topic positions a filter can have.
const TOPICS_MAX: usize = 4;

/// A block by name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Earliest,
    Finalized,
    Safe,
    Latest,
    Number(u64),
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tag, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "earliest" => Tag::Earliest,
            "finalized" => Tag::Finalized,
            "safe" => Tag::Safe,
            // Nothing is ever pending here.
            "latest" | "pending" => Tag::Latest,
            number => Tag::Number(parse_quantity(number).map_err(de::Error::custom)?),
        })
    }
}

/// A block by tag, number or hash (`eth_getBlockReceipts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagOrHash {
    Tag(Tag),
    Hash(B256),
}

impl<'de> Deserialize<'de> for TagOrHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TagOrHash, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Hash(B256),
            Tag(Tag),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Hash(hash) => TagOrHash::Hash(hash),
            Either::Tag(tag) => TagOrHash::Tag(tag),
        })
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    from_block: Option<Tag>,
    to_block: Option<Tag>,
    block_hash: Option<B256>,
    address: Option<OneOrMany<Address>>,
    topics: Option<Vec<Option<OneOrMany<Option<B256>>>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// Which blocks a filter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    Hash(B256),
    Range(Tag, Tag),
}

/// Which logs a filter asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    /// Empty matches any.
    addresses: Vec<Address>,
    /// For each position that a log must have, the accepted topics; empty matches any.
    topics: Vec<Vec<B256>>,
}

impl Filter {
    pub(super) fn blocks(&self) -> Result<Blocks, RpcError> {
        match (self.block_hash, self.from_block, self.to_block) {
            (Some(hash), None, None) => Ok(Blocks::Hash(hash)),
            (Some(_), _, _) => Err(RpcError::invalid_params(
                "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
            )),
            (None, from, to) => Ok(Blocks::Range(from.unwrap_or(Tag::Latest), to.unwrap_or(Tag::Latest))),
        }
    }

    pub(super) fn matcher(self) -> Result<Matcher, RpcError> {
        let addresses = match self.address {
            None => Vec::new(),
            Some(OneOrMany::One(address)) => vec![address],
            Some(OneOrMany::Many(addresses)) => addresses,
        };
        let topics: Vec<Vec<B256>> = self.topics.unwrap_or_default().into_iter().map(accepted).collect();
        if TOPICS_MAX < topics.len() {
            return Err(RpcError::invalid_params("exceed max topics"));
        }
        Ok(Matcher { addresses, topics })
    }
}

impl Matcher {
    /// As geth: a filter with more positions than the log has topics does not match, not even with null.
    pub(super) fn matches(&self, log: &EvmLog) -> bool {
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= log.topics.len()
            && self.topics.iter().zip(&log.topics).all(|(accepted, topic)| accepted.is_empty() || accepted.contains(topic))
    }
}

/// A null among the alternatives accepts anything, as in geth.
fn accepted(position: Option<OneOrMany<Option<B256>>>) -> Vec<B256> {
    match position {
        None => Vec::new(),
        Some(OneOrMany::One(topic)) => topic.into_iter().collect(),
        Some(OneOrMany::Many(topics)) => topics.into_iter().collect::<Option<_>>().unwrap_or_default(),
    }
}

fn parse_quantity(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").ok_or_else(|| format!("{text:?}: hex string without 0x prefix"))?;
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(format!("{text:?}: hex number with leading zero digits"));
    }
    if digits.starts_with('+') {
        return Err(format!("{text:?}: invalid hex string"));
    }
    u64::from_str_radix(digits, 16).map_err(|_| format!("{text:?}: invalid hex string"))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;

    fn log(address: u8, topics: &[u8]) -> EvmLog {
        let topics = topics.iter().map(|topic| B256::repeat_byte(*topic)).collect();
        EvmLog { address: Address::repeat_byte(address), topics, data: Bytes::new(), tx_hash: B256::ZERO, tx_index: 0 }
    }

    /// A filter's text; `a1` stands for an address, `t1` for a topic.
    fn matcher(text: &str) -> Matcher {
        let text = (0..10).fold(text.replace('\'', "\""), |text, n| {
            text.replace(&format!("a{n}\""), &format!("{}\"", Address::repeat_byte(n)))
                .replace(&format!("t{n}"), &B256::repeat_byte(n).to_string())
        });
        serde_json::from_str::<Filter>(&text).unwrap().matcher().unwrap()
    }

    #[test]
    fn logs_match_as_in_geth() {
        let cases = [
            ("{}", 1, &[][..], true),
            ("{'address':'a1'}", 1, &[], true),
            ("{'address':'a2'}", 1, &[], false),
            ("{'address':['a2','a1']}", 1, &[], true),
            ("{'address':[]}", 1, &[], true),
            ("{'topics':[]}", 1, &[5], true),
            ("{'topics':['t5']}", 1, &[5, 6], true),
            ("{'topics':['t6']}", 1, &[5, 6], false),
            ("{'topics':[null,'t6']}", 1, &[5, 6], true),
            ("{'topics':[null,['t7','t6']]}", 1, &[5, 6], true),
            ("{'topics':[['t5'],['t7','t8']]}", 1, &[5, 6], false),
            ("{'topics':['t5',null]}", 1, &[5, 6], true),
            ("{'topics':['t5',null]}", 1, &[5], false),
            ("{'topics':[['t1',null]]}", 1, &[5], true),
        ];
        for (filter, address, topics, want) in cases {
            assert_eq!(matcher(filter).matches(&log(address, topics)), want, "{filter} on {topics:?}");
        }
        let five = serde_json::from_str::<Filter>(r#"{"topics":[null,null,null,null,null]}"#).unwrap();
        assert!(five.matcher().is_err());
    }

    #[test]
    fn tags_and_numbers() {
        let tag = |text: &str| serde_json::from_str::<Tag>(&format!("{text:?}"));
        for (text, want) in [
            ("latest", Tag::Latest),
            ("pending", Tag::Latest),
            ("safe", Tag::Safe),
            ("0x0", Tag::Number(0)),
            ("0x1ad27480", Tag::Number(450_000_000)),
        ] {
            assert_eq!(tag(text).unwrap(), want);
        }
        for text in ["", "12", "0x", "0x01", "0xg", "0x+1", "newest", "0x10000000000000000"] {
            assert!(tag(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_hash_excludes_a_range() {
        let filter = |text: &str| serde_json::from_str::<Filter>(text).unwrap().blocks();
        let hash = B256::repeat_byte(1);
        assert_eq!(filter("{}"), Ok(Blocks::Range(Tag::Latest, Tag::Latest)));
        assert_eq!(filter(&format!(r#"{{"blockHash":"{hash}"}}"#)), Ok(Blocks::Hash(hash)));
        assert!(filter(&format!(r#"{{"blockHash":"{hash}","toBlock":"latest"}}"#)).is_err());
    }
}
