//! Where files are.

use std::path::PathBuf;

use crate::bucket::Bucket;

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine.
    Local(PathBuf),
    /// In a bucket, under a key.
    Object(Bucket, String),
}
