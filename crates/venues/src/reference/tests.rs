use std::collections::BTreeSet;

use perpdex_core::{ChainId, VenueSlug};

use super::*;

fn rows(file_name: &str) -> CatalogRows {
    let (_, text) = BUILTIN.iter().find(|(name, _)| *name == file_name).unwrap();
    parse_catalog(text, file_name).unwrap()
}

#[test]
fn errors_name_file_and_line() {
    let cases = [
        (
            "assets = [\n  { symbol = \"X\", class = \"crypto\", qty_scale = 8, ticker = 1 },\n]\n",
            "own.toml, line 2: unknown field `ticker`",
        ),
        ("\n\n[[coins]]\n", "own.toml, line 3: unknown field `coins`"),
        ("tokens = [\n  {}\n]", "own.toml, line 2: missing field `chain`"),
        ("assets = [", "own.toml, line 1"),
        (
            "tokens = [\n  { chain = \"bnb\", address = \"0xA\", symbol = \"A\", decimals = 6 },\n]",
            "own.toml, line 2: \"0xA\" must be lower-case hex",
        ),
        (
            "\ntokens = [{ chain = \"bsc\", address = \"0xa\", symbol = \"A\", decimals = 6 }]",
            "own.toml, line 2: \"bsc\" is not a known chain",
        ),
        ("aliases = [{ venue = \"gmx\", symbol = \"A\", asset = \"BTC\" }]", "own.toml, line 1: \"gmx\" is not a known venue"),
    ];
    for (text, want) in cases {
        let error = parse_catalog(text, "own.toml").unwrap_err().to_string();
        assert!(error.starts_with(want), "{error:?} should start with {want:?}");
    }
}

#[test]
fn a_row_of_ones_own_replaces_a_built_in_one() {
    let mut catalog = builtin_catalog();
    let own = "assets = [{ symbol = \"BTC\", class = \"crypto\", qty_scale = 9 }]";
    parse_catalog(own, "own.toml").unwrap().extend(&mut catalog).unwrap();
    assert_eq!(catalog.resolve(VenueSlug::known("gmx_v2"), "WBTC").asset.qty_scale, 9);
}

#[test]
fn no_key_stands_twice() {
    let mut seen = BTreeSet::new();
    for (name, _) in BUILTIN {
        let rows = rows(name);
        let keys = rows.assets.iter().map(|row| format!("asset {}", row.symbol));
        let keys = keys.chain(rows.aliases.iter().map(|row| format!("alias {} {}", row.venue, row.symbol)));
        let keys = keys.chain(rows.tokens.iter().map(|row| format!("token {} {}", row.chain, row.address)));
        let keys = keys.chain(rows.markets.iter().map(|row| format!("market {} {} {}", row.venue, row.chain, row.key)));
        for key in keys {
            assert!(seen.insert(key.clone()), "{key} stands twice");
        }
    }
    assert!(seen.len() > 700, "only {} rows", seen.len());
}

#[test]
fn hex_is_lower_case_and_whole() {
    let is_hex = |text: &str| text.len() == 42 && text[2..].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let tokens = rows("config/tokens.toml").tokens;
    let evm = tokens.iter().filter(|token| !matches!(token.chain.as_str(), "solana" | "hyperliquid")).map(|token| &token.address);
    let markets = [rows("config/markets/gmx_v2.toml").markets, rows("config/markets/aster_1001x.toml").markets].concat();
    let markets = markets.iter().flat_map(|market| market.collateral_tokens.iter().chain([&market.key]));
    for address in evm.chain(markets) {
        assert!(address.starts_with("0x") && is_hex(address), "{address}");
    }
}

#[test]
fn every_gmx_market_has_an_asset_decimals_and_known_collateral() {
    let catalog = builtin_catalog();
    let markets = rows("config/markets/gmx_v2.toml").markets;
    assert_eq!(markets.len(), 129);
    for market in markets {
        assert!(catalog.resolve(VenueSlug::known("gmx_v2"), &market.symbol).mapped, "{}", market.symbol);
        assert!(market.qty_decimals.is_some(), "{}", market.key);
        assert!(matches!(market.collateral_tokens.len(), 1 | 2), "{}", market.key);
        for token in &market.collateral_tokens {
            assert!(catalog.token(ChainId::ARBITRUM, token).is_some(), "{token} of {}", market.key);
        }
    }
}

#[test]
fn symbols_stand_for_their_assets() {
    let catalog = builtin_catalog();
    for (venue, symbol, asset, multiplier, qty_scale) in [
        ("gmx_v2", "BTC", "BTC", 1, 10),
        ("aster_1001x", "BTC/USD", "BTC", 1, 10),
        ("aster_1001x", "500BTC/USD", "BTC", 1, 10),
        ("phoenix_eternal", "SOL", "SOL", 1, 8),
        ("hyperliquid", "kPEPE", "PEPE", 1_000, 3),
        ("hyperliquid", "SPX", "SPX6900", 1, 6),
        ("hyperliquid", "0G", "0G", 1, 6),
        ("gmx_v2", "SATS", "SATS", 1, 2),
        ("gmx_v2", "WBTC.e", "BTC", 1, 10),
        ("gmx_v2", "1MBABYDOGE", "BABYDOGE", 1_000_000, 1),
    ] {
        let found = catalog.resolve(VenueSlug::from_slug(venue).unwrap(), symbol);
        assert_eq!((found.asset.symbol.as_str(), found.multiplier, found.asset.qty_scale), (asset, multiplier, qty_scale), "{symbol}");
        assert!(found.mapped, "{symbol}");
    }
    let other_dex = catalog.resolve(VenueSlug::known("hyperliquid"), "xyz:GOLD");
    assert!(!other_dex.mapped, "a symbol of another exchange is not the plain one");
}
