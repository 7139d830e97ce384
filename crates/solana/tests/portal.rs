//! A filtered archive over a real socket. What it serves is written by the simulated world's own node; what must come of it
//! is what another simulated node gives block by block.

use std::sync::LazyLock;
use std::time::Duration;

use perpdex_core::{
    Batch, BlockRange, Carrier, ChainId, Evidence, Filter, Headers, HoleReason, RawRecord, Source, SourceError, SourceErrorKind, StreamId,
    VenueSlug, Watch,
};
use perpdex_simnet::chain::SolanaChain;
use perpdex_simnet::node::{PortalNode, PortalOptions, SolanaNode};
use perpdex_simnet::world::{World, WorldOptions};
use perpdex_solana::{PortalEndpoint, PortalSource, SolanaEndpoint, SolanaSource};

/// Two programs that pass events to themselves and two that print them.
const PROGRAMS: [(&str, &str, Carrier); 4] = [
    ("phoenix_eternal", "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih", Carrier::Cpi),
    ("jupiter_perps", "PERPHjGBqRHArX4DySjwM6UJHiR3sWAatqfdBS2qQJu", Carrier::Cpi),
    ("drift_v2", "dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH", Carrier::Log),
    ("aster_vault", "EhUtRgu9iEbZXXRpEvDj6n1wnQRjMi2SERDo3c6bmN2c", Carrier::Log),
];

fn chain() -> SolanaChain {
    static CHAIN: LazyLock<SolanaChain> = LazyLock::new(|| {
        let mut chain = World::build(&WorldOptions { seed: 5, hours: 1, events: 20_000, ..WorldOptions::default() }).solana;
        chain.blocks.truncate(500);
        chain
    });
    CHAIN.clone()
}

fn filter(headers: Headers) -> Filter {
    let stream = |(venue, program, carrier): &(&'static str, &str, Carrier)| {
        let id = StreamId { chain: ChainId::SOLANA, venue: VenueSlug::known(venue), part: String::new(), version: 1 };
        (id, Watch::Solana { program: (*program).to_owned(), list_by: (*program).to_owned(), carrier: *carrier })
    };
    Filter { streams: PROGRAMS.iter().map(stream).collect(), headers }
}

fn endpoint(node: &PortalNode) -> PortalEndpoint {
    PortalEndpoint {
        url: node.url(),
        label: "archive".to_owned(),
        timeout: Duration::from_secs(20),
        response_bytes_max: 16 << 20,
        dataset: Some(PortalEndpoint::MAINNET_DATASET.to_owned()),
    }
}

fn source(node: &PortalNode) -> PortalSource {
    PortalSource::new(endpoint(node)).unwrap()
}

fn serve(chain: &SolanaChain, faults: &str) -> PortalNode {
    PortalNode::serve(chain.clone(), PortalOptions { faults: faults.parse().unwrap(), ..PortalOptions::default() }).unwrap()
}

fn range(chain: &SolanaChain) -> BlockRange {
    BlockRange::new(chain.blocks[0].slot, chain.blocks[chain.blocks.len() - 1].slot).unwrap()
}

/// What a source gives for a range, answer by answer.
async fn all(source: &dyn Source, range: BlockRange, headers: Headers) -> Vec<Batch> {
    let (mut batches, mut next) = (Vec::new(), Some(range));
    while let Some(part) = next {
        let batch = source.fetch(part, &filter(headers)).await.unwrap();
        assert_eq!(batch.range.from(), part.from());
        next = batch.range.to().checked_add(1).and_then(|from| BlockRange::new(from, range.to()));
        batches.push(batch);
    }
    batches
}

fn records(batches: &[Batch]) -> Vec<RawRecord> {
    batches.iter().flat_map(|batch| batch.records.clone()).collect()
}

/// What a node that gives whole blocks gives.
async fn by_block(chain: &SolanaChain) -> Vec<RawRecord> {
    let node = SolanaNode::serve(chain.clone()).unwrap();
    node.set_finalized(range(chain).to()).unwrap();
    let endpoint = SolanaEndpoint {
        url: node.url(),
        label: "node".to_owned(),
        timeout: Duration::from_secs(20),
        response_bytes_max: SolanaEndpoint::RESPONSE_BYTES_MAX,
        concurrency: 8,
        by_block: true,
        genesis_hash: None,
    };
    records(&all(&SolanaSource::new(endpoint).unwrap(), range(chain), Headers::Needed).await)
}

async fn refusal(node: &PortalNode, range: BlockRange) -> SourceError {
    source(node).fetch(range, &filter(Headers::Needed)).await.unwrap_err()
}

#[tokio::test]
async fn the_same_records_as_whole_blocks() {
    let chain = chain();
    let wanted = by_block(&chain).await;
    assert!(wanted.len() > 300, "{}", wanted.len());
    for carrier in [Carrier::Cpi, Carrier::Log] {
        assert!(wanted.iter().any(|record| matches!(&record.body, perpdex_core::RawBody::SolanaEvent(event) if event.carrier == carrier)));
    }
    let node = serve(&chain, "");
    for headers in [Headers::Needed, Headers::All] {
        let batches = all(&source(&node), range(&chain), headers).await;
        assert_eq!(batches.len(), 1, "the archive answers the whole range at once");
        assert_eq!((batches[0].evidence, &batches[0].holes[..]), (Evidence::Witnessed, &[][..]));
        assert_eq!(records(&batches), wanted);
        let blocks = &batches[0].blocks;
        assert_eq!((blocks[0].height, blocks[blocks.len() - 1].height), (range(&chain).from(), range(&chain).to()));
        assert!(blocks.iter().all(|block| block.link.is_some()));
        assert_eq!(blocks.len() == chain.blocks.len(), headers == Headers::All);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_shorter_one() {
    let chain = chain();
    let wanted = by_block(&chain).await;
    let shorter: [(&str, PortalOptions); 3] = [
        (
            "cut in the middle",
            PortalOptions { faults: "on finalized-stream 1 cut_bytes=5000".parse().unwrap(), ..PortalOptions::default() },
        ),
        (
            "cut again and again",
            PortalOptions { faults: "on finalized-stream * cut_bytes=9000".parse().unwrap(), ..PortalOptions::default() },
        ),
        ("without a tail", PortalOptions { lines_max: Some(7), ..PortalOptions::default() }),
    ];
    for (what, options) in shorter {
        let node = PortalNode::serve(chain.clone(), options).unwrap();
        let batches = all(&source(&node), range(&chain), Headers::Needed).await;
        assert!(batches.len() > 1, "{what}");
        assert_eq!(records(&batches), wanted, "{what}");
    }
    let node = serve(&chain, "");
    let small = PortalSource::new(PortalEndpoint { response_bytes_max: 30_000, ..endpoint(&node) }).unwrap();
    let batches = all(&small, range(&chain), Headers::Needed).await;
    assert!(batches.len() > 1, "an answer above the limit is used up to its last whole line");
    assert_eq!(records(&batches), wanted);
}

#[tokio::test]
async fn nothing_of_an_answer_is_an_error() {
    let chain = chain();
    let node = serve(&chain, "on finalized-stream * cut_bytes=3");
    assert_eq!(refusal(&node, range(&chain)).await.kind, SourceErrorKind::Transient);
    let node = serve(&chain, "");
    let small = PortalSource::new(PortalEndpoint { response_bytes_max: 10, ..endpoint(&node) }).unwrap();
    assert_eq!(small.fetch(range(&chain), &filter(Headers::Needed)).await.unwrap_err().kind, SourceErrorKind::Density);
}

#[tokio::test]
async fn skipped_slots_at_the_end_are_proved() {
    let chain = chain();
    let node = serve(&chain, "");
    let pair = chain.blocks.windows(2).find(|pair| pair[1].slot > pair[0].slot + 1).expect("some slot was skipped");
    let (first, skipped) = (chain.blocks[0].slot, pair[1].slot - 1);
    let source = source(&node);
    let batch = source.fetch(BlockRange::new(first, skipped).unwrap(), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(batch.range.to(), skipped);
    assert_eq!(source.block_ref(skipped).await.unwrap(), None);
    assert_eq!(source.block_ref(pair[1].slot).await.unwrap().map(|block| block.height), Some(pair[1].slot));
    let alone = source.fetch(BlockRange::single(skipped), &filter(Headers::Needed)).await.unwrap();
    assert_eq!((alone.range, alone.blocks.len(), alone.records.len()), (BlockRange::single(skipped), 0, 0));
    assert_eq!(source.height_at(pair[1].time_secs * 1_000 - 500).await.unwrap(), Some(pair[1].slot));
    assert_eq!(source.height_at(i64::MAX / 2).await.unwrap(), None);
}

#[tokio::test]
async fn behind_the_archives_end() {
    let chain = chain();
    let node = serve(&chain, "");
    let last = chain.blocks[400].slot;
    node.set_finalized(last).unwrap();
    let source = source(&node);
    let heads = source.heads().await.unwrap();
    assert_eq!((heads.earliest, heads.latest.height, heads.finalized), (Some(chain.blocks[0].slot), last, last));
    let behind = BlockRange::new(last + 1, last + 40).unwrap();
    assert_eq!(refusal(&node, behind).await.kind, SourceErrorKind::Lagging);
    assert_eq!(source.block_ref(last + 1).await.unwrap_err().kind, SourceErrorKind::Lagging);
    let over = source.fetch(BlockRange::new(last - 30, last + 5).unwrap(), &filter(Headers::Needed)).await.unwrap();
    assert_eq!(over.range.to(), last, "what is not there yet is not answered for");
}

#[tokio::test]
async fn before_the_archives_start() {
    let chain = chain();
    let start = chain.blocks[100].slot;
    let node = PortalNode::serve(chain.clone(), PortalOptions { start: Some(start), ..PortalOptions::default() }).unwrap();
    let batch = source(&node).fetch(range(&chain), &filter(Headers::Needed)).await.unwrap();
    let first = range(&chain).from();
    assert_eq!(
        (batch.holes.len(), batch.holes[0].range, batch.holes[0].reason),
        (1, BlockRange::new(first, start - 1).unwrap(), HoleReason::Missing)
    );
    let wanted: Vec<RawRecord> = by_block(&chain).await.into_iter().filter(|record| start <= record.height).collect();
    assert_eq!((batch.range, batch.records), (range(&chain), wanted));
    assert_eq!(refusal(&node, BlockRange::new(first, start - 1).unwrap()).await.kind, SourceErrorKind::Pruned);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let chain = chain();
    let rate = |secs| SourceErrorKind::Rate { retry_after: Some(Duration::from_secs(secs)) };
    for (faults, wanted) in [
        ("status=429 retry_after_secs=3", rate(3)),
        ("status=529 retry_after_secs=1", rate(1)),
        ("status=503 retry_after_secs=2", rate(2)),
        ("status=503", SourceErrorKind::Transient),
        ("status=500", SourceErrorKind::Transient),
        ("status=409", SourceErrorKind::Transient),
        ("status=400", SourceErrorKind::Permanent),
        ("status=404", SourceErrorKind::Permanent),
        ("status=301", SourceErrorKind::Permanent),
    ] {
        let node = serve(&chain, &format!("on finalized-stream 1 {faults}"));
        let error = refusal(&node, range(&chain)).await;
        assert_eq!(error.kind, wanted, "{faults}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("archive: finalized-stream") && !shown.contains("127.0.0.1"), "{shown}");
    }
    let node = serve(&chain, "");
    let url = node.url();
    node.stop().await;
    let gone = PortalSource::new(PortalEndpoint { url, ..endpoint(&serve(&chain, "")) }).unwrap();
    assert_eq!(gone.heads().await.unwrap_err().kind, SourceErrorKind::Unreachable);
    let node = serve(&chain, r#"on metadata * result={"dataset":"solana-devnet","aliases":[],"real_time":false}"#);
    assert_eq!(source(&node).heads().await.unwrap_err().kind, SourceErrorKind::WrongChain { found: 0 });
}

#[tokio::test]
async fn another_chain_behind_an_answer_is_read_again() {
    let chain = chain();
    // The answer ends after one block, and the look behind it finds that block gone.
    let at = chain.blocks.len() - 11;
    let node = PortalNode::serve(chain.clone(), PortalOptions { lines_max: Some(1), ..PortalOptions::default() }).unwrap();
    let range = BlockRange::new(chain.blocks[at].slot, chain.blocks[at].slot + 2).unwrap();
    node.set_faults("on finalized-stream 2 status=409".parse().unwrap()).unwrap();
    let error = refusal(&node, range).await;
    assert_eq!(error.kind, SourceErrorKind::Transient);
    assert!(error.message.contains("409"), "{error}");
}

#[tokio::test]
async fn probes_find_what_a_filter_lost() {
    let chain = chain();
    let wanted = by_block(&chain).await;
    let heights: Vec<u64> = chain.blocks.iter().map(|block| block.slot).filter(|slot| slot % 9 == 0).collect();
    let busy = wanted.iter().map(|record| record.height).find(|height| heights.contains(height)).expect("something happens there");
    let node = serve(&chain, &format!("on finalized-stream * from={busy} to={busy} empty"));
    let source = source(&node);
    let batch = source.fetch(range(&chain), &filter(Headers::Needed)).await.unwrap();
    assert!(batch.records.iter().all(|record| record.height != busy), "the archive lost it without a word");
    assert!(source.can_probe());
    let probe = source.probe(&heights, &filter(Headers::Needed), &batch).await.unwrap();
    assert_eq!((probe.omitted, probe.unsettled), (vec![busy], Vec::new()));
    node.set_faults("".parse().unwrap()).unwrap();
    let batch = source.fetch(range(&chain), &filter(Headers::Needed)).await.unwrap();
    let probe = source.probe(&heights, &filter(Headers::Needed), &batch).await.unwrap();
    assert_eq!((probe.omitted, probe.unsettled), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn lines_that_were_cut_when_they_were_archived_are_holes() {
    let chain = chain();
    let node = PortalNode::serve(chain.clone(), PortalOptions { log_bytes_max: Some(500), ..PortalOptions::default() }).unwrap();
    let batch = source(&node).fetch(range(&chain), &filter(Headers::Needed)).await.unwrap();
    assert!(!batch.holes.is_empty());
    for hole in &batch.holes {
        assert_eq!((hole.reason, hole.streams.len()), (HoleReason::NotRecorded, 1));
        assert!(["drift_v2", "aster_vault"].contains(&hole.streams[0].venue.as_str()), "{hole:?}");
        assert!(hole.detail.ends_with("log messages were truncated"), "{hole:?}");
    }
    let passed = |records: &[RawRecord]| {
        let is_passed =
            |record: &&RawRecord| matches!(&record.body, perpdex_core::RawBody::SolanaEvent(event) if event.carrier == Carrier::Cpi);
        records.iter().filter(is_passed).cloned().collect::<Vec<_>>()
    };
    assert_eq!(passed(&batch.records), passed(&by_block(&chain).await), "what programs pass to themselves does not depend on the log");
}

#[tokio::test]
async fn answers_that_contradict_themselves() {
    let chain = chain();
    let node = serve(&chain, "");
    let slot = chain.blocks[10].slot;
    let header = |number: u64, parent: u64| {
        format!(
            r#"{{"number":{number},"hash":"{0}","parentNumber":{parent},"parentHash":"{0}","timestamp":1775520000}}"#,
            chain.blocks[9].blockhash
        )
    };
    let line = |rest: &str| format!(r#"{{"header":{}{rest}}}"#, header(slot, slot - 1));
    let transaction = r#""transactions":[{"transactionIndex":3,"signatures":["5x"],"err":null,"hasDroppedLogMessages":false}]"#;
    let call = |address: &str| {
        let program = PROGRAMS[1].1;
        format!(
            r#"{{"transactionIndex":3,"instructionAddress":{address},"programId":"{program}","data":"2VfUX","isCommitted":true,"hasDroppedLogMessages":false}}"#
        )
    };
    for (text, wanted) in [
        (line(&format!(r#","instructions":[{}]"#, call("[0]"))), "transaction 3 is not told"),
        (line(&format!(r#",{transaction},"instructions":[{},{}]"#, call("[0]"), call("[0,1]"))), "one between them is not told"),
        (format!(r#"{{"header":{}}}"#, header(slot, slot)), "leaves out slot"),
        (format!(r#"{{"header":{}}}"#, header(slot + 9, slot - 1)), "holds block"),
        (r#"{"header":{"number":7}}"#.to_owned(), "broken answer"),
    ] {
        node.set_faults(format!("on finalized-stream * result={text}").parse().unwrap()).unwrap();
        let error = refusal(&node, BlockRange::single(slot)).await;
        assert!(error.message.contains(wanted), "{wanted}: {error}");
    }
}
