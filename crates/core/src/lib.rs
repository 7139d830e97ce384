//! The vocabulary of perpdex: chains, venues, amounts, blocks, raw records, events and the three traits
//! ([`Source`], [`Venue`], [`Store`]) that the rest of the workspace is built around.
//!
//! Promises: no IO, no SQL, no clock. Every type that crosses a crate boundary is defined here once.
//! Does not: know any concrete chain client, any venue's layout, or any database.

mod amount;
mod block;
mod catalog;
mod chain;
mod coverage;
mod decode;
mod event;
mod key;
mod listing;
mod raw;
mod redecode;
mod run;
mod slug;
mod source;
mod store;
mod store_error;
mod text;
mod turn;
mod venue;
mod verify;

pub use amount::{Amount, AmountError, Decimal, TokenAmount, Unit};
pub use block::{BlockConflict, BlockRange, BlockRef, Link};
pub use catalog::{AliasDef, AssetDef, Catalog, CatalogError, MarketDef, Resolved, TokenDef};
pub use chain::{CHAINS, ChainId, ChainInfo, ChainKind};
pub use coverage::{Covered, Evidence, Family, Hole, HoleReason, RangeSet, StreamId, Target};
pub use decode::{DecodeUnit, Decoded, Disposition, Failure, FailureKind, StateAt, StateCall};
pub use event::{
    Action, BarKind, Close, ClosePnl, CloseReason, CloseSize, CollateralFlow, Event, EventBody, EventKey, Fill, FlowDirection, FlowScope,
    Forced, FundingIndex, FundingKind, FundingPayment, FundingRate, IndexBasis, Liquidation, LiquidationKind, MarketListed, OiAnchor,
    Period, PositionSide, Price, PriceKind, Side, Size, TokenPrice, VolumeBar,
};
pub use key::{derived_id, execution_id, market_id};
pub use listing::{ListingWindow, ListingWindows};
pub use raw::{Carrier, EvmLog, HyperliquidLine, HyperliquidStream, RawBody, RawRecord, SolanaEvent};
pub use redecode::{RedecodeStore, StoredPiece, StoredRange};
pub use run::{EndpointErrors, RunState};
pub use slug::{VENUE_SLUGS, VenueSlug};
pub use source::{
    Batch, FetchHeights, Filter, Headers, Heads, MalformedRecord, Probe, Proof, Source, SourceError, SourceErrorKind, Traffic,
};
pub use store::{Commit, Committed, ReduceStats, Reverted, Store};
pub use store_error::StoreError;
pub use text::Text;
pub use turn::Turn;
pub use venue::{
    Basis, Deployment, EventSpec, EvmFilter, LiquidationFeed, OiBasis, StreamSpec, StreamStart, Venue, VenueInfo, VenueModel, Watch,
};
pub use verify::{Difference, DifferenceKind, DroppedRecord, StoredRecord, Verification, Verified, VerifyStore, Withdrawn};
