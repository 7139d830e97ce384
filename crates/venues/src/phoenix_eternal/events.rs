//! The variants of `MarketEvent` in their order, and what becomes of each. Variants are only ever appended.

use perpdex_core::{Disposition, EventSpec};

/// Variant `n` is row `n`.
pub(super) const EVENTS: &[EventSpec] = &[
    spec("SlotContext", Disposition::StateOnly),
    spec("Header", Disposition::Mapped),
    spec("OrderPlaced", Disposition::Ignored(ORDER)),
    spec("OrderFilled", Disposition::Mapped),
    spec("OrderRejected", Disposition::Ignored(ORDER)),
    spec("SplineFilled", Disposition::Mapped),
    spec("TradeSummary", Disposition::Mapped),
    spec("OrderModified", Disposition::Ignored(ORDER)),
    spec("MarketSummary", Disposition::Mapped),
    spec("TraderRegistered", Disposition::Ignored(ACCOUNT)),
    spec("TraderCollateralTransferred", Disposition::Ignored(INSIDE)),
    spec("TraderActivated", Disposition::Ignored(ACCOUNT)),
    spec("TraderDeactivated", Disposition::Ignored(ACCOUNT)),
    spec("TraderFundsDeposited", Disposition::Mapped),
    spec("TraderFundsWithdrawn", Disposition::Mapped),
    spec("TraderFundsWithdrawnEnqueued", Disposition::Ignored(QUEUE)),
    spec("TraderFundsWithdrawnDropped", Disposition::Ignored(QUEUE)),
    spec("TraderWithdrawCancelled", Disposition::Ignored(QUEUE)),
    spec("TraderFundingSettled", Disposition::Mapped),
    spec("SplineRegistered", Disposition::Ignored(SPLINE)),
    spec("SplineActivated", Disposition::Ignored(SPLINE)),
    spec("SplineDeactivated", Disposition::Ignored(SPLINE)),
    spec("SplinePriceUpdated", Disposition::Ignored(SPLINE)),
    spec("SplineParametersUpdated", Disposition::Ignored(SPLINE)),
    spec("MarketAdded", Disposition::Mapped),
    spec("MarketStatusChanged", Disposition::Ignored(ADMIN)),
    spec("MarketParametersUpdated", Disposition::Ignored(ADMIN)),
    spec("FundingParametersUpdated", Disposition::Ignored(ADMIN)),
    spec("FeesClaimed", Disposition::Ignored(ADMIN)),
    spec("PricesUpdated", Disposition::Mapped),
    spec("LiquidationTransferSummary", Disposition::Ignored("sums of the LiquidationTransfers before it")),
    spec("LiquidationTransfer", Disposition::Mapped),
    spec("Liquidation", Disposition::StateOnly),
    spec("CloseMatchedPositions", Disposition::Mapped),
    spec("NameSuccessor", Disposition::Ignored(ADMIN)),
    spec("ClaimAuthority", Disposition::Ignored(ADMIN)),
    spec("WithdrawStateTransition", Disposition::Ignored(ADMIN)),
    spec("PnL", Disposition::Mapped),
    spec("StopLossPlaced", Disposition::Ignored(ORDER)),
    spec("StopLossCancelled", Disposition::Ignored(ORDER)),
    spec("StopLossExecuted", Disposition::Ignored(ORDER)),
    spec("ExchangeStatusChanged", Disposition::Ignored(ADMIN)),
    spec("TraderCapabilitiesEnabled", Disposition::Ignored(ACCOUNT)),
    spec("TraderFundsWithdrawnFeePayment", Disposition::Ignored("a fee for withdrawing; its layout is not published")),
    spec("OrderPacket", Disposition::Ignored(ORDER)),
    spec("SetPermission", Disposition::Ignored(ADMIN)),
    spec("AuthorityChanged", Disposition::Ignored(ADMIN)),
    spec("TraderDelegated", Disposition::Ignored(ACCOUNT)),
    spec("AdminParameterUpdated", Disposition::Ignored(ADMIN)),
    spec("TraderFeesUpdated", Disposition::Ignored(ADMIN)),
    spec("MarketClosed", Disposition::Ignored(ADMIN)),
    spec("MarketDeleted", Disposition::Ignored(ADMIN)),
    spec("EscrowAccountCreated", Disposition::Ignored(ESCROW)),
    spec("EscrowRequestCreated", Disposition::Ignored(ESCROW)),
    spec("EscrowRequestAccepted", Disposition::Ignored(ESCROW)),
    spec("EscrowRequestCancelled", Disposition::Ignored(ESCROW)),
    spec("SplinePriceUpdatedWithOrdering", Disposition::Ignored(SPLINE)),
    spec("SplineParametersUpdatedWithOrdering", Disposition::Ignored(SPLINE)),
    spec("TriggerOrderPlaced", Disposition::Ignored(ORDER)),
    spec("TriggerOrderCancelled", Disposition::Ignored(ORDER)),
    spec("TriggerOrderExecuted", Disposition::Ignored(ORDER)),
    spec("PingInvalidated", Disposition::Ignored(ADMIN)),
    spec("PingActivated", Disposition::Ignored(ADMIN)),
    spec("SplinePositionLimitsConfigUpdated", Disposition::Ignored(SPLINE)),
    spec("MarketTombstoned", Disposition::Ignored(ADMIN)),
    spec("ShutdownClosePositions", Disposition::Mapped),
    spec("OrderResidualDiscarded", Disposition::Ignored(ORDER)),
    spec("SpotCollateralDeposited", Disposition::Ignored(SPOT)),
    spec("SpotCollateralWithdrawn", Disposition::Ignored(SPOT)),
    spec("SpotCollateralLiquidated", Disposition::Ignored(SPOT)),
    spec("Reserved70", Disposition::Ignored("reserved")),
    spec("AdditionalFeeAccrued", Disposition::Ignored("a fee of a third party; its layout is not published")),
    spec("SpotAssetPriceUpdated", Disposition::Ignored(SPOT)),
    spec("LockedDepositChanged", Disposition::Ignored("a deposit that cannot be withdrawn for a time; its layout is not published")),
    spec("FundingParametersUpdatedWithClamp", Disposition::Ignored(ADMIN)),
];

const ACCOUNT: &str = "an account's registration or rights";
const ADMIN: &str = "administration of the venue or of a market";
const ESCROW: &str = "an escrow between users; its layout is not published";
const INSIDE: &str = "moves money between accounts inside the venue";
const ORDER: &str = "an order or its cancellation; what it trades are fills";
const QUEUE: &str = "a withdrawal on its way; it counts when it is paid";
const SPLINE: &str = "a quote of a market maker; what it trades are fills";
const SPOT: &str = "spot collateral; its layout is not published";

const fn spec(name: &'static str, disposition: Disposition) -> EventSpec {
    EventSpec { name, disposition }
}
