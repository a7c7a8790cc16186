//! The upsert of rows that may already exist: late, repeated, corrected and redriven points.
//!
//! COPY into a temporary table, then `insert ... on conflict`; only what won comes back.

use tokio_postgres::{Client, Statement};

use crate::data::{Micros, SeriesId};

use super::copy;
use super::error::WriteError;
use super::rows::Row;

const STAGE: &str = r#"
    create temporary table if not exists staged (
        series_id integer not null,
        partition_id integer not null,
        ts timestamptz not null,
        value double precision not null,
        "offset" bigint not null,
        recorded_at timestamptz not null,
        redrive boolean not null
    ) on commit delete rows"#;

// The inner select sees the table as it was before this statement: a row there was replaced.
const UPSERT: &str = r#"
    insert into points as p (series_id, partition_id, ts, value, "offset", recorded_at)
    select series_id, partition_id, ts, value, "offset", recorded_at
    from staged where not redrive order by series_id, ts
    on conflict (series_id, ts) do update set
        partition_id = excluded.partition_id,
        value = excluded.value,
        "offset" = excluded."offset",
        recorded_at = excluded.recorded_at
    where case
        when p.partition_id = excluded.partition_id then excluded."offset" >= p."offset"
        else (excluded.recorded_at, excluded.partition_id, excluded."offset")
            > (p.recorded_at, p.partition_id, p."offset")
    end
    returning series_id, ts, coalesce((
        select true from points o where o.series_id = p.series_id and o.ts = p.ts
    ), false)"#;

const ADD: &str = r#"
    insert into points (series_id, partition_id, ts, value, "offset", recorded_at)
    select series_id, partition_id, ts, value, "offset", recorded_at
    from staged where redrive order by series_id, ts
    on conflict (series_id, ts) do nothing
    returning series_id, ts, false"#;

#[derive(Debug)]
pub(super) struct Upsert {
    stage: Statement,
    upsert: Statement,
    add: Statement,
}

/// A row that won, by its place in what was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Won {
    pub row: usize,
    pub replaced: bool,
}

impl Upsert {
    pub async fn prepare(client: &Client) -> Result<Self, WriteError> {
        client.batch_execute(STAGE).await?;
        Ok(Self {
            stage: client.prepare(copy::STAGED).await?,
            upsert: client.prepare(UPSERT).await?,
            add: client.prepare(ADD).await?,
        })
    }

    /// Inside a transaction. `rows` are ordered by (series, ts) and unique by them.
    pub async fn run(&self, client: &Client, rows: &[Row]) -> Result<Vec<Won>, WriteError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        copy::send(client, &self.stage, copy::staged(rows.iter())).await?;
        let mut won = Vec::with_capacity(rows.len());
        if rows.iter().any(|row| !row.redrive) {
            self.collect(client, &self.upsert, rows, &mut won).await?;
        }
        if rows.iter().any(|row| row.redrive) {
            self.collect(client, &self.add, rows, &mut won).await?;
        }
        Ok(won)
    }

    async fn collect(
        &self,
        client: &Client,
        statement: &Statement,
        rows: &[Row],
        won: &mut Vec<Won>,
    ) -> Result<(), WriteError> {
        for answer in client.query(statement, &[]).await? {
            let key: (SeriesId, Micros) = (answer.get(0), answer.get(1));
            let found = rows.binary_search_by_key(&key, |row| (row.series_id, row.ts));
            if let Ok(row) = found {
                won.push(Won {
                    row,
                    replaced: answer.get(2),
                });
            }
        }
        Ok(())
    }
}
