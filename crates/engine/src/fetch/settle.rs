//! What there is to a silence that reaches over several ranges.

use std::sync::Arc;

use perpdex_core::{Batch, Evidence, Filter, Headers};

use super::FetchContext;
use super::evidence::Second;
use crate::endpoints::Ask;
use crate::job::JobStream;
use crate::probe;
use crate::quiet::Silence;

/// Blocks of a quiet stretch that are asked for together: the first that lacks records ends the looking.
const LOOKS_AT_ONCE: usize = 1_000;

impl FetchContext {
    /// Looks at a stretch in which one stream was silent for longer than chance explains: all of it at another endpoint, or
    /// single blocks of it. Gives the heights at which records were left out; the error says why it remains in doubt.
    pub(crate) async fn settle_silence(&self, stream: &JobStream, silence: &Silence) -> Result<Vec<u64>, String> {
        let filter = Arc::new(Filter { streams: vec![(stream.id.clone(), stream.watch.clone())], headers: Headers::Needed });
        let range = silence.range;
        let silent = Arc::new(Batch {
            range,
            blocks: Vec::new(),
            records: Vec::new(),
            malformed: Vec::new(),
            holes: Vec::new(),
            evidence: Evidence::Witnessed,
        });
        self.count(|report| report.stretches_suspicious += 1);
        let answered: Vec<usize> = silence.parts.iter().map(|(endpoint, _)| *endpoint).collect();
        if let Some(permit) = self.endpoints.idle(Ask::Records, &self.endpoints.no_witnesses(&answered)) {
            self.count(|report| report.ranges_second += 1);
            match self.compare(permit, &[stream], &filter, &silent).await? {
                Second::Agrees => return Ok(Vec::new()),
                Second::HasMore(heights) => return Ok(heights),
                Second::Silent => {}
            }
        }
        let (heights, is_enough) = probe::settling(range, silence.per_block, &self.options);
        let what = format!("blocks of the quiet stretch {range}");
        let mut unsettled = 0;
        for heights in heights.chunks(LOOKS_AT_ONCE) {
            let asked = self.endpoints.ask(Ask::Proof, &what, |source| {
                let (heights, filter, silent) = (heights.to_vec(), filter.clone(), silent.clone());
                Box::pin(async move { source.probe(&heights, &filter, &silent).await })
            });
            let probe = asked.await.map_err(|error| error.to_string())?.value;
            self.count(|report| {
                report.blocks_probed += heights.len() as u64;
                report.blocks_settling += heights.len() as u64;
                report.blocks_unsettled += probe.unsettled.len() as u64;
            });
            if !probe.omitted.is_empty() {
                return Ok(probe.omitted);
            }
            unsettled += probe.unsettled.len();
        }
        match (unsettled, is_enough) {
            (0, true) => Ok(Vec::new()),
            (0, false) => Err(format!("{} of its blocks show nothing, more than suspect_blocks_max would have to", heights.len())),
            _ => Err(format!("{unsettled} of its blocks told nothing")),
        }
    }
}
