//! A new database on either engine, and what is measured of it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::postgres::PostgresPlace;
use super::{Bench, Figure, sqlite};
use crate::machine::{self, Ran};

/// A database made for one run.
#[derive(Debug)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// A database of its own on a server.
    Postgres(PostgresPlace),
}

impl Place {
    /// A new one of either engine.
    pub async fn both(bench: &Bench, folder: &std::path::Path, name: &str) -> Result<Vec<Place>> {
        Ok(vec![Place::Postgres(PostgresPlace::make(&bench.postgres, name).await?), Place::Sqlite(folder.join(format!("{name}.db")))])
    }

    /// As the program takes it.
    pub fn url(&self) -> String {
        match self {
            Place::Sqlite(path) => format!("sqlite:{}", path.display()),
            Place::Postgres(place) => place.url(),
        }
    }

    /// The engine's name.
    pub fn engine(&self) -> &'static str {
        match self {
            Place::Sqlite(_) => "SQLite",
            Place::Postgres(_) => "PostgreSQL",
        }
    }

    /// Drops a database on a server; a file goes with the folder it is in.
    pub async fn remove(&self, bench: &Bench) -> Result<()> {
        match self {
            Place::Sqlite(_) => Ok(()),
            Place::Postgres(place) => place.remove(&bench.postgres).await,
        }
    }

    /// Runs the program against it, and measures.
    pub async fn measured(&self, bench: &Bench, command: &mut Command, look: impl FnMut(f64)) -> Result<(Ran, Option<f64>)> {
        let server = match self {
            Place::Sqlite(_) => None,
            Place::Postgres(place) => Some(place.server_pid().await?),
        };
        let before = server.map(machine::server_cpu_s).transpose()?;
        let ran = tokio::task::block_in_place(|| machine::run(command, bench.limit, look))?;
        let after = server.map(machine::server_cpu_s).transpose()?;
        Ok((ran, after.zip(before).map(|(after, before)| after - before)))
    }

    /// Seconds of plainly reading what of the fills sums are made of.
    pub async fn scan(&self) -> Result<f64> {
        match self {
            Place::Sqlite(path) => sqlite::scan(path).await,
            Place::Postgres(place) => place.scan().await,
        }
    }

    /// The figure of a run that has ended: counts its rows, measures its limit, and empties the database.
    pub async fn figure(
        &self,
        bench: &Bench,
        work: String,
        unit: &'static str,
        run: (Ran, Option<f64>),
        traffic: String,
    ) -> Result<Figure> {
        let (ran, server_cpu_s) = run;
        let (items, database_bytes, limit_s) = match self {
            Place::Sqlite(path) => sqlite::limit(bench, path, unit).await?,
            Place::Postgres(place) => place.limit(bench, unit).await?,
        };
        let how = match self {
            Place::Sqlite(_) => "multi-row inserts of the same rows",
            Place::Postgres(_) => "binary COPY of the same rows",
        };
        Ok(Figure { work, unit, items, ran, limit: Some((limit_s, how)), server_cpu_s, traffic, database_bytes })
    }
}
