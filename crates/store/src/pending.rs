//! Events that waited for a token which the catalog knows by now.

use perpdex_core::Catalog;

use crate::aggregate::token_units;
use crate::batch::Batch;
use crate::db::Tx;
use crate::fact::read_chain;
use crate::kept::parse_event;
use crate::sql::{Param, Result};

/// Makes rows of events that waited for a token, and doubles of flows whose token had no decimals.
pub(crate) async fn resolve_tokens(tx: &mut Tx, catalog: &Catalog) -> Result<()> {
    let chains = tx.rows("SELECT DISTINCT chain_id FROM unresolved WHERE target = 'token'", Vec::new()).await?;
    for row in &chains {
        let chain = read_chain(row, 0)?;
        const WAITING: &str = "target = 'token' AND chain_id = $1";
        let cells = || vec![Param::Int(chain.as_i64())];
        let waiting = tx.rows(&format!("SELECT body FROM unresolved WHERE {WAITING}"), cells()).await?;
        tx.execute(&format!("DELETE FROM unresolved WHERE {WAITING}"), cells()).await?;
        let mut batch = Batch::new(catalog, chain);
        for row in &waiting {
            // Only prices of tokens wait for tokens, and they belong to no market.
            batch.expand(&parse_event(row.text(0)?)?, None)?;
        }
        batch.finish(tx).await?;
    }
    resolve_flows(tx, catalog).await
}

async fn resolve_flows(tx: &mut Tx, catalog: &Catalog) -> Result<()> {
    let sql = "SELECT venue_id, chain_id, token, scope, hour_id, deposits_native, withdrawals_native FROM collateral_flow_hour \
               WHERE deposits_f IS NULL AND (chain_id, token) IN (SELECT chain_id, address FROM tokens)";
    for row in &tx.rows(sql, Vec::new()).await? {
        let (chain, token) = (read_chain(row, 1)?, row.text(2)?);
        let units = |at: usize| Ok::<_, crate::sql::Fault>(token_units(catalog, chain, token, row.exact(at)?));
        let cells = vec![
            units(5)?.into(),
            units(6)?.into(),
            row.int(0)?.into(),
            row.int(1)?.into(),
            token.into(),
            row.text(3)?.into(),
            row.int(4)?.into(),
        ];
        let sql = "UPDATE collateral_flow_hour SET deposits_f = $1, withdrawals_f = $2 \
                   WHERE venue_id = $3 AND chain_id = $4 AND token = $5 AND scope = $6 AND hour_id = $7";
        tx.execute(sql, cells).await?;
    }
    Ok(())
}
