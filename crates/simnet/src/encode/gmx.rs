//! GMX v2's event envelope: key-value lists inside one of three Solidity events.

use alloy_dyn_abi::DynSolValue;
use alloy_primitives::{Address, B256, I256, U256, address as hex_address};

use super::abi::{self, Contract, Emitted};

/// The EventEmitter of Arbitrum One (gmx-synthetics deployments/arbitrum/EventEmitter.json).
pub const EVENT_EMITTER: Address = hex_address!("c8ee91a54287db53897056e12d9819156d3822fb");

/// The handler that executes orders, the first data word of every log (deployments/arbitrum/OrderHandler.json).
const HANDLER: Address = hex_address!("63492b775e30a9e6b4b4761c12605eb9d071d5e9");

/// The items of one event, in the order in which the contract adds them.
#[derive(Clone, Debug, Default)]
pub struct Items {
    addresses: Vec<DynSolValue>,
    uints: Vec<DynSolValue>,
    ints: Vec<DynSolValue>,
    bools: Vec<DynSolValue>,
    words: Vec<DynSolValue>,
}

/// Emits GMX v2 events.
#[derive(Clone, Debug)]
pub struct EventEmitter {
    contract: Contract,
}

impl Items {
    /// Adds an address item.
    pub fn address(mut self, key: &str, value: Address) -> Items {
        self.addresses.push(item(key, abi::address(value)));
        self
    }

    /// Adds an unsigned item.
    pub fn uint(mut self, key: &str, value: U256) -> Items {
        self.uints.push(item(key, abi::uint(value)));
        self
    }

    /// Adds a signed item.
    pub fn int(mut self, key: &str, value: I256) -> Items {
        self.ints.push(item(key, abi::int(value)));
        self
    }

    /// Adds a boolean item.
    pub fn flag(mut self, key: &str, value: bool) -> Items {
        self.bools.push(item(key, abi::boolean(value)));
        self
    }

    /// Adds a 32-byte item.
    pub fn word(mut self, key: &str, value: B256) -> Items {
        self.words.push(item(key, abi::word(value)));
        self
    }

    /// `EventLogData`: seven kinds of items, each a plain list and a list of arrays; the protocol's perp events use no
    /// arrays, bytes or strings.
    fn into_value(self) -> DynSolValue {
        let kinds = [self.addresses, self.uints, self.ints, self.bools, self.words, Vec::new(), Vec::new()];
        let lists = kinds.map(|items| DynSolValue::Tuple(vec![DynSolValue::Array(items), DynSolValue::Array(Vec::new())]));
        DynSolValue::Tuple(lists.into())
    }
}

impl EventEmitter {
    /// The emitter with the ABI of `abi/gmx_v2`.
    pub fn new() -> EventEmitter {
        EventEmitter { contract: Contract::new(EVENT_EMITTER, include_str!("../../../../abi/gmx_v2/event_emitter.json")) }
    }

    /// The log of event `name`; its envelope follows from the number of topics (0, 1 or 2).
    pub fn emit(&self, name: &str, topics: &[B256], items: Items) -> Emitted {
        let mut values = vec![abi::address(HANDLER), abi::text(name), abi::text(name)];
        values.extend(topics.iter().map(|topic| abi::word(*topic)));
        values.push(items.into_value());
        let envelope = ["EventLog", "EventLog1", "EventLog2"][topics.len()];
        self.contract.emit(envelope, &values)
    }
}

impl Default for EventEmitter {
    fn default() -> EventEmitter {
        EventEmitter::new()
    }
}

/// A topic that holds an address.
pub fn topic(address: Address) -> B256 {
    address.into_word()
}

fn item(key: &str, value: DynSolValue) -> DynSolValue {
    DynSolValue::Tuple(vec![abi::text(key), value])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_have_the_documented_topics() {
        let emitter = EventEmitter::new();
        let market = topic(Address::repeat_byte(7));
        for (name, topics, topic0, topic1) in [
            (
                "InsolventClose",
                vec![],
                "0x7e3bde2ba7aca4a8499608ca57f3b0c1c1c93ace63ffd3741a9fab204146fc9a",
                "0xcfa5615fee0f8a3be5094b3bca17ec4275ce73d648845f3e7c10226bb9e0eed0",
            ),
            (
                "Funding",
                vec![market],
                "0x137a44067c8961cd7e1d876f4754a5a3a75989b4552f1843fc69c3b372def160",
                "0xfa62774da2a88153e9ab65eeb82179af1263fd762699dee63c5cdf2c271748b0",
            ),
            (
                "OrderExecuted",
                vec![market, market],
                "0x468a25a7ba624ceea6e540ad6f49171b52495b648417ae91bca21676d8a24dc5",
                "0x680f10f06595d3d707241f604672ec4b6ae50eb82728ec2f3c65f6789e897760",
            ),
        ] {
            let log = emitter.emit(name, &topics, Items::default().uint("a", U256::from(1)));
            assert_eq!((log.topics[0].to_string(), log.topics[1].to_string()), (topic0.to_owned(), topic1.to_owned()), "{name}");
            assert_eq!(log.topics[2..], topics[..], "{name}");
        }
    }

    /// Size of a real `Funding` log (block 450000109 of Arbitrum One): two items make 1,600 bytes.
    #[test]
    fn a_log_is_as_long_as_a_real_one() {
        let items = Items::default().address("market", Address::repeat_byte(7)).uint("fundingFactorPerSecond", U256::from(1));
        assert_eq!(EventEmitter::new().emit("Funding", &[topic(Address::ZERO)], items).data.len(), 1_600);
    }
}
