//! What headers are read for.

/// What headers are read for; the names under which they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ends of ranges, in the request of their logs.
    Witness,
    /// Times of blocks with logs, where the logs do not tell.
    Time,
    /// Blocks tested because a range is suspicious, or by chance.
    Probe,
    /// Every block above the final height.
    Tail,
    /// Every block of a range that is proved anew.
    Proof,
    /// The head, single blocks for reorgs, and the search for a time.
    Look,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Purpose::Witness => "witness",
            Purpose::Time => "time",
            Purpose::Probe => "probe",
            Purpose::Tail => "tail",
            Purpose::Proof => "proof",
            Purpose::Look => "look",
        }
    }
}
