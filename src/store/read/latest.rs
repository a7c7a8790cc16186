//! The newest point of each series: one probe of the primary key each, newest partition first.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Timestamptz};

use super::{ReadError, Reader, ids};
use crate::data::{Class, Matched, Micros, PartitionId, SeriesId};
use crate::store::prepared::Statement;

pub(super) const NEWEST: &str = r#"
select s.id as series_id, p.ts, p.value, p.partition_id, p."offset" as record_offset
from unnest($1) as s(id)
cross join lateral (
    select ts, value, partition_id, "offset"
    from points where series_id = s.id
    order by ts desc limit 1
) p"#;

/// More series than this make the query expensive: each is looked up in every time partition.
const CHEAP: usize = 1_000;

/// The newest point of a series, with its position in Kafka.
#[derive(Clone, Copy, Debug, PartialEq, QueryableByName)]
pub struct LatestPoint {
    #[diesel(sql_type = Integer)]
    pub series_id: SeriesId,
    #[diesel(sql_type = Timestamptz)]
    pub ts: Micros,
    #[diesel(sql_type = Double)]
    pub value: f64,
    #[diesel(sql_type = Integer)]
    pub partition_id: PartitionId,
    #[diesel(sql_type = BigInt, column_name = record_offset)]
    pub offset: i64,
}

impl Reader {
    /// In no particular order; a series without points is left out.
    pub async fn latest(&self, of: &[Matched]) -> Result<Vec<LatestPoint>, ReadError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let query = Statement::once(diesel::sql_query(NEWEST).bind::<Array<Integer>, _>(ids(of)));
        let class = match of.len() > CHEAP {
            true => Class::Heavy,
            false => Class::Cheap,
        };
        self.load_as(class, query).await
    }
}
