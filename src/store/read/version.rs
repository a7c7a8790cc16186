//! The version of a span of time: a text that changes whenever answers about the span may change.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz};

use super::{ReadError, Reader};
use crate::data::Micros;
use crate::store::micros::to_pg;

// A late point has its row in `invalidations` from its commit on, and the transaction that deletes
// the row raises the day's version: without such a row the version stands for the data.
const VERSION: &str = "
select case when (select edge from rollup_edge) >= $2
    and not exists (select 1 from invalidations where min_ts < $2 and max_ts >= $1)
then concat_ws('/',
    (select version from catalogue),
    (select concat_ws('+', sum(version), count(*)) from days
     where day between ($1 at time zone 'UTC')::date
                   and (($2 - interval '1 us') at time zone 'UTC')::date),
    (select string_agg(concat_ws(' ', stream, level, extract(epoch from floor)), ',' order by stream, level)
     from horizons),
    (select string_agg(day::text, ',' order by day) from restored)
) end as version";

impl Reader {
    /// `None` while `from <= ts < to` is not over, or has just changed. Once something changes, an older
    /// version never returns.
    pub async fn version(&self, from: Micros, to: Micros) -> Result<Option<String>, ReadError> {
        let query = diesel::sql_query(VERSION)
            .bind::<Timestamptz, _>(to_pg(from))
            .bind::<Timestamptz, _>(to_pg(to));
        let rows: Vec<Row> = self.load(query).await?;
        Ok(rows.into_iter().find_map(|row| row.version))
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    version: Option<String>,
}
