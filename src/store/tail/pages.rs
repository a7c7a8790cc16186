//! The statements behind the pages: `commits` says where to look, `points` is probed by its
//! primary key (series and time range), filtered by partition and offset.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Timestamptz};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::data::cursor::behind;
use crate::data::stored::Range;
use crate::data::{Micros, PartitionId, Positions, Series, SeriesId, Stored, StoredPoint, StoredSeries};
use crate::store::selection::SeriesRow;
use crate::store::timestamp::POSTGRES_EPOCH;

/// Commits looked at for one page, and how many of their points may be passed over for each
/// point of the page when only some series are wanted.
const COMMITS: i64 = 256;
const SELECTIVITY: usize = 10;
/// Series looked at for one page of a backfill.
const SERIES: usize = 64;

/// The series that were selected, by id; also the names the pages are filled with.
pub type Names = HashMap<SeriesId, Arc<Series>>;

/// What to read of each page.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    /// `None`: every series.
    pub only: Option<&'a [SeriesId]>,
    /// The most points of a page; one record is never cut, so a page may hold a few more.
    pub rows: usize,
}

type Answer<T> = Result<T, diesel::result::Error>;

#[derive(QueryableByName)]
struct WindowRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    end: Option<i64>,
}

#[derive(QueryableByName)]
struct PointRow {
    #[diesel(sql_type = Integer)]
    series_id: SeriesId,
    #[diesel(sql_type = Timestamptz)]
    ts: Micros,
    #[diesel(sql_type = Double)]
    value: f64,
    #[diesel(sql_type = Integer)]
    partition_id: PartitionId,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

pub async fn next(
    conn: &mut AsyncPgConnection,
    from: &Positions,
    upto: &Positions,
    want: Want<'_>,
    names: &mut Names,
) -> Answer<Option<Stored>> {
    let Some(mut range) = behind(from, upto) else {
        return Ok(None);
    };
    range.to = window(conn, range, want).await?;
    let mut rows = points(conn, range, want).await?;
    if rows.len() > want.rows {
        (range.to, rows) = cut(conn, rows, want).await?;
    }
    name(conn, &rows, names).await?;
    Ok(Some(stored(vec![range], rows, names)))
}

/// Where a page of about `want.rows` points ends: at the end of some commit, or at the seam.
async fn window(conn: &mut AsyncPgConnection, range: Range, want: Want<'_>) -> Answer<i64> {
    let budget = if want.only.is_some() {
        want.rows * SELECTIVITY
    } else {
        want.rows
    };
    // Counts the points before each commit, so that the first one is always part of the page. Null
    // when all commits up to the seam are.
    let row: WindowRow = sql_query(
        "with behind as (\
           select from_offset, row_number() over w as nr, \
                  sum(points) over w - points as before \
           from commits where partition_id = $1 and to_offset > $2 and from_offset < $3 \
           window w as (order by from_offset) order by from_offset limit $4) \
         select min(from_offset) as \"end\" from behind \
         where nr > 1 and (before >= $5 or nr = $4)",
    )
    .bind::<Integer, _>(range.partition_id)
    .bind::<BigInt, _>(range.from)
    .bind::<BigInt, _>(range.to)
    .bind::<BigInt, _>(COMMITS)
    .bind::<BigInt, _>(i64::try_from(budget).unwrap_or(i64::MAX))
    .get_result(conn)
    .await?;
    Ok(row.end.unwrap_or(range.to))
}

async fn points(conn: &mut AsyncPgConnection, range: Range, want: Want<'_>) -> Answer<Vec<PointRow>> {
    sql_query(
        "select p.series_id, p.ts, p.value, p.partition_id, p.\"offset\" as at \
         from commits c cross join lateral unnest(c.series_ids) as s(id) \
         join points p on p.series_id = s.id and p.ts between c.min_ts and c.max_ts \
           and p.partition_id = c.partition_id \
           and p.\"offset\" >= c.from_offset and p.\"offset\" < c.to_offset \
         where c.partition_id = $1 and c.to_offset > $2 and c.from_offset < $3 \
           and p.\"offset\" >= $2 and p.\"offset\" < $3 \
           and ($4 is null or s.id in (select unnest($4))) \
         order by p.\"offset\", p.series_id, p.ts limit $5",
    )
    .bind::<Integer, _>(range.partition_id)
    .bind::<BigInt, _>(range.from)
    .bind::<BigInt, _>(range.to)
    .bind::<Nullable<Array<Integer>>, _>(want.only)
    // One more than the page tells that there is more.
    .bind::<BigInt, _>(i64::try_from(want.rows.saturating_add(1)).unwrap_or(i64::MAX))
    .load(conn)
    .await
}

/// Leaves out the last record, which the limit may have cut, and returns where the next page begins. A
/// record that fills a page alone is read whole.
async fn cut(
    conn: &mut AsyncPgConnection,
    mut rows: Vec<PointRow>,
    want: Want<'_>,
) -> Answer<(i64, Vec<PointRow>)> {
    let [first, .., last] = &rows[..] else {
        return Ok((0, rows));
    };
    let (partition_id, start) = (last.partition_id, last.at);
    if first.at < start {
        rows.retain(|row| row.at < start);
        return Ok((start, rows));
    }
    let record = Range {
        partition_id,
        from: start,
        to: start + 1,
    };
    let all = Want {
        rows: usize::MAX,
        ..want
    };
    Ok((record.to, points(conn, record, all).await?))
}

pub async fn backfill(
    conn: &mut AsyncPgConnection,
    since: Micros,
    done: Option<(SeriesId, Micros)>,
    seam: &Positions,
    limit: usize,
    names: &Names,
) -> Answer<Option<(Stored, (SeriesId, Micros))>> {
    let mut ids: Vec<SeriesId> = names
        .keys()
        .copied()
        .filter(|id| done.is_none_or(|(last, ts)| *id > last || (*id == last && ts.0 < i64::MAX)))
        .collect();
    ids.sort_unstable();
    ids.truncate(SERIES);
    let Some(last) = ids.last().copied() else {
        return Ok(None);
    };
    let (partitions, offsets): (Vec<PartitionId>, Vec<i64>) = seam.iter().map(|(id, at)| (*id, *at)).unzip();
    // Partition ids only grow: one above all in the seam began later, another that is not in the
    // seam is an epoch of the past.
    let newest = partitions.iter().max().copied().unwrap_or(0);
    let rows: Vec<PointRow> = sql_query(
        "select p.series_id, p.ts, p.value, p.partition_id, p.at \
         from unnest($1) as s(id) cross join lateral (\
           select q.series_id, q.ts, q.value, q.partition_id, q.\"offset\" as at from points q \
           left join unnest($4, $5) as seam(id, position) on seam.id = q.partition_id \
           where q.series_id = s.id and q.ts >= $2 and (s.id <> $7 or q.ts > $8) \
             and case when seam.id is null then q.partition_id < $6 \
                 else q.\"offset\" < seam.position end \
           order by q.ts limit $3) p \
         order by p.series_id, p.ts limit $3",
    )
    .bind::<Array<Integer>, _>(&ids)
    .bind::<Timestamptz, _>(to_postgres(since))
    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind::<Array<Integer>, _>(&partitions)
    .bind::<Array<BigInt>, _>(&offsets)
    .bind::<Integer, _>(newest)
    .bind::<Integer, _>(done.map_or(0, |(id, _)| id))
    .bind::<Timestamptz, _>(to_postgres(done.map_or(since, |(_, ts)| ts)))
    .load(conn)
    .await?;
    let reached = match rows.last() {
        Some(row) if rows.len() >= limit => (row.series_id, row.ts),
        _ => (last, Micros(i64::MAX)),
    };
    Ok(Some((stored(Vec::new(), rows, names), reached)))
}

/// Looks up the names of series that are not known yet.
async fn name(conn: &mut AsyncPgConnection, rows: &[PointRow], names: &mut Names) -> Answer<()> {
    let mut unknown: Vec<SeriesId> = rows
        .iter()
        .map(|row| row.series_id)
        .filter(|id| !names.contains_key(id))
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(());
    }
    let found: Vec<SeriesRow> = sql_query("select id, metric, labels from series where id = any($1)")
        .bind::<Array<Integer>, _>(&unknown)
        .load(conn)
        .await?;
    let found = found.into_iter().map(StoredSeries::from);
    names.extend(found.map(|found| (found.id, found.series)));
    Ok(())
}

/// Points of a series that was deleted in between are left out.
fn stored(ranges: Vec<Range>, rows: Vec<PointRow>, names: &Names) -> Stored {
    let mut stored = Stored {
        ranges,
        ..Stored::default()
    };
    let mut places: HashMap<SeriesId, u32> = HashMap::new();
    for row in rows {
        let Some(series) = names.get(&row.series_id) else {
            continue;
        };
        let place = *places.entry(row.series_id).or_insert_with(|| {
            stored.series.push(StoredSeries {
                id: row.series_id,
                series: series.clone(),
            });
            stored.series.len() as u32 - 1
        });
        stored.points.push(StoredPoint {
            series: place,
            ts: row.ts,
            value: row.value,
            partition_id: row.partition_id,
            offset: row.at,
        });
    }
    stored
}

/// Times that Postgres cannot hold become its infinities.
fn to_postgres(ts: Micros) -> PgTimestamp {
    const OLDEST: i64 = -211_813_488_000_000_000;
    const NEWEST: i64 = 9_223_371_331_199_999_999;
    match ts.0.saturating_sub(POSTGRES_EPOCH) {
        past if past < OLDEST => PgTimestamp(i64::MIN),
        future if future > NEWEST => PgTimestamp(i64::MAX),
        held => PgTimestamp(held),
    }
}
