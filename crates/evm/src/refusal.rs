//! What an endpoint's refusal means: the rows of `provider_errors.tsv`, read from top to bottom.

use std::sync::LazyLock;
use std::time::Duration;

use perpdex_core::{BlockRange, SourceErrorKind};

use crate::pattern::Pattern;

/// A refusal as it came: HTTP status, JSON-RPC error and what the headers said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status; 200 where the error came inside a good answer.
    pub(crate) status: u16,
    /// JSON-RPC error code, if there was a JSON-RPC error.
    pub(crate) code: Option<i64>,
    /// Its message; the body's beginning where there was none.
    pub(crate) message: String,
    /// Its data, as JSON text.
    pub(crate) data: String,
    /// The `Retry-After` header.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// The class of the refusal. `asked` is the range of heights the refused request was for: a cap or a suggested range
    /// counts only where it is narrower than that, so that following it can never repeat the request.
    pub(crate) fn kind(&self, asked: Option<BlockRange>) -> SourceErrorKind {
        let (message, data) = self.texts();
        let Some(row) = self.row(&message, &data) else { return SourceErrorKind::Transient };
        match row.class {
            Class::Range => SourceErrorKind::Range { blocks_max: asked.and_then(|asked| row.cap(&message, &data, asked)) },
            Class::Density => SourceErrorKind::Density,
            Class::Rate => SourceErrorKind::Rate { retry_after: self.retry_after },
            Class::Lagging => SourceErrorKind::Lagging,
            // An overloaded server that says when to come back asks for a slower pace, whatever its status.
            Class::Transient if self.retry_after.is_some() => SourceErrorKind::Rate { retry_after: self.retry_after },
            Class::Transient => SourceErrorKind::Transient,
            Class::Permanent => SourceErrorKind::Permanent,
            Class::Pruned => SourceErrorKind::Pruned,
            // The next try packs fewer calls.
            Class::Batch => SourceErrorKind::Transient,
        }
    }

    /// Whether the endpoint takes fewer calls in one request than it got.
    pub(crate) fn is_batch_limit(&self) -> bool {
        let (message, data) = self.texts();
        self.row(&message, &data).is_some_and(|row| matches!(row.class, Class::Batch))
    }

    fn texts(&self) -> (String, String) {
        (self.message.to_ascii_lowercase(), self.data.to_ascii_lowercase())
    }

    fn row(&self, message: &str, data: &str) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.fits(self, message, data))
    }
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| match read_table(include_str!("../provider_errors.tsv")) {
    Ok(rows) => rows,
    Err(error) => panic!("provider_errors.tsv is part of the program and must be right: {error}"),
});

#[derive(Debug)]
struct Row {
    status: Status,
    code: Option<i64>,
    fragment: Fragment,
    class: Class,
    caps: Vec<Pattern>,
}

#[derive(Debug)]
enum Status {
    Any,
    Is(u16),
    /// `5` for all from 500 to 599.
    Hundreds(u16),
}

#[derive(Debug)]
enum Fragment {
    Any,
    Inside(String),
    Whole(String),
}

#[derive(Clone, Copy, Debug)]
enum Class {
    Range,
    Density,
    Rate,
    Lagging,
    Transient,
    Permanent,
    Pruned,
    Batch,
}

impl Row {
    fn fits(&self, refusal: &Refusal, message: &str, data: &str) -> bool {
        let status = match self.status {
            Status::Any => true,
            Status::Is(status) => refusal.status == status,
            Status::Hundreds(hundreds) => refusal.status / 100 == hundreds,
        };
        let fragment = match &self.fragment {
            Fragment::Any => true,
            Fragment::Inside(text) => message.contains(text) || data.contains(text),
            Fragment::Whole(text) => message == text,
        };
        status && fragment && self.code.is_none_or(|code| refusal.code == Some(code))
    }

    /// The cap in blocks that the text names, if it is narrower than what was asked. Asking for a range of exactly that
    /// many blocks, both ends counted, is safe whether the provider counts them so or by difference.
    fn cap(&self, message: &str, data: &str, asked: BlockRange) -> Option<u64> {
        let numbers = self.caps.iter().find_map(|cap| cap.find(message).or_else(|| cap.find(data)))?;
        let suggested = || {
            let range = BlockRange::new(numbers.from?, numbers.to?)?;
            (asked.intersect(&range) == Some(range)).then(|| range.blocks())
        };
        numbers.cap.or_else(suggested).filter(|blocks| (1..asked.blocks()).contains(blocks))
    }
}

fn read_table(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    // The first line left is the header.
    lines.skip(1).map(|(index, line)| read_row(line).map_err(|error| format!("line {}: {error}", index + 1))).collect()
}

fn read_row(line: &str) -> Result<Row, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [_name, status, code, fragment, class, caps] = columns[..] else {
        return Err(format!("{} columns instead of 6", columns.len()));
    };
    let caps = match caps {
        "-" => Vec::new(),
        _ => caps.split(" | ").map(Pattern::parse).collect::<Result<_, _>>()?,
    };
    Ok(Row { status: read_status(status)?, code: read_code(code)?, fragment: read_fragment(fragment), class: read_class(class)?, caps })
}

fn read_status(text: &str) -> Result<Status, String> {
    let number = |text: &str| text.parse().map_err(|_| format!("status {text:?} is no number"));
    match (text, text.strip_suffix("xx")) {
        ("-", _) => Ok(Status::Any),
        (_, Some(hundreds)) => Ok(Status::Hundreds(number(hundreds)?)),
        (_, None) => Ok(Status::Is(number(text)?)),
    }
}

fn read_code(text: &str) -> Result<Option<i64>, String> {
    match text {
        "-" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| format!("code {text:?} is no number")),
    }
}

fn read_fragment(text: &str) -> Fragment {
    match (text, text.strip_prefix('=')) {
        ("-", _) => Fragment::Any,
        (_, Some(whole)) => Fragment::Whole(whole.to_ascii_lowercase()),
        (_, None) => Fragment::Inside(text.to_ascii_lowercase()),
    }
}

fn read_class(text: &str) -> Result<Class, String> {
    match text {
        "range" => Ok(Class::Range),
        "density" => Ok(Class::Density),
        "rate" => Ok(Class::Rate),
        "lagging" => Ok(Class::Lagging),
        "transient" => Ok(Class::Transient),
        "permanent" => Ok(Class::Permanent),
        "pruned" => Ok(Class::Pruned),
        "batch" => Ok(Class::Batch),
        _ => Err(format!("class {text:?} is none of range, density, rate, lagging, transient, permanent, pruned, batch")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as providers send them: status, code, message, data, blocks asked for (from block 100), class, cap.
    const TEXTS: &str = include_str!("../tests/provider_texts.tsv");

    #[test]
    fn texts_have_their_class() {
        let mut lines = 0;
        for line in TEXTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [status, code, message, data, blocks, class, cap] = columns[..] else { panic!("columns of {line:?}") };
            let refusal = Refusal {
                status: status.parse().unwrap(),
                code: code.parse().ok(),
                message: message.to_owned(),
                data: if data == "-" { String::new() } else { data.to_owned() },
                retry_after: None,
            };
            let asked = BlockRange::new(100, 99 + blocks.parse::<u64>().unwrap()).unwrap();
            let kind = refusal.kind(Some(asked));
            assert_eq!(kind.as_str(), class, "{line}");
            let found = if let SourceErrorKind::Range { blocks_max } = kind { blocks_max } else { None };
            assert_eq!(found, cap.parse().ok(), "{line}");
            lines += 1;
        }
        assert!(lines > 50, "only {lines} texts were tested");
    }

    #[test]
    fn retry_after_is_kept() {
        let wait = Some(Duration::from_secs(7));
        for status in [429, 503] {
            let refusal = Refusal { status, retry_after: wait, ..Refusal::default() };
            assert_eq!(refusal.kind(None), SourceErrorKind::Rate { retry_after: wait });
        }
    }

    #[test]
    fn a_wrong_table_names_its_line() {
        for (table, wanted) in [
            ("header\na\tb", "line 2: 2 columns"),
            ("header\n# why\nx\t-\t-\t-\tmaybe\t-", "line 3: class \"maybe\""),
            ("header\nx\tabc\t-\t-\trate\t-", "line 2: status \"abc\""),
            ("header\nx\t-\tabc\t-\trate\t-", "line 2: code \"abc\""),
            ("header\nx\t-\t-\t-\trange\tlimited", "line 2: pattern"),
        ] {
            let error = read_table(table).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
