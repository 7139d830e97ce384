//! A real RPC server over the real runtime: its listings, transactions and blocks read through the source.

/// Shared with the tests of the crate, which run the same program without a server.
#[path = "../../../crates/solana/tests/runtime/program.rs"]
mod program;

use std::sync::Arc;
use std::time::{Duration, Instant};

use perpdex_core::{BlockRange, Carrier, Evidence, Headers, RawRecord, Source};
use perpdex_solana::{MemoryWindows, SolanaEndpoint, SolanaSource};
use solana_instruction::Instruction;
use surfpool_sdk::cheatcodes::builders::DeployProgram;
use surfpool_sdk::{BlockProductionMode, Signer, Surfnet};

use program::{DRIFT, EVENT_TAG, JUPITER, event, filter, passing, printing, program};

const SLOT_MS: u64 = 100;
/// Longest wait for anything of the server.
const PATIENCE: Duration = Duration::from_secs(120);

fn source(net: &Surfnet, by_block: bool) -> SolanaSource {
    let endpoint = SolanaEndpoint {
        url: net.rpc_url().to_owned(),
        label: "surfpool".to_owned(),
        timeout: Duration::from_secs(20),
        response_bytes_max: SolanaEndpoint::RESPONSE_BYTES_MAX,
        concurrency: 4,
        by_block,
        genesis_hash: None,
    };
    SolanaSource::with_windows(endpoint, Arc::new(MemoryWindows::default())).unwrap()
}

/// Sends instructions in one transaction and waits until the server has it.
fn send(net: &Surfnet, instructions: &[Instruction]) -> String {
    let client = net.rpc_client();
    let hash = client.get_latest_blockhash().unwrap();
    let payer = net.payer();
    let transaction = solana_transaction::Transaction::new_signed_with_payer(instructions, Some(&payer.pubkey()), &[payer], hash);
    client.send_and_confirm_transaction(&transaction).unwrap().to_string()
}

/// What a program said up to the head, once the source covers so many transactions of it.
async fn said(source: &SolanaSource, program: &str, carrier: Carrier, first: u64, wanted: usize) -> (BlockRange, Vec<RawRecord>) {
    let start = Instant::now();
    loop {
        let heads = source.heads().await.unwrap();
        if let Some(range) = BlockRange::new(first, heads.finalized) {
            let mut records = Vec::new();
            let mut next = Some(range);
            while let Some(part) = next {
                let batch = source.fetch(part, &filter(program, carrier, Headers::Needed)).await.unwrap();
                assert!(batch.holes.is_empty(), "{:?}", batch.holes);
                next = batch.range.to().checked_add(1).and_then(|from| BlockRange::new(from, range.to()));
                records.extend(batch.records);
            }
            if records.len() >= wanted {
                return (range, records);
            }
        }
        assert!(start.elapsed() < PATIENCE, "{program} did not say {wanted} things within {PATIENCE:?}: {heads:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_programs_said_comes_through_every_way() {
    let net =
        Surfnet::builder().offline(true).slot_time_ms(SLOT_MS).block_production_mode(BlockProductionMode::Clock).start().await.unwrap();
    let net = Arc::new(net);
    let own = [&EVENT_TAG[..], &[9; 70]].concat();
    let printed: Vec<Vec<u8>> = (0..3).map(|n| vec![n + 1; 50]).collect();
    let (signatures, sent) = {
        let (net, own, printed) = (net.clone(), own.clone(), printed.clone());
        tokio::task::spawn_blocking(move || {
            for venue in [DRIFT, JUPITER] {
                net.cheatcodes().deploy(DeployProgram::new(venue.parse().unwrap()).so_bytes(program())).unwrap();
            }
            let first = net.rpc_client().get_first_available_block().unwrap();
            let mut signatures = Vec::new();
            for payload in &printed {
                signatures.push(send(&net, &[printing(DRIFT, payload), passing(JUPITER, &own)]));
            }
            (signatures, first)
        })
        .await
        .unwrap()
    };
    let listed = source(&net, false);
    let (range, drift) = said(&listed, DRIFT, Carrier::Log, sent, printed.len()).await;
    let payloads: Vec<&[u8]> = drift.iter().map(|record| event(record).payload.as_ref()).collect();
    assert_eq!(payloads, printed.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(drift.iter().map(|record| record.tx_id.clone()).collect::<Vec<_>>(), signatures);
    let (_, jupiter) = said(&listed, JUPITER, Carrier::Cpi, sent, printed.len()).await;
    assert!(
        jupiter.iter().all(|record| event(record).payload.as_ref() == own.as_slice() && event(record).position == "1.0"),
        "{jupiter:?}"
    );

    // Block by block the same records come, in the same order.
    let by_block = source(&net, true);
    let mut read = Vec::new();
    let mut next = Some(range);
    while let Some(part) = next {
        let batch = by_block.fetch(part, &filter(DRIFT, Carrier::Log, Headers::Needed)).await.unwrap();
        assert_eq!(batch.evidence, Evidence::Receipts);
        next = batch.range.to().checked_add(1).and_then(|from| BlockRange::new(from, range.to()));
        read.extend(batch.records);
    }
    assert_eq!(read, drift);
}
