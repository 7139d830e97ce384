//! Every piece of every venue is there: layout, dispositions, streams, golden cases, docs page.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
};

use common::{cases, expect_file, root};
use perpdex_core::{ChainId, ChainKind, Disposition, VENUE_SLUGS, VenueInfo, VenueSlug, Watch};
use perpdex_venues::{NOT_INDEXED, VENUES, venue};
use serde_json::Value;

#[test]
fn slugs_are_known_and_unique() {
    let mut seen = BTreeSet::new();
    for venue_of in VENUES {
        let slug = venue_of.info().slug;
        assert_eq!(VenueSlug::from_slug(slug.as_str()), Some(slug), "{slug} is not in VENUE_SLUGS");
        assert!(seen.insert(slug), "{slug} stands twice");
        assert_eq!(venue(slug.as_str()).map(|found| found.info().slug), Some(slug));
    }
    assert!(venue("no_such_venue").is_none());
    for (_, slug) in VENUE_SLUGS {
        let is_listed = VENUES.iter().any(|venue| venue.info().slug == *slug) || NOT_INDEXED.iter().any(|venue| venue.slug == *slug);
        assert!(is_listed, "{slug} is neither decoded nor listed as not indexed");
    }
    let numbers: BTreeSet<i64> = VENUE_SLUGS.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers.len(), VENUE_SLUGS.len(), "a venue number stands twice");
}

#[test]
fn every_event_of_the_layout_has_a_disposition() {
    for venue in VENUES {
        let info = venue.info();
        let listed: BTreeMap<&str, Disposition> = info.events.iter().map(|event| (event.name, event.disposition)).collect();
        assert_eq!(listed.len(), info.events.len(), "{}: an event stands twice", info.slug);
        let layout = layout_names(info);
        let listed_names: BTreeSet<String> = listed.keys().map(|name| (*name).to_owned()).collect();
        assert_eq!(listed_names, layout, "{}: the events of the decoder and of {} differ", info.slug, info.layout);
        for (name, disposition) in listed {
            if let Disposition::Ignored(reason) = disposition {
                assert!(!reason.trim().is_empty(), "{}: {name} is ignored without a reason", info.slug);
            }
        }
        assert!(info.events.iter().any(|event| event.disposition == Disposition::Mapped), "{}: nothing is mapped", info.slug);
    }
}

#[test]
fn streams_stand_where_deployments_are() {
    for venue in VENUES {
        let info = venue.info();
        assert!(!info.deployments.is_empty(), "{}: deployed nowhere", info.slug);
        for chain in perpdex_core::CHAINS {
            let deployed: Vec<_> = info.deployments.iter().filter(|deployment| deployment.chain == chain.id).collect();
            let streams = venue.streams(chain.id);
            assert_eq!(deployed.is_empty(), streams.is_empty(), "{} on {}", info.slug, chain.slug);
            for deployment in deployed {
                assert!(!deployment.source.trim().is_empty(), "{}: {} without a source", info.slug, deployment.address);
                let lower_case = deployment.address.to_lowercase() == deployment.address;
                assert!(chain.kind != ChainKind::Evm || lower_case, "{}: {} is not lower case", info.slug, deployment.address);
            }
            let parts: BTreeSet<_> = streams.iter().map(|stream| stream.part).collect();
            assert_eq!(parts.len(), streams.len(), "{}: two streams of one name", info.slug);
            for stream in streams {
                let fits = matches!(
                    (&stream.watch, chain.kind),
                    (Watch::Evm(_), ChainKind::Evm)
                        | (Watch::Solana { .. }, ChainKind::Svm)
                        | (Watch::HyperCore(_), ChainKind::HyperCore | ChainKind::OffChain)
                        | (Watch::Api(_), ChainKind::OffChain)
                );
                assert!(fits, "{}: a stream of {} watches another kind of chain", info.slug, chain.slug);
                let Watch::Evm(filters) = &stream.watch else { continue };
                let deployed = |word: &str| info.deployments.iter().any(|deployment| word.ends_with(&deployment.address[2..]));
                for filter in filters {
                    // Other contracts are watched for what names one of the venue's own.
                    let is_about_own = filter.topics[1..].iter().flatten().any(|topic| deployed(&topic.to_string()));
                    let are_own = filter.addresses.iter().all(|address| deployed(&format!("{address:#x}")));
                    assert!(!filter.addresses.is_empty() && (are_own || is_about_own), "{}: {filter:?}", info.slug);
                }
            }
        }
    }
}

#[test]
fn every_chain_of_a_venue_has_a_golden_case() {
    let have: BTreeSet<(String, ChainId)> = cases().into_iter().map(|case| (case.venue, case.chain)).collect();
    for venue in VENUES {
        let info = venue.info();
        for deployment in info.deployments {
            let wanted = (info.slug.to_string(), deployment.chain);
            assert!(have.contains(&wanted), "no case under tests/golden/{}/{}", deployment.chain, info.slug);
        }
    }
}

/// Every kind of event that a venue gives comes up in one of its cases.
#[test]
fn what_a_venue_gives_is_shown_by_a_case() {
    const KINDS: &[(&str, &[&str])] = &[
        ("trades", &["fill"]),
        ("liquidations", &["liquidation\":{", "\"reason\":\"liquidation\""]),
        ("funding", &["\"kind\":\"funding\""]),
        ("borrow", &["\"kind\":\"borrow\"", "\"borrow_native\""]),
        ("oi", &["oi_anchor"]),
        ("flows", &["collateral_flow"]),
        ("prices", &["\"event\":\"price\""]),
    ];
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for case in cases() {
        let text = fs::read_to_string(case.path.join("events.jsonl")).unwrap();
        shown.entry(case.venue).or_default().push_str(&text);
    }
    for venue in VENUES {
        let info = venue.info();
        let text = shown.get(info.slug.as_str()).map_or("", String::as_str);
        for given in info.gives {
            let (_, signs) = KINDS.iter().find(|(kind, _)| kind == given).unwrap_or_else(|| panic!("{}: {given:?}", info.slug));
            // An open interest that follows from fills alone needs no anchor.
            let by_fills = *given == "oi" && text.contains("\"before\":{");
            assert!(by_fills || signs.iter().any(|sign| text.contains(sign)), "{}: no case shows {given}", info.slug);
        }
    }
}

#[test]
fn every_venue_has_a_page_that_names_every_event() {
    for venue in VENUES {
        let info = venue.info();
        let path = root().join(format!("docs/venues/{}.md", info.slug));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for event in info.events {
            assert!(page.contains(&format!("`{}`", event.name)), "{} does not name {}", path.display(), event.name);
        }
        for deployment in info.deployments {
            assert!(page.contains(deployment.address), "{} does not name {}", path.display(), deployment.address);
        }
    }
}

/// The last section of each page is what `perpdex venues` prints. `UPDATE_EXPECT=1` writes it.
#[test]
fn every_page_ends_with_what_the_command_prints() {
    let expect = |slug: VenueSlug, section: String| {
        let path = root().join(format!("docs/venues/{slug}.md"));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = page.split(SECTION).next().unwrap_or_default().trim_end();
        expect_file(&path, &format!("{text}\n\n{SECTION}\n\n{section}"));
    };
    for info in VENUES.iter().map(|venue| venue.info()) {
        expect(info.slug, section(info));
    }
    for venue in NOT_INDEXED {
        expect(venue.slug, format!("{} on {}: not indexed: {}.\n", venue.name, venue.chain, venue.why));
    }
}

const SECTION: &str = "## What `perpdex venues` prints";

fn section(info: &VenueInfo) -> String {
    let mut out =
        format!("Gives {}. Layout `{}`.\n\n| chain | address | first height |\n| --- | --- | --- |\n", info.gives.join(", "), info.layout);
    for deployment in info.deployments {
        let first = deployment.first_height.map_or("not known".to_owned(), |height| height.to_string());
        writeln!(out, "| {} | {} | {first} |", deployment.chain, deployment.address).unwrap();
    }
    if !info.unverified.is_empty() {
        out.push_str("\nUnverified:\n\n");
        info.unverified.iter().for_each(|note| writeln!(out, "* {note}").unwrap());
    }
    out
}

/// Names in the layout file: an ABI, or an object with `events` and, where the chain numbers more of them than we know
/// the fields of, `variants`. Files beside it list more: selectors without an ABI, tokens' events, a
/// program's events on another chain.
fn layout_names(info: &VenueInfo) -> BTreeSet<String> {
    let path = root().join(info.layout);
    let read = |path: &std::path::Path| -> Value {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let layout = read(&path);
    let names_in = |layout: &Value| if layout.is_array() { abi_names(layout) } else { listed_names(layout) };
    let mut names = names_in(&layout);
    for other in ["selectors_only.json", "token.json", "treasury.json"].map(|name| path.with_file_name(name)) {
        if other.exists() {
            names.extend(names_in(&read(&other)));
        }
    }
    names
}

fn abi_names(layout: &Value) -> BTreeSet<String> {
    let abi: alloy_json_abi::JsonAbi = serde_json::from_value(layout.clone()).unwrap();
    let overloads = abi.events.values();
    let name = |overloads: &Vec<alloy_json_abi::Event>| -> Vec<String> {
        match &overloads[..] {
            [single] => vec![single.name.clone()],
            several => several.iter().map(alloy_json_abi::Event::signature).collect(),
        }
    };
    overloads.flat_map(name).collect()
}

fn listed_names(layout: &Value) -> BTreeSet<String> {
    let events = layout["events"].as_array().expect("a layout lists its events").iter().map(|event| &event["name"]);
    let variants = layout["variants"].as_array().into_iter().flatten();
    events.chain(variants).map(|name| name.as_str().expect("an event has a name").to_owned()).collect()
}
