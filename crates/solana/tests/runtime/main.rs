//! Log lines and inner instructions of the real runtime (LiteSVM), read from a block of them: at the ids of the venues runs
//! a program that prints or passes to itself what it is told to.

mod bank;
mod program;

use perpdex_core::Carrier;
use serde_json::{Value, json};

use bank::{Bank, Version, read, routed};
use program::{DRIFT, EVENT_TAG, JUPITER, event, passing, printing};

/// Programs that print their events.
const PRINTING: [&str; 4] = [DRIFT, "vELoC1audYbSYVRXn1vPaV8Axoa9oU6BYmNGZZBDZ1P", "13gDzEXCdocbj8iAiqrScGo47NiSuYENGsRqi3SEAwet", ASTER];
/// Aster's treasury.
const ASTER: &str = "EhUtRgu9iEbZXXRpEvDj6n1wnQRjMi2SERDo3c6bmN2c";
/// Programs that pass their events to themselves: Jupiter, Phoenix, GMTrade, Flash.
const PASSING: [&str; 4] =
    [JUPITER, PHOENIX, "Gmso1uvJnLbawvw7yezdfCDcPydwW2s2iqG3w6MDucLo", "FLASH6Lo6h3iasJKWDs2F8TkW2UKf3s15C8PMGuVfgBn"];
/// Phoenix Eternal.
const PHOENIX: &str = "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih";
/// A program that calls venues and is none.
const ROUTER: &str = "SV2EYYJyRz2YhfXwXnhNAevDEui5Q6yrfyo13WtupPF";

const VERSIONS: [Version; 3] = [Version::Legacy, Version::Zero, Version::One];

fn bank(log_bytes_max: Option<usize>) -> Bank {
    Bank::new(&[&PRINTING[..], &PASSING, &[ROUTER]].concat(), log_bytes_max)
}

fn payload(n: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| n.wrapping_add(at as u8)).collect()
}

fn own_event(n: u8) -> Vec<u8> {
    [&EVENT_TAG[..], &payload(n, 60)].concat()
}

fn lines(transaction: &Value) -> &Vec<Value> {
    transaction["meta"]["logMessages"].as_array().unwrap()
}

#[tokio::test]
async fn printed_events_of_every_program_that_prints() {
    for (n, venue) in PRINTING.into_iter().enumerate() {
        let mut bank = bank(None);
        for version in VERSIONS {
            let (first, second, foreign) = (payload(1, 40), payload(2, 300), payload(3, 40));
            let other = PRINTING[(n + 1) % PRINTING.len()];
            let calls = [printing(venue, &first), printing(other, &foreign), printing(venue, &second)];
            let transaction = bank.execute(version, &calls);
            let batch = read(std::slice::from_ref(&transaction), venue, Carrier::Log).await;
            assert!(batch.holes.is_empty(), "{venue} {version:?}: {:?}", batch.holes);
            let found: Vec<&[u8]> = batch.records.iter().map(|record| event(record).payload.as_ref()).collect();
            assert_eq!(found, [first.as_slice(), second.as_slice()], "{venue} {version:?}");
            for record in &batch.records {
                assert_eq!(event(record).carrier, Carrier::Log);
                let line = lines(&transaction)[event(record).position.parse::<usize>().unwrap()].as_str().unwrap();
                assert!(line.starts_with("Program data: "), "{line}");
            }
            assert!(read(&[transaction], venue, Carrier::Cpi).await.records.is_empty(), "{venue}: what prints passes nothing to itself");
        }
    }
}

#[tokio::test]
async fn events_passed_to_itself_of_every_program_that_does() {
    for (n, venue) in PASSING.into_iter().enumerate() {
        let mut bank = bank(None);
        for version in VERSIONS {
            let (own, other) = (own_event(7), PASSING[(n + 1) % PASSING.len()]);
            let calls = [printing(venue, &payload(1, 30)), passing(other, &own), passing(venue, &own)];
            let transaction = bank.execute(version, &calls);
            let batch = read(&[transaction], venue, Carrier::Cpi).await;
            assert_eq!((batch.records.len(), batch.holes.len()), (1, 0), "{venue} {version:?}");
            let found = event(&batch.records[0]);
            assert_eq!((found.payload.as_ref(), found.position.as_str(), found.parent.as_str()), (own.as_slice(), "2.0", "2"));
            assert_eq!((found.program.as_str(), batch.records[0].tx_index), (venue, Some(0)));
        }
    }
}

#[tokio::test]
async fn a_venue_behind_a_router_stands_in_a_lookup_table() {
    let mut bank = bank(None);
    for version in VERSIONS {
        let (own, text) = (own_event(5), payload(4, 50));
        let calls = [routed(ROUTER, &passing(JUPITER, &own)), routed(ROUTER, &printing(DRIFT, &text)), printing(ROUTER, &text)];
        let transaction = bank.execute(version, &calls);
        assert_eq!(transaction["meta"]["err"], Value::Null, "{transaction}");
        let loaded = transaction["meta"]["loadedAddresses"]["readonly"].as_array().unwrap();
        let is_loaded = loaded.contains(&json!(JUPITER)) && loaded.contains(&json!(DRIFT));
        assert_eq!(is_loaded, version == Version::Zero, "{transaction}");
        let passed = read(std::slice::from_ref(&transaction), JUPITER, Carrier::Cpi).await;
        let places: Vec<_> = passed.records.iter().map(|record| (event(record).position.as_str(), event(record).parent.as_str())).collect();
        assert_eq!(places, [("0.1", "0.0")], "{version:?}: the router's call of the venue is no event of it");
        assert_eq!(event(&passed.records[0]).payload.as_ref(), own.as_slice());
        let printed = read(&[transaction], DRIFT, Carrier::Log).await;
        assert_eq!((printed.records.len(), printed.holes.len()), (1, 0), "{version:?}: what the router printed is the router's");
        assert_eq!(event(&printed.records[0]).payload.as_ref(), text.as_slice());
    }
}

#[tokio::test]
async fn the_runtimes_own_mark_of_truncation() {
    let calls = [printing(DRIFT, &payload(1, 40)), printing(DRIFT, &payload(2, 300)), printing(DRIFT, &payload(3, 20))];
    let transaction = bank(Some(400)).execute(Version::Legacy, &calls);
    assert!(lines(&transaction).contains(&json!("Log truncated")), "{transaction}");
    let batch = read(&[transaction], DRIFT, Carrier::Log).await;
    assert_eq!(batch.records.len(), 1, "what stood before the mark is kept");
    assert_eq!(batch.holes.len(), 1);
    assert!(batch.holes[0].detail.ends_with("log messages were truncated"), "{:?}", batch.holes);

    let transaction = bank(Some(100)).execute(Version::Legacy, &[passing(JUPITER, &own_event(7))]);
    assert!(lines(&transaction).contains(&json!("Log truncated")), "{transaction}");
    let batch = read(&[transaction], JUPITER, Carrier::Cpi).await;
    assert_eq!((batch.records.len(), batch.holes.len()), (1, 0), "what a program passes to itself does not depend on the log");
}

#[tokio::test]
async fn the_runtimes_own_limit_of_the_log() {
    let calls: Vec<_> = (0..60).map(|n| printing(DRIFT, &payload(n, 20))).collect();
    let transaction = bank(None).execute(Version::One, &calls);
    assert_eq!(transaction["meta"]["err"], Value::Null, "{transaction}");
    assert!(lines(&transaction).contains(&json!("Log truncated")), "60 calls exceed 10,000 bytes of log: {transaction}");
    let batch = read(&[transaction], DRIFT, Carrier::Log).await;
    let kept = batch.records.len();
    assert!((20..60).contains(&kept), "{kept}");
    for (n, record) in (0..).zip(&batch.records) {
        assert_eq!(event(record).payload.as_ref(), payload(n, 20), "what stood before the mark is kept, and nothing behind it");
    }
    assert_eq!(batch.holes.len(), 1, "{:?}", batch.holes);
}

#[tokio::test]
async fn a_failed_transaction_says_nothing() {
    let mut bank = bank(None);
    for version in VERSIONS {
        // The program's own account is not given, so that its call to itself fails; the runtime keeps what was said before.
        let mut without_account = passing(DRIFT, &payload(1, 10));
        without_account.accounts.clear();
        let calls = [printing(DRIFT, &payload(1, 40)), passing(JUPITER, &own_event(1)), without_account];
        let transaction = bank.execute(version, &calls);
        assert_ne!(transaction["meta"]["err"], Value::Null, "{transaction}");
        assert!(transaction["meta"]["logMessages"].to_string().contains("Program data: "), "{transaction}");
        for (venue, carrier) in [(DRIFT, Carrier::Log), (JUPITER, Carrier::Cpi)] {
            let batch = read(std::slice::from_ref(&transaction), venue, carrier).await;
            assert_eq!((batch.records.len(), batch.holes.len()), (0, 0), "{venue} {version:?}");
        }
    }
}
