//! The venue's market accounts: one for each symbol, side and collateral. Events name the account alone.

use perpdex_core::{PositionSide, Text};

/// What a market account stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Market {
    pub(super) pool: &'static str,
    pub(super) symbol: &'static str,
    /// Decimals of sizes.
    pub(super) decimals: u8,
    pub(super) side: PositionSide,
    /// Symbol of the collateral.
    pub(super) collateral: &'static str,
}

const LONG: PositionSide = PositionSide::Long;
const SHORT: PositionSide = PositionSide::Short;

/// The market of an account, if it is listed.
pub(super) fn market(account: &str) -> Option<&'static Market> {
    MARKETS.iter().find(|(known, _)| *known == account).map(|(_, market)| market)
}

impl Market {
    /// The key of the market, both sides and all collaterals together.
    pub(super) fn key(&self) -> Text {
        format!("{}/{}", self.pool, self.symbol).into()
    }
}

/// Accounts as flash-sdk 15.17.2 lists them.
pub(super) const MARKETS: &[(&str, Market)] = &[
    (
        "3vHoXbUvGhEHFsLUmxyC6VWsbYDreb1zMn9TAp5ijN5K",
        Market { pool: "Crypto.1", symbol: "SOL", decimals: 9, side: LONG, collateral: "SOL" },
    ),
    (
        "9tvuK63WUV2mgWt7AvWUm7kRUpFKsRX1jewyJ21VTWsM",
        Market { pool: "Crypto.1", symbol: "SOL", decimals: 9, side: SHORT, collateral: "USDC" },
    ),
    (
        "GGV4VHTAEyWGyGubXTiQZiPajCEtGv2Ed2G2BHmY3zNZ",
        Market { pool: "Crypto.1", symbol: "BTC", decimals: 8, side: LONG, collateral: "BTC" },
    ),
    (
        "AAHFmCVd4JXXrLFmGBataeCJ6CwrYs4cYMiebXmBFvPE",
        Market { pool: "Crypto.1", symbol: "BTC", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "8r5MBC3oULSWdm69yn2q3gBLp6h1AL4Wo11LBzcCZGWJ",
        Market { pool: "Crypto.1", symbol: "ETH", decimals: 8, side: LONG, collateral: "ETH" },
    ),
    (
        "GxkxRPheec7f9ZbamzeWdiHiMbrgyoUV7MFPxXW1387q",
        Market { pool: "Crypto.1", symbol: "ETH", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "EHUaxjoTqTJTWRwQQNy1Wq4sDGdua5r6YGvFzPcuA1eV",
        Market { pool: "Crypto.1", symbol: "SOL", decimals: 9, side: LONG, collateral: "JitoSOL" },
    ),
    (
        "D9J8knbai5xeHhUawGQeEPf6p9SUpAhZEGZRGAz92NGx",
        Market { pool: "Crypto.1", symbol: "ZEC", decimals: 8, side: LONG, collateral: "ZEC" },
    ),
    (
        "CcYJjz2WyyT7uBdSAsNkU9ADhXNqLzfWLBc7DZsbwjf4",
        Market { pool: "Crypto.1", symbol: "ZEC", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "9wSuoUP3jht5R8vk7zFys4fCAkA6mWDThuiCb2vg972T",
        Market { pool: "Crypto.1", symbol: "BNB", decimals: 6, side: LONG, collateral: "BTC" },
    ),
    (
        "7UkGiRwUmmFhQBB7uLgHzJC4oTZZ5CDZqaYqNYo1LCPn",
        Market { pool: "Crypto.1", symbol: "BNB", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "G2rj5artQzevbsQtCJ1rkDt3Pd5b6ZYAf8e9AjZPipui",
        Market { pool: "Virtual.1", symbol: "XAU", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "7JwSejqoicRSzks3mKwk9TPp5rUNhUttKx2yzgU8UGtc",
        Market { pool: "Virtual.1", symbol: "XAG", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "DXbQZYeT1LfyJvr86wnaMhwkPaFHazmHJkuyb1XzCmo3",
        Market { pool: "Virtual.1", symbol: "EUR", decimals: 6, side: LONG, collateral: "USDC" },
    ),
    (
        "2CvUh7whei331D2djP4W2QwV7UUiMbpKgfJNSDojcjne",
        Market { pool: "Virtual.1", symbol: "EUR", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "8p5imag5r4JBZoxb7Wq8ysgu9LpkPix7n4i9z6TJZDt7",
        Market { pool: "Virtual.1", symbol: "GBP", decimals: 6, side: LONG, collateral: "USDC" },
    ),
    (
        "6pKnzQwmrSCz6HK4C4qXUscysGpQj381ksmNwmVHSdJ4",
        Market { pool: "Virtual.1", symbol: "GBP", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "5D2t4gqE8BjbvJaz5NUShUo3EVkqJD72P5YTzgV7n5nj",
        Market { pool: "Virtual.1", symbol: "CRUDEOIL", decimals: 6, side: LONG, collateral: "USDC" },
    ),
    (
        "DE7Erm5pGgxBhyxuhtFePKfnsyMvrnE713G9Ks8bPbgr",
        Market { pool: "Virtual.1", symbol: "CRUDEOIL", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "AKD5nCQRH2NvBbCD9eGhhu7w1auX1cG8x9XAUNrwQMm1",
        Market { pool: "Virtual.1", symbol: "XAU", decimals: 6, side: LONG, collateral: "XAUt" },
    ),
    (
        "FVWWPN9HyzYApxJdHhDxFeaLm279XcLaCLBUwhvDE2oS",
        Market { pool: "Virtual.1", symbol: "XAG", decimals: 6, side: LONG, collateral: "XAUt" },
    ),
    (
        "3ErjFstaRkw2zyTCso3ZtPVG58YVSorRZyD2H3J3ad4o",
        Market { pool: "Virtual.1", symbol: "USDJPY", decimals: 6, side: LONG, collateral: "USDC" },
    ),
    (
        "FKAU386yuiXRniJcLuZBtiVWUrpS1gKZqYTNVTdKFysn",
        Market { pool: "Virtual.1", symbol: "USDJPY", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "amojU3JR9LrtjMvmLPsHfwH86GhGSjSSX3H3FzeAMQY",
        Market { pool: "Virtual.1", symbol: "USDCNH", decimals: 6, side: LONG, collateral: "USDC" },
    ),
    (
        "Ha6AXRVteMUv9QX3xrhvSYzppEvN57M5oorUbxpLnqEs",
        Market { pool: "Virtual.1", symbol: "USDCNH", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "AwTN75kaLvhBpmtrfrQ6L7Hd47eMgoUZkBBP9daQ3ZpY",
        Market { pool: "Virtual.1", symbol: "NATGAS", decimals: 6, side: LONG, collateral: "USDC" },
    ),
    (
        "BDZJnR5wLoofVRiD9pjLeSbqtKcbrz4XvA2DFVxJM6X",
        Market { pool: "Virtual.1", symbol: "NATGAS", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "5QQstJ2LpeHESWqGTWBw5aid8h4cdVUjXU61R84Pj2jr",
        Market { pool: "Governance.1", symbol: "JUP", decimals: 6, side: LONG, collateral: "JUP" },
    ),
    (
        "Hi8kSmbtzucZpEYxvcq2H1QuyUCRuY3m7WGmTF2RhkVw",
        Market { pool: "Governance.1", symbol: "JUP", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "2By2fgwfZQetZ56414KBDMZwNBstg3GAJtEePQtf3Aty",
        Market { pool: "Governance.1", symbol: "PYTH", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "7gnDo7scDFYmEnXW2JrGRzCrynmbakoCMqaEo7d2fydG",
        Market { pool: "Governance.1", symbol: "JTO", decimals: 9, side: LONG, collateral: "JTO" },
    ),
    (
        "G7RdCWx4eNfLdagGp4H2tKwhTi9JihBozVLGMVduF1Xe",
        Market { pool: "Governance.1", symbol: "JTO", decimals: 9, side: SHORT, collateral: "USDC" },
    ),
    (
        "Hfkgp91DXQivzd8XihGHh7ansPm1SFfosNZ5CN3yz1PW",
        Market { pool: "Governance.1", symbol: "KMNO", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "6aCHZF8itdQKaFiVuZYPhhQvAPkTCWVv5w5rV5ka3xQw",
        Market { pool: "Governance.1", symbol: "HYPE", decimals: 9, side: LONG, collateral: "HYPE" },
    ),
    (
        "5YY8VCBCBWNzBPjMXtwhizPykZyieLnkXShEh44ttdK7",
        Market { pool: "Governance.1", symbol: "HYPE", decimals: 9, side: SHORT, collateral: "USDC" },
    ),
    (
        "F946beDoqCwA1Ui9aYuaTpmL7xeRuGvJUxQPwLxsXy8u",
        Market { pool: "Governance.1", symbol: "KMNO", decimals: 6, side: LONG, collateral: "JUP" },
    ),
    (
        "F65F5ndZMvGxBkieMbiiDvZMB66LiDdL94c29W6XsbdT",
        Market { pool: "Governance.1", symbol: "PYTH", decimals: 6, side: LONG, collateral: "JUP" },
    ),
    (
        "GgpvpfdQ12J4inZyBSFLUEa7JiK7VorFPxyC1k7sBDE3",
        Market { pool: "Governance.1", symbol: "MEGA", decimals: 9, side: LONG, collateral: "HYPE" },
    ),
    (
        "7Q2YtcYkW5dNXfEkAw3Ths6oUmoRsJ5KDNJS8oz4Xp1i",
        Market { pool: "Governance.1", symbol: "MEGA", decimals: 9, side: SHORT, collateral: "USDC" },
    ),
    (
        "DvvnSEZueicT9UN9WMvfYP3B4NQDgiNjjtbKLenLakxv",
        Market { pool: "Community.1", symbol: "BONK", decimals: 5, side: LONG, collateral: "BONK" },
    ),
    (
        "3EYDn8VkY19QBStG4QtvLAdPScReLS7kuchhterF7ADP",
        Market { pool: "Community.1", symbol: "BONK", decimals: 5, side: SHORT, collateral: "USDC" },
    ),
    (
        "FPYjBQg9PL1qjCEqSK6RDs4T9Lhip1uJytkpB7zzG35N",
        Market { pool: "Community.1", symbol: "PENGU", decimals: 6, side: LONG, collateral: "PENGU" },
    ),
    (
        "A39w24T4wWqx9ZRk8dPKQjQL9xgwBhPGc1dBmFfBh4mY",
        Market { pool: "Community.1", symbol: "PENGU", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "F8vVZZkWVgU7DvzaYEr539TsstaatWZMtAx6rwNNPL7R",
        Market { pool: "Community.1", symbol: "PUMP", decimals: 6, side: LONG, collateral: "PUMP" },
    ),
    (
        "HZdu8XS4qxSGn96o6pj3o4CWq2FMHe7z26NPofx63xoS",
        Market { pool: "Community.1", symbol: "PUMP", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "DRMbqfx6No2MzRLtyo4RUaKExe4daiVAXKsX3F3RAK3u",
        Market { pool: "Community.2", symbol: "WIF", decimals: 6, side: LONG, collateral: "WIF" },
    ),
    (
        "9X4S2ZeFdpoTe5LkEUZ6hPqkTo6k4LyYpBZJiwBVRj6",
        Market { pool: "Community.2", symbol: "WIF", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    (
        "9PYLfK5KFQVKptGjZdUGWW3hs24g3TMcYAS3B73k3BDi",
        Market { pool: "Trump.1", symbol: "FARTCOIN", decimals: 6, side: LONG, collateral: "FARTCOIN" },
    ),
    (
        "Cgf9B7zfxFxtamBMgDsg879fHaXGcoxX5a9wpcSbTUnF",
        Market { pool: "Trump.1", symbol: "FARTCOIN", decimals: 6, side: SHORT, collateral: "USDC" },
    ),
    ("AQSvMsVYvQbyDyJszcuD2c3FA3MU1QjehtMgrEH8pnEH", Market { pool: "Ore.1", symbol: "ORE", decimals: 11, side: LONG, collateral: "ORE" }),
    (
        "7vTrBiu3431iCsCV9xwQjSqSsVBAETC6B2seDdeNssew",
        Market { pool: "Ore.1", symbol: "ORE", decimals: 11, side: SHORT, collateral: "USDC" },
    ),
    (
        "7mw3uup1g87PM4R2mNF2ywHiRozUmKiXcgGGtcDWEiQs",
        Market { pool: "Equity.1", symbol: "SPY", decimals: 8, side: LONG, collateral: "SPY" },
    ),
    (
        "29JFtecuZsBMZMUp68oR4QDCBFtR8CCxjcPn6eU7ctWw",
        Market { pool: "Equity.1", symbol: "SPY", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "C38krTLmjjMGKm2eVJryV1it5nZtrCD2LckcUage4Jvq",
        Market { pool: "Equity.1", symbol: "NVDA", decimals: 8, side: LONG, collateral: "SPY" },
    ),
    (
        "FEZHLm1Q26SUtd7YEp5MEYHYDXVgrp4jsB8P7nLkzcDe",
        Market { pool: "Equity.1", symbol: "NVDA", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "AMjy1f7UBCAzoFz6xyMYy9DMd32DANUPVDASHGbHaypN",
        Market { pool: "Equity.1", symbol: "TSLA", decimals: 8, side: LONG, collateral: "SPY" },
    ),
    (
        "52STtBFtnK8X2wjwQRvBi8o7PRFdySbCjZ5pk6mvU3Ry",
        Market { pool: "Equity.1", symbol: "TSLA", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "7MqRSkmU8AAFWqREdGgSe9oFMgorfzF8egPNZMMzG5qu",
        Market { pool: "Equity.1", symbol: "AAPL", decimals: 8, side: LONG, collateral: "SPY" },
    ),
    (
        "FgVU26PUBooj992K1TAbAMyrB57kGtg8C3fhRr6sfY9T",
        Market { pool: "Equity.1", symbol: "AAPL", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "AAkU1SACmy2PjYGAW6FKaUNPwHtMmvVdMZ63yvx8Y2YN",
        Market { pool: "Equity.1", symbol: "AMD", decimals: 8, side: LONG, collateral: "SPY" },
    ),
    (
        "EtTWc2nFukiru2Bh8mv1VrRoHLSbh1aSQWVpa5qsYDnr",
        Market { pool: "Equity.1", symbol: "AMD", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
    (
        "4nNwBzkAzVPYygGV2zXuwkoQbknVzjobhNAkQzXhTqiH",
        Market { pool: "Equity.1", symbol: "AMZN", decimals: 8, side: LONG, collateral: "SPY" },
    ),
    (
        "9BWp9Ez9UFXEfxrmhopb29F969azopmNmv9fGKDzXkLd",
        Market { pool: "Equity.1", symbol: "AMZN", decimals: 8, side: SHORT, collateral: "USDC" },
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn accounts_are_those_of_the_layout_file() {
        let file: Value = serde_json::from_str(include_str!("../../../../abi/flash_trade/events.json")).unwrap();
        let listed = file["markets"].as_array().unwrap();
        assert_eq!(listed.len(), MARKETS.len());
        for row in listed {
            let found = market(row["market"].as_str().unwrap()).unwrap();
            let side = row["side"].as_str().unwrap();
            let text = |name: &str| row[name].as_str().unwrap();
            assert_eq!((found.pool, found.symbol, found.collateral), (text("pool"), text("symbol"), text("collateral")));
            assert_eq!((u64::from(found.decimals), found.side.as_str()), (row["target_decimals"].as_u64().unwrap(), side));
        }
    }
}
