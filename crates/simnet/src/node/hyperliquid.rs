//! What a Hyperliquid node leaves on disk, and the archive keeps: one file an hour and stream.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use lz4_flex::frame::FrameEncoder;

use crate::chain::{HyperCore, HyperCoreBlock};

/// A file holds what the node processed in its hour, so the first blocks of a file are of the hour before: that much
/// later than its time a block is processed here.
pub const PROCESSING_DELAY_MS: i64 = 1_000;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Hours of a day.
const DAY_HOURS: i64 = 24;

/// A stream's folder and where a block keeps its line of it.
type Stream = (&'static str, fn(&HyperCoreBlock) -> &str);

const STREAMS: [Stream; 2] = [("node_fills_by_block", |block| &block.fills), ("misc_events_by_block", |block| &block.misc)];

/// Writes `{stream}/hourly/{YYYYMMDD}/{H}` below `root` for both streams; with `lz4` each file is an LZ4 frame named
/// `{H}.lz4`. `H` is the hour of processing in UTC, not padded. Files that exist are replaced, other files left alone.
pub fn write_hyperliquid_folder(core: &HyperCore, root: &Path, lz4: bool) -> io::Result<()> {
    for (folder, line) in STREAMS {
        for blocks in core.blocks.chunk_by(|a, b| processing_hour(a) == processing_hour(b)) {
            let hour = processing_hour(&blocks[0]);
            let day = root.join(folder).join("hourly").join(date(hour.div_euclid(DAY_HOURS)));
            let name = hour.rem_euclid(DAY_HOURS).to_string();
            let path = day.join(if lz4 { format!("{name}.lz4") } else { name });
            let lines = blocks.iter().map(line);
            let written = fs::create_dir_all(&day).and_then(|()| write_file(&path, lines, lz4));
            written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        }
    }
    Ok(())
}

/// Hours since 1970 at which the block was processed.
fn processing_hour(block: &HyperCoreBlock) -> i64 {
    (block.time_ms + PROCESSING_DELAY_MS).div_euclid(HOUR_MS)
}

fn write_file<'a>(path: &Path, lines: impl Iterator<Item = &'a str>, lz4: bool) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    if lz4 {
        let mut encoder = FrameEncoder::new(file);
        write_lines(&mut encoder, lines)?;
        encoder.finish().map_err(io::Error::from)?.flush()
    } else {
        let mut file = file;
        write_lines(&mut file, lines)?;
        file.flush()
    }
}

fn write_lines<'a>(out: &mut impl Write, lines: impl Iterator<Item = &'a str>) -> io::Result<()> {
    for line in lines {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// `YYYYMMDD` of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(day: i64) -> String {
    // Years that start in March put the leap day last; 719,468 days lie between 0000-03-01 and 1970-01-01.
    let day = day + 719_468;
    let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}{month:02}{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// 2026-03-01T00:00:00Z.
    const MIDNIGHT_MS: i64 = 1_772_323_200_000;

    fn block(number: u64, time_ms: i64) -> HyperCoreBlock {
        HyperCoreBlock { number, time_ms, fills: format!("{{\"f\":{number}}}"), misc: format!("{{\"m\":{number}}}") }
    }

    fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push((path.strip_prefix(root).unwrap().display().to_string(), fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }

    fn core() -> HyperCore {
        HyperCore {
            blocks: vec![
                block(1, MIDNIGHT_MS - 1_001),
                block(2, MIDNIGHT_MS - 1_000),
                block(3, MIDNIGHT_MS),
                block(4, MIDNIGHT_MS + HOUR_MS),
            ],
        }
    }

    #[test]
    fn files_are_cut_by_processing_time() {
        let folder = tempfile::tempdir().unwrap();
        write_hyperliquid_folder(&core(), folder.path(), false).unwrap();
        let found: Vec<(String, String)> =
            files(folder.path()).into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect();
        let want = [
            ("misc_events_by_block/hourly/20260228/23", "{\"m\":1}\n"),
            ("misc_events_by_block/hourly/20260301/0", "{\"m\":2}\n{\"m\":3}\n"),
            ("misc_events_by_block/hourly/20260301/1", "{\"m\":4}\n"),
            ("node_fills_by_block/hourly/20260228/23", "{\"f\":1}\n"),
            ("node_fills_by_block/hourly/20260301/0", "{\"f\":2}\n{\"f\":3}\n"),
            ("node_fills_by_block/hourly/20260301/1", "{\"f\":4}\n"),
        ];
        assert_eq!(found, want.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn compressed_files_are_lz4_frames() {
        let folder = tempfile::tempdir().unwrap();
        write_hyperliquid_folder(&core(), folder.path(), true).unwrap();
        let found = files(folder.path());
        assert_eq!(found.len(), 6);
        let (name, bytes) = &found[4];
        assert_eq!(name, "node_fills_by_block/hourly/20260301/0.lz4");
        assert_eq!(bytes[..4], [0x04, 0x22, 0x4d, 0x18]);
        let mut text = String::new();
        lz4_flex::frame::FrameDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "{\"f\":2}\n{\"f\":3}\n");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = write_hyperliquid_folder(&core(), &file, false).unwrap_err().to_string();
        assert!(error.contains("node_fills_by_block/hourly/20260228/23: "), "{error}");
    }

    #[test]
    fn dates() {
        for (day, want) in
            [(0, "19700101"), (-1, "19691231"), (11_016, "20000229"), (11_017, "20000301"), (20_512, "20260228"), (20_818, "20261231")]
        {
            assert_eq!(date(day), want);
        }
    }
}
