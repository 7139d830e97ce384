//! Builder-deployed dexes (HIP-3) and the token that their markets are margined and paid in. Lines of a node name a market, and with it
//! its dex, but not this token.

use std::borrow::Cow;

/// The token of the first dex, and of deposits and withdrawals.
pub(super) const QUOTE_TOKEN: &str = "USDC";

/// Dexes with their token, by its name in `spotMeta`.
///
/// `xyz` is what the recorded `metaAndAssetCtxs` of 2026-02-06 says (`collateralToken` 0). The others stand so in two independent public
/// integrations of early 2026 (`flx`, `vntl`, `hyna`, `km`) or in one (`cash`, `para`, `abcd`, `io`, `mkts`). All of them are dollar
/// stablecoins: a dex that has changed its token since would have another name beside its payments, not another amount.
const COLLATERAL: &[(&str, &str)] = &[
    ("xyz", "USDC"),
    ("flx", "USDH"),
    ("vntl", "USDH"),
    ("hyna", "USDE"),
    ("km", "USDH"),
    ("cash", "USDT0"),
    ("para", "USDC"),
    ("abcd", "USDC"),
    ("io", "USDC"),
    ("mkts", "USDC"),
];

/// The token that a market's funding is paid in. That of a dex which is not listed has a name that no list of tokens holds, so that its
/// payments have an amount and no dollars.
pub(super) fn collateral(coin: &str) -> Cow<'static, str> {
    let Some((dex, _)) = coin.split_once(':') else { return Cow::Borrowed(QUOTE_TOKEN) };
    match COLLATERAL.iter().find(|(name, _)| *name == dex) {
        Some((_, token)) => Cow::Borrowed(token),
        None => Cow::Owned(format!("{dex}:collateral")),
    }
}
