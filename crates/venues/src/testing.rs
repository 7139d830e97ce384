//! Checks shared by the decoders' own tests.

use alloy_json_abi::JsonAbi;
use alloy_primitives::B256;

/// Every event of the ABI has a row with its selector and the other way round. An overload is named by its signature.
pub(crate) fn assert_selectors(layout: &[(&str, B256)], abi_json: &str) {
    let abi: JsonAbi = serde_json::from_str(abi_json).unwrap();
    let mut want: Vec<(String, B256)> = Vec::new();
    for overloads in abi.events.values() {
        for event in overloads {
            let name = if overloads.len() > 1 { event.signature() } else { event.name.clone() };
            want.push((name, event.selector()));
        }
    }
    let mut have: Vec<(String, B256)> = layout.iter().map(|(name, topic0)| ((*name).to_owned(), *topic0)).collect();
    want.sort();
    have.sort();
    assert_eq!(have, want);
}
