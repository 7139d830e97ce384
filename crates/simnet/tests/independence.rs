//! The simulator knows neither the decoders nor the arithmetic that it is there to check.

use std::collections::BTreeSet;

/// Packages of the workspace that a manifest depends on, at run time or in tests.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let names = manifest.lines().filter_map(|line| line.split(['.', '=', ' ']).next());
    names.filter(|name| name.starts_with("perpdex-")).map(str::to_owned).collect()
}

#[test]
fn simnet_depends_on_no_other_package() {
    assert_eq!(dependencies(include_str!("../Cargo.toml")), BTreeSet::new());
}
