//! Promises of the vocabulary that other crates lean on.

use alloy_primitives::{Address, B256, Bytes};
use perpdex_core::{
    AliasDef, AssetDef, CHAINS, Catalog, ChainId, EvmFilter, EvmLog, RawBody, RawRecord, VENUE_SLUGS, VenueSlug, Watch, market_id,
};

#[test]
fn slugs_and_numbers_are_unique() {
    let mut numbers: Vec<i64> = VENUE_SLUGS.iter().map(|(number, _)| *number).collect();
    let mut slugs: Vec<&str> = VENUE_SLUGS.iter().map(|(_, slug)| slug.as_str()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!((numbers.len(), slugs.len()), (VENUE_SLUGS.len(), VENUE_SLUGS.len()));
    for chain in CHAINS {
        assert_eq!(ChainId::from_slug(chain.slug), Some(chain.id));
        assert_eq!(chain.id.to_string(), chain.slug);
    }
    assert_eq!(ChainId(7).to_string(), "chain-7");
}

#[test]
fn a_market_s_id_depends_on_venue_chain_and_key() {
    let venue = |text| VenueSlug::from_slug(text).expect("a known venue");
    let ids = [
        market_id(venue("aster_1001x"), ChainId::BNB, "0xa"),
        market_id(venue("aster_1001x"), ChainId::ARBITRUM, "0xa"),
        market_id(venue("aster_1001x"), ChainId::BNB, "0xb"),
        market_id(venue("gmx_v2"), ChainId::BNB, "0xa"),
    ];
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids[..index].contains(id));
    }
}

fn alias(venue: &str, symbol: &str, asset: &str, multiplier: i64) -> AliasDef {
    AliasDef { venue: venue.to_owned(), symbol: symbol.to_owned(), asset: asset.to_owned(), multiplier }
}

#[test]
fn only_alias_rows_map_a_symbol() {
    let mut catalog = Catalog::default();
    let asset = |symbol: &str| AssetDef { symbol: symbol.to_owned(), class: "crypto".to_owned(), qty_scale: 8 };
    let aliases =
        vec![alias("*", "BTC", "BTC", 1), alias("hyperliquid", "kPEPE", "PEPE", 1_000), alias("aster_1001x", "500BTC/USD", "BTC", 1)];
    catalog.extend(vec![asset("BTC"), asset("PEPE")], aliases, Vec::new(), Vec::new()).unwrap();
    let resolve = |venue: &str, symbol: &str| {
        let resolved = catalog.resolve(VenueSlug::from_slug(venue).unwrap(), symbol);
        (resolved.asset.symbol, resolved.multiplier, resolved.mapped)
    };
    assert_eq!(resolve("gmx_v2", "BTC"), ("BTC".to_owned(), 1, true));
    assert_eq!(resolve("hyperliquid", "kPEPE"), ("PEPE".to_owned(), 1_000, true));
    assert_eq!(resolve("aster_1001x", "500BTC/USD"), ("BTC".to_owned(), 1, true));
    assert_eq!(resolve("gmx_v2", "1000PEPE"), ("gmx_v2:1000PEPE".to_owned(), 1, false));
    let unknown_asset = catalog.extend(Vec::new(), vec![alias("*", "X", "NOPE", 1)], Vec::new(), Vec::new());
    assert_eq!(unknown_asset.unwrap_err().to_string(), "alias \"X\": unknown asset \"NOPE\"");
}

#[test]
fn a_filter_ands_positions_and_ors_values() {
    let topic = B256::repeat_byte;
    let log = |address: u8, topics: Vec<B256>| RawRecord {
        chain: ChainId::BNB,
        height: 1,
        rec: 0,
        ord: 0,
        tx_id: Default::default(),
        tx_index: None,
        time_ms: 0,
        body: RawBody::EvmLog(EvmLog { address: Address::repeat_byte(address), topics, data: Bytes::new(), block_hash: B256::ZERO }),
    };
    let filter = EvmFilter {
        addresses: vec![Address::repeat_byte(1), Address::repeat_byte(2)],
        topics: [vec![topic(7), topic(8)], Vec::new(), vec![topic(9)], Vec::new()],
    };
    let watch = Watch::Evm(vec![filter]);
    assert!(watch.matches(&log(2, vec![topic(8), topic(0), topic(9)])));
    assert!(!watch.matches(&log(3, vec![topic(8), topic(0), topic(9)])), "another address");
    assert!(!watch.matches(&log(1, vec![topic(8), topic(0), topic(5)])), "another value");
    assert!(!watch.matches(&log(1, vec![topic(8)])), "a missing position");
}
