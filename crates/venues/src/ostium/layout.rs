//! The events of the contracts: selectors and what becomes of each. Sources: 0xOstium/smart-contracts-public (June 2025) and, for what came
//! later, 0xOstium/ostium-python-sdk.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const ACC_FUNDING_FEES_STORED: B256 = b256!("6ca945b3a235058c7d9f89372c53443d3e9835b09a58b6e7b33c77b59e65aa40");
pub(super) const ACC_FUNDING_FEES_STORED_V2: B256 = b256!("4129841223ad465c908cd3b7856ab8cc99b4b2f6aac2baefee82fd36ddf7f100");
pub(super) const ACC_ROLLOVER_FEES_STORED: B256 = b256!("6db51741ac577e9ff42cbf42caee7f0384c5d33cdcb300fdb123fb9a9140816e");
pub(super) const BUILDER_FEE_CHARGED: B256 = b256!("48d3d23d5083e85257d3d8caa9b27be7b40a7ad85185abb569f93acd83498d3c");
pub(super) const CLOSE_FEE_CHARGED: B256 = b256!("9ec377a45adf72413f93e5aafd921654257936fbdfb96df88fb9ed1fd6f09b53");
pub(super) const DEV_FEE_CHARGED: B256 = b256!("f517fcc4f1a1a315b8306bfa646d54670fc02888aa4bce0bc4316c65622cf740");
pub(super) const FEES_CHARGED: B256 = b256!("90e193c8ac2d820046673ee09b9e03c84c83e4ba84ccfedc382c46cc93a5fe1b");
pub(super) const FEES_CHARGED_V2: B256 = b256!("457c303484717f2dd56b0b5571f182df945f0b332db250a173c9a06a1e5f7083");
pub(super) const LIMIT_CLOSE_EXECUTED: B256 = b256!("6d2428396742e21de629bc9398950301d56c1aa493d8de859c4ee751aa02a9b6");
pub(super) const LIMIT_OPEN_EXECUTED: B256 = b256!("19c8a7be769082e3461a241a3b6af0adad9302b7c1623ab8adb4d787fd9df67c");
pub(super) const LIMIT_OPEN_EXECUTED_DAY_TRADE: B256 = b256!("444c09c4da97dd4653c341eb77d39b9a5072fa7d719e556c7add607905ad8979");
pub(super) const MARKET_CLOSE_EXECUTED: B256 = b256!("5a988d8359c57f866538ea68df714da9c916a4903309f854821b8a8cb3f376e1");
pub(super) const MARKET_CLOSE_EXECUTED_V2: B256 = b256!("caa9acf31fbbd991f267d1fe36d806a81db477c3ad5df64ed81b5155b960e8da");
pub(super) const MARKET_OPEN_EXECUTED: B256 = b256!("f14b61759b2364f919bb1ce7c68a72e7c012733a5225c194c4f9e8460d9bc0ee");
pub(super) const MARKET_OPEN_EXECUTED_DAY_TRADE: B256 = b256!("c15478b6b68c100c76ab032fa5268715cb571da48263fd160aa4dc1afebb57ea");
pub(super) const PAIR_ADDED: B256 = b256!("797331683c7d888af91e5c6800626a01b5f1f7337a712c6915baa1b39c138a09");
pub(super) const VAULT_LIQ_FEE_CHARGED: B256 = b256!("3f6d474cf964df162e489afe448b2ec81e8c3e36738310ed575d7bae97e97876");
pub(super) const VAULT_OPENING_FEE_CHARGED: B256 = b256!("02ee2a74468f7653df86027c1d8fc31e42c062489a5b11098a8913b4ec6231f5");

const COLLATERAL: &str = "collateral or stops of a position whose size stays";
const CONFIGURATION: &str = "configuration";
const INITIAL: &str = "the accumulators as a position began; what it paid stands at its close";
const NEW_ROLLOVER: &str = "rollover since the upgrade of 2026, whose signs and units no source verifies; what a close paid is told there";
const ORACLE_FEE: &str = "the price of an oracle answer, kept or given back";
const ORDER: &str = "a request or its end without a trade";

/// Mapped and read ones first.
pub(super) const LAYOUT: &[EvmEvent; 87] = &[
    event(ACC_FUNDING_FEES_STORED, "AccFundingFeesStored", Mapped),
    event(ACC_FUNDING_FEES_STORED_V2, "AccFundingFeesStoredV2", Mapped),
    event(ACC_ROLLOVER_FEES_STORED, "AccRolloverFeesStored", Mapped),
    event(BUILDER_FEE_CHARGED, "BuilderFeeCharged", StateOnly),
    event(CLOSE_FEE_CHARGED, "CloseFeeCharged", StateOnly),
    event(DEV_FEE_CHARGED, "DevFeeCharged", StateOnly),
    event(FEES_CHARGED, "FeesCharged", StateOnly),
    event(FEES_CHARGED_V2, "FeesChargedV2", StateOnly),
    event(LIMIT_CLOSE_EXECUTED, "LimitCloseExecuted", Mapped),
    event(
        LIMIT_OPEN_EXECUTED,
        "LimitOpenExecuted(uint256,uint256,(uint256,uint192,uint192,uint192,address,uint32,uint16,uint8,bool),uint256,uint256)",
        Mapped,
    ),
    event(
        LIMIT_OPEN_EXECUTED_DAY_TRADE,
        "LimitOpenExecuted(uint256,uint256,(uint256,uint192,uint192,uint192,address,uint32,uint16,uint8,bool,bool),uint256,uint256)",
        Mapped,
    ),
    event(MARKET_CLOSE_EXECUTED, "MarketCloseExecuted", Mapped),
    event(MARKET_CLOSE_EXECUTED_V2, "MarketCloseExecutedV2", Mapped),
    event(
        MARKET_OPEN_EXECUTED,
        "MarketOpenExecuted(uint256,(uint256,uint192,uint192,uint192,address,uint32,uint16,uint8,bool),uint256,uint256)",
        Mapped,
    ),
    event(
        MARKET_OPEN_EXECUTED_DAY_TRADE,
        "MarketOpenExecuted(uint256,(uint256,uint192,uint192,uint192,address,uint32,uint16,uint8,bool,bool),uint256,uint256)",
        Mapped,
    ),
    event(PAIR_ADDED, "PairAdded", Mapped),
    event(VAULT_LIQ_FEE_CHARGED, "VaultLiqFeeCharged", StateOnly),
    event(VAULT_OPENING_FEE_CHARGED, "VaultOpeningFeeCharged", StateOnly),
    event(b256!("72e4955d4bbcc16121d708aea1fb2712bdd92f28e92cb6dc39ee1a31d9a9f3f1"), "AccRolloverFeesStoredV2", Ignored(NEW_ROLLOVER)),
    event(b256!("f754b2e693db8bafa46ae13e0166d6d837c248125448464978f89113b1dfe68b"), "AutomationCloseOrderCanceled", Ignored(ORDER)),
    event(b256!("f030e9b57a795e81643655654d5c84ed0f2838ad8c91768b1280b1e41425ec10"), "AutomationCloseOrderInitiated", Ignored(ORDER)),
    event(b256!("d8c35243e8d92c5b0d8cf4cf02513a8d499dd7fd84c2c1514dc4d6a433a2b1d3"), "AutomationOpenOrderCanceled", Ignored(ORDER)),
    event(b256!("3cd9ed48c68d147bd6b2b5f1a2b4d1e35a97350e6638f3dc33c25cc9ddec22d4"), "AutomationOpenOrderInitiated", Ignored(ORDER)),
    event(b256!("12dade473695d73bd34e031c850d5e815fa17a42b1b5ba13ff72de2497c5e309"), "DelegateAdded", Ignored(CONFIGURATION)),
    event(b256!("e8514dd4be968431135580c26314ec35afafc8178268603f99625584960d9c16"), "DelegateRemoved", Ignored(CONFIGURATION)),
    event(b256!("c3a6f986261de9467c2838c6df8ef74f9107855159205600c0bc7a14cdfd3888"), "Done", Ignored(CONFIGURATION)),
    event(b256!("0f0d046ee2b52a0a221c36aeef33f03c489743fd51e5f7073adde45396b19634"), "FeeAdded", Ignored(CONFIGURATION)),
    event(b256!("3417887ae5fbc941092ff601511bc0f4e3f14ae835bb881189b4c8148c651269"), "FeeUpdated", Ignored(CONFIGURATION)),
    event(b256!("b6281705224cba7b14c261358f145d63296637119c98130b8a3f4651b85b82cd"), "FundingFeeSlopeUpdated", Ignored(CONFIGURATION)),
    event(b256!("c41b8960976a7a25521ff61f37a55273ba6134adad2fbf2728661084386f21d6"), "GroupAdded", Ignored(CONFIGURATION)),
    event(b256!("65cf376ad90319fcd712339e99077f2b354f1228d13433859a49298959167f9f"), "GroupUpdated", Ignored(CONFIGURATION)),
    event(b256!("5f0697ef06a1d5ab171244734ec92f423d93c40a9a03d432e2af3f657c1706df"), "HillParamsUpdated", Ignored(CONFIGURATION)),
    event(b256!("842bc6b9dd10c43f47d5f1c78de8dda5f824cde793058735852740eb45c8a432"), "LastVelocityUpdated", Ignored(CONFIGURATION)),
    event(b256!("8816a9b5d1a4127fa8dc7c70c4fc16abd0b843ea2768e46aab7a2804800b323b"), "LiqMarginThresholdPUpdated", Ignored(CONFIGURATION)),
    event(b256!("fcb51cf12182fca0bf77588956d917be947ad166520cb2579fe783af53e9ce1e"), "LiqThresholdPUpdated", Ignored(CONFIGURATION)),
    event(b256!("2c1c11af44aa5608f1dca38c00275c30ea091e02417d36e70e9a1538689c433d"), "ManagerUpdated", Ignored(CONFIGURATION)),
    event(b256!("0bdd660047df040d813bfc73384d39f74983d32bdbb147c7e4785df9d6f16e15"), "MarketCloseCanceled", Ignored(ORDER)),
    event(b256!("bd5738e36e4344b2090b101a9f2e7dcaf9f330207499752fa8d53bac83e8a733"), "MarketCloseFailed", Ignored(ORDER)),
    event(b256!("d2c0691c58a0c50eaa3988b2b9206118e30d0a3fec8a835b98d1cb6a7f0fe212"), "MarketCloseOrderInitiated", Ignored(ORDER)),
    event(b256!("955808f2a23e3a3fcfd1b56a9d3f3c2a9d90efb4701e855f40f3d4c416299960"), "MarketCloseOrderInitiatedV2", Ignored(ORDER)),
    event(b256!("4aadf205580e6609b7b995d38cc5759db03f5a9507cf236a01db8d42fd66ab97"), "MarketCloseTimeoutExecuted", Ignored(ORDER)),
    event(b256!("694566ffb8cbb40c48fcc198a6f284b3e21b4c79a0032ef9801bfa078781dd8d"), "MarketCloseTimeoutExecutedV2", Ignored(ORDER)),
    event(b256!("1dc3532663e5566091476fb5aba1e514ef733714c83d4feec5723de6f16c3269"), "MarketOpenCanceled", Ignored(ORDER)),
    event(b256!("fb4a26aa34682aa753cb2aa37ef1bc38eee1af6719db3a8cfe892c50406ea0e0"), "MarketOpenOrderInitiated", Ignored(ORDER)),
    event(b256!("dcedf6b08d25c3bc2092ff9edc408b70dcd7806581070c1e2a1529a8ea5badef"), "MarketOpenTimeoutExecuted", Ignored(ORDER)),
    event(b256!("9c127206e31d97e5fa689ebad18a4faad9c6e4b77e94cbd5f82e87400d360ad7"), "MarketOpenTimeoutExecutedV2", Ignored(ORDER)),
    event(b256!("47516ce78787067febcd937da9fd9f838590230927f22070ca4b3b37189a5342"), "MarketOrdersTimeoutUpdated", Ignored(CONFIGURATION)),
    event(b256!("d0c89dcfa86f41bdd4a097393efdb1ecf04642dd0c11f7c4a55a193a0839e4f2"), "MaxAllowedCollateralUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("e22d15e875b30a3996cb58b0d48ec7fa07062ac68d1895b80c0cb0601a4fff74"),
        "MaxFundingFeePerBlockUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("bb233972810aabe9bdd07114c288c74e80172b4fbe995eec6dc4091fdf8b2b45"),
        "MaxFundingFeeVelocityUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("5ba729b89796f40d260b117b8654dc301b1d9f7ec17a1e378ae31e4c70b6d2c0"),
        "MaxNegativePnlOnOpenPUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("03e9bea74ebea59c7ce49462baefba8cb125c2e7f51fabecaeb911b4b1826311"),
        "MaxRolloverFeePerBlockUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("97f1253cb8d407fc87eb16a3db47c297690cc455b6f481b88c294dd7e52f9139"), "MaxRolloverFeeSlopeUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("e6a31a328db1c177c061dcddad9db8237fdfe555f6ae66012e0addf821531a61"),
        "MaxRolloverVolatilityUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("d5d405e0c1d25062ed37804ebd9019e1b2c494014d55c74d5df811301a76fae8"), "MaxSlPUpdated", Ignored(CONFIGURATION)),
    event(b256!("af0078fc6c9ab6530300cd0b84ca36d3044534d9373536a0d877062d8e6f9204"), "OpenLimitCanceled", Ignored(ORDER)),
    event(b256!("c5bd5ba70b0fccae9ac4984c1b7e09d0eb00930a72e0712688fc62b4ae70ebc5"), "OpenLimitPlaced", Ignored(ORDER)),
    event(b256!("98ea8314653e032ef95264476f2ddc4b25ce0b46a0922eb44c1b9a2b36d22e59"), "OpenLimitUpdated", Ignored(ORDER)),
    event(
        b256!("180816fdaede3b97c34fb408fbf4568bc800ae0e67bb519f458a64f1f01e7460"),
        "OracleFeeCharged(uint256,address,uint16,uint256)",
        Ignored(ORACLE_FEE),
    ),
    event(
        b256!("9d91cd4852dddb0d19ffae8f8b59fe0b9517ff07645e219e7ddfdb6a3517257a"),
        "OracleFeeCharged(uint256,address,uint256)",
        Ignored(ORACLE_FEE),
    ),
    event(b256!("00583880eb0c4f71add4ccec8c11dbaf78d0562ffd31a56741007f63010a9ffe"), "OracleFeeChargedLimitCancelled", Ignored(ORACLE_FEE)),
    event(b256!("e23578987dc81cc630ca3edac7702ccf6951f6a27a1ad5eebfd82bed6bb15567"), "OracleFeeRefunded", Ignored(ORACLE_FEE)),
    event(b256!("5f542a573e7ddb98b623620eeae672d700953c7fb4c569d8cc17dd9748fdae38"), "PairFeedUpdated", Ignored(CONFIGURATION)),
    event(b256!("18257f0a3cad3ab37d723c944f866d84871726409430a394a954fbbcc465e945"), "PairFundingFeesUpdated", Ignored(CONFIGURATION)),
    event(b256!("f9554bc3ab2f3efb751f09e7c0acea04ae3f375814288324a6bc5d3762fed281"), "PairFundingFeesUpdatedV2", Ignored(CONFIGURATION)),
    event(b256!("fb693a840da2c82bf8745bfbd3a11f333cab1df44bfb799d781b4f0fdb9fa7cf"), "PairMaxLeverageUpdated", Ignored(CONFIGURATION)),
    event(b256!("3e901f4a36e7424e3d446d7e034ba9074127729e9026463350c0c2b5e71d2a13"), "PairOpeningFeesUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("be23d3a200da2b9b5c3dc9ede50856fc5054f16dd43700ed683b30a15890d8e6"),
        "PairOvernightMaxLeverageUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("1702e5d9e3fa58c4f7dbc5dc0f4aea9d91963be3a1b67e804d00fc4566b5b3c3"), "PairRemoved", Ignored(CONFIGURATION)),
    event(b256!("658b7e99eddf4a030f30d69deab82353dfd53b49a1929f620b8a7dd6e110df6c"), "PairRolloverFeesUpdated", Ignored(CONFIGURATION)),
    event(b256!("56508411160826a7b5260ed4ed940a19e80d3a001e590212444c7e25626bfe0e"), "PairUpdated", Ignored(CONFIGURATION)),
    event(b256!("0e2fb031ee032dc02d8011dc50b816eb450cf856abd8261680dac74f72165bd2"), "Paused", Ignored(CONFIGURATION)),
    event(b256!("d182bace90998b7a07a54165b7beb87743756042148ff3dceb8181dd446533f4"), "RemoveCollateralExecuted", Ignored(COLLATERAL)),
    event(b256!("1c0cf118aab947f20d864c6e401e5387f90a7cdcb5288a28adfe00c51622ed0e"), "RemoveCollateralInitiated", Ignored(COLLATERAL)),
    event(
        b256!("d7f94dd42f939eef7fee3d09607f9e4152c907074b6bdc0d5d8b05807688b574"),
        "RemoveCollateralRejected(uint256,uint256,address,uint16,uint256,string)",
        Ignored(COLLATERAL),
    ),
    event(
        b256!("fa3942c9d7a3e3cc5d2acfd702a10e04da4cc44e8d69517043fb38ebee4157c4"),
        "RemoveCollateralRejected(uint256,uint256,address,uint16,uint256,uint8)",
        Ignored(COLLATERAL),
    ),
    event(b256!("b6c2f607ace4b9a93aed3265ece84d576a0eaf0233626f28ea84f21644cb2927"), "RolloverFeePaid", Ignored(NEW_ROLLOVER)),
    event(b256!("b19763dc11316a255bce1f35828ad3e1aaa80db820ab60280123b04de25eecf7"), "RolloverFeePerBlockUpdated", Ignored(CONFIGURATION)),
    event(b256!("0faaa2cc752db24041da0814601993648fed20ce2f1f1fa4f394394c9dd083e9"), "RolloverFeesInjected", Ignored(NEW_ROLLOVER)),
    event(b256!("2a0cf479e0dd902b509864ced4798e3fe7cd156160ced3e2b995f7e4fc658e6a"), "SlUpdated", Ignored(COLLATERAL)),
    event(b256!("b8b06ffba533648c51873664083df052298f05b366a088e0c11b3c45b483f7c8"), "TopUpCollateralExecuted", Ignored(COLLATERAL)),
    event(b256!("9b366191a0c4e7c25058a6d889cd01c574bcea6e4e9adae8b3d1137feee2e30a"), "TpUpdated", Ignored(COLLATERAL)),
    event(b256!("ff76db7d9b9150d35d9fbd4b4298ff8f80294fac259c42525371502988491f45"), "TradeInitialAccFeesStored", Ignored(INITIAL)),
    event(b256!("0501244cadf55d10ae3edf506fe054993bcaa3b7bd4054f769060f20fe698148"), "TradeInitialAccFeesStoredV2", Ignored(INITIAL)),
    event(b256!("674574d3f4d0592a07fdc202f1f1eac35a3a498f56ddea02950d874af9cc1f56"), "TradeSizeRefUpdated", Ignored(CONFIGURATION)),
    event(b256!("dd556fee81cf6944e242027e8ff6720bda1e5affad547357ca8432462f4774d4"), "TriggerTimeoutUpdated", Ignored(CONFIGURATION)),
    event(b256!("9f4894085cf90beb7f90a25265bfcccf92ba8d01412098f3b87307609591b1ee"), "VaultFeePercentUpdated", Ignored(CONFIGURATION)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/ostium/contracts.json"));
    }
}
