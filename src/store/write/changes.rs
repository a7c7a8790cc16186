//! The row of `invalidations`: which times of which series a transaction changed.
//!
//! Written with every commit and without a look at the rollups' edge, so that writer and refresher
//! never wait for each other (docs/adr/0016).

use tokio_postgres::{Client, Statement};

use crate::store::error::WriteError;
use crate::store::rollups::log::{self, Entry};
use crate::store::rows::Row;
use crate::store::upsert::Won;

#[derive(Debug)]
pub(super) struct Changes {
    insert: Statement,
}

impl Changes {
    pub async fn prepare(client: &Client) -> Result<Self, WriteError> {
        let insert = client.prepare(log::INSERT).await?;
        Ok(Self { insert })
    }

    /// Inside a transaction.
    pub async fn write(&self, client: &Client, rows: &[Row], won: &[Won]) -> Result<(), WriteError> {
        log::add(client, &self.insert, &changed(rows, won)).await
    }
}

fn changed(rows: &[Row], won: &[Won]) -> Vec<Entry> {
    let mut changed: Vec<Entry> = Vec::new();
    for row in won.iter().map(|won| &rows[won.row]) {
        match changed.last_mut() {
            Some(last) if last.series_id == row.series_id => {
                last.from = last.from.min(row.ts);
                last.to = last.to.max(row.ts);
            }
            _ => changed.push(Entry {
                series_id: row.series_id,
                from: row.ts,
                to: row.ts,
            }),
        }
    }
    changed
}
