use super::*;

fn load(file: Option<&str>, flags: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = file.map(|text| {
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let flags = vec![(Origin::Flag("--x"), Layer::parse(flags, "flags").unwrap())];
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_places(path.as_deref(), flags, variables).map_err(|error| format!("{error:#}"))
}

fn shown(config: &Config, key: &str) -> (String, String) {
    let row = config.shown().into_iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no key {key}"));
    (row.value, row.origin)
}

#[test]
fn built_in_is_complete_and_needs_no_key() {
    let config = load(None, "", &[]).unwrap();
    for chain in [ChainId::ETHEREUM, ChainId::BNB, ChainId::ARBITRUM, ChainId::SOLANA] {
        let chain = config.chain(chain).unwrap();
        assert!(chain.enabled.value, "{}", chain.chain);
        assert_eq!(chain.start.value, Start::Recent);
    }
    let core = config.chain(ChainId::HYPERLIQUID).unwrap();
    assert!(!core.enabled.value && core.off_reason().contains("folder"), "{}", core.off_reason());
    assert_eq!(database_place(&config.database.value), "sqlite:perpdex.db");
}

#[test]
fn precedence_is_flag_environment_file_built_in() {
    let file = "[sync]\nfetch_ahead = 5\nretries_max = 5\nhead_poll_ms = 50\n";
    let variables = [("PERPDEX_SYNC_FETCH_AHEAD", "6"), ("PERPDEX_SYNC_RETRIES_MAX", "6"), ("PERPDEX_REFERENCE", "ignored")];
    let config = load(Some(file), "[sync]\nfetch_ahead = 7\n", &variables).unwrap();
    assert_eq!(shown(&config, "sync.fetch_ahead"), ("7".to_owned(), "flag --x".to_owned()));
    assert_eq!(shown(&config, "sync.retries_max"), ("6".to_owned(), "environment PERPDEX_SYNC_RETRIES_MAX".to_owned()));
    let (value, origin) = shown(&config, "sync.head_poll_ms");
    assert!(value == "50" && origin.starts_with("file ") && origin.ends_with("mine.toml"), "{value} {origin}");
    assert_eq!(shown(&config, "sync.backoff_max_ms").1, "built-in");
}

#[test]
fn endpoints_are_replaced_as_a_list_and_shown_by_label() {
    let file = "[[chains.arbitrum.endpoints]]\nurl = \"https://a.example/hunter2\"\n[[chains.arbitrum.endpoints]]\nurl = \"https://b.example/hunter2\"\nlabel = \"mine\"\n[[chains.hyperliquid.endpoints]]\nurl = \"node\"\n";
    let config = load(Some(file), "", &[("PERPDEX_ENDPOINT_BNB", "https://c.example/hunter2, http://d.example")]).unwrap();
    assert_eq!(shown(&config, "chains.arbitrum.endpoints").0, "https://a.example, mine");
    assert_eq!(shown(&config, "chains.bnb.endpoints").0, "https://c.example, http://d.example");
    let core = config.chain(ChainId::HYPERLIQUID).unwrap();
    assert!(core.enabled.value, "an endpoint switches a chain on");
    let Location::Folder(path) = core.endpoints.value[0].location() else { panic!("not a folder") };
    assert!(path.is_absolute(), "a path in a file is relative to the file");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn payloads_are_kept_unless_a_chain_says_otherwise() {
    let file = "[chains.bnb]\nraw = \"drop\"\n[chains.arbitrum]\nraw = \"drop\"\n";
    let config = load(Some(file), "[chains.arbitrum]\nraw = \"keep\"\n", &[]).unwrap();
    assert_eq!(config.raw_dropped(), [ChainId::BNB]);
    assert_eq!(shown(&config, "chains.ethereum.raw"), ("keep".to_owned(), "built-in".to_owned()));
    assert_eq!(shown(&config, "chains.arbitrum.raw"), ("keep".to_owned(), "flag --x".to_owned()));
}

#[test]
fn what_cannot_work_is_refused() {
    for (file, variables, want) in [
        ("[sync]\nfetch_ahead = 0\n", &[][..], "sync.fetch_ahead is 0"),
        ("", &[("PERPDEX_SYNC_FETCH", "4")][..], "environment variable PERPDEX_SYNC_FETCH: unknown option"),
        ("", &[("PERPDEX_SYNC_FETCH_AHEAD", "four")][..], "environment variable PERPDEX_SYNC_FETCH_AHEAD: \"four\" is not a whole number"),
        ("", &[("PERPDEX_ENDPOINT_MOON", "http://x")][..], "environment variable PERPDEX_ENDPOINT_MOON: unknown chain \"MOON\""),
        ("[chains.hyperliquid]\nenabled = true\n", &[][..], "chains.hyperliquid: enabled"),
        ("[[chains.hyperliquid.endpoints]]\nurl = \"https://x\"\n", &[][..], "read from a folder of node files"),
        ("[[chains.bnb.endpoints]]\nurl = \"folder\"\n", &[][..], "read from an http:// or https:// URL"),
        ("[sync]\nfetch = 1\n", &[][..], "mine.toml:2: unknown key `fetch`"),
    ] {
        let error = load(Some(file), "", variables).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
}
