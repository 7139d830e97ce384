//! The archive's layout in an S3-compatible bucket over loopback: listed, read ahead, resumed, broken off.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

use perpdex_simnet::day::write_day;

use crate::support::{command, folder, query};

const BUCKET: &str = "archive";

/// Objects of a bucket and what was asked of it.
struct Bucket {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Whole reads of each object.
    reads: BTreeMap<String, u32>,
    /// Requests without a signature, or that do not say who pays.
    refused: u32,
    /// Objects whose next whole read breaks off.
    cut_next: Vec<String>,
}

impl Bucket {
    /// Serves the files of a folder under their relative paths. The thread ends with the process.
    fn serve(root: &Path) -> Bucket {
        let mut objects = BTreeMap::new();
        collect(root, root, &mut objects);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (objects, shared) = (Arc::new(objects), seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (objects, shared) = (objects.clone(), shared.clone());
                thread::spawn(move || while answer(&stream, &objects, &shared).is_some() {});
            }
        });
        Bucket { url, seen }
    }

    fn run(&self, folder: &Path, args: &[&str]) -> Output {
        let mut command = command(folder, args);
        command.env("AWS_ENDPOINT_URL", &self.url).env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "secret");
        command.output().unwrap()
    }
}

fn collect(root: &Path, folder: &Path, objects: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, objects);
        } else {
            objects.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
}

/// Answers one request of a connection; `None` ends the connection.
fn answer(stream: &TcpStream, objects: &BTreeMap<String, Vec<u8>>, seen: &Mutex<Seen>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    let mut headers = BTreeMap::new();
    for line in lines.map_while(Result::ok) {
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let target = request.split(' ').nth(1)?;
    let pays = headers.get("x-amz-request-payer").is_some_and(|payer| payer == "requester");
    let signed = headers.get("authorization").is_some_and(|signature| signature.starts_with("AWS4-HMAC-SHA256"));
    if !pays || !signed {
        seen.lock().unwrap().refused += 1;
        return send(stream, "403 Forbidden", "", b"<Error/>", false);
    }
    let (path, parameters) = target.split_once('?').unwrap_or((target, ""));
    let key = path.strip_prefix(&format!("/{BUCKET}"))?.trim_start_matches('/');
    if key.is_empty() {
        let prefix = parameters.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or("").replace("%2F", "/");
        let listed = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
        let row = |(key, bytes): (&String, &Vec<u8>)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-03-02T00:00:00.000Z</LastModified><ETag>\"e\"</ETag><Size>{}</Size></Contents>",
                bytes.len()
            )
        };
        let rows: String = listed.map(row).collect();
        let text = format!("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>");
        return send(stream, "200 OK", "", text.as_bytes(), false);
    }
    let Some(bytes) = objects.get(key) else { return send(stream, "404 Not Found", "", b"<Error/>", false) };
    if let Some(range) = headers.get("range").and_then(|range| range.strip_prefix("bytes=")) {
        let (from, to) = range.split_once('-')?;
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        let to = to.min(bytes.len() - 1);
        let about = format!("content-range: bytes {from}-{to}/{}\r\n", bytes.len());
        return send(stream, "206 Partial Content", &about, &bytes[from..=to], false);
    }
    let mut seen = seen.lock().unwrap();
    *seen.reads.entry(key.to_owned()).or_default() += 1;
    let cut = seen.cut_next.iter().position(|other| other == key).map(|at| seen.cut_next.remove(at)).is_some();
    drop(seen);
    send(stream, "200 OK", "", bytes, cut)
}

fn send(mut stream: &TcpStream, status: &str, about: &str, body: &[u8], cut: bool) -> Option<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: \"e\"\r\nlast-modified: Mon, 02 Mar 2026 00:00:00 GMT\r\n{about}\r\n",
        body.len()
    );
    let body = if cut { &body[..body.len() / 2] } else { body };
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    if cut {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        return None;
    }
    Some(())
}

#[test]
fn a_bucket_gives_the_same_rows_as_the_folder_and_is_read_once() {
    let node = folder();
    let truth = write_day(node.path(), 6_000, 3).unwrap();
    let bucket = Bucket::serve(node.path());
    bucket.seen.lock().unwrap().cut_next = vec!["node_fills_by_block/hourly/20260301/5.lz4".to_owned()];
    let folder = folder();
    let url = format!("sqlite:{}", folder.path().join("bucket.db").display());
    let endpoint = format!("hyperliquid=s3://{BUCKET}/node_fills_by_block");
    let sync = |more: &[&str]| {
        let args = [&["sync", "--once", "--chain", "hyperliquid", "--endpoint", &endpoint, "--database", &url], more].concat();
        let output = bucket.run(folder.path(), &args);
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    };
    // Half a day, then all of it.
    let half = (truth.blocks / 2).to_string();
    sync(&["--to", &format!("hyperliquid={half}")]);
    sync(&[]);
    let rows = &query(folder.path(), &url, "SELECT (SELECT COUNT(*) FROM fills) AS fills, (SELECT COUNT(*) FROM v_gaps) AS gaps")[0];
    assert_eq!((rows["fills"].as_u64(), rows["gaps"].as_u64()), (Some(truth.fills), Some(0)));
    let volume = &query(folder.path(), &url, "SELECT CAST(SUM(volume_usd_e6) AS BIGINT) AS usd FROM agg_market_hour")[0];
    assert_eq!(volume["usd"].as_i64(), Some(truth.coins.values().map(|coin| coin.volume_usd_e6).sum()));
    let seen = bucket.seen.lock().unwrap();
    assert_eq!(seen.refused, 0, "every request is signed and says that the requester pays");
    // The first run's one range was asked for again when an object in it broke off; it had read ahead to hour 15. The last object tells
    // each run where the head is.
    for hour in 16..23 {
        assert_eq!(seen.reads.get(&format!("node_fills_by_block/hourly/20260301/{hour}.lz4")), Some(&1), "{hour}: {:?}", seen.reads);
    }
    assert!(seen.cut_next.is_empty(), "the object that breaks off was read");
}

#[test]
fn a_bucket_that_cannot_be_read_is_refused_without_its_address() {
    let node = folder();
    let bucket = Bucket::serve(node.path());
    let folder = folder();
    let output = bucket.run(folder.path(), &["sync", "--once", "--chain", "hyperliquid", "--endpoint", "hyperliquid=s3://archive/none"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("s3://archive: no Hyperliquid files found") && !text.contains(&bucket.url), "{text}");
}
