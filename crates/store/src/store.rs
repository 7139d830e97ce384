//! The store: a database behind [`perpdex_core::Store`], and what reads it beside the engine.

use async_trait::async_trait;
use perpdex_core::{
    BlockConflict, BlockRange, BlockRef, Catalog, ChainId, Commit, Committed, Covered, Hole, ListingWindow, ListingWindows, RangeSet,
    RawRecord, RedecodeStore, ReduceStats, Reverted, RunState, Store, StoreError, StoredPiece, StoredRecord, StreamId, Target, Turn,
    VenueSlug, Verification, Verified, VerifyStore, Withdrawn,
};

use crate::db::Db;
use crate::external::{self, ExternalMetric, Imported};
use crate::fact::read_block;
use crate::oi_check::{self, OiChecks};
use crate::options::StoreOptions;
use crate::place::Place;
use crate::sql::{Bulk, Fault, Param, Result, Table};
use crate::{
    capture, commit, coverage, dirty, dump, listing, migrate, pending, rebuild, redecode, reduce, reference, revert, runs, status, verify,
    withdraw,
};

/// A database of perpdex, on SQLite or PostgreSQL.
#[derive(Debug)]
pub struct SqlStore {
    db: Db,
    place: Place,
    catalog: Catalog,
    options: StoreOptions,
}

/// A result in the caller's terms.
type Outcome<T> = std::result::Result<T, StoreError>;

/// What a database is and holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DbInfo {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Where, without user and password.
    pub place: String,
    /// Version of its schema.
    pub schema_version: i64,
    /// Version this program makes.
    pub schema_version_known: i64,
    /// Rows of each table, by name.
    pub tables: Vec<(String, i64)>,
    /// Bytes it takes.
    pub bytes: i64,
}

impl SqlStore {
    /// Opens a database, makes it where there is none and brings its schema up to this program's.
    ///
    /// `url` is `sqlite:PATH`, a bare path, `sqlite::memory:` or `postgres://…`. The catalog applies to what is written
    /// from now on: markets that are stored keep the asset they were stored with.
    pub async fn open(url: &str, catalog: Catalog, options: StoreOptions) -> Outcome<SqlStore> {
        let place = Place::parse(url)?;
        let db = Db::open(&place, true).await.map_err(|fault| fault.told(&place))?;
        let store = SqlStore { db, place, catalog, options };
        store.prepare().await.map_err(|fault| store.told(fault))?;
        Ok(store)
    }

    /// Opens a database to read it: nothing is made and nothing migrated.
    pub async fn open_existing(url: &str, catalog: Catalog, options: StoreOptions) -> Outcome<SqlStore> {
        let place = Place::parse(url)?;
        let none = |message: &str| StoreError::Database { database: place.to_string(), message: message.to_owned() };
        match &place {
            Place::File(path) if !path.exists() => return Err(none("there is no such file: run `perpdex sync` to make it")),
            Place::Memory => return Err(none("a memory database never exists before it is made")),
            _ => {}
        }
        let db = Db::open(&place, false).await.map_err(|fault| fault.told(&place))?;
        let stored = migrate::stored_version(&db).await.map_err(|fault| fault.told(&place))?;
        migrate::check(&place, stored).map_err(|fault| fault.told(&place))?;
        if stored == 0 {
            return Err(none("this is no database of perpdex: run `perpdex sync` or `perpdex db migrate` to make one"));
        }
        if stored < migrate::known_version() {
            let known = migrate::known_version();
            return Err(none(&format!("schema version {stored} is older than this program's {known}: run `perpdex db migrate`")));
        }
        Ok(SqlStore { db, place, catalog, options })
    }

    async fn prepare(&self) -> Result<()> {
        migrate::migrate(&self.db, &self.place).await?;
        let mut tx = self.db.begin().await?;
        reference::seed(&mut tx, &self.catalog, &self.options).await?;
        pending::resolve_tokens(&mut tx, &self.catalog).await?;
        tx.commit().await
    }

    /// Engine, place, schema version, rows of each table, bytes.
    pub async fn info(&self) -> Outcome<DbInfo> {
        self.read_info().await.map_err(|fault| self.told(fault))
    }

    async fn read_info(&self) -> Result<DbInfo> {
        let mut tables = Vec::new();
        for table in dump::table_names() {
            let count = self.db.rows(&format!("SELECT COUNT(*) FROM {table}"), Vec::new()).await?;
            tables.push((table.to_owned(), crate::sql::first_int(&count)?));
        }
        Ok(DbInfo {
            engine: self.place.engine(),
            place: self.place.to_string(),
            schema_version: migrate::stored_version(&self.db).await?,
            schema_version_known: migrate::known_version(),
            tables,
            bytes: self.db.bytes().await?,
        })
    }

    /// Where the database is, without user and password.
    pub fn place(&self) -> String {
        self.place.to_string()
    }

    /// Runs one statement that cannot write, and gives at most `rows_max` rows.
    pub async fn query(&self, sql: &str, rows_max: usize) -> Outcome<Table> {
        self.db.query(sql, rows_max).await.map_err(|fault| self.told(fault))
    }

    /// All tables that identical stores have in common, as canonical text: equal text is an equal store.
    ///
    /// Left out: where coverage was cut into pieces and how strong each is, holes' details, reorgs, blocks without
    /// records, heads.
    pub async fn dump(&self) -> Outcome<String> {
        dump::dump(&self.db).await.map_err(|fault| self.told(fault))
    }

    /// What is wanted, known and missing of each stream, and what is wrong.
    pub async fn status(&self) -> Outcome<status::Status> {
        status::status(&self.db).await.map_err(|fault| self.told(fault))
    }

    /// Reads a chain's raw records back, in canonical order, a chunk of heights at a time.
    pub async fn raw_captures(&self, chain: ChainId) -> Outcome<capture::RawCaptures<'_>> {
        capture::RawCaptures::begin(&self.db, &self.place, chain).await.map_err(|fault| self.told(fault))
    }

    /// Writes figures of others, all or none. Call [`Store::reduce`] afterwards: signals read them.
    pub async fn import_metrics(&self, metrics: &[ExternalMetric]) -> Outcome<Imported> {
        external::import(&self.db, metrics).await.map_err(|fault| self.told(fault))
    }

    /// Makes all sums and hours anew from the rows. It must never change one.
    pub async fn rebuild(&self) -> Outcome<ReduceStats> {
        self.rebuild_sums().await.map_err(|fault| self.told(fault))?;
        self.reduce().await
    }

    async fn rebuild_sums(&self) -> Result<()> {
        let mut tx = self.db.begin().await?;
        rebuild::rebuild(&mut tx, &self.catalog).await?;
        reduce::mark_all(&mut tx).await?;
        tx.commit().await
    }

    /// Holds levels that follow from earlier statements and the fills since against later statements, and replaces `v_oi_checks`.
    pub async fn check_open_interest(&self) -> Outcome<OiChecks> {
        oi_check::check(&self.db).await.map_err(|fault| self.told(fault))
    }

    /// Ends all connections. Everything committed is safe without it.
    pub async fn close(&self) {
        self.db.close().await;
    }

    fn told(&self, fault: Fault) -> StoreError {
        fault.told(&self.place)
    }

    async fn write_targets(&self, targets: &[Target]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for target in targets {
            reference::ensure_chain(&mut tx, target.stream.chain).await?;
            let key = "chain_id = $1 AND venue_id = $2 AND part = $3";
            let cells = || coverage::stream_cells(&target.stream)[..3].to_vec();
            // What counts as covered hangs on these three; a run that starts anew with the same ones changes nothing.
            let sql = format!("SELECT version, evidence_rank_min, first_height FROM targets WHERE {key}");
            let stored = match tx.rows(&sql, cells()).await?.first() {
                Some(r) => Some((r.int(0)?, r.int(1)?, r.opt_int(2)?)),
                None => None,
            };
            let first_height = target.first_height.map(|height| i64::try_from(height).unwrap_or(i64::MAX));
            if stored != Some((i64::from(target.stream.version), coverage::rank(target.evidence_min), first_height)) {
                dirty::mark_venues(&mut tx, target.stream.chain, [(target.stream.venue.id(), dirty::ALWAYS)]).await?;
            }
            tx.execute(&format!("DELETE FROM targets WHERE {key}"), cells()).await?;
        }
        let mut bulk = Bulk::new("targets", TARGETS);
        for target in targets {
            bulk.cells.extend(coverage::stream_cells(&target.stream));
            bulk.cells.extend([crate::fact::height_cell(target.from), target.to.map_or(Param::Null, crate::fact::height_cell)]);
            bulk.cells.extend([target.first_height.map_or(Param::Null, crate::fact::height_cell)]);
            bulk.cells.extend([Param::Name(target.evidence_min.as_str()), coverage::rank(target.evidence_min).into()]);
            bulk.cells.push(target.sees_unknown.into());
        }
        tx.bulk(bulk).await?;
        tx.commit().await
    }

    async fn read_blocks(&self, condition: &str, params: Vec<Param>) -> Result<Vec<BlockRef>> {
        let sql = format!("SELECT b.height, b.hash, b.parent_hash, b.ts_ms FROM blocks b {condition}");
        self.db.rows(&sql, params).await?.iter().map(read_block).collect()
    }

    async fn write_heads(&self, chain: ChainId, finalized: u64, latest: u64) -> Result<()> {
        let mut tx = self.db.begin().await?;
        reference::ensure_chain(&mut tx, chain).await?;
        let sql = "INSERT INTO heads (chain_id, finalized, latest) VALUES ($1, $2, $3) ON CONFLICT (chain_id) DO UPDATE SET \
                   finalized = CASE WHEN excluded.finalized > heads.finalized THEN excluded.finalized ELSE heads.finalized END, \
                   latest = CASE WHEN excluded.latest > heads.latest THEN excluded.latest ELSE heads.latest END";
        let cells = vec![chain.as_i64().into(), crate::fact::height_cell(finalized), crate::fact::height_cell(latest)];
        tx.execute(sql, cells).await?;
        tx.commit().await
    }

    async fn write_holes(&self, streams: &[StreamId], holes: &[Hole]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for stream in streams {
            reference::ensure_chain(&mut tx, stream.chain).await?;
            let covered = coverage::load(&mut tx, stream).await?;
            let covered = RangeSet::from_ranges(covered.iter().map(|stretch| stretch.range));
            coverage::add_holes(&mut tx, stream, holes, &covered).await?;
        }
        tx.commit().await
    }
}

const TARGETS: &[&str] = &[
    "chain_id",
    "venue_id",
    "part",
    "version",
    "from_height",
    "to_height",
    "first_height",
    "evidence_min",
    "evidence_rank_min",
    "sees_unknown",
];

#[async_trait]
impl Store for SqlStore {
    async fn set_targets(&self, targets: &[Target]) -> Outcome<()> {
        self.write_targets(targets).await.map_err(|fault| self.told(fault))
    }

    async fn coverage(&self, chain: ChainId) -> Outcome<Vec<Covered>> {
        coverage::of_chain(&self.db, chain.as_i64()).await.map_err(|fault| self.told(fault))
    }

    async fn unfinal_blocks(&self, chain: ChainId) -> Outcome<Vec<BlockRef>> {
        // The final height is looked up first: joined, it would be compared with every block that is stored.
        let unfinal = "WHERE b.chain_id = $1 AND b.height > COALESCE((SELECT h.finalized FROM heads h WHERE h.chain_id = $1), -1) \
                       ORDER BY b.height";
        self.read_blocks(unfinal, vec![chain.as_i64().into()]).await.map_err(|fault| self.told(fault))
    }

    async fn block(&self, chain: ChainId, height: u64) -> Outcome<Option<BlockRef>> {
        let cells = vec![chain.as_i64().into(), crate::fact::height_cell(height)];
        let blocks = self.read_blocks("WHERE b.chain_id = $1 AND b.height = $2", cells).await.map_err(|fault| self.told(fault))?;
        Ok(blocks.into_iter().next())
    }

    async fn commit_in_turn(&self, commit: Commit, turn: Turn) -> Outcome<Committed> {
        let drops_raw = self.options.raw_dropped.contains(&commit.chain);
        Box::pin(commit::commit(&self.db, &self.catalog, commit, drops_raw, turn)).await.map_err(|fault| self.told(fault))
    }

    fn prepares_ahead(&self) -> bool {
        matches!(self.db, Db::Postgres(_))
    }

    async fn revert(&self, chain: ChainId, to: BlockRef, conflict: BlockConflict) -> Outcome<Reverted> {
        Box::pin(revert::revert(&self.db, &self.catalog, chain, to, conflict)).await.map_err(|fault| self.told(fault))
    }

    async fn set_heads(&self, chain: ChainId, finalized: u64, latest: u64) -> Outcome<()> {
        self.write_heads(chain, finalized, latest).await.map_err(|fault| self.told(fault))
    }

    async fn uncover(&self, stream: &StreamId, range: BlockRange) -> Outcome<()> {
        withdraw::uncover(&self.db, &self.catalog, stream, range).await.map_err(|fault| self.told(fault))
    }

    async fn doubted(&self, chain: ChainId) -> Outcome<RangeSet> {
        coverage::doubted(&self.db, chain.as_i64()).await.map_err(|fault| self.told(fault))
    }

    async fn record_holes(&self, streams: &[StreamId], holes: &[Hole]) -> Outcome<()> {
        self.write_holes(streams, holes).await.map_err(|fault| self.told(fault))
    }

    async fn record_run(&self, run: &RunState) -> Outcome<()> {
        runs::record(&self.db, run).await.map_err(|fault| self.told(fault))
    }

    async fn reduce(&self) -> Outcome<ReduceStats> {
        Box::pin(reduce::reduce(&self.db, self.options.mark_age_ms_max)).await.map_err(|fault| self.told(fault))
    }
}

#[async_trait]
impl ListingWindows for SqlStore {
    async fn windows(&self, chain: ChainId, listing: &str, range: BlockRange) -> Outcome<Vec<ListingWindow>> {
        listing::windows(&self.db, chain, listing, range).await.map_err(|fault| self.told(fault))
    }

    async fn keep_windows(&self, chain: ChainId, listing: &str, windows: &[ListingWindow]) -> Outcome<()> {
        listing::keep(&self.db, chain, listing, windows).await.map_err(|fault| self.told(fault))
    }

    async fn forget_windows(&self, chain: ChainId, listing: &str, range: BlockRange) -> Outcome<()> {
        listing::forget(&self.db, chain, listing, range).await.map_err(|fault| self.told(fault))
    }
}

#[async_trait]
impl VerifyStore for SqlStore {
    async fn records(&self, chain: ChainId, range: BlockRange) -> Outcome<Vec<(StreamId, StoredRecord)>> {
        verify::records(&self.db, chain, range).await.map_err(|fault| self.told(fault))
    }

    async fn record_count(&self, chain: ChainId, range: BlockRange) -> Outcome<u64> {
        verify::record_count(&self.db, chain, range).await.map_err(|fault| self.told(fault))
    }

    async fn verified(&self, chain: ChainId) -> Outcome<Vec<Verified>> {
        verify::of_chain(&self.db, chain).await.map_err(|fault| self.told(fault))
    }

    async fn record_verification(&self, proof: &Verification) -> Outcome<()> {
        Box::pin(verify::record_verification(&self.db, proof)).await.map_err(|fault| self.told(fault))
    }

    async fn withdraw(&self, chain: ChainId, heights: &RangeSet) -> Outcome<Withdrawn> {
        Box::pin(withdraw::withdraw(&self.db, &self.catalog, chain, heights)).await.map_err(|fault| self.told(fault))
    }

    async fn restore(&self, chain: ChainId, records: &[RawRecord]) -> Outcome<u64> {
        match self.options.raw_dropped.contains(&chain) {
            true => Ok(0),
            false => verify::restore(&self.db, records).await.map_err(|fault| self.told(fault)),
        }
    }
}

#[async_trait]
impl RedecodeStore for SqlStore {
    async fn stored_piece(&self, chain: ChainId, range: BlockRange) -> Outcome<Option<StoredPiece>> {
        redecode::stored_piece(&self.db, &self.place, chain, range).await.map_err(|fault| self.told(fault))
    }

    async fn replace(&self, commit: Commit, venues: &[VenueSlug], records_read: u64) -> Outcome<Committed> {
        Box::pin(redecode::replace(&self.db, &self.catalog, commit, venues, records_read)).await.map_err(|fault| self.told(fault))
    }
}
