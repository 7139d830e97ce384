//! The configuration: own types with an origin for every value.
//!
//! Precedence: flag, environment (`PERPDEX_…`), file, built-in. Promises: an unknown key is an error naming key, file and
//! line; no URL is ever printed. Does not: open endpoints or databases.

mod endpoint;
mod env;
mod layer;
mod show;
mod sync;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use perpdex_core::{CHAINS, ChainId, ChainKind};

pub(crate) use endpoint::{Endpoint, Location, database_place};
pub(crate) use layer::{ChainLayer, ChainName, EndpointLayer, Layer, Origin, RawPayloads, Start};
pub(crate) use sync::{SyncLayer, SyncOptions};

/// The built-in configuration, also what a commented file of one's own can start from.
const BUILT_IN: &[(&str, &str)] = &[
    ("config/perpdex.toml", include_str!("../../../../config/perpdex.toml")),
    ("config/chains/ethereum.toml", include_str!("../../../../config/chains/ethereum.toml")),
    ("config/chains/bnb.toml", include_str!("../../../../config/chains/bnb.toml")),
    ("config/chains/arbitrum.toml", include_str!("../../../../config/chains/arbitrum.toml")),
    ("config/chains/solana.toml", include_str!("../../../../config/chains/solana.toml")),
    ("config/chains/hyperliquid.toml", include_str!("../../../../config/chains/hyperliquid.toml")),
    ("config/chains/offchain_aster.toml", include_str!("../../../../config/chains/offchain_aster.toml")),
];

/// The file that is read where no other is named.
pub(crate) const FILE_DEFAULT: &str = "perpdex.toml";

/// Places and texts of the built-in configuration.
pub(crate) fn built_in_texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().copied()
}

/// Heights below the tip at which `start = "recent"` begins for chains that no built-in file describes.
const RECENT_BLOCKS_DEFAULT: u64 = 5_000;

/// A value with the place that set it.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// All layers, strongest first.
#[derive(Debug)]
pub(crate) struct Layers(Vec<(Origin, Layer)>);

impl Layers {
    /// The strongest layer's word, where any layer has one.
    fn find<T>(&self, read: impl Fn(&Layer) -> Option<T>) -> Option<Setting<T>> {
        self.0.iter().find_map(|(origin, layer)| read(layer).map(|value| Setting { value, origin: origin.clone() }))
    }

    /// The strongest layer's word on a value that the built-in files always set.
    fn pick<T>(&self, read: impl Fn(&Layer) -> Option<T>) -> Setting<T> {
        self.find(read).expect("the built-in configuration sets every option")
    }
}

/// The effective configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where the store is; may hold a password, see [`database_place`].
    pub(crate) database: Setting<String>,
    /// Options of `[sync]`.
    pub(crate) sync: SyncOptions,
    /// The user's reference tables, read after the built-in ones.
    pub(crate) catalog_files: Setting<Vec<PathBuf>>,
    /// Chains by number.
    pub(crate) chains: Vec<ChainConfig>,
}

/// The effective configuration of one chain.
#[derive(Clone, Debug)]
pub(crate) struct ChainConfig {
    /// The chain.
    pub(crate) chain: ChainId,
    /// Whether `sync` reads it.
    pub(crate) enabled: Setting<bool>,
    /// Why it is off, where somebody said so.
    pub(crate) reason: Option<String>,
    /// Where history begins.
    pub(crate) start: Setting<Start>,
    /// Heights below the tip at which [`Start::Recent`] begins.
    pub(crate) recent_blocks: Setting<u64>,
    /// Heights below the tip that count as final without a `finalized` tag.
    pub(crate) final_depth: Setting<u64>,
    /// What is stored of raw records.
    pub(crate) raw: Setting<RawPayloads>,
    /// Where to read, in order of preference.
    pub(crate) endpoints: Setting<Vec<Endpoint>>,
}

impl ChainConfig {
    /// Why the chain is not read.
    pub(crate) fn off_reason(&self) -> String {
        match &self.reason {
            Some(reason) => reason.clone(),
            None if self.endpoints.value.is_empty() => "no endpoint is configured".to_owned(),
            None => "switched off by the configuration".to_owned(),
        }
    }
}

impl Config {
    /// Reads all layers: flags as given, the environment, `file` (or `perpdex.toml` where it exists), and the built-in ones.
    pub(crate) fn load(file: Option<&Path>, flags: Vec<(Origin, Layer)>) -> Result<Config> {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Config::from_places(file, flags, variables)
    }

    /// The built-in configuration under these layers alone: no file, no environment.
    pub(crate) fn isolated(layers: Vec<(Origin, Layer)>) -> Result<Config> {
        Config::from_layers(layers)
    }

    fn from_places(
        file: Option<&Path>,
        flags: Vec<(Origin, Layer)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config> {
        let mut layers = flags;
        layers.extend(env::layers(variables)?);
        let path = match file {
            Some(path) => Some(path),
            None => Some(Path::new(FILE_DEFAULT)).filter(|path| path.exists()),
        };
        if let Some(path) = path {
            let layer = Layer::read(path).context("configuration")?;
            layers.push((Origin::File(path.to_owned()), layer));
        }
        Config::from_layers(layers)
    }

    /// Adds the built-in layers, merges and checks.
    fn from_layers(mut layers: Vec<(Origin, Layer)>) -> Result<Config> {
        for (place, text) in BUILT_IN {
            layers.push((Origin::BuiltIn, Layer::parse(text, place).expect("the built-in configuration is tested")));
        }
        let config = Config::merge(&Layers(layers));
        config.check()?;
        Ok(config)
    }

    /// The chain's configuration.
    pub(crate) fn chain(&self, chain: ChainId) -> Option<&ChainConfig> {
        self.chains.iter().find(|config| config.chain == chain)
    }

    /// Chains whose raw records are stored without their payload.
    pub(crate) fn raw_dropped(&self) -> Vec<ChainId> {
        let dropped = |config: &&ChainConfig| config.raw.value == RawPayloads::Drop;
        self.chains.iter().filter(dropped).map(|config| config.chain).collect()
    }

    fn merge(layers: &Layers) -> Config {
        Config {
            database: layers.pick(|layer| layer.database.url.clone()),
            sync: SyncOptions::pick(layers),
            catalog_files: layers.pick(|layer| layer.catalog.files.clone()),
            chains: CHAINS
                .iter()
                .filter(|chain| layers.0.iter().any(|(_, layer)| layer.chains.contains_key(&ChainName(chain.id))))
                .map(|chain| merge_chain(layers, chain.id, chain.final_depth))
                .collect(),
        }
    }

    /// Everything that can be wrong without opening anything.
    fn check(&self) -> Result<()> {
        for (name, setting, allowed) in self.sync.rows() {
            if !allowed.contains(&setting.value) {
                let (low, high) = (allowed.start(), allowed.end());
                return Err(anyhow!("sync.{name} is {} ({}): it must be {low} to {high}", setting.value, setting.origin));
            }
        }
        if self.database.value.is_empty() {
            return Err(anyhow!("database.url is empty ({}): use sqlite:PATH or postgres://…", self.database.origin));
        }
        self.chains.iter().try_for_each(check_chain)
    }
}

fn merge_chain(layers: &Layers, chain: ChainId, final_depth: u64) -> ChainConfig {
    let name = ChainName(chain);
    let listed = layers.find(|layer| layer.chains.get(&name)?.endpoints.clone()).unwrap_or_else(|| built_in(Vec::new()));
    let endpoints = Setting {
        value: listed
            .value
            .into_iter()
            .map(|endpoint| Endpoint::new(endpoint.url, endpoint.label).with_ws_url(endpoint.ws_url))
            .collect::<Vec<_>>(),
        origin: listed.origin,
    };
    let by_endpoints = Setting { value: !endpoints.value.is_empty(), origin: endpoints.origin.clone() };
    ChainConfig {
        chain,
        enabled: layers.find(|layer| layer.chains.get(&name)?.enabled).unwrap_or(by_endpoints),
        reason: layers.find(|layer| layer.chains.get(&name)?.reason.clone()).map(|setting| setting.value),
        start: layers.find(|layer| layer.chains.get(&name)?.start).unwrap_or_else(|| built_in(Start::Recent)),
        recent_blocks: layers.find(|layer| layer.chains.get(&name)?.recent_blocks).unwrap_or_else(|| built_in(RECENT_BLOCKS_DEFAULT)),
        final_depth: layers.find(|layer| layer.chains.get(&name)?.final_depth).unwrap_or_else(|| built_in(final_depth)),
        raw: layers.find(|layer| layer.chains.get(&name)?.raw).unwrap_or_else(|| built_in(RawPayloads::Keep)),
        endpoints,
    }
}

fn built_in<T>(value: T) -> Setting<T> {
    Setting { value, origin: Origin::BuiltIn }
}

fn check_chain(config: &ChainConfig) -> Result<()> {
    let chain = config.chain;
    let by_files = chain == ChainId::HYPERLIQUID || chain == ChainId::HYPERLIQUID_FILES;
    let solana = chain.info().is_some_and(|info| info.kind == ChainKind::Svm);
    for endpoint in &config.endpoints.value {
        let is_evm = chain.info().is_some_and(|info| info.kind == ChainKind::Evm);
        if endpoint.ws_url().is_some() && !is_evm {
            return Err(anyhow!("chains.{chain}: endpoint {endpoint} ({}): ws_url is for EVM chains", config.endpoints.origin));
        }
        let origin = &config.endpoints.origin;
        match (endpoint.location(), by_files) {
            (Location::Url(_), true) => {
                let other = "the public interface is the chain hyperliquid/api";
                return Err(anyhow!(
                    "chains.{chain}: endpoint {endpoint} ({origin}): this chain is read from a folder of node files or an s3:// bucket; {other}"
                ));
            }
            (Location::Folder(_), false) if solana => {}
            (Location::Folder(_) | Location::Bucket(_), false) => {
                return Err(anyhow!("chains.{chain}: endpoint {endpoint} ({origin}): this chain is read from an http:// or https:// URL"));
            }
            (Location::Blocks(_) | Location::Portal(_), _) if !solana => {
                return Err(anyhow!("chains.{chain}: endpoint {endpoint} ({origin}): blocks+ and portal+ are for solana"));
            }
            _ => {}
        }
    }
    if config.enabled.value && config.endpoints.value.is_empty() {
        return Err(anyhow!(
            "chains.{chain}: enabled ({}) without an endpoint: add [[chains.{chain}.endpoints]] or --endpoint {chain}=…",
            config.enabled.origin
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
