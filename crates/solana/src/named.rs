//! What an endpoint is called, and errors that name it without its address.

use std::fmt;

use perpdex_core::{SourceError, SourceErrorKind};

/// Characters of a provider's text that an error repeats.
const MESSAGE_CHARS_MAX: usize = 300;

/// Parts of the address shorter than this are no secret: replacing them would garble ordinary words.
const SECRET_CHARS_MIN: usize = 8;

/// An endpoint's label, and what of its address no text may repeat.
pub(crate) struct Named {
    label: String,
    secrets: Vec<String>,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Named {
    /// An endpoint under this label at this address.
    pub(crate) fn new(label: &str, url: &str) -> Named {
        Named { label: label.to_owned(), secrets: secrets(url) }
    }

    /// The label.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// An error of this endpoint.
    pub(crate) fn error(&self, kind: SourceErrorKind, message: impl fmt::Display) -> SourceError {
        let mut message = message.to_string();
        for secret in &self.secrets {
            message = message.replace(secret.as_str(), "***");
        }
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARS_MAX) {
            message.truncate(end);
        }
        SourceError { label: self.label.clone(), kind, message }
    }
}

/// The parts of an address that may be keys and that a provider's text could repeat: the address itself, its user part,
/// path segments and query; longest first.
fn secrets(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let parts = path.split(['/', '?', '&', '=']).chain(user.split(':')).filter(|part| part.len() >= SECRET_CHARS_MIN);
    let mut secrets: Vec<String> = std::iter::once(url).chain(parts).map(str::to_owned).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}
