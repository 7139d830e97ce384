//! `eth_call` of what the chain's contracts are known to answer.

use alloy_primitives::{Address, Bytes};
use serde::Deserialize;

use crate::chain::Views;
use crate::node::rpc::RpcError;

/// geth's code for a call that the contract refused.
const REVERTED: i64 = 3;

/// The transaction object of a call, as far as a view needs it.
#[derive(Debug, Deserialize)]
pub(super) struct Call {
    to: Address,
    /// Call data under its newer name, which goes first.
    input: Option<Bytes>,
    data: Option<Bytes>,
}

impl Call {
    /// What the contract answers: nothing where there is no code, a refusal where it has no such function.
    pub(super) fn answer(&self, views: &Views) -> Result<Bytes, RpcError> {
        let Some(contract) = views.get(&self.to) else { return Ok(Bytes::new()) };
        let calldata = self.input.as_ref().or(self.data.as_ref());
        let output = calldata.and_then(|calldata| contract.get(calldata)).cloned();
        output.ok_or_else(|| RpcError::new(REVERTED, "execution reverted"))
    }
}
