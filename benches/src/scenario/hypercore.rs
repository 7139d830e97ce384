//! A generated day of Hyperliquid from hour files, its rebuild, and its pace over a long history.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use lz4_flex::frame::FrameDecoder;
use perpdex_simnet::day::write_day;

use super::{Bench, Figure, Place, Plain};
use crate::micro::plain_parse;

/// Hour files in a folder that is removed with the value.
#[derive(Debug)]
pub struct Day {
    folder: tempfile::TempDir,
    bytes: u64,
}

impl Day {
    /// Writes a day of so many fills.
    pub fn write(bench: &Bench, fills: u64) -> Result<Day> {
        let folder = bench.folder()?;
        write_day(folder.path(), fills, 1)?;
        let bytes = hours(folder.path())?.iter().map(|file| fs::metadata(file).map(|meta| meta.len())).sum::<std::io::Result<u64>>()?;
        Ok(Day { folder, bytes })
    }

    /// Figures of `replay` and of `reduce --rebuild` on both engines, and of plain reading and parsing.
    pub async fn measure(&self, bench: &Bench) -> Result<(Vec<Figure>, Vec<Plain>)> {
        let plain = self.plain()?;
        let node = self.folder.path().to_str().context("a folder with a plain name")?;
        let work = bench.folder()?;
        let mut figures = Vec::new();
        for place in Place::both(bench, work.path(), "hypercore").await? {
            let url = place.url();
            let run = place.measured(bench, &mut bench.command(work.path(), &["replay", node, "--database", &url]), |_| ()).await?;
            let rebuild = &["reduce", "--rebuild", "--database", &url];
            let rebuilt = place.measured(bench, &mut bench.command(work.path(), rebuild), |_| ()).await?;
            let scan_s = place.scan().await?;
            let traffic = format!("{} MB of LZ4, {} MB of lines", self.bytes / 1_000_000, plain[0].bytes / 1_000_000);
            let figure = place.figure(bench, format!("Hyperliquid hour files into {}", place.engine()), "fill", run, traffic).await?;
            let rebuild = Figure {
                work: format!("reduce --rebuild on {}", place.engine()),
                ran: rebuilt.0,
                server_cpu_s: rebuilt.1,
                limit: Some((scan_s, "reading of the columns that sums are made of")),
                traffic: String::new(),
                ..figure.clone()
            };
            figures.extend([figure, rebuild]);
        }
        Ok((figures, plain))
    }

    fn plain(&self) -> Result<Vec<Plain>> {
        let (mut texts, mut bytes) = (Vec::new(), 0);
        let started = Instant::now();
        for file in hours(self.folder.path())? {
            let mut text = Vec::new();
            FrameDecoder::new(fs::File::open(file)?).read_to_end(&mut text)?;
            bytes += text.len() as u64;
            texts.push(text);
        }
        let read_s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let mut fills = 0;
        for text in &texts {
            let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            fills += plain_parse(&lines);
        }
        let parse_s = started.elapsed().as_secs_f64();
        let plain = |what: &str, wall_s| Plain { work: format!("Hyperliquid: {what}"), items: fills, unit: "fill", bytes, wall_s };
        Ok(vec![plain("plain decompression of the files", read_s), plain("plain parse of the lines", parse_s)])
    }
}

fn hours(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}
