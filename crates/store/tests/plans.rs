//! How the views are answered: a question about one day reads the day, not the history.
//!
//! A store of a million fills is made by SQL (`plans/fill.sql`), then every public view is asked about one day in its
//! middle. PostgreSQL tells which rows each step of the plan has read; SQLite's program tells which tables it walks from
//! their first row. `scripts/plans` runs the same at full size: `PERPDEX_PLAN_ROWS_SQLITE`, `PERPDEX_PLAN_ROWS_POSTGRES`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use support::{Database, Engine};

on_both_engines! {
    a_day_is_read_without_the_history,
}

/// Fills of the generated store where the environment names no other number.
const ROWS: u64 = 1_000_000;
/// Days they lie in.
const DAYS: u64 = 60;
/// The day that is asked for: 2024-11-03, day 30 of the history.
const DAY_ID: i64 = 20_030;
/// Tables that grow with every event: no question about a day may walk one of them.
const FACTS: &[&str] = &[
    "fills",
    "liquidations",
    "funding_payments",
    "funding_rates",
    "funding_index",
    "oi_anchors",
    "prices",
    "token_prices",
    "collateral_flows",
    "raw_events",
    "blocks",
    "unresolved",
    "undescribed_events",
];
/// Rows of facts that PostgreSQL may read for one day, as a multiple of the day's share of the fills.
const READ_MAX: u64 = 2;
/// In a store with more fills than this the other facts are thinned, to that many fills' share: disk is finite, and what
/// the fills tell the planner is what is tested.
const UNTHINNED: u64 = 5_000_000;

/// The column by which a view is asked for a day.
#[derive(Clone, Copy)]
enum By {
    /// Unix milliseconds: views of single events.
    Moment,
    /// Hour.
    Hour,
    /// Day.
    Day,
    /// The view says how the store is now and has no time to ask for.
    Now,
}

fn by(view: &str) -> By {
    match view {
        "v_trades" | "v_liquidations" | "v_funding_rates" | "v_funding_payments" | "v_cascades" | "v_cascade_venues"
        | "v_external_metrics" | "v_oi_checks" => By::Moment,
        "v_coverage" | "v_gaps" | "v_reorgs" | "v_decode_failures" | "v_unresolved" | "v_reduce_failures" | "v_verify_differences" => {
            By::Now
        }
        "v_liquidation_zones" => By::Day,
        view if view.ends_with("_daily") => By::Day,
        _ => By::Hour,
    }
}

fn question(view: &str) -> String {
    let (day_ms, hour) = (DAY_ID * 86_400_000, DAY_ID * 24);
    let condition = match by(view) {
        By::Moment => format!("ts_ms >= {day_ms} AND ts_ms < {}", day_ms + 86_400_000),
        By::Hour => format!("hour_id >= {hour} AND hour_id < {}", hour + 24),
        By::Day => format!("day_id = {DAY_ID}"),
        By::Now => "1 = 1".to_owned(),
    };
    format!("SELECT * FROM {view} WHERE {condition}")
}

fn rows(engine: Engine) -> u64 {
    let name = match engine {
        Engine::Sqlite => "PERPDEX_PLAN_ROWS_SQLITE",
        Engine::Postgres => "PERPDEX_PLAN_ROWS_POSTGRES",
    };
    std::env::var(name).ok().map_or(ROWS, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is no number of rows")))
}

/// The statements that fill a store.
fn statements(engine: Engine) -> Vec<String> {
    let payload = match engine {
        Engine::Sqlite => "zeroblob(64)",
        Engine::Postgres => "decode(repeat('00', 64), 'hex')",
    };
    let text = include_str!("plans/fill.sql");
    let step_ms = DAYS * 86_400_000 / rows(engine);
    let text = text
        .replace("{step_ms}", &step_ms.to_string())
        .replace("{rows}", &rows(engine).to_string())
        .replace("{days}", &DAYS.to_string())
        .replace("{thin}", &(rows(engine) / UNTHINNED).max(1).to_string())
        .replace("{payload}", payload);
    text.split("\n\n").skip(1).map(str::to_owned).collect()
}

async fn a_day_is_read_without_the_history(database: Database) {
    database.open().await.close().await;
    let faults = match database.engine {
        Engine::Sqlite => sqlite(&database.url).await,
        Engine::Postgres => {
            let faults = postgres(&database.url).await;
            drop_postgres(&database.url).await;
            faults
        }
    };
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

async fn sqlite(url: &str) -> Vec<String> {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let started = Instant::now();
    // The store is thrown away: what a crash would leave does not matter.
    for sql in ["PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -262144"]
        .map(str::to_owned)
        .into_iter()
        .chain(statements(Engine::Sqlite))
    {
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
    let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    eprintln!("sqlite: {} fills, {} MB, filled in {} s", rows(Engine::Sqlite), bytes >> 20, started.elapsed().as_secs());
    let sql = "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v%' ORDER BY name";
    let views: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
    let roots = sqlx::query("SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0").fetch_all(&mut connection).await.unwrap();
    let tables: BTreeMap<i64, String> = roots.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut faults = Vec::new();
    for view in &views {
        let walked: Vec<String> =
            walked(&mut connection, &question(view), &tables).await.into_iter().filter(|table| is_refused(view, table)).collect();
        let started = Instant::now();
        let answer = sqlx::raw_sql(AssertSqlSafe(question(view))).fetch_all(&mut connection).await.unwrap().len();
        eprintln!("sqlite {view}: {answer} rows in {} ms, walks {walked:?}", started.elapsed().as_millis());
        if !walked.is_empty() {
            let plan =
                sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", question(view)))).fetch_all(&mut connection).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            faults.push(format!("{view} walks all of {}: {}\n  {}", walked.join(", "), question(view), plan.join("\n  ")));
        }
    }
    faults
}

/// Tables that a statement walks from their first or last row, of themselves or of an index of theirs. A cursor that is
/// rewound and then sought skips from value to value of the first column: no walk.
async fn walked(connection: &mut SqliteConnection, sql: &str, tables: &BTreeMap<i64, String>) -> BTreeSet<String> {
    let program = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_all(connection).await.unwrap();
    let (mut cursors, mut rewound, mut sought) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for step in &program {
        let (opcode, p1, p2): (String, i64, i64) = (step.get("opcode"), step.get("p1"), step.get("p2"));
        match opcode.as_str() {
            "OpenRead" => drop(cursors.insert(p1, p2)),
            "Rewind" | "Last" => drop(rewound.insert(p1)),
            "SeekGE" | "SeekGT" | "SeekLE" | "SeekLT" => drop(sought.insert(p1)),
            _ => {}
        }
    }
    rewound.difference(&sought).filter_map(|cursor| tables.get(cursors.get(cursor)?).cloned()).collect()
}

/// Whether a view must not walk a table. Tables of hours and days grow with markets and time, not with trades: at the
/// size of the test PostgreSQL rightly joins some of them whole.
fn is_refused(view: &str, table: &str) -> bool {
    // What waits is itself the answer, and little.
    let is_answer = (view, table) == ("v_unresolved", "unresolved");
    FACTS.contains(&table) && !is_answer
}

async fn postgres(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let started = Instant::now();
    fill_postgres(&mut connection).await;
    let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut connection).await.unwrap();
    eprintln!("postgres: {} fills, {} MB, filled in {} s", rows(Engine::Postgres), bytes >> 20, started.elapsed().as_secs());
    let sql = "SELECT table_name::text FROM information_schema.views WHERE table_schema = 'public' AND table_name LIKE 'v%' ORDER BY 1";
    let views: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
    let day_rows = rows(Engine::Postgres) / DAYS;
    let mut faults = Vec::new();
    for view in &views {
        let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", question(view));
        let plan: Json = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut connection).await.unwrap();
        let mut reads = Reads::default();
        reads.add(&plan[0]["Plan"]);
        let walked: Vec<&String> = reads.walked.iter().filter(|table| is_refused(view, table)).collect();
        eprintln!(
            "postgres {view}: {} fact rows read in {:.0} ms, walks {walked:?}",
            reads.facts,
            plan[0]["Execution Time"].as_f64().unwrap_or(0.0)
        );
        if !walked.is_empty() || reads.facts > READ_MAX * day_rows {
            faults.push(format!("{view} reads {} rows of facts and walks {walked:?}: {}", reads.facts, question(view)));
        }
    }
    connection.close().await.unwrap();
    faults
}

/// Fills a store that is thrown away: without a log, and with the indexes of facts built at the end.
async fn fill_postgres(connection: &mut PgConnection) {
    let mut run = async |sql: String| -> Vec<PgRow> {
        let error = |error| panic!("{error}\n{sql}");
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).fetch_all(&mut *connection).await.unwrap_or_else(error)
    };
    let mut indexes = Vec::new();
    for table in FACTS {
        run(format!("ALTER TABLE {table} SET UNLOGGED")).await;
        let of_no_key = format!(
            "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = '{table}' \
             AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        );
        for row in run(of_no_key).await {
            run(format!("DROP INDEX {}", row.get::<String, _>(0))).await;
            indexes.push(row.get::<String, _>(1));
        }
    }
    let mut statements = statements(Engine::Postgres);
    let analyze = statements.pop().unwrap();
    for sql in statements.into_iter().chain(["SET maintenance_work_mem = '512MB'".to_owned()]).chain(indexes).chain([analyze]) {
        run(sql).await;
    }
}

/// What the steps of a plan have read.
#[derive(Default)]
struct Reads {
    /// Rows of facts, kept or not.
    facts: u64,
    /// Tables read from end to end.
    walked: BTreeSet<String>,
}

impl Reads {
    fn add(&mut self, step: &Json) {
        let number = |name: &str| step[name].as_f64().unwrap_or(0.0);
        if let Some(table) = step["Relation Name"].as_str() {
            let rows = (number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck"))
                * number("Actual Loops");
            if FACTS.contains(&table) {
                self.facts += rows as u64;
            }
            if step["Node Type"] == "Seq Scan" && rows > 0.0 {
                self.walked.insert(table.to_owned());
            }
        }
        step["Plans"].as_array().into_iter().flatten().for_each(|below| self.add(below));
    }
}

async fn drop_postgres(url: &str) {
    let (server, name) = url.rsplit_once('/').unwrap();
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name}"))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
