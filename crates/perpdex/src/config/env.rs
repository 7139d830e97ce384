//! The environment's layers: one per variable, so that an origin can name it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};
use perpdex_core::CHAINS;

use super::endpoint::Location;
use super::layer::{ChainLayer, ChainName, EndpointLayer, Layer, Origin};
use super::sync::{SYNC_OPTION_NAMES, SyncLayer};

/// `PERPDEX_DATABASE`: the database URL.
pub(crate) const DATABASE: &str = "PERPDEX_DATABASE";
/// `PERPDEX_ENDPOINT_ARBITRUM` and so on: endpoints of a chain, separated by commas.
pub(crate) const ENDPOINT_PREFIX: &str = "PERPDEX_ENDPOINT_";
/// `PERPDEX_SYNC_FETCH_AHEAD` and so on: options of `[sync]`.
pub(crate) const SYNC_PREFIX: &str = "PERPDEX_SYNC_";

/// The layers of these variables. Names outside of the three forms are not ours to judge.
pub(crate) fn layers(variables: impl IntoIterator<Item = (String, String)>) -> Result<Vec<(Origin, Layer)>> {
    let mut layers = Vec::new();
    for (name, value) in variables {
        let mut layer = Layer::default();
        if name == DATABASE {
            layer.database.url = Some(value);
        } else if let Some(chain) = name.strip_prefix(ENDPOINT_PREFIX) {
            layer.chains = endpoints(chain, &value).with_context(|| format!("environment variable {name}"))?;
        } else if let Some(option) = name.strip_prefix(SYNC_PREFIX) {
            layer.sync = sync(option, &value).with_context(|| format!("environment variable {name}"))?;
        } else {
            continue;
        }
        layers.push((Origin::Env(name), layer));
    }
    Ok(layers)
}

fn endpoints(chain: &str, value: &str) -> Result<BTreeMap<ChainName, ChainLayer>> {
    let slug = CHAINS.iter().find(|known| known.slug.replace('/', "_").eq_ignore_ascii_case(chain));
    let name = ChainName::parse(slug.map_or(chain, |known| known.slug)).map_err(|message| anyhow!(message))?;
    let endpoints = value
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| Ok(EndpointLayer { url: Location::parse(text).map_err(|message| anyhow!(message))?, label: None, ws_url: None }))
        .collect::<Result<Vec<_>>>()?;
    Ok(BTreeMap::from([(name, ChainLayer { endpoints: Some(endpoints), ..ChainLayer::default() })]))
}

fn sync(option: &str, value: &str) -> Result<SyncLayer> {
    let number = value.parse().map_err(|_| anyhow!("{value:?} is not a whole number"))?;
    let mut layer = SyncLayer::default();
    if layer.set(&option.to_ascii_lowercase(), number) {
        Ok(layer)
    } else {
        Err(anyhow!("unknown option, expected one of {}", SYNC_OPTION_NAMES.join(", ").to_ascii_uppercase()))
    }
}
