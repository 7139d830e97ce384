//! Databases to test on, and a small history to fill them with.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod book;
pub(crate) mod cascade;
pub(crate) mod history;
pub(crate) mod pool;

use std::sync::atomic::{AtomicU64, Ordering};

use perpdex_core::{AliasDef, AssetDef, Catalog, MarketDef, TokenDef};
use perpdex_store::{SqlStore, StoreOptions, Value};
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

/// An engine to test on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// The environment variable that holds the address of a throw-away PostgreSQL cluster's administrator.
const POSTGRES: &str = "PERPDEX_TEST_POSTGRES";

/// A database of its own for one test; gone with the value (a PostgreSQL one with its cluster).
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) engine: Engine,
    _folder: Option<TempDir>,
}

/// How many times as often as usual a property is tried: a search beyond what every run does.
const PROPERTY_TIMES: &str = "PERPDEX_PROPERTY_TIMES";

/// Tries a property on so many inputs; on others every time unless `PROPTEST_RNG_SEED` fixes them, as `scripts/test` does.
pub(crate) fn property_runner(cases: u32, max_shrink_iters: u32) -> TestRunner {
    let times: u32 = std::env::var(PROPERTY_TIMES).map_or(1, |text| text.parse().expect("PERPDEX_PROPERTY_TIMES is a whole number"));
    TestRunner::new(Config { cases: cases * times, max_shrink_iters, failure_persistence: None, ..Config::default() })
}

/// Numbers the databases of this process.
static DATABASES: AtomicU64 = AtomicU64::new(0);

impl Database {
    /// A new, empty database, or `None` where the engine is not at hand: said on stderr, and an error under CI.
    pub(crate) async fn new(engine: Engine, test: &str) -> Option<Database> {
        match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("test.db").display());
                Some(Database { url, engine, _folder: Some(folder) })
            }
            Engine::Postgres => {
                let Ok(admin) = std::env::var(POSTGRES) else {
                    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{POSTGRES} is not set");
                    eprintln!("skipped: {test} on postgres: {POSTGRES} is not set");
                    return None;
                };
                let number = DATABASES.fetch_add(1, Ordering::Relaxed);
                let name = format!("perpdex_{}_{number}", std::process::id());
                create_postgres(&admin, &name).await;
                let base = admin.rsplit_once('/').map_or(admin.as_str(), |(base, _)| base);
                Some(Database { url: format!("{base}/{name}"), engine, _folder: None })
            }
        }
    }

    /// Opens it, with the catalog of the tests.
    pub(crate) async fn open(&self) -> SqlStore {
        SqlStore::open(&self.url, catalog(), StoreOptions::default()).await.unwrap()
    }

    /// Runs statements past the store.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
        match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await?;
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            }
        }
        Ok(())
    }
}

async fn create_postgres(admin: &str, name: &str) {
    use sqlx::{AssertSqlSafe, Connection, PgConnection};
    let mut connection = PgConnection::connect(admin).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).execute(&mut connection).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Reference data of the tests: BTC and ETH with aliases, one token at par, one market known by its key.
pub(crate) fn catalog() -> Catalog {
    let asset = |symbol: &str, qty_scale| AssetDef { symbol: symbol.to_owned(), class: "crypto".to_owned(), qty_scale };
    let alias = |symbol: &str, asset: &str, multiplier| AliasDef {
        venue: "*".to_owned(),
        symbol: symbol.to_owned(),
        asset: asset.to_owned(),
        multiplier,
    };
    let token = |address: &str, symbol: &str, decimals, usd_par| TokenDef {
        chain: "arbitrum".to_owned(),
        address: address.to_owned(),
        symbol: symbol.to_owned(),
        decimals,
        usd_par,
    };
    let market = MarketDef {
        venue: "gmx_v2".to_owned(),
        chain: "arbitrum".to_owned(),
        key: "0xbtc".to_owned(),
        symbol: "BTC/USD".to_owned(),
        qty_decimals: Some(8),
        collateral_tokens: vec!["0xusdc".to_owned()],
        oi_basis: None,
        volume_basis: None,
    };
    let mut catalog = Catalog::default();
    catalog
        .extend(
            vec![asset("BTC", 10), asset("ETH", 10), asset("PEPE", 3)],
            vec![alias("BTC/USD", "BTC", 1), alias("ETH/USD", "ETH", 1), alias("kPEPE", "PEPE", 1000), alias("BTC", "BTC", 1)],
            vec![token("0xusdc", "USDC", 6, true), token("0xweth", "WETH", 18, false)],
            vec![market],
        )
        .unwrap();
    catalog
}

/// Rows of integers; a NULL among them fails the test.
pub(crate) async fn ints(store: &SqlStore, sql: &str) -> Vec<Vec<i64>> {
    let table = store.query(sql, 1_000_000).await.unwrap();
    let int = |value: &Value| match value {
        Value::Int(value) => *value,
        other => panic!("{sql}: {other:?} is no integer"),
    };
    table.rows.iter().map(|row| row.iter().map(int).collect()).collect()
}

/// Names the first lines that differ.
pub(crate) fn assert_same(got: &str, wanted: &str, what: &str) {
    if let Some((a, b)) = got.lines().zip(wanted.lines()).find(|(a, b)| a != b) {
        panic!("{what}\n   got {a}\nwanted {b}");
    }
    assert_eq!(got.lines().count(), wanted.lines().count(), "{what}");
}

/// Runs each named test on both engines.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let database = $crate::support::Database::new($crate::support::Engine::Sqlite, stringify!($test)).await;
                super::$test(database.expect("sqlite is always at hand")).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(database) = $crate::support::Database::new($crate::support::Engine::Postgres, stringify!($test)).await {
                    super::$test(database).await;
                }
            })*
        }
    };
}
