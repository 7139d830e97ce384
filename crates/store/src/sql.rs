//! One small language over both engines: parameters, values, rows, transactions. Everything above this module is the
//! same text on both.

use alloy_primitives::I256;
use perpdex_core::StoreError;
use serde::Serialize;

use crate::place::Place;
use crate::postgres::{PostgresDb, PostgresTx};
use crate::sqlite::{SqliteDb, SqliteTx};

/// A value that goes into a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Name(&'static str),
    Bytes(Vec<u8>),
    /// An integer of any width: TEXT in SQLite, NUMERIC(78,0) in PostgreSQL.
    Exact(I256),
}

impl From<i64> for Param {
    fn from(value: i64) -> Param {
        Param::Int(value)
    }
}

impl From<bool> for Param {
    fn from(value: bool) -> Param {
        Param::Int(i64::from(value))
    }
}

impl From<f64> for Param {
    fn from(value: f64) -> Param {
        Param::Float(value)
    }
}

impl From<I256> for Param {
    fn from(value: I256) -> Param {
        Param::Exact(value)
    }
}

impl From<String> for Param {
    fn from(value: String) -> Param {
        Param::Text(value)
    }
}

impl From<&str> for Param {
    fn from(value: &str) -> Param {
        Param::Text(value.to_owned())
    }
}

impl From<Vec<u8>> for Param {
    fn from(value: Vec<u8>) -> Param {
        Param::Bytes(value)
    }
}

impl<T: Into<Param>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Param {
        value.map_or(Param::Null, Into::into)
    }
}

/// A value that came out of a statement. Exact numbers come as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// No value.
    Null,
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// Text, and exact numbers of any width.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows were left out because the caller's limit was reached.
    pub is_truncated: bool,
}

/// What can go wrong below the store's interface; the store adds the database's name.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The engine refused.
    Sql(String),
    /// The engine is away or busy, or undid the transaction for another's sake.
    Unavailable(String),
    /// Stored data contradict themselves.
    Corrupt(String),
    /// Already in the caller's terms.
    Store(StoreError),
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Fault {
        if is_passing(&error) { Fault::Unavailable(error.to_string()) } else { Fault::Sql(error.to_string()) }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

/// Whether the same may succeed later without anybody's help.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

/// SQLSTATE of PostgreSQL (five signs: appendix A of its manual), or an extended result code of SQLite (a number, whose low
/// byte is the primary code).
fn is_passing_code(code: &str) -> bool {
    const SQLITE_BUSY: u32 = 5;
    const SQLITE_LOCKED: u32 = 6;
    /// serialization_failure, deadlock_detected, too_many_connections, lock_not_available, admin_shutdown, crash_shutdown,
    /// cannot_connect_now
    const PASSING: [&str; 7] = ["40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"];
    /// connection_exception
    const CONNECTION: &str = "08";
    match code.len() {
        5 => PASSING.contains(&code) || code.starts_with(CONNECTION),
        _ => code.parse::<u32>().is_ok_and(|code| [SQLITE_BUSY, SQLITE_LOCKED].contains(&(code & 0xff))),
    }
}

/// One row, read by position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record(pub(crate) Vec<Value>);

impl Record {
    pub(crate) fn int(&self, at: usize) -> Result<i64> {
        self.opt_int(at)?.ok_or_else(|| self.unexpected(at, "an integer"))
    }

    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at, "an integer")),
        }
    }

    pub(crate) fn height(&self, at: usize) -> Result<u64> {
        u64::try_from(self.int(at)?).map_err(|_| self.unexpected(at, "a height"))
    }

    pub(crate) fn flag(&self, at: usize) -> Result<bool> {
        Ok(self.int(at)? != 0)
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str> {
        self.opt_text(at)?.ok_or_else(|| self.unexpected(at, "text"))
    }

    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<&str>> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at, "text")),
        }
    }

    pub(crate) fn string(&self, at: usize) -> Result<String> {
        Ok(self.text(at)?.to_owned())
    }

    pub(crate) fn opt_string(&self, at: usize) -> Result<Option<String>> {
        Ok(self.opt_text(at)?.map(str::to_owned))
    }

    pub(crate) fn opt_bytes(&self, at: usize) -> Result<Option<&[u8]>> {
        match self.0.get(at) {
            Some(Value::Bytes(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.unexpected(at, "bytes")),
        }
    }

    pub(crate) fn exact(&self, at: usize) -> Result<I256> {
        self.opt_exact(at)?.ok_or_else(|| self.unexpected(at, "an exact integer"))
    }

    pub(crate) fn opt_exact(&self, at: usize) -> Result<Option<I256>> {
        self.opt_text(at)?.map(|text| text.parse().map_err(|_| self.unexpected(at, "an exact integer"))).transpose()
    }

    /// The value at `at`, read by `parse`, which gives `None` for a text that is no `what`.
    pub(crate) fn parsed<T>(&self, at: usize, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        parse(self.text(at)?).ok_or_else(|| self.unexpected(at, what))
    }

    /// The same for a column that may be NULL.
    pub(crate) fn opt_parsed<T>(&self, at: usize, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        self.opt_text(at)?.map(|text| parse(text).ok_or_else(|| self.unexpected(at, what))).transpose()
    }

    pub(crate) fn unexpected(&self, at: usize, what: &str) -> Fault {
        Fault::Corrupt(format!("column {at} of a stored row holds {:?} where {what} was expected", self.0.get(at)))
    }
}

/// Rows to insert at once, cell after cell.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) cells: Vec<Param>,
}

impl Bulk {
    pub(crate) fn new(table: &'static str, columns: &'static [&'static str]) -> Bulk {
        Bulk { table, columns, cells: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Param; N]) {
        assert_eq!(N, self.columns.len(), "a row of {} has one cell a column", self.table);
        self.cells.extend(row);
    }

    pub(crate) fn rows(&self) -> usize {
        self.cells.len() / self.columns.len()
    }
}

/// Rows to insert whose cells are made as they are written: all at once, they would take several times the rows' memory.
#[derive(Debug)]
pub(crate) struct Lot<T> {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<T>,
    /// Adds the cells of one row.
    pub(crate) push: fn(&mut Bulk, T),
}

impl<T> Lot<T> {
    /// All cells at once.
    pub(crate) fn into_bulk(self) -> Bulk {
        let rows = self.rows.len().max(1);
        let (table, columns) = (self.table, self.columns);
        self.parts(rows).next().unwrap_or_else(|| Bulk::new(table, columns))
    }

    /// The cells of so many rows at a time.
    pub(crate) fn parts(self, rows: usize) -> impl Iterator<Item = Bulk> {
        let Lot { table, columns, rows: all, push } = self;
        let mut all = all.into_iter();
        std::iter::from_fn(move || {
            let mut bulk = Bulk { table, columns, cells: Vec::with_capacity(columns.len() * rows.min(all.len())) };
            all.by_ref().take(rows).for_each(|row| push(&mut bulk, row));
            Some(bulk).filter(|bulk| !bulk.cells.is_empty())
        })
    }
}

/// A database: a writer at a time, readers beside it.
#[derive(Debug)]
pub(crate) enum Db {
    Sqlite(SqliteDb),
    Postgres(PostgresDb),
}

impl Db {
    /// Connects. A file that does not exist is made only if `create`.
    pub(crate) async fn open(place: &Place, create: bool) -> Result<Db> {
        match place {
            Place::File(path) => Ok(Db::Sqlite(SqliteDb::open(Some(path), create).await?)),
            Place::Memory => Ok(Db::Sqlite(SqliteDb::open(None, create).await?)),
            Place::Postgres(url) => Ok(Db::Postgres(PostgresDb::open(url).await?)),
        }
    }

    /// Begins the one writing transaction; waits for the writer before.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        match self {
            Db::Sqlite(db) => Ok(Tx::Sqlite(db.begin().await?)),
            Db::Postgres(db) => Ok(Tx::Postgres(db.begin().await?)),
        }
    }

    /// Reads outside of any transaction.
    pub(crate) async fn rows(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        match self {
            Db::Sqlite(db) => db.rows(sql, params).await,
            Db::Postgres(db) => db.rows(sql, params).await,
        }
    }

    /// Runs a statement of the user's that cannot write.
    pub(crate) async fn query(&self, sql: &str, rows_max: usize) -> Result<Table> {
        match self {
            Db::Sqlite(db) => db.query(sql, rows_max).await,
            Db::Postgres(db) => db.query(sql, rows_max).await,
        }
    }

    /// Bytes the database takes.
    pub(crate) async fn bytes(&self) -> Result<i64> {
        let sql = match self {
            Db::Sqlite(_) => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Db::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        first_int(&self.rows(sql, Vec::new()).await?)
    }

    /// Whether a table of this name exists.
    pub(crate) async fn has_table(&self, name: &str) -> Result<bool> {
        let sql = match self {
            Db::Sqlite(_) => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
            Db::Postgres(_) => "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE relkind = 'r' AND oid = to_regclass($1)",
        };
        Ok(first_int(&self.rows(sql, vec![name.into()]).await?)? > 0)
    }

    /// Ends all connections; what was committed stays.
    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite(db) => db.close().await,
            Db::Postgres(db) => db.close().await,
        }
    }
}

/// The first cell of the first row, of a statement that always gives one.
pub(crate) fn first_int(rows: &[Record]) -> Result<i64> {
    rows.first().ok_or_else(|| Fault::Corrupt("a count gave no row".to_owned()))?.int(0)
}

/// A writing transaction; dropped without [`Tx::commit`], it leaves nothing.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(SqliteTx),
    Postgres(PostgresTx),
}

impl Tx {
    /// Runs a statement and gives the number of rows it touched.
    pub(crate) async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64> {
        match self {
            Tx::Sqlite(tx) => tx.execute(sql, params).await,
            Tx::Postgres(tx) => tx.execute(sql, params).await,
        }
    }

    /// Runs a statement that gives rows.
    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>> {
        match self {
            Tx::Sqlite(tx) => tx.rows(sql, params).await,
            Tx::Postgres(tx) => tx.rows(sql, params).await,
        }
    }

    /// Keeps this transaction's statements to the indexes: what a commit reads, it names by keys.
    pub(crate) async fn look_up_by_keys(&mut self) -> Result<()> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.look_up_by_keys().await,
        }
    }

    /// Inserts many rows whose keys are not stored yet, as fast as the engine can.
    pub(crate) async fn write<T>(&mut self, lot: Lot<T>) -> Result<()> {
        match self {
            _ if lot.rows.is_empty() => Ok(()),
            Tx::Sqlite(tx) => tx.write(lot).await,
            Tx::Postgres(tx) => tx.write(lot).await,
        }
    }

    /// Inserts rows whose keys are not stored yet.
    pub(crate) async fn bulk(&mut self, bulk: Bulk) -> Result<()> {
        self.upsert(bulk, "").await
    }

    /// Inserts rows with `tail` behind them (`ON CONFLICT …`).
    pub(crate) async fn upsert(&mut self, bulk: Bulk, tail: &str) -> Result<()> {
        match self {
            _ if bulk.cells.is_empty() => Ok(()),
            Tx::Sqlite(tx) => tx.insert(bulk, tail).await,
            Tx::Postgres(tx) => tx.insert(bulk, tail).await,
        }
    }

    /// Runs the statements of a migration.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.script(sql).await,
            Tx::Postgres(tx) => tx.script(sql).await,
        }
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
    }
}
