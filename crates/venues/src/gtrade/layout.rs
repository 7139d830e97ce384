//! The events of the diamond: selectors and what becomes of each. A name with `(v9)` behind it has another body, and another
//! selector, since August 2025, one with `(first)` since October 2024. Sources: GainsNetwork-org/sdk (v10) and GainsNetwork-org/gtrade-stats-subgraph (v9),
//! the ABIs in their histories.

use alloy_primitives::{B256, b256};
use perpdex_core::Disposition::{Ignored, Mapped, StateOnly};

use crate::emit::{EvmEvent, event};

pub(super) const BORROWING_PAIR_ACC_FEES_UPDATED: B256 = b256!("883b585798396d52a836957cca70dd31805a9533894c7cacf840df2b54dc9bd4");
pub(super) const BORROWING_PAIR_OI_BEFORE_V10_UPDATED: B256 = b256!("8b1831a3848b8d473b635a40f92ece46bd75c104974fe5946b9477f9d4d90f7b");
pub(super) const FEES_PROCESSED: B256 = b256!("71555a7cc983000fe069574303ed2e47aa16417d297441f6d5e314bd6c58b2fe");
pub(super) const HOLDING_FEES_CHARGED_ON_TRADE: B256 = b256!("15899f852ac1a2c43a151e9be38095efa336a692424358cb47dc1d988184e594");
pub(super) const HOLDING_FEES_REALIZED_ON_TRADE: B256 = b256!("7cd7b1f62cf5218ff4d0f07bc63dc9a36a8e8832a7beb954d4f547cef9d8e34b");
pub(super) const LIMIT_EXECUTED: B256 = b256!("9c19bc42a9be820f3366fa0563f85e5c227966eaea4c45acd2f7cd868086a17d");
pub(super) const MARKET_EXECUTED: B256 = b256!("bdc1265da95238ea4c775f66ac8fe748af83982c4b356ac4d0c28a0f512c0a8b");
pub(super) const PAIR_ADDED: B256 = b256!("3adfd40f2b74073df2a84238acdb7f460565a557b3cc13bddc8833289bf38e09");
pub(super) const PAIR_OI_AFTER_V10_UPDATED: B256 = b256!("7a50afa193d27f20574d9d7c0bc0100211894a58118f9b152156eea4b1cc9bb7");
pub(super) const PENDING_ACC_BORROWING_FEES_STORED: B256 = b256!("55799a6e7fc552f7f3857b49577715215be79f08c88e33d95d253861e723e509");
pub(super) const PENDING_ACC_FUNDING_FEES_STORED: B256 = b256!("9ad7756fe7cdebb43c0f9ebcfa8072a52db88489b7bd7ea12764610a2082c3c7");
pub(super) const POSITION_SIZE_DECREASE_EXECUTED: B256 = b256!("38297f283e8c7319a10c298de767e2b919d8f506a0c15c6579fb7ad1c049cb43");
pub(super) const POSITION_SIZE_INCREASE_EXECUTED: B256 = b256!("3b7323355a4d9442335bf892bd48defd6c1647cb9c7170cb42f41dfba8e95aeb");
pub(super) const TRADE_POSITION_UPDATED: B256 = b256!("2412b874f666f2bd61ccfb0bad6a68558833fcfb00fdf60c0b8caed34742bae3");
pub(super) const V9_BORROWING_FEE_CHARGED: B256 = b256!("e51bd3297a1287c8baca0874d5647413ea766784f1ae76f8519801bb9f1a14fd");
pub(super) const V9_BORROWING_PAIR_OI_UPDATED: B256 = b256!("012adc2457c8405bb9a0f2f3be4cc4bff84f095e6a16535b080facddec7804d3");
pub(super) const V9_LIMIT_EXECUTED: B256 = b256!("33b71dccfeb2f3e0f4ed2a9f7c05255d8c5aa57936b542245a5e63c938301597");
pub(super) const V9_MARKET_EXECUTED: B256 = b256!("26d428c63a1c5161a75dbe15e1e65bc7bf932acb203db2a47df55b16a60d35b1");
pub(super) const V9_POSITION_SIZE_DECREASE_EXECUTED: B256 = b256!("d994d286871fe96525f071a7c54e68b1183a4d88ccbf0aef2c527c7374d3d130");
pub(super) const V9_POSITION_SIZE_INCREASE_EXECUTED: B256 = b256!("4627b6cfd38b837edb1d42b0c6c92e6ba06fded47652e32ce388fcaf3d513477");
pub(super) const V9_TRADE_POSITION_UPDATED: B256 = b256!("d44377bc88226583e82782aec12182dbe38e1b796330892e34a21a9558611a70");
pub(super) const FIRST_BORROWING_FEE_CHARGED: B256 = b256!("2aac04047becf1d92defe3c1ee644bdd7b50ae634a7e5ebfca84c2be3fc63344");
pub(super) const FIRST_LIMIT_EXECUTED: B256 = b256!("c10f67c0e22c53149183a414c16a62334103432a2c48b839a057cd9bd5fdeb99");
pub(super) const FIRST_MARKET_EXECUTED: B256 = b256!("bbd5cfa7b4ec0d44d4155fcaad32af9cf7e65799d6b8b08f233b930de7bcd9a8");
pub(super) const FIRST_POSITION_SIZE_DECREASE_EXECUTED: B256 = b256!("e74b50af866d7f8e3577bc959bf73a2690841f0abce22ab0cfb1b1c84122a7d7");
pub(super) const FIRST_POSITION_SIZE_INCREASE_EXECUTED: B256 = b256!("f09a9c949c4bd4cbe75b424bea11c683c3ae55e7cdb8321c3ec37e01af72c8d5");
pub(super) const FIRST_TRADE_POSITION_UPDATED: B256 = b256!("39ede689b34cc36c8cf85698a4e83530eb6a29a07a57f0bfc3d02bfaca44edb5");
pub(super) const FIRST_TRADE_POSITION_UPDATED_AUGUST: B256 = b256!("3890801c6f1ea37e9eb6aaae6cb1e57eeb8fe67e3af47b2533ff1fc4d1031ede");

const CONFIGURATION: &str = "configuration";
const FEE_SPLIT: &str = "where a fee went; what a trade paid stands in FeesProcessed or in its own event";
const IMPACT: &str = "the windows by which price impact is reckoned";
const OLD_BORROWING: &str = "half of the old borrowing fee: the greater of pair and group is charged, and told as a payment";
const ORDER: &str = "a request, its end without a trade, or its bookkeeping";
const PRICE_REQUEST: &str = "a question to the oracles or an answer of one of them";
const REWARD: &str = "rewards, referrals and points";
const SIZE_UNCHANGED: &str = "collateral, leverage, stops or profit of a position whose size stays";
const STATE: &str = "the state of a trade as the executions beside it leave it";

/// Mapped and read ones first.
pub(super) const LAYOUT: &[EvmEvent; 202] = &[
    event(FIRST_BORROWING_FEE_CHARGED, "BorrowingFeeCharged (first)", Mapped),
    event(FIRST_LIMIT_EXECUTED, "LimitExecuted (first)", Mapped),
    event(FIRST_MARKET_EXECUTED, "MarketExecuted (first)", Mapped),
    event(FIRST_POSITION_SIZE_DECREASE_EXECUTED, "PositionSizeDecreaseExecuted (first)", Mapped),
    event(FIRST_POSITION_SIZE_INCREASE_EXECUTED, "PositionSizeIncreaseExecuted (first)", Mapped),
    event(FIRST_TRADE_POSITION_UPDATED, "TradePositionUpdated((address,uint32),uint120,uint24,uint64,uint64,uint64) (first)", StateOnly),
    event(
        FIRST_TRADE_POSITION_UPDATED_AUGUST,
        "TradePositionUpdated((address,uint32),uint120,uint24,uint64,uint64,uint64,bool) (first)",
        StateOnly,
    ),
    event(BORROWING_PAIR_ACC_FEES_UPDATED, "BorrowingPairAccFeesUpdated", StateOnly),
    event(BORROWING_PAIR_OI_BEFORE_V10_UPDATED, "BorrowingPairOiBeforeV10Updated", Mapped),
    event(FEES_PROCESSED, "FeesProcessed", StateOnly),
    event(HOLDING_FEES_CHARGED_ON_TRADE, "HoldingFeesChargedOnTrade", Mapped),
    event(HOLDING_FEES_REALIZED_ON_TRADE, "HoldingFeesRealizedOnTrade", Mapped),
    event(LIMIT_EXECUTED, "LimitExecuted", Mapped),
    event(MARKET_EXECUTED, "MarketExecuted", Mapped),
    event(PAIR_ADDED, "PairAdded", Mapped),
    event(PAIR_OI_AFTER_V10_UPDATED, "PairOiAfterV10Updated", Mapped),
    event(PENDING_ACC_BORROWING_FEES_STORED, "PendingAccBorrowingFeesStored", Mapped),
    event(PENDING_ACC_FUNDING_FEES_STORED, "PendingAccFundingFeesStored", Mapped),
    event(POSITION_SIZE_DECREASE_EXECUTED, "PositionSizeDecreaseExecuted", Mapped),
    event(POSITION_SIZE_INCREASE_EXECUTED, "PositionSizeIncreaseExecuted", Mapped),
    event(TRADE_POSITION_UPDATED, "TradePositionUpdated", StateOnly),
    event(V9_BORROWING_FEE_CHARGED, "BorrowingFeeCharged (v9)", Mapped),
    event(V9_BORROWING_PAIR_OI_UPDATED, "BorrowingPairOiUpdated (v9)", Mapped),
    event(V9_LIMIT_EXECUTED, "LimitExecuted (v9)", Mapped),
    event(V9_MARKET_EXECUTED, "MarketExecuted (v9)", Mapped),
    event(V9_POSITION_SIZE_DECREASE_EXECUTED, "PositionSizeDecreaseExecuted (v9)", Mapped),
    event(V9_POSITION_SIZE_INCREASE_EXECUTED, "PositionSizeIncreaseExecuted (v9)", Mapped),
    event(V9_TRADE_POSITION_UPDATED, "TradePositionUpdated (v9)", StateOnly),
    event(
        b256!("0b444e27c2586586cb35a038930568f126a5336d95b2660d68e68af7808b77f7"),
        "AbsoluteRatePerSecondCapUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("b50ac6e10456acb2102aaead8ce37514bb8e48e762f50af65702280277e87ba9"),
        "AbsoluteVelocityPerYearCapUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("8d7fdec37f50c07219a6a0859420936836eb9254bf412035e3acede18b8b093d"), "AccessControlUpdated", Ignored(CONFIGURATION)),
    event(b256!("7b2fde61973b60e9083bea5f934d31d97c530deecb02e158dfa0280c8bc3f71a"), "AddressesUpdated", Ignored(CONFIGURATION)),
    event(b256!("0d54fedb563328d37f00fe5ba0bf7689519f8cf02318562adfe7b4bfab8cf4b4"), "AllyRewardDistributed", Ignored(REWARD)),
    event(b256!("3dfe9be199655709d01d635bf441264a809a090c98ed7aae9abdc85f7dcbc09d"), "AllyRewardsClaimed", Ignored(REWARD)),
    event(b256!("6900afc1a924abca16a7f560e2dac3d71008c1cd1d88de8a85b6e4267116d186"), "AllyUnwhitelisted", Ignored(REWARD)),
    event(b256!("80495287b7fdd5e00b7c8c1eb065c5b63474d11ffb062cc82c13da77dda8424d"), "AllyWhitelisted", Ignored(REWARD)),
    event(b256!("7d2f9b1befe8a24ce8c53815ddf90df19a619c1bafb9bf5baf80844eebec2885"), "AlreadyTransferredNegativePnlStored", Ignored(STATE)),
    event(b256!("4bc715745c73399a9396d0d1183d3d5d5511cd3967ddc68a7c6f5a52bea43bf1"), "AprMultiplierEnabledUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("ca38800286190b44d87a61aaf551868afbd46f1f76ed5b145e4e975e446a2964"),
        "BorrowingFeePerBlockCapUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("b4297e7afacc3feba1f03e1a444e70031a62f3ae4d6372c2b0cb3e0e62e8568e"),
        "BorrowingGroupAccFeesUpdated",
        Ignored(OLD_BORROWING),
    ),
    event(b256!("b36af604fa0e5c3505abb63091d204895a517928138498bb965622d2258bdeb5"), "BorrowingGroupOiUpdated", Ignored(OLD_BORROWING)),
    event(b256!("8f029f3a48396ff1466df7488d31984ab9265a55be3de042cd03662ad2c894ca"), "BorrowingGroupUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("16751b75a53406d6ade9d619db939ff215964ee9df735c9f98c66dfd0945d7b0"),
        "BorrowingInitialAccFeesStored",
        Ignored(OLD_BORROWING),
    ),
    event(
        b256!("f5413841beaa3a78d74ab0e0e7528e0f5d357a193b9f600eb87c8746475109f6"),
        "BorrowingPairFeePerBlockCapUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("2281c18b617b78612026764ea9d5175174342c49b30da77900f7518a83242fa7"), "BorrowingPairGroupUpdated", Ignored(CONFIGURATION)),
    event(b256!("3984f24e4863ca281d86902d6706218ef6b050f256dcc978dbe508eaf8c3a431"), "BorrowingPairParamsUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("d18737da4ad863459b9a73fbdc2bd03de833f7a506f86558beb2c4bcb1489117"),
        "BorrowingRatePerSecondPUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("06e17fbb36333cd9cb0220b0e3cb4ce4d9d6b543f762e8ca6038422e24fa59e4"), "ByPassTriggerLinkUpdated", Ignored(ORDER)),
    event(b256!("3f709185dd46048fccc37c6e34d58fff306fc7991fdbae962679345db3ed2e32"), "ChainlinkCallbackTimeout", Ignored(ORDER)),
    event(b256!("a02b5df63a0ca2660cbe23b5eb92c7f2ae514aee4a543a6032b38ef338865dbf"), "CollateralAdded", Ignored(CONFIGURATION)),
    event(b256!("09a6e6672fd5a685707eca1eeb3a3ef190ccf5ceaf9a78e410859f2d7983cc92"), "CollateralDisabled", Ignored(CONFIGURATION)),
    event(
        b256!("99c41cee576e40e5483818b59dcfd6e36841e5f9a9557e09779e0b4541f9de0e"),
        "CollateralGnsLiquidityPoolUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("f7be13f33d17f250cf33acce625397fe761b23c88564ff5d92b9b0dcd5804373"), "CollateralReturnedAfterTimeout", Ignored(ORDER)),
    event(b256!("98bbde8d067842c4760a76b32aebf2cd4feb8f07ddcf20d81c619c16f0242ecb"), "CollateralUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("272401831c29114837867a7463e326c1b024e3dd2f0f108dec76352011db4fea"),
        "CollateralUsdPriceFeedUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("051ed9aeed13c97b879c0dd2b13c76171e2760abe3d62bca140dc70b39bd86f1"), "CouldNotCloseTrade", Ignored(ORDER)),
    event(b256!("ef777be774c768ea691015b903f20ce16cb0ba341659f1d42fcf0c5e550eb737"), "CounterTradeCollateralReturned", Ignored(STATE)),
    event(
        b256!("a356cd97c9354bf5880a674ad3e13158304bf539a1d9bf37f509cf36c0cfa14f"),
        "CounterTradeFeeRateMultiplierUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("85d3acbacec3221f8a0cf8c838f8b33c795a47f7d316b2a98a3d17e9604d2f7e"),
        "CounterTradeMaxLeverageUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("2742ec28d0252b4477106a77a10b04e1c1ecd2b568c7168d56c3a3154d3a3122"), "CumulativeFactorUpdated", Ignored(CONFIGURATION)),
    event(b256!("22391293f5705268ac47df15d88a7704e1267eff228801ac480dbe5ecf5ea3ef"), "DepthBandsMappingUpdated", Ignored(CONFIGURATION)),
    event(b256!("8faa70878671ccd212d20771b795c50af8fd3ff6cf27f4bde57e5d4de0aeb673"), "DiamondCut", Ignored(CONFIGURATION)),
    event(
        b256!("d5c6c8f00fcf1cd1dcccec431caee897386371cb8c3ec99d177b49ca8b38de7a"),
        "ExemptAfterProtectionCloseFactorUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("194d4896e74b7ec72619871dc3ed535210aa9f76fa7b42822b6980a8585938ca"), "ExemptOnOpenUpdated", Ignored(CONFIGURATION)),
    event(b256!("13b1e39f208d3f600b2dfd43c294bc9fb9518d7b57f027fdb0572d8a84cee278"), "FeeAdded", Ignored(CONFIGURATION)),
    event(b256!("a6ec87cc1a516d9ebb5c03260f77d2bd8c22dc8d28d71e740b320fbd4d704131"), "FeeTiersUpdated", Ignored(CONFIGURATION)),
    event(b256!("b38258bbe4602eb8456888a284ddf8f9f9acc06f4699fce677ddd34941ed35cb"), "FeeUpdated", Ignored(CONFIGURATION)),
    event(b256!("b9170ccd0b593501ecc19ed567a064a0a52063f10d7f556e88791605f0aa13ce"), "FundingFeesEnabledUpdated", Ignored(CONFIGURATION)),
    event(b256!("fe4ab97508a97bb85ad1e2680662e58549e51982d965eed4ef6d7fcd4cc4295f"), "GTokenFeeCharged", Ignored(FEE_SPLIT)),
    event(b256!("db02f3c92523bd1f249e41a2176f1bb5777f03f7cd5209e1a1aa35434b590542"), "GTokenOcFeeCharged", Ignored(FEE_SPLIT)),
    event(b256!("347ad17cfe896bbbbdf75fa51fd03a1f1366df72ba0baf20ebed1ea1394a8ecd"), "GTokenUpdated", Ignored(CONFIGURATION)),
    event(b256!("7b3cf2773dd9e6cf057b72882aab946884c4484cdeb633c090559206a431cd73"), "GlobalTradeFeeParamsUpdated", Ignored(CONFIGURATION)),
    event(b256!("5c36283cfd2f38afd723e604b61c6c61b55515e5cb93e863fbe4df53bf81d4ac"), "GnsOtcFeeCharged", Ignored(FEE_SPLIT)),
    event(b256!("1572ab8bd4939834be841ad61814e46728c8626304444e4fe13785ec0d316e80"), "GnsStaked", Ignored(REWARD)),
    event(b256!("fa08bbe7335087f9f4d2c27dca8b1312c8a8195db34979a83bb2d463a97279be"), "GnsStakingBonusUpdated", Ignored(REWARD)),
    event(b256!("a9fbb96ba38987da4f58bd420ebbdc55816bc5e540af63d12405534a196ad864"), "GnsStakingFeeMultiplierCached", Ignored(REWARD)),
    event(b256!("40afc8b8f728c4a695936b6bfe036bb178dbd8a6dd6e3d63e5e4d412c81d0456"), "GnsStakingTiersUpdated", Ignored(REWARD)),
    event(b256!("763947071ca0263b300ff705128fd0dce3e2c0760f6c39d599db3bca2b6ba676"), "GnsUnstaked", Ignored(REWARD)),
    event(b256!("eb561f0609b402569e8a7e8fe9d4f408b92c96fb83001b2cd78fd55c29bbbac3"), "GovFeeCharged", Ignored(FEE_SPLIT)),
    event(b256!("af17de8e82beccc440012117a600dc37e26925225d0f1ee192fc107eb3dcbca4"), "GroupAdded", Ignored(CONFIGURATION)),
    event(
        b256!("7e8e79d406657a52635b68c3f3ad15d2526e71077df1b40afad9d323eacbabfc"),
        "GroupLiquidationParamsUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("cfde8f228364c70f12cbbac5a88fc91ceca76dd750ac93364991a333b34afb8e"), "GroupUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("b173e04a52e3de8d79b981e4ffc87d49e6577ceab559ebf36a70bba02cc2569c"),
        "GroupVolumeMultipliersUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("7f26b83ff96e1f2b6a682f133852f6798a09c465da95921460cefb3847402498"), "Initialized", Ignored(CONFIGURATION)),
    event(b256!("764c19c693af0da42ec6c6bed68a2dd1a2fa93d24785fcfce58ffa29ae313606"), "JobIdUpdated", Ignored(CONFIGURATION)),
    event(b256!("2fb840f62af77e2ac17f7499425ebdb903a2c05b9d00b29fe2cec3e308f6a99e"), "LeverageUpdateExecuted", Ignored(SIZE_UNCHANGED)),
    event(b256!("f4181f0fa2e1d3cda20bb810e0427d87916eb5dac8c73a7f779ae13e55ec578f"), "LeverageUpdateInitiated", Ignored(ORDER)),
    event(b256!("e3fd233ab0f657acfa4eec07f6b1d79a510c3eef274d27d305c7fc47695a1e7f"), "LimitJobCountUpdated", Ignored(CONFIGURATION)),
    event(b256!("c4fc8431efbe3edf6cca5a73401623d342a9fad5807bcb502d2efca245cb6ffd"), "LinkClaimedBack", Ignored(PRICE_REQUEST)),
    event(b256!("170ae993ffa82f60cce26e128cf75e11b7deba03fe29685e5881a76c8452765c"), "LinkRequestCreated", Ignored(PRICE_REQUEST)),
    event(b256!("ca648bfe353681131df098ecd895a5ec41f502a93a1223aa1b77f67fc271f2a3"), "LinkUsdPriceFeedUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("11e1b377cb4bbc0d512f0f24dba6d0d1c58727077a201ed09edb79a70c7ccd91"),
        "ManualNegativePnlRealizationInitiated",
        Ignored(ORDER),
    ),
    event(
        b256!("df3c780aba0c5e6d73194f72ae259d8dc727b5ee4636fd1dd95d8eac7f44872e"),
        "ManuallyRealizedNegativePnlCollateralStored",
        Ignored(STATE),
    ),
    event(b256!("1d7048e18d77f0864147aec27ae4b78d421fe35ddde1ea0ec535562c4a90cc58"), "MarketCloseCanceled", Ignored(ORDER)),
    event(b256!("7eff27ae2299e6454b6a721ec354924d1ceecda0edc94618ebfeb5b9b6483e5e"), "MarketOpenCanceled", Ignored(ORDER)),
    event(b256!("3a60290d7335bce64a807e90f39655517bb5fa702423fa8fac283a5ea16d3a97"), "MarketOrderInitiated", Ignored(ORDER)),
    event(
        b256!("91e136d1ad9bf0a586afd0c7699533d033f9092cc48c9e2e16a8c1bc87a33456"),
        "MarketOrdersTimeoutBlocksUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("a043df067b559e4e84d85e6607cd6524f12547f7d22dcb2bbcdc03c74886688c"),
        "MaxLookbackDeviationPUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("93bd5e01958edd4eb2e0dfd8da8773f075b8f8ae0ef6823bc12703cc2e546df0"), "MaxMarketDeviationPUpdated", Ignored(CONFIGURATION)),
    event(b256!("431f5c2627e641b4e4fec9c46037bf459d0601f47fc54053bff744e42a83f5ed"), "MaxSkewCollateralUpdated", Ignored(CONFIGURATION)),
    event(b256!("6bc925491f55f56cb08a3ff41035fb0fdeae0cecc94f8e32e9b8ba2ad17fa7f9"), "MinAnswersUpdated", Ignored(CONFIGURATION)),
    event(b256!("4140bfb1a8c58243a51a8ab319eda78a7382befc5ff76598e746df60996b9d0d"), "NativeTokenWrapped", Ignored(CONFIGURATION)),
    event(
        b256!("2cc920a9e8bbfc19b048a3db4be815c4211e93faa33e0b1e97def344aac8aaa3"),
        "NativeTransferEnabledUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("fbfcf05095de3956a64c56736502dd8e0280a6050ab0de536ce23c8725b61408"),
        "NativeTransferGasLimitUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("6d53c6510943113652968162063328b13689dc76c9927ac79a6706ae6eaf8212"),
        "NegPnlCumulVolMultiplierUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("13a1cf276d620019ba08cdbba6c90fc281a94ee3481ea8aff3b514c8ab4d0ac2"),
        "OiWindowsSettingsInitialized",
        Ignored(CONFIGURATION),
    ),
    event(b256!("636bd42d4023c080480c167f471d64277a2a04d8f812420062908ace34475092"), "OnePercentDepthUpdated", Ignored(CONFIGURATION)),
    event(b256!("be433d32d9112c2fcf91407f28314200753b05ef3e9c85b8a0e9d135e77a6c29"), "OnePercentSkewDepthUpdated", Ignored(CONFIGURATION)),
    event(b256!("30a872d1bbd3e31dbb65ce3a53ede9f12b497e1b134c66e64a10f850c4391bf0"), "OpenLimitCanceled", Ignored(ORDER)),
    event(b256!("11c151b754cb223cb771e3d8ece99deae21de397c95d3b1ca4ccb995620766bf"), "OpenLimitUpdated", Ignored(ORDER)),
    event(b256!("1db0f5e6d7fd465827f67d8349f32499863715a690a2e33a77cf3d1b53b5ba1a"), "OpenOrderDetailsUpdated", Ignored(ORDER)),
    event(b256!("b57382e21e3ceb31b5beda26d7cc7e459dc52a0b1f5ae0c9b4e603401b7dc642"), "OpenOrderPlaced", Ignored(ORDER)),
    event(b256!("bf21de46ba0ce5e377db4224a7253064e85c704765b54881c2ad551a30a28d0b"), "OracleAdded", Ignored(CONFIGURATION)),
    event(b256!("0adc4a8d7cd2f125c921a2f757c5c86749579208090d4fbb65c26bae90179ac0"), "OracleRemoved", Ignored(CONFIGURATION)),
    event(b256!("36f00e7308d970ca7446a252b7a1dd9c9cb50ea4559b602e595fc53967ac9dd9"), "OracleReplaced", Ignored(CONFIGURATION)),
    event(b256!("8d9467a44ee925421a7b8bcb0b7a92c4adc261c218b290e799b14630ac940b2a"), "OtcBalanceUpdated", Ignored(FEE_SPLIT)),
    event(b256!("8b0fa5246ac429f9dd5a918b5407b1c7d0d2e21903d0a690b811e97cdb1fff80"), "OtcConfigUpdated", Ignored(CONFIGURATION)),
    event(b256!("946f4776eb5a3c4119694bcd42c3ac90e75160db79b8009a9e7748ed7599d110"), "OtcExecuted", Ignored(FEE_SPLIT)),
    event(b256!("b5c3fde8238e94bb4bbaa413be4d5b14d90e9a399db8d4f405d791ccd383ec9d"), "OverrodeAllyFeeP", Ignored(REWARD)),
    event(b256!("69b632ab0d5becac42ff599f05530699f7bafe35d60010b9f45122e921eb7496"), "OverrodeReferralFeeP", Ignored(REWARD)),
    event(
        b256!("5d6c9d6dd6c84fa315e799a455ccb71230e5b88e171c48c4853425ce044e9bce"),
        "PairCustomMaxLeverageUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("7a9ee81b0015d0b7824d14757416905ea9ace5b9ad54dc08cb426cd0ae3dff9f"), "PairDepthBandsUpdated", Ignored(CONFIGURATION)),
    event(b256!("e3cae6531a8bcc4c06fb2e1204c964ccb0e4f26239cf343c31ce4b13acb6e19b"), "PairFlagsUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("a1d910a0305cf995dd5bf8cfb277be5bacf228eff65d2b36c564b9590ee63065"),
        "PairGlobalTradeFeeParamsOverridesUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("123a1b961ae93e7acda9790b318237b175b45ac09277cd3614305d8baa3f1953"), "PairUpdated", Ignored(CONFIGURATION)),
    event(b256!("ebfdad45bba07fbefdf033f44c0265bf7f4b11845b0a06c11f6feca010403cbc"), "ParamUpdateRequested", Ignored(CONFIGURATION)),
    event(b256!("0b92b2d73b4c8443d11985dbf6a8cfdfc03b93d6679aab94b7d4fb5842dd0cb0"), "PendingGovFeesClaimed", Ignored(FEE_SPLIT)),
    event(b256!("f0e19a36a85c073783ad5d0a8026dffa190d250d673c8c80b687cbef125571f3"), "PendingOrderClosed", Ignored(ORDER)),
    event(b256!("ccf53b8d74e5a945ffc2d30f117912ec53a814c70fab809a11ebcf07fec933a9"), "PendingOrderStored", Ignored(ORDER)),
    event(b256!("94423d7323f62cf3416097b1a4efa462bb70e4af4d1746cbaddb4283e5d0ca2e"), "PnlRealizedOnOpenTrade", Ignored(STATE)),
    event(b256!("ef86ff293bce1d37f4b09f9c27b48f752d86a9fde1109f1bd8b806e05e7bada5"), "PositionSizeUpdateInitiated", Ignored(ORDER)),
    event(b256!("ea7566cbc9a88f905eb632e8dda5be1836c4a41b7efdc01190a55c6313f46b34"), "PositivePnlWithdrawalInitiated", Ignored(ORDER)),
    event(b256!("bc0bf036cfe0e40ec07eeea05e96c6a78f2bc92a80f5d10b9179a2649e3bb717"), "PriceImpactOiTransferredPair", Ignored(IMPACT)),
    event(b256!("73a54fbb7b96ef55a35eecf33a61c9ae379cbb38a4d6de352ee3e7c456211a22"), "PriceImpactOiTransferredPairs", Ignored(IMPACT)),
    event(b256!("f9cf8994f1c8e16af56d311d1ebb387a7a3c37cc847edbd2155ad32c5cc9a2fe"), "PriceImpactOpenInterestAdded", Ignored(IMPACT)),
    event(
        b256!("cd8ae5cbabd45f9918819404692cdffaab6769e8cf5a597405518a1b33419d71"),
        "PriceImpactWindowsCountUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("5c4b755bc1cf4bae3a95cfc185b1e390e2289a97933671d8a098a4131b020664"),
        "PriceImpactWindowsDurationUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("3a04fb08b64cb936309a028bdae0de177886d0c0288836c98f6eec09b9688799"), "PriceReceived", Ignored(PRICE_REQUEST)),
    event(b256!("b388bf2f3f0bb2fde6ffeb60ae5f6ade4679631a026ce552771baebbb0ddb682"), "PriceRequested", Ignored(PRICE_REQUEST)),
    event(
        b256!("d537ef0f85bea3a23f6af53d4c1b29fdc74cdbd3a07a37bfdb76f5368aebd660"),
        "ProtectionCloseFactorBlocksUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("471eb2788149a10519cea684f0149db7c6af0e5fa1182f06b50c5420fe95d12a"),
        "ProtectionCloseFactorUpdated",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("b97e27f523fc23750f9d24f12010b9c513c301db9022d0ce8e27a50d9f426383"),
        "ProtectionCloseFactorWhitelistUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("264425c9f39f6b517f96e5447a9347098bfbe112753fada5068de9fdf6d5168c"), "ReferralFeeCharged", Ignored(FEE_SPLIT)),
    event(b256!("0e67f4bbcd5c51b7365ca2dd861dc8094e393ca60de2ceae9d831761a839e92a"), "ReferrerRegistered", Ignored(REWARD)),
    event(b256!("74e9754b45c636e199e3d7bb764fae1a9acce47a984d10dcfd74849ec4babc4f"), "ReferrerRewardDistributed", Ignored(REWARD)),
    event(b256!("25deb48f8299e9863bda34f0d343d51341ac7ac30bf63dbeb2e8212bc4a20bf1"), "ReferrerRewardsClaimed", Ignored(REWARD)),
    event(b256!("6dd169357c2e2b04fd13a8807a11892b88875b7c70eeb73c3b6642c58516f0db"), "ReferrerUnwhitelisted", Ignored(REWARD)),
    event(b256!("15ad1d28b052a6cc2dd1d34d9e06a1847055d520e2163017e6e8aad6431b7f6a"), "ReferrerWhitelisted", Ignored(REWARD)),
    event(b256!("86de8981b0d1c326788b6cf0a05a146dad3a99f57d2df4af213f32de34ce8bf4"), "SignedPricesReceived", Ignored(PRICE_REQUEST)),
    event(
        b256!("ab26606cbd35e2037fdb7a3200f1bb8a998f837bcd72e818b3ac9d19a08630b6"),
        "SkewCoefficientPerYearUpdated",
        Ignored(CONFIGURATION),
    ),
    event(b256!("7932474ec928122785868b95a5c9029cbc14dde6c96033ffedc13ef591d42967"), "ThetaThresholdUsdUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("061c9e959e2093660fb08b2abd46b1c3f4e047b281a2277843d339a34cb2b6ff"),
        "TradeBorrowingCallbackHandled",
        Ignored(OLD_BORROWING),
    ),
    event(b256!("a518dc0f204e7b9dcb9655590f084b91940be34dd66e174c2b29f4a81d99d5df"), "TradeClosed", Ignored(STATE)),
    event(b256!("48a630649f549ef031330c87af1da1f77164d2f664b9044c7e95bc01d27999e5"), "TradeCollateralUpdated", Ignored(SIZE_UNCHANGED)),
    event(b256!("94b6dd6695c6b27738d956607d487ce2b47ce52de3efb85dafbbee304e33a152"), "TradeFeesDataDownscaled", Ignored(STATE)),
    event(
        b256!("f240b757cbca89260c526f72930602eea7037a5938811b377d8505432bfba14f"),
        "TradeHoldingFeesManuallyRealized",
        Ignored(SIZE_UNCHANGED),
    ),
    event(b256!("e2246a51b73f6ea7ff0fee771119006fb1c0040340321b0cef01749b7fc71c7a"), "TradeInitialAccFeesStored", Ignored(OLD_BORROWING)),
    event(
        b256!("3a303c8e1d22ea7e3b98451d472573daeaa2bedb6db17838cb23c0d8b506d89e"),
        "TradeMaxClosingSlippagePUpdated",
        Ignored(SIZE_UNCHANGED),
    ),
    event(
        b256!("28988d91fb2f0718328831fab06ca17ac06c51012794b273d49e6efaf8a60d01"),
        "TradeNegativePnlManuallyRealized",
        Ignored(SIZE_UNCHANGED),
    ),
    event(b256!("ac5a272a94e67d9c1a1387a28bc2f92e14a42520531afa5f5aa9af2fd4fe87b4"), "TradePositivePnlWithdrawn", Ignored(SIZE_UNCHANGED)),
    event(b256!("bb058b3eaaea5c2a669a057939f688156d50b5e092969eae671e583635192ead"), "TradeSlUpdated", Ignored(SIZE_UNCHANGED)),
    event(b256!("a14af6e9b04a80b4f40bf3946fceabd8e21e03bed8bdfd8d7b99af550efbf792"), "TradeStored", Ignored(STATE)),
    event(b256!("67ddba1ecd6f73c7d78db146108dbd4e4cc0cea77597d2709de42ff4a603bb22"), "TradeTpUpdated", Ignored(SIZE_UNCHANGED)),
    event(b256!("d07db677573b76ac65bf2032122c0272b9fa39e10c90ff094f19d98ee0f88037"), "TradeValueTransferred", Ignored(STATE)),
    event(b256!("4f6f49815b9e6682a4f6bc21ba0b5261e803cc5d56c97477a5dc75925fd74e68"), "TraderDailyPointsIncreased", Ignored(REWARD)),
    event(b256!("2d222f8a9169a5d38b64fa1a56389af27712a1d7f1743022cdd8b466c27141eb"), "TraderEnrollmentUpdated", Ignored(REWARD)),
    event(b256!("136cc4347dc65b38625089ea9df2874eda024554dc7d0a363036d6fa6d7e4c9e"), "TraderFeeMultiplierCached", Ignored(REWARD)),
    event(b256!("8aa104927dea7fb70b6e5eb2e2891e3022714eea9e80c493fdabffce48b42393"), "TraderInfoFirstUpdate", Ignored(REWARD)),
    event(b256!("211bcdec669891da564d4d5bd35fa76cf6cc72a218db19f402ec042770fb83fb"), "TraderInfoUpdated", Ignored(REWARD)),
    event(b256!("f050ee240db213d72ebabd2f46c0d3270c8206c02d51e074d447c4ca20bd7a6f"), "TraderPointsCredited", Ignored(REWARD)),
    event(b256!("b9088653d74fb25a9972c5c18a8a319f7b8b468a8ccf49be5aa93a9317e3025f"), "TraderReferrerUnset", Ignored(REWARD)),
    event(b256!("964f0f6a92f6d7eedbff7670a2e850f5511e59321724a9dbef638c8068b7527b"), "TraderTrailingPointsExpired", Ignored(REWARD)),
    event(b256!("8b1dd1669c243ea81885b90c31d292a58996045d48bd261b3aea98a09cd66f1e"), "TraderUnclaimedPointsClaimed", Ignored(REWARD)),
    event(b256!("4b502c3b75c299352edc7887297ae0f7c401ed654650a4c0e663458b6ed75fe4"), "TradingActivatedUpdated", Ignored(CONFIGURATION)),
    event(b256!("938c91bae128d4539ee8f6494f37cd5fd7a6ac2393f8b4c353fdd056c964cc81"), "TradingCallbackExecuted", Ignored(ORDER)),
    event(b256!("59d7d10c2807ddd24b509adb00c02f796e45ac11d3c8dadd625b3c6b001380ae"), "TradingFeesRealized", Ignored(STATE)),
    event(b256!("9460073dee9bbc6b4566aae39b3ec7308696e65ec5d376434076d72afabe3eba"), "TriggerFeeCharged", Ignored(FEE_SPLIT)),
    event(b256!("0766d5a97748cddd280198f717da563fe9aad4d38e5bd546fe56d04fbc68a3cd"), "TriggerOrderCanceled", Ignored(ORDER)),
    event(b256!("1472b674eddef9a7145c9353c62f5c03cfcf54556c14c3a0ebbf394da6e0c9ea"), "TriggerOrderInitiated", Ignored(ORDER)),
    event(b256!("82bfbe6a1c6cb1077af1001e76028d28d03bf40ac393b689ea90d22e10d3f2da"), "TriggerRewarded", Ignored(REWARD)),
    event(b256!("0e430d4d92cf840e4840d7defc88d12f7b5d7e45222f5d571914c734e1cc8335"), "TriggerRewardsClaimed", Ignored(REWARD)),
    event(b256!("652d3f2e78702ea06eebce1653dfcd9731f4d9888a0032700b1b7b0b051ad6b8"), "TriggerTimeoutBlocksUpdated", Ignored(CONFIGURATION)),
    event(b256!("c99f383ecd620c333255bd2aef929eedd6808999bac9bfc5f53e10d876abf1ce"), "TwapIntervalUpdated", Ignored(CONFIGURATION)),
    event(b256!("2f33e68d48a82acaa58e3dcb12a4c7738cdfe7041d35f0e29ec8c39b780b370c"), "UpdatedAllyFeeP", Ignored(CONFIGURATION)),
    event(b256!("4dec17ad9a229f707b7c2fb9531cd3b9c548f9eca80c03457ca38a0bb1df35fe"), "UpdatedOpenFeeP", Ignored(CONFIGURATION)),
    event(b256!("b85b70acaeb40f1a2351367c48842ee0ea24ec05d411d99d80bf7a020c0dbb0f"), "UpdatedStartReferrerFeeP", Ignored(CONFIGURATION)),
    event(b256!("7e6042545b314fbe2e138616211d5c38934823f783b83a140ea84f0eb2ae115d"), "UpdatedTargetVolumeUsd", Ignored(CONFIGURATION)),
    event(b256!("3282cd4f9f91a1fc19b31cc01b7134108206936b80c54493edc3b75ab7ac68ae"), "UseGnsVaultBalanceUpdated", Ignored(CONFIGURATION)),
    event(b256!("8f9f4768797359d22361c80641b41261863e9ad2f362291570d7386478f4135b"), "UserPriceImpactUpdated", Ignored(CONFIGURATION)),
    event(b256!("1be5a8e0282c1b895f845900a8efe7585790659f1b4f062f17000e2712dd8601"), "VaultClosingFeePUpdated", Ignored(CONFIGURATION)),
    event(
        b256!("227c94b0811e2f4e8812f4995373cd0d8aa78ba41f1cd6ad61c233135929b303"),
        "VirtualAvailableCollateralInDiamondStored",
        Ignored(STATE),
    ),
    event(
        b256!("49a2b4d58db9411e83e598fad88462d2474d8f9aae8a9ba41acdfde33f4f3751"),
        "BorrowingInitialAccFeesStored (v9)",
        Ignored(OLD_BORROWING),
    ),
    event(
        b256!("12515cf8712ede0f0e48dd7513c14f22f116a6b3f95bd493da7511cf7dcbadd7"),
        "BorrowingPairAccFeesUpdated (v9)",
        Ignored(OLD_BORROWING),
    ),
    event(
        b256!("bbd4d37e525bc0d0bf80d0c56879b81ebcccbe7bfd22e484e19eb0f369c011a4"),
        "GlobalTradeFeeParamsUpdated (v9)",
        Ignored(CONFIGURATION),
    ),
    event(
        b256!("d377bf540561d2182d611090b46189834f8bb72f02121dc896866c06e02e6655"),
        "LeverageUpdateExecuted (v9)",
        Ignored(SIZE_UNCHANGED),
    ),
    event(b256!("377325122a5a86014bf0a307dc0c8eab0bf1e2858ff6e1522a7551e6df253782"), "MarketOpenCanceled (v9)", Ignored(ORDER)),
    event(b256!("c1f6d032e333e12d4ba1d8cdf8c4abc1bcaab7381a4eaa19a918a28f223f519d"), "PendingOrderStored (v9)", Ignored(ORDER)),
    event(b256!("1d01fcc0e82c93f463da710266800aff752bf7da2435090b30616276602eb75a"), "PriceReceived (v9)", Ignored(PRICE_REQUEST)),
    event(b256!("59fd16e7bbed6457d473d57a799cffde3ff43e27a3a87479a5a431b4801f754f"), "PriceRequested (v9)", Ignored(PRICE_REQUEST)),
    event(
        b256!("1d4556af371eac83495a853ba4f1af8a2d4e0c76ab08719dbd24b372cfc0acc3"),
        "TradeBorrowingCallbackHandled (v9)",
        Ignored(OLD_BORROWING),
    ),
    event(b256!("1a540c278c1838afbb56bb7659257d49132e43ff5e7687a333f8b47327db38ff"), "TradeStored (v9)", Ignored(STATE)),
    event(b256!("3c7b39f62241be54daf88ab94fbb4f3b7e92a2abb908f2d2b4ce3d14dadd5a4f"), "TradingCallbackExecuted (v9)", Ignored(ORDER)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abis() {
        let of = |suffix: &str| -> Vec<(&str, B256)> {
            let rows = LAYOUT.iter().map(|event| (event.spec.name, event.topic0));
            match suffix {
                "" => rows.filter(|(name, _)| !name.contains(" (")).collect(),
                _ => rows.filter_map(|(name, topic0)| Some((name.strip_suffix(suffix)?, topic0))).collect(),
            }
        };
        crate::testing::assert_selectors(&of(""), include_str!("../../../../abi/gtrade/diamond_v10.json"));
        crate::testing::assert_selectors(&of(" (v9)"), include_str!("../../../../abi/gtrade/diamond_v9.json"));
        crate::testing::assert_selectors(&of(" (first)"), include_str!("../../../../abi/gtrade/diamond_first.json"));
    }
}
