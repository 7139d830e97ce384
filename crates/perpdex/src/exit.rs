//! How a run ends: the exit codes, and a failure that carries one.

use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: every target met.
    Done,
    /// 1: finished, but with a gap, a failed or halted chain, a decode failure, or a demo that differs from its truth.
    Incomplete,
    /// 2: nothing was started: usage, configuration, wrong chain id, database of a newer version.
    Refused,
    /// 3: `status --check` is behind by lag alone.
    Behind,
    /// 130: interrupted; what was committed stays.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Incomplete => 1,
            Exit::Refused => 2,
            Exit::Behind => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code to end with.
    pub(crate) exit: Exit,
    /// What happened, printed as one line.
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// Nothing was started.
    pub(crate) fn refused(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Refused, error: error.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    /// An error in the middle of the work: what was committed stays, the rest is missing.
    fn from(error: E) -> Failure {
        Failure { exit: Exit::Incomplete, error: error.into() }
    }
}

/// What a command returns.
pub(crate) type CommandResult = Result<Exit, Failure>;
