//! From watches to as few `eth_getLogs` requests as answer them.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, Bloom, BloomInput};
use perpdex_core::{BlockRange, StreamId, Watch};
use serde_json::{Map, Value, json};

/// Addresses in one request, at most; some providers take no more.
const ADDRESSES_MAX: usize = 50;

/// Accepted values of each topic position; positions are ANDed, values of one ORed, an empty list accepts anything.
type Topics = [Vec<B256>; 4];

/// One request for logs: any of the addresses (any at all if empty) and a topic tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogQuery {
    addresses: Vec<Address>,
    topics: Topics,
}

/// The requests that answer all watches: one for each distinct topic tuple, with the addresses united. Topics are ANDed by
/// position, so that filters with different tuples cannot share a request without asking for more than was wanted.
///
/// Fails with the first stream whose watch is not one of an EVM chain.
pub(crate) fn queries(streams: &[(StreamId, Watch)]) -> Result<Vec<LogQuery>, &StreamId> {
    // `None` stands for any address.
    let mut by_topics: BTreeMap<Topics, Option<BTreeSet<Address>>> = BTreeMap::new();
    for (stream, watch) in streams {
        let Watch::Evm(filters) = watch else { return Err(stream) };
        for filter in filters {
            let addresses = by_topics.entry(sorted(&filter.topics)).or_insert_with(|| Some(BTreeSet::new()));
            if filter.addresses.is_empty() {
                *addresses = None;
            } else if let Some(addresses) = addresses {
                addresses.extend(filter.addresses.iter().copied());
            }
        }
    }
    let mut queries = Vec::with_capacity(by_topics.len());
    for (topics, addresses) in by_topics {
        match addresses {
            None => queries.push(LogQuery { addresses: Vec::new(), topics }),
            Some(addresses) => {
                let addresses: Vec<Address> = addresses.into_iter().collect();
                queries.extend(addresses.chunks(ADDRESSES_MAX).map(|part| LogQuery { addresses: part.to_vec(), topics: topics.clone() }));
            }
        }
    }
    Ok(queries)
}

fn sorted(topics: &Topics) -> Topics {
    topics.clone().map(|mut accepted| {
        accepted.sort_unstable();
        accepted.dedup();
        accepted
    })
}

impl LogQuery {
    /// The parameters of `eth_getLogs`. An empty address list means different things to different nodes and is left out,
    /// as are empty topics at the end.
    pub(crate) fn params(&self, range: BlockRange) -> Value {
        let mut filter = Map::new();
        filter.insert("fromBlock".to_owned(), quantity(range.from()));
        filter.insert("toBlock".to_owned(), quantity(range.to()));
        if !self.addresses.is_empty() {
            filter.insert("address".to_owned(), json!(self.addresses));
        }
        let named = self.topics.iter().rposition(|accepted| !accepted.is_empty()).map_or(0, |last| last + 1);
        if named > 0 {
            let topics = self.topics[..named].iter().map(|accepted| if accepted.is_empty() { Value::Null } else { json!(accepted) });
            filter.insert("topics".to_owned(), topics.collect());
        }
        json!([filter])
    }

    /// Whether the request asks for logs of this contract.
    pub(crate) fn may_be_of(&self, address: &Address) -> bool {
        self.addresses.is_empty() || self.addresses.contains(address)
    }

    /// Whether a log of this contract with these topics is one that the request asks for.
    pub(crate) fn matches(&self, address: &Address, topics: &[B256]) -> bool {
        let fits = |(position, accepted): (usize, &Vec<B256>)| {
            accepted.is_empty() || topics.get(position).is_some_and(|topic| accepted.contains(topic))
        };
        self.may_be_of(address) && self.topics.iter().enumerate().all(fits)
    }

    /// Two requests for half of it each: of the addresses, else of the values of the first topic that has several. `None`
    /// where there is nothing to halve.
    pub(crate) fn split(&self) -> Option<(LogQuery, LogQuery)> {
        let (mut one, mut other) = (self.clone(), self.clone());
        if 1 < self.addresses.len() {
            other.addresses = one.addresses.split_off(self.addresses.len() / 2);
        } else {
            let position = self.topics.iter().position(|accepted| 1 < accepted.len())?;
            other.topics[position] = one.topics[position].split_off(self.topics[position].len() / 2);
        }
        Some((one, other))
    }

    /// Whether a block with this bloom may hold a log that the request asks for besides those that are known of it: one of a contract, or
    /// with a named topic, of which none is known. `false` is certain but for a further log of a contract and topics that are known.
    pub(crate) fn may_hold_more<'a>(&self, bloom: &Bloom, known: impl Iterator<Item = (&'a Address, &'a [B256])>) -> bool {
        if !self.may_be_in(bloom) {
            return false;
        }
        let known: Vec<(&Address, &[B256])> = known.filter(|(address, topics)| self.matches(address, topics)).collect();
        let holds = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        let is_new_contract = |one: &Address| known.iter().all(|(address, _)| *address != one) && holds(one.as_slice());
        let is_new_topic = |at: usize, one: &B256| known.iter().all(|(_, topics)| topics.get(at) != Some(one)) && holds(one.as_slice());
        known.is_empty()
            || self.addresses.iter().any(is_new_contract)
            || self.topics.iter().enumerate().any(|(at, accepted)| accepted.iter().any(|one| is_new_topic(at, one)))
    }

    /// Whether a block with this bloom may hold a log that the request asks for. `false` is certain.
    pub(crate) fn may_be_in(&self, bloom: &Bloom) -> bool {
        let holds = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        (self.addresses.is_empty() || self.addresses.iter().any(|address| holds(address.as_slice())))
            && self.topics.iter().all(|accepted| accepted.is_empty() || accepted.iter().any(|topic| holds(topic.as_slice())))
    }
}

/// A number as JSON-RPC writes it.
pub(crate) fn quantity(number: u64) -> Value {
    Value::String(format!("{number:#x}"))
}

#[cfg(test)]
mod tests {
    use perpdex_core::{ChainId, EvmFilter, HyperliquidStream, VenueSlug};

    use super::*;

    fn stream(venue: &'static str, filters: Vec<EvmFilter>) -> (StreamId, Watch) {
        let id = StreamId { chain: ChainId::BNB, venue: VenueSlug::known(venue), part: String::new(), version: 1 };
        (id, Watch::Evm(filters))
    }

    fn filter(addresses: &[u8], topics: [&[u8]; 2]) -> EvmFilter {
        let [first, second] = topics.map(|accepted| accepted.iter().map(|n| B256::repeat_byte(*n)).collect());
        EvmFilter { addresses: addresses.iter().map(|n| Address::repeat_byte(*n)).collect(), topics: [first, second, vec![], vec![]] }
    }

    #[test]
    fn equal_topic_tuples_share_a_request() {
        let streams = [
            stream("gmx_v2", vec![filter(&[1], [&[9, 8], &[]])]),
            stream("gtrade", vec![filter(&[2], [&[], &[]]), filter(&[3], [&[8, 9, 9], &[]])]),
            stream("ostium", vec![filter(&[4, 2], [&[], &[]])]),
        ];
        let queries = queries(&streams).unwrap();
        let range = BlockRange::new(16, 31).unwrap();
        let address = |n: u8| format!("0x{}", hex(n, 20));
        let topic = |n: u8| format!("0x{}", hex(n, 32));
        assert_eq!(
            queries.iter().map(|query| query.params(range)).collect::<Vec<_>>(),
            [
                json!([{"fromBlock": "0x10", "toBlock": "0x1f", "address": [address(2), address(4)]}]),
                json!([{"fromBlock": "0x10", "toBlock": "0x1f", "address": [address(1), address(3)], "topics": [[topic(8), topic(9)]]}]),
            ]
        );
    }

    #[test]
    fn any_address_swallows_the_others() {
        let streams = [stream("gmx_v2", vec![filter(&[1], [&[], &[7]]), filter(&[], [&[], &[7]])])];
        let found = queries(&streams).unwrap();
        assert_eq!(found.len(), 1);
        let params = found[0].params(BlockRange::single(1));
        assert_eq!(params, json!([{"fromBlock": "0x1", "toBlock": "0x1", "topics": [null, [format!("0x{}", hex(7, 32))]]}]));
    }

    #[test]
    fn long_address_lists_are_split() {
        let addresses: Vec<u8> = (0..120).collect();
        let found = queries(&[stream("gmx_v2", vec![filter(&addresses, [&[], &[]])])]).unwrap().len();
        assert_eq!(found, 120_usize.div_ceil(ADDRESSES_MAX));
    }

    #[test]
    fn another_chains_watch_is_refused() {
        let mut wrong = stream("hyperliquid", vec![]);
        wrong.1 = Watch::HyperCore(HyperliquidStream::Fills);
        assert_eq!(queries(std::slice::from_ref(&wrong)), Err(&wrong.0));
    }

    fn hex(byte: u8, times: usize) -> String {
        format!("{byte:02x}").repeat(times)
    }
}
