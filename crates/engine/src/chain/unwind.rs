//! A chain's part in reorgs: when to suspect one, and what to do about what was found.

use perpdex_core::{BlockConflict, Heads};

use super::{ChainRun, RoundEnd};
use crate::error::{ChainError, ChainStop};
use crate::reorg::{self, Finding};

impl ChainRun {
    /// Compares the stored tail with the chain and unwinds what the chain dropped: all of the tail at the start and where
    /// the head differs from it, else what is about to become final.
    pub(super) async fn unwound(&mut self, heads: &Heads) -> Result<bool, ChainStop> {
        let finalized = heads.finalized.min(heads.latest.height);
        let compare_to = match self.final_height {
            None => u64::MAX,
            Some(_) if self.is_suspicious(heads).await? => u64::MAX,
            Some(checked) if finalized <= checked => return Ok(false),
            Some(_) => finalized,
        };
        let (context, store) = (self.context.clone(), self.shared.store.clone());
        let checking = reorg::check_tail(&context.endpoints, store.as_ref(), heads, compare_to);
        let finding = self.unless_cancelled(checking).await??;
        self.unwind(finding).await
    }

    /// Whether the head's hash differs from the one stored at its height.
    async fn is_suspicious(&self, heads: &Heads) -> Result<bool, ChainStop> {
        let stored = self.shared.store.block(self.chain(), heads.latest.height).await?;
        let stored = stored.and_then(|block| block.hash());
        Ok(stored.zip(heads.latest.hash()).is_some_and(|(stored, found)| stored != found))
    }

    async fn unwind(&mut self, finding: Finding) -> Result<bool, ChainStop> {
        let Finding::Fork { ancestor, conflict, depth } = finding else { return Ok(false) };
        let BlockConflict { height, stored, found } = conflict.clone();
        let records = self.committer.revert(ancestor, conflict).await?.records;
        let kept = ancestor.height;
        let what = format!("{depth} stored blocks above {kept} go, with {records} records");
        self.ledger.unwound(kept, &format!("reorg: block {height} is now {found} instead of {stored}; {what}"));
        Ok(true)
    }

    /// Decides what a contradiction between an answer and the stored blocks means.
    pub(super) async fn settle(&mut self, conflict: BlockConflict, endpoint: usize) -> Result<RoundEnd, ChainStop> {
        self.contradictions_in_a_row += 1;
        let count = self.contradictions_in_a_row;
        if self.shared.options.contradictions_in_a_row_max < count {
            return Err(ChainStop::Failed(ChainError::Unsteady { chain: self.chain(), count, conflict }));
        }
        let (context, store) = (self.context.clone(), self.shared.store.clone());
        let settling = reorg::settle(&context.endpoints, store.as_ref(), conflict.clone(), endpoint);
        let finding = self.unless_cancelled(settling).await??;
        if !self.unwind(finding).await? {
            let label = context.endpoints.source(endpoint).label();
            self.ledger.note(&format!(
                "{label} contradicts block {}: stored {}, given {}; no second answer confirms it, asking again",
                conflict.height, conflict.stored, conflict.found
            ));
            self.pause(self.shared.options.head_poll()).await?;
        }
        Ok(RoundEnd::Again)
    }
}
