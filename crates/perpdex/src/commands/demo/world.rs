//! The simulated world behind loopback sockets and in a folder of node files.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use perpdex_core::ChainId;
use perpdex_simnet::chain::{EvmChain, SolanaChain};
use perpdex_simnet::node::{AsterNode, EvmNode, SolanaNode, write_hyperliquid_folder};
use perpdex_simnet::truth::Truth;
use perpdex_simnet::world::World;
use tempfile::TempDir;

use crate::config::{ChainLayer, ChainName, EndpointLayer, Layer, Location, Origin, Start, SyncLayer};
use crate::instant::Point;

/// Nodes of the five chains; they stop when this is dropped.
#[derive(Debug)]
pub(super) struct Served {
    _evm: Vec<EvmNode>,
    _solana: SolanaNode,
    _hyperliquid: TempDir,
    _aster_pro: AsterNode,
    chains: BTreeMap<ChainName, ChainLayer>,
}

impl Served {
    /// Serves the world; everything in it is final.
    pub(super) async fn start(world: World) -> Result<(Served, Truth)> {
        let mut chains = BTreeMap::new();
        let mut evm = Vec::new();
        for chain in [world.arbitrum, world.bnb, world.ethereum] {
            let id = ChainId(chain.chain_id);
            let (first, last) = evm_ends(&chain)?;
            let node = EvmNode::serve(chain)?;
            node.set_finalized(last)?;
            chains.insert(ChainName(id), chain_layer(id, Location::parse(&node.url()), first)?);
            evm.push(node);
        }
        let (first, last) = solana_ends(&world.solana)?;
        let solana = SolanaNode::serve(world.solana)?;
        solana.set_finalized(last)?;
        chains.insert(ChainName(ChainId::SOLANA), chain_layer(ChainId::SOLANA, Location::parse(&solana.url()), first)?);

        let folder = tempfile::Builder::new().prefix("perpdex-demo-").tempdir()?;
        let (root, core) = (folder.path().to_owned(), world.hyperliquid);
        let first = core.blocks.first().ok_or_else(|| anyhow!("the simulated hyperliquid has no block"))?.number;
        tokio::task::spawn_blocking(move || write_hyperliquid_folder(&core, &root, true)).await??;
        // What the built-in configuration reads from the network is none of the simulation's.
        let off = ChainLayer { enabled: Some(false), reason: Some("not simulated".to_owned()), ..ChainLayer::default() };
        chains.extend([ChainId::HYPERLIQUID_FILES, ChainId::HYPERLIQUID_API].map(|chain| (ChainName(chain), off.clone())));
        chains.insert(
            ChainName(ChainId::HYPERLIQUID),
            chain_layer(ChainId::HYPERLIQUID, Ok(Location::Folder(folder.path().to_owned())), first)?,
        );
        let (start_ms, aster_pro) =
            (world.aster_pro.markets.iter().map(|market| market.onboard_ms).min(), AsterNode::serve(world.aster_pro)?);
        let first = start_ms.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(|| anyhow!("the simulated aster pro has no market"))?;
        let off_chain = ChainId::OFFCHAIN_ASTER;
        chains.insert(ChainName(off_chain), chain_layer(off_chain, Location::parse(&aster_pro.url()), first)?);
        Ok((Served { _evm: evm, _solana: solana, _hyperliquid: folder, _aster_pro: aster_pro, chains }, world.truth))
    }

    /// The configuration that reads these nodes from their first block.
    pub(super) fn layers(&self) -> Vec<(Origin, Layer)> {
        // The world's clock stands still: nothing comes in late.
        let sync = SyncLayer { aster_settle_ms: Some(0), ..SyncLayer::default() };
        vec![(Origin::BuiltIn, Layer { chains: self.chains.clone(), sync, ..Layer::default() })]
    }
}

fn chain_layer(chain: ChainId, location: Result<Location, String>, first: u64) -> Result<ChainLayer> {
    let url = location.map_err(|message| anyhow!(message))?;
    let endpoint = EndpointLayer { url, label: Some(format!("simnet-{chain}")), ws_url: None };
    Ok(ChainLayer {
        enabled: Some(true),
        start: Some(Start::At(Point::Height(first))),
        endpoints: Some(vec![endpoint]),
        ..ChainLayer::default()
    })
}

fn evm_ends(chain: &EvmChain) -> Result<(u64, u64)> {
    match (chain.blocks.first(), chain.blocks.last()) {
        (Some(first), Some(last)) => Ok((first.number, last.number)),
        _ => Err(anyhow!("simulated chain {} has no block", chain.chain_id)),
    }
}

fn solana_ends(chain: &SolanaChain) -> Result<(u64, u64)> {
    match (chain.blocks.first(), chain.blocks.last()) {
        (Some(first), Some(last)) => Ok((first.slot, last.slot)),
        _ => Err(anyhow!("the simulated solana has no block")),
    }
}
