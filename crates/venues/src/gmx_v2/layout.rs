//! Which events of the EventEmitter there are, and what becomes of each.

use alloy_primitives::{B256, b256, keccak256};
use perpdex_core::{
    Disposition::{self, Ignored, Mapped, StateOnly},
    EventSpec,
};

/// Selectors of `EventLog1`, `EventLog2` and `EventLog`, the three envelopes.
pub(super) const ENVELOPES: [B256; 3] = [
    b256!("137a44067c8961cd7e1d876f4754a5a3a75989b4552f1843fc69c3b372def160"),
    b256!("468a25a7ba624ceea6e540ad6f49171b52495b648417ae91bca21676d8a24dc5"),
    b256!("7e3bde2ba7aca4a8499608ca57f3b0c1c1c93ace63ffd3741a9fab204146fc9a"),
];

/// Names of the events that the stream asks for.
pub(super) const WATCHED: [&str; 15] = [
    "PositionIncrease",
    "PositionDecrease",
    "PositionFeesCollected",
    "PositionFeesInfo",
    "InsolventClose",
    "OpenInterestUpdated",
    "OpenInterestInTokensUpdated",
    "Funding",
    "FundingFeeAmountPerSizeUpdated",
    "ClaimableFundingAmountPerSizeUpdated",
    "ClaimableFundingUpdated",
    "Borrowing",
    "CumulativeBorrowingFactorUpdated",
    "MarketCreated",
    "OrderExecuted",
];

/// All events of the layout file; those not in [`WATCHED`] are not asked for.
pub(super) static SPECS: [EventSpec; 20] = [
    spec("PositionIncrease", Mapped),
    spec("PositionDecrease", Mapped),
    spec("PositionFeesCollected", Mapped),
    spec("PositionFeesInfo", Ignored("fees that an insolvent position could not pay; PositionFeesCollected says what was paid")),
    spec("InsolventClose", Ignored("a note on an insolvent liquidation; its PositionDecrease is the liquidation")),
    spec("OpenInterestUpdated", Mapped),
    spec("OpenInterestInTokensUpdated", Mapped),
    spec("Funding", Mapped),
    spec("FundingFeeAmountPerSizeUpdated", StateOnly),
    spec("ClaimableFundingAmountPerSizeUpdated", StateOnly),
    spec("ClaimableFundingUpdated", Mapped),
    spec("Borrowing", StateOnly),
    spec("CumulativeBorrowingFactorUpdated", Mapped),
    spec("MarketCreated", Mapped),
    spec("OrderExecuted", StateOnly),
    spec("OrderCreated", Ignored("a request, not asked for")),
    spec("CollateralSumUpdated", Ignored("collateral of a market, not asked for")),
    spec("FundingFeesClaimed", Ignored("payout of what ClaimableFundingUpdated granted, not asked for")),
    spec("OraclePriceUpdate", Ignored("dozens in every transaction, not asked for; position events carry the price they used")),
    spec("AdlStateUpdated", Ignored("whether auto-deleveraging is allowed, not asked for")),
];

const fn spec(name: &'static str, disposition: Disposition) -> EventSpec {
    EventSpec { name, disposition }
}

/// The second topic of an event: the hash of its name.
pub(super) fn hash(name: &str) -> B256 {
    keccak256(name.as_bytes())
}

/// The event's name, `None` for one that the layout does not list.
pub(super) fn name(hash: B256) -> Option<&'static str> {
    HASHES.iter().find(|(known, _)| *known == hash).map(|(_, name)| *name)
}

/// Name hash of `MarketCreated`.
pub(super) static MARKET_CREATED: std::sync::LazyLock<B256> = std::sync::LazyLock::new(|| hash("MarketCreated"));

/// Name hashes of [`SPECS`], the usual ones first.
static HASHES: std::sync::LazyLock<Vec<(B256, &'static str)>> =
    std::sync::LazyLock::new(|| SPECS.iter().map(|spec| (hash(spec.name), spec.name)).collect());

#[cfg(test)]
mod tests {
    use alloy_json_abi::JsonAbi;

    use super::*;

    #[test]
    fn envelopes_are_those_of_the_abi() {
        let abi: JsonAbi = serde_json::from_str(include_str!("../../../../abi/gmx_v2/event_emitter.json")).unwrap();
        let selector = |name: &str| abi.events[name][0].selector();
        assert_eq!(ENVELOPES, [selector("EventLog1"), selector("EventLog2"), selector("EventLog")]);
        assert_eq!(abi.events.len(), ENVELOPES.len());
    }

    #[test]
    fn name_hashes_are_those_of_the_layout_file() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../../../../abi/gmx_v2/events.json")).unwrap();
        let events = file["events"].as_array().unwrap();
        for event in events {
            let (name_hash, event_name) = (event["name_hash"].as_str().unwrap(), event["name"].as_str().unwrap());
            assert_eq!(hash(event_name).to_string(), name_hash, "{event_name}");
            assert_eq!(name(hash(event_name)), Some(event_name));
            assert_eq!(WATCHED.contains(&event_name), event["watched"].as_bool().unwrap(), "{event_name}");
        }
        assert_eq!(events.len(), SPECS.len());
    }
}
