//! Public market-data APIs of venues, read as sources: calls within the venue's weight limit, a WebSocket that says what
//! it missed.
//!
//! Promises: a call waits for its place in the limit before it is made; a refusal becomes a classified
//! [`SourceError`](perpdex_core::SourceError) and pauses every call to that host; an address is never printed, only its
//! label.
//! Does not: retry (that is `engine`), decode (that is `venues`), or write.

mod api;
pub mod aster;
mod socket;
mod weight;

pub use api::{ApiClient, ApiEndpoint};
pub use socket::{Heard, Ping, Socket, SocketEndpoint, SocketError};
pub use weight::WeightBudget;
