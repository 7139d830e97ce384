//! Migrations: forward only, one transaction each, in a database that is not newer than the program.

use perpdex_core::StoreError;

use crate::db::Db;
use crate::place::Place;
use crate::sql::{Fault, Param, Result, first_int};

/// One step: its name, and its text for each engine.
struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// All steps; the version of a schema is the number of steps applied.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_tables",
        sqlite: include_str!("../../../migrations/sqlite/0001_tables.sql"),
        postgres: include_str!("../../../migrations/postgres/0001_tables.sql"),
    },
    Migration {
        name: "0002_views",
        sqlite: include_str!("../../../migrations/sqlite/0002_views.sql"),
        postgres: include_str!("../../../migrations/postgres/0002_views.sql"),
    },
    Migration {
        name: "0003_verify",
        sqlite: include_str!("../../../migrations/sqlite/0003_verify.sql"),
        postgres: include_str!("../../../migrations/postgres/0003_verify.sql"),
    },
    Migration {
        name: "0004_solana",
        sqlite: include_str!("../../../migrations/sqlite/0004_solana.sql"),
        postgres: include_str!("../../../migrations/postgres/0004_solana.sql"),
    },
    Migration {
        name: "0005_windows",
        sqlite: include_str!("../../../migrations/sqlite/0005_windows.sql"),
        postgres: include_str!("../../../migrations/postgres/0005_windows.sql"),
    },
    Migration {
        name: "0006_external_metrics",
        sqlite: include_str!("../../../migrations/sqlite/0006_external_metrics.sql"),
        postgres: include_str!("../../../migrations/postgres/0006_external_metrics.sql"),
    },
    Migration {
        name: "0007_hyperliquid",
        sqlite: include_str!("../../../migrations/sqlite/0007_hyperliquid.sql"),
        postgres: include_str!("../../../migrations/postgres/0007_hyperliquid.sql"),
    },
    Migration {
        name: "0008_positions",
        sqlite: include_str!("../../../migrations/sqlite/0008_positions.sql"),
        postgres: include_str!("../../../migrations/postgres/0008_positions.sql"),
    },
    Migration {
        name: "0009_lots",
        sqlite: include_str!("../../../migrations/sqlite/0009_lots.sql"),
        postgres: include_str!("../../../migrations/postgres/0009_lots.sql"),
    },
    Migration {
        name: "0010_lots_by_day",
        sqlite: include_str!("../../../migrations/sqlite/0010_lots_by_day.sql"),
        postgres: include_str!("../../../migrations/postgres/0010_lots_by_day.sql"),
    },
    Migration {
        name: "0011_record_counts",
        sqlite: include_str!("../../../migrations/sqlite/0011_record_counts.sql"),
        postgres: include_str!("../../../migrations/postgres/0011_record_counts.sql"),
    },
];

/// The version this program makes.
pub(crate) fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

/// The version of the stored schema; 0 where there is none.
pub(crate) async fn stored_version(db: &Db) -> Result<i64> {
    if !db.has_table("schema_version").await? {
        return Ok(0);
    }
    first_int(&db.rows("SELECT COALESCE(MAX(version), 0) FROM schema_version", Vec::new()).await?)
}

/// Brings the schema up to the program's.
pub(crate) async fn migrate(db: &Db, place: &Place) -> Result<()> {
    migrate_by(db, place, MIGRATIONS).await
}

async fn migrate_by(db: &Db, place: &Place, migrations: &[Migration]) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, name TEXT NOT NULL)", Vec::new()).await?;
    let stored = first_int(&tx.rows("SELECT COALESCE(MAX(version), 0) FROM schema_version", Vec::new()).await?)?;
    check(place, stored)?;
    let steps = (1..).zip(migrations).filter(|(version, _)| *version > stored);
    for (version, migration) in steps {
        tx.script(if place.engine() == "sqlite" { migration.sqlite } else { migration.postgres }).await?;
        let cells = vec![Param::Int(version), Param::Name(migration.name)];
        tx.execute("INSERT INTO schema_version (version, name) VALUES ($1, $2)", cells).await?;
    }
    tx.commit().await
}

/// Refuses a schema that is newer than the program.
pub(crate) fn check(place: &Place, found: i64) -> Result<()> {
    if found > known_version() {
        return Err(Fault::Store(StoreError::Newer { database: place.to_string(), found, known: known_version() }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of the SQLite text and of the PostgreSQL text.
    const WORDS: &[(&str, &str)] = &[
        (" WITHOUT ROWID, STRICT;", ";"),
        (" STRICT;", ";"),
        ("strftime('%Y-%m-%dT%H:%M:%SZ', ", "to_char(to_timestamp("),
        (" / 1000, 'unixepoch')", " / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
    ];
    const TYPES: &[(&str, &str)] = &[("INTEGER", "BIGINT"), ("REAL", "DOUBLE PRECISION"), ("BLOB", "BYTEA"), ("EXACT", "NUMERIC(78,0)")];

    fn words(text: &str, first: bool) -> String {
        let mut text = text.to_owned();
        for (sqlite, postgres) in WORDS.iter().chain(TYPES) {
            text = text.replace(if first { sqlite } else { postgres }, postgres);
        }
        text
    }

    #[test]
    fn both_folders_say_the_same() {
        for migration in MIGRATIONS {
            let (sqlite, postgres) = (words(migration.sqlite, true), words(migration.postgres, false));
            for (at, (a, b)) in sqlite.lines().zip(postgres.lines()).enumerate() {
                // TEXT stands for exact numbers too in SQLite.
                let exact = a.replace("_native TEXT", "_native NUMERIC(78,0)").replace("_q_ms TEXT", "_q_ms NUMERIC(78,0)");
                assert!(a == b || exact == b, "{} line {}: {a:?} against {b:?}", migration.name, at + 1);
            }
            assert_eq!(sqlite.lines().count(), postgres.lines().count(), "{}", migration.name);
        }
    }

    /// What was folded before 0010 stood in rows that are no more: all of its days are dirty, whatever was dirty before.
    #[tokio::test]
    async fn days_of_lots_are_folded_anew() {
        let db = Db::open(&Place::Memory, true).await.unwrap();
        migrate_by(&db, &Place::Memory, &MIGRATIONS[..9]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let days = "INSERT INTO market_day (market_id, day_id, closed_q, hours) VALUES \
                    (1, 4, 10, 24), (1, 6, 10, 24), (1, 7, NULL, 3), (2, 5, 1, 24), (3, 5, NULL, 3)";
        tx.script(days).await.unwrap();
        tx.script("INSERT INTO dirty_lots VALUES (2, 4, 4), (3, 8, 9)").await.unwrap();
        tx.commit().await.unwrap();
        migrate(&db, &Place::Memory).await.unwrap();
        let rows = db.rows("SELECT market_id, from_day, to_day FROM dirty_lots ORDER BY 1", Vec::new()).await.unwrap();
        let rows: Vec<[i64; 3]> = rows.iter().map(|row| [0, 1, 2].map(|at| row.int(at).unwrap())).collect();
        assert_eq!(rows, [[1, 4, 6], [2, 4, 5], [3, 8, 9]]);
    }
}
