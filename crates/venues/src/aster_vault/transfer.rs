//! Plain transfers of ERC-20 tokens to and from a vault. A deposit or a withdrawal moves tokens, too: what an event of the
//! vault in the same transaction explains is matched off, so that nothing counts twice.

use alloy_primitives::{Address, B256, I256, b256};
use perpdex_core::{ChainId, CollateralFlow, Disposition, EvmFilter, EvmLog, FlowDirection, FlowScope, Text, TokenAmount};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, EvmEvent, event},
};

/// `Transfer(address,address,uint256)` of ERC-20.
pub(super) const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// The one event of tokens.
pub(super) const LAYOUT: &[EvmEvent; 1] = &[event(TRANSFER, "Transfer", Disposition::Mapped)];

/// Tokens whose transfers are watched: the dollar stablecoins, wrapped coins and bitcoins of `config/tokens.toml`. Anyone can deploy
/// a token that claims to have moved from the vault, so that transfers of other contracts mean nothing. A longer list is a new
/// version of the stream.
const TOKENS: &[(ChainId, &str)] = &[
    (ChainId::BNB, "0x55d398326f99059ff775485246999027b3197955"),
    (ChainId::BNB, "0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d"),
    (ChainId::BNB, "0xe9e7cea3dedca5984780bafc599bd69add087d56"),
    (ChainId::BNB, "0x8d0d000ee44948fc98c9b98a4fa4921476f08b0d"),
    (ChainId::BNB, "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"),
    (ChainId::BNB, "0x2170ed0880ac9a755fd29b2688956bd959f933f8"),
    (ChainId::BNB, "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"),
    (ChainId::ETHEREUM, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    (ChainId::ETHEREUM, "0xdac17f958d2ee523a2206206994597c13d831ec7"),
    (ChainId::ETHEREUM, "0x6b175474e89094c44da98b954eedeac495271d0f"),
    (ChainId::ETHEREUM, "0x8d0d000ee44948fc98c9b98a4fa4921476f08b0d"),
    (ChainId::ETHEREUM, "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
    (ChainId::ETHEREUM, "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"),
    (ChainId::ETHEREUM, "0x7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0"),
    (ChainId::ARBITRUM, "0xaf88d065e77c8cc2239327c5edb3a432268e5831"),
    (ChainId::ARBITRUM, "0xff970a61a04b1ca14834a43f5de4533ebddb5cc8"),
    (ChainId::ARBITRUM, "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9"),
    (ChainId::ARBITRUM, "0xda10009cbd5d07dd0cecc66161fc93d7c9000da1"),
    (ChainId::ARBITRUM, "0x82af49447d8a07e3bd95bd0d56f35241523fbab1"),
    (ChainId::ARBITRUM, "0x2f2a2543b76a4166549f7aab2e75bef0aefc5b0f"),
    (ChainId::ARBITRUM, "0x5979d7b546e38e414f7e9822514be443a4800529"),
];

/// What of the tokens is asked for: transfers whose sender or receiver is the vault. Topics are ANDed by position, hence two.
pub(super) fn filters(chain: ChainId, vault: Address) -> [EvmFilter; 2] {
    let tokens = TOKENS.iter().filter(|(of, _)| *of == chain);
    let addresses: Vec<Address> = tokens.map(|(_, token)| token.parse().expect("a token's address is hex")).collect();
    let of = |topics| EvmFilter { addresses: addresses.clone(), topics };
    let party = || vec![vault.into_word()];
    [of([vec![TRANSFER], party(), vec![], vec![]]), of([vec![TRANSFER], vec![], party(), vec![]])]
}

/// The flow of a token's transfer; `None` where nothing moved: anyone may transfer 0 in another's name, and the vault may pay
/// itself.
pub(super) fn flow(log: &EvmLog, vault: Address) -> Result<Option<CollateralFlow>, DecodeError> {
    let [from, to] = indexed(log)?;
    let (from, to) = (abi::address(from, "from")?, abi::address(to, "to")?);
    let mut data = Reader::new(&log.data);
    let native = data.uint(256, "value")?;
    data.end()?;
    let (direction, account) = match (from == vault, to == vault) {
        (false, true) => (FlowDirection::In, from),
        (true, false) => (FlowDirection::Out, to),
        (true, true) => return Ok(None),
        (false, false) => return Err(DecodeError::invalid(format!("neither {from} nor {to} is the vault"))),
    };
    let amount = TokenAmount { native, token: hex(log.address) };
    let flow = CollateralFlow { account: hex(account), scope: FlowScope::Plain, direction, amount, fee_native: None };
    Ok((!native.is_zero()).then_some(flow))
}

/// Takes out of a transaction's flows those transfers that its deposits and withdrawals explain, one transfer for each: first
/// by the very amount, with or without the withdrawal's fee, then a fee that left by itself, and at last whatever moved the
/// same token the same way, since some tokens keep a part of what is sent.
pub(super) fn match_off(flows: &mut [Option<CollateralFlow>]) {
    let mut told: Vec<Told> = flows.iter().flatten().filter(|flow| flow.scope != FlowScope::Plain).map(Told::new).collect();
    let ways: [fn(&mut Told, I256) -> bool; 3] = [Told::takes_amount, Told::takes_fee, Told::takes_any];
    for takes in ways {
        for flow in flows.iter_mut() {
            let Some(transfer) = flow.as_ref().filter(|flow| flow.scope == FlowScope::Plain) else { continue };
            let mut same = told.iter_mut().filter(|told| told.token == transfer.amount.token && told.direction == transfer.direction);
            if same.any(|told| takes(told, transfer.amount.native)) {
                *flow = None;
            }
        }
    }
}

/// A deposit or withdrawal and what of it no transfer has shown yet.
struct Told {
    token: Text,
    direction: FlowDirection,
    amount: Option<I256>,
    fee: Option<I256>,
}

impl Told {
    fn new(flow: &CollateralFlow) -> Told {
        Told { token: flow.amount.token.clone(), direction: flow.direction, amount: Some(flow.amount.native), fee: flow.fee_native }
    }

    fn takes_amount(&mut self, value: I256) -> bool {
        let Some(amount) = self.amount else { return false };
        // Whether the amount of a withdrawal includes its fee is not established.
        let net = self.fee.and_then(|fee| amount.checked_sub(fee));
        let takes = value == amount || Some(value) == net;
        if takes {
            self.amount = None;
        }
        takes
    }

    fn takes_fee(&mut self, value: I256) -> bool {
        self.fee.take_if(|fee| *fee == value).is_some()
    }

    fn takes_any(&mut self, _: I256) -> bool {
        self.amount.take().is_some()
    }
}
