//! What a token says of itself: its symbol and decimals, read from the contract and recorded beside the logs that name it.

use alloy_primitives::{Address, Bytes};
use perpdex_core::{DecodeUnit, StateAt, StateCall};

use crate::abi::{self, Reader};

/// Selector of `symbol()`.
const SYMBOL: [u8; 4] = [0x95, 0xd8, 0x9b, 0x41];
/// Selector of `decimals()`.
const DECIMALS: [u8; 4] = [0x31, 0x3c, 0xe5, 0x67];

/// The calls that tell a token's symbol and decimals. Neither ever changes.
pub(crate) fn calls(token: Address) -> [StateCall; 2] {
    [SYMBOL, DECIMALS].map(|selector| StateCall { address: token, calldata: Bytes::from(selector), at: StateAt::Immutable })
}

/// The token's symbol; `None` where there is no contract, or it says none. Tokens of the first years answer 32 bytes, padded
/// with zeros.
pub(crate) fn symbol(unit: &DecodeUnit<'_>, token: Address) -> Option<String> {
    let output = unit.state_of(token, &SYMBOL)?;
    let text = match output.len() {
        32 => std::str::from_utf8(output).ok()?.trim_end_matches('\0'),
        _ => Reader::new(output).string("symbol").ok()?,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// The token's decimals; `None` where there is no contract, or it says none.
pub(crate) fn decimals(unit: &DecodeUnit<'_>, token: Address) -> Option<u8> {
    let word = Reader::new(unit.state_of(token, &DECIMALS)?).bytes32("decimals").ok()?;
    u8::try_from(abi::uint(&word, 8, "decimals").ok()?).ok()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{hex, keccak256};
    use perpdex_core::{ChainId, RawBody, RawRecord};

    use super::*;

    const TOKEN: Address = Address::repeat_byte(7);

    fn record(selector: [u8; 4], output: Bytes) -> RawRecord {
        let body = RawBody::StateRead { address: TOKEN, calldata: Bytes::from(selector), output };
        let chain = ChainId::ETHEREUM;
        RawRecord { chain, height: 1, rec: 1, ord: 1, tx_id: "state".into(), tx_index: None, time_ms: 0, body }
    }

    fn said(symbol_output: &[u8], decimals_output: &[u8]) -> (Option<String>, Option<u8>) {
        let [symbol_of, decimals_of] = [symbol_output, decimals_output].map(Bytes::copy_from_slice);
        let state = [record(SYMBOL, symbol_of), record(DECIMALS, decimals_of)];
        let unit = DecodeUnit { chain: ChainId::ETHEREUM, height: 1, time_ms: 0, tx_id: &"0x".into(), records: &[], state: &state };
        (symbol(&unit, TOKEN), decimals(&unit, TOKEN))
    }

    #[test]
    fn selectors_are_those_of_their_signatures() {
        assert_eq!(keccak256("symbol()")[..4], SYMBOL);
        assert_eq!(keccak256("decimals()")[..4], DECIMALS);
    }

    #[test]
    fn texts_of_both_kinds_and_silence() {
        let text = hex!(
            "0000000000000000000000000000000000000000000000000000000000000020\
                         00000000000000000000000000000000000000000000000000000000000000044254434200000000000000000000000000000000000000000000000000000000"
        );
        let eight = hex!("0000000000000000000000000000000000000000000000000000000000000008");
        assert_eq!(said(&text, &eight), (Some("BTCB".to_owned()), Some(8)));
        let mut padded = [0; 32];
        padded[..3].copy_from_slice(b"MKR");
        assert_eq!(said(&padded, &[0xff; 32]), (Some("MKR".to_owned()), None));
        assert_eq!(said(&[], &[]), (None, None));
        assert_eq!(said(&[0; 32], &[0; 31]), (None, None));
        assert_eq!(said(&text[..66], &[]), (None, None), "cut inside of the text");
    }
}
