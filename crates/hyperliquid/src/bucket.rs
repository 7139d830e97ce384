//! Objects of an S3-compatible bucket as files: whole objects are fetched ahead into a folder that goes away with the program.
//!
//! An object is fetched once for a pass over it, several at a time; one that breaks off is fetched anew. Credentials come from the
//! environment (`AWS_ACCESS_KEY_ID` and the others that S3 clients know); without any, requests are not signed. Requests say that
//! the requester pays, which the archives ask for.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, RetryConfig};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::FolderError;

/// Objects that are fetched at the same time: the one that is read, and those behind it.
const OBJECTS_AT_ONCE: usize = 4;
/// Bytes of an object's start that are read first to find its first block; an LZ4 frame gives nothing before its first block of
/// up to 4 MiB is whole.
const PROBE_BYTES_FIRST: u64 = 128 * 1024;
/// How much more of an object is read where its start was too short.
const PROBE_GROWTH: u64 = 8;
/// Longest wait for an answer's first byte, and for the rest of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(180);

/// A bucket and a prefix in it.
#[derive(Clone)]
pub(crate) struct Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    store: AmazonS3,
    prefix: ObjectPath,
    runtime: Handle,
    /// Objects on their way, by key.
    ahead: Mutex<HashMap<String, Fetching>>,
}

type Fetching = JoinHandle<Result<File, object_store::Error>>;

impl Bucket {
    /// Opens `s3://bucket/prefix`. Must be called inside a runtime. `AWS_ENDPOINT_URL` names another host than Amazon's.
    pub(crate) fn at(url: &str) -> Result<Bucket, FolderError> {
        let refuse = |message: String| FolderError::Bucket { file: "bucket".to_owned(), is_permanent: true, message };
        let rest = url.strip_prefix("s3://").ok_or_else(|| refuse("the address does not begin with s3://".to_owned()))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(refuse("the address names no bucket: use s3://BUCKET/PREFIX".to_owned()));
        }
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(name).with_config(AmazonS3ConfigKey::RequestPayer, "true");
        // Retries are the engine's business.
        builder = builder.with_retry(RetryConfig { max_retries: 0, retry_timeout: TIMEOUT, backoff: BackoffConfig::default() });
        let plain = std::env::var("AWS_ENDPOINT_URL").is_ok_and(|endpoint| endpoint.starts_with("http://"));
        let options = ClientOptions::new().with_allow_http(plain).with_connect_timeout(CONNECT_TIMEOUT).with_timeout(TIMEOUT);
        builder = builder.with_client_options(options);
        let has_credentials = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
        if !has_credentials {
            builder = builder.with_skip_signature(true);
        }
        let store = builder.build().map_err(|error| refuse(error.to_string()))?;
        let runtime = Handle::try_current().map_err(|error| refuse(error.to_string()))?;
        let prefix = ObjectPath::parse(prefix.trim_end_matches('/')).map_err(|error| refuse(error.to_string()))?;
        Ok(Bucket { inner: Arc::new(Inner { store, prefix, runtime, ahead: Mutex::default() }) })
    }

    /// Objects that should be on their way behind the one that is read.
    pub(crate) fn ahead(&self) -> usize {
        OBJECTS_AT_ONCE - 1
    }

    /// All keys below the prefix. Blocks; not to be called on an async thread.
    pub(crate) fn list(&self) -> Result<Vec<String>, FolderError> {
        let inner = &self.inner;
        let prefix = Some(&inner.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let listing = inner.store.list(prefix).map_ok(|meta| meta.location.to_string()).try_collect::<Vec<String>>();
        inner.runtime.block_on(listing).map_err(|error| trouble(inner.prefix.as_ref(), &error))
    }

    /// Gives `look` the start of an object, and more of it until that is enough.
    pub(crate) fn probe<T>(
        &self,
        key: &str,
        look: impl Fn(Vec<u8>, bool) -> Result<Option<T>, FolderError>,
    ) -> Result<Option<T>, FolderError> {
        let mut bytes_max = PROBE_BYTES_FIRST;
        loop {
            let (start, is_whole) = self.start(key, bytes_max)?;
            match look(start, is_whole)? {
                Some(found) => return Ok(Some(found)),
                None if is_whole => return Ok(None),
                None => bytes_max = bytes_max.saturating_mul(PROBE_GROWTH),
            }
        }
    }

    fn start(&self, key: &str, bytes_max: u64) -> Result<(Vec<u8>, bool), FolderError> {
        let inner = &self.inner;
        let options = GetOptions { range: Some(GetRange::Bounded(0..bytes_max)), ..GetOptions::default() };
        let read = async {
            let result = inner.store.get_opts(&ObjectPath::parse(key)?, options).await?;
            let size = result.meta.size;
            let bytes = result.bytes().await?;
            Ok::<_, object_store::Error>((bytes.to_vec(), size <= bytes_max))
        };
        inner.runtime.block_on(read).map_err(|error| trouble(key, &error))
    }

    /// The bytes of an object, and those named in `next` on their way. Blocks until the object is whole.
    pub(crate) fn open(&self, key: &str, next: &[String]) -> Result<Box<dyn Read + Send>, FolderError> {
        let fetching = {
            let mut ahead = self.fetching();
            let fetching = ahead.remove(key).unwrap_or_else(|| self.fetch(key));
            for key in next {
                ahead.entry(key.clone()).or_insert_with(|| self.fetch(key));
            }
            // What a jump has left behind is not wanted any more.
            let left: Vec<String> = ahead.keys().filter(|key| !next.contains(key)).cloned().collect();
            left.iter().filter_map(|key| ahead.remove(key)).for_each(|fetching| fetching.abort());
            fetching
        };
        match self.inner.runtime.block_on(fetching) {
            Ok(Ok(file)) => Ok(Box::new(file)),
            Ok(Err(error)) => Err(trouble(key, &error)),
            Err(error) => Err(FolderError::Bucket { file: key.to_owned(), is_permanent: false, message: error.to_string() }),
        }
    }

    fn fetch(&self, key: &str) -> Fetching {
        let (inner, key) = (self.inner.clone(), key.to_owned());
        self.inner.runtime.spawn(async move {
            let result = inner.store.get_opts(&ObjectPath::parse(&key)?, GetOptions::default()).await?;
            let mut bytes = result.into_stream();
            let local = |source: std::io::Error| object_store::Error::Generic { store: "temporary file", source: Box::new(source) };
            let mut file = tempfile::tempfile().map_err(local)?;
            while let Some(part) = bytes.try_next().await? {
                file.write_all(&part).map_err(local)?;
            }
            std::io::Seek::rewind(&mut file).map_err(local)?;
            Ok(file)
        })
    }

    fn fetching(&self) -> MutexGuard<'_, HashMap<String, Fetching>> {
        self.inner.ahead.lock().expect("no one panics while holding the objects on their way")
    }
}

/// An error of the bucket without any address: what is not there or not allowed stays so, all else may pass.
fn trouble(key: &str, error: &object_store::Error) -> FolderError {
    use object_store::Error;
    let (is_permanent, what) = match error {
        Error::NotFound { .. } => (true, "no such object or bucket".to_owned()),
        Error::PermissionDenied { .. } => (true, "not allowed: does the account pay for its requests?".to_owned()),
        Error::Unauthenticated { .. } => (true, "credentials are missing or not accepted".to_owned()),
        Error::InvalidPath { source } => (true, source.to_string()),
        other => (false, root_cause(other)),
    };
    FolderError::Bucket { file: key.to_owned(), is_permanent, message: what }
}

/// The innermost cause: the outer ones repeat the address.
fn root_cause(error: &object_store::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Bucket) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Bucket {}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("prefix", &self.inner.prefix.as_ref()).finish_non_exhaustive()
    }
}
