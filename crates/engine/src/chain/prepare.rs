//! What has to be done before old ranges can be read: a bounded part a call, over all endpoints.

use std::sync::Arc;

use perpdex_core::{Filter, Headers};

use super::ChainRun;
use crate::endpoints::Ask;
use crate::error::{ChainError, ChainStop};
use crate::plan::Planned;

impl ChainRun {
    /// Lets the endpoints do what the plans need first. Where they cannot, the ranges themselves tell why.
    pub(super) async fn prepare(&mut self, plans: &[Planned]) -> Result<(), ChainStop> {
        let context = self.context.clone();
        for plan in plans {
            let streams = plan.streams.iter().map(|stream| &context.streams[*stream]);
            let streams = streams.map(|stream| (stream.id.clone(), stream.watch.clone())).collect();
            let (range, filter) = (plan.range, Arc::new(Filter { streams, headers: Headers::Needed }));
            let what = format!("preparing {range}");
            loop {
                let step = context.endpoints.ask(Ask::Records, &what, |source| {
                    let filter = filter.clone();
                    Box::pin(async move { source.prepare(range, &filter).await })
                });
                match self.unless_cancelled(step).await? {
                    Ok(answer) if answer.value => {}
                    Ok(_) | Err(ChainError::GaveUp { .. } | ChainError::NoneLeft { .. }) => break,
                    Err(error) => return Err(ChainStop::Failed(error)),
                }
            }
        }
        Ok(())
    }
}
