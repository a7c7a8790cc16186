//! The floors of retention, published before anything is dropped.

use std::collections::HashMap;

use tokio_postgres::{Client, GenericClient, Transaction};

use crate::data::Micros;
use crate::store::error::WriteError;
use crate::store::level::{DAY, Level, round_down};
use crate::store::locks;
use crate::store::partitions::{Partition, list};

use super::{Floors, Keep};

const CAUGHT_UP: &str = "select least(edge, (select min(min_ts) from invalidations)) from rollup_edge";

// A day that changed after it was copied counts as not archived, one without points needs no copy.
const UNARCHIVED: &str = "select d.start
    from unnest($1::timestamptz[], $2::timestamptz[]) p(since, until)
    cross join lateral generate_series(
        date_trunc('day', p.since, 'UTC'), p.until - interval '1 us', interval '24 hours') d(start)
    where exists (select from points
            where ts >= greatest(d.start, p.since) and ts < least(d.start + interval '24 hours', p.until))
        and (not exists (select from archives a
                left join days v on v.day = a.day
                where a.day = (d.start at time zone 'UTC')::date and a.version = coalesce(v.version, 0))
            or exists (select from invalidations i
                where i.min_ts < d.start + interval '24 hours' and i.max_ts >= d.start))
    order by 1";

const RAISE: &str = "insert into horizons (stream, level, floor)
    select stream, level, floor from unnest($1::text[], $2::text[], $3::timestamptz[]) as h(stream, level, floor)
    on conflict (stream, level) do update set floor = greatest(horizons.floor, excluded.floor)";

/// Raises the horizons to where they may be at `now`. A level whose horizon is already past what the
/// configuration asks for is not to be deleted further than that: it may have been restored.
pub(super) async fn advance(client: &mut Client, keep: &Keep, now: Micros) -> Result<Floors, WriteError> {
    let transaction = client.transaction().await?;
    // What a refresher has taken out of the log is not in the rollups before it commits.
    locks::hold(&transaction, locks::ROLLUPS).await?;
    let floors = allowed(&transaction, keep, now).await?;
    let streams: Vec<&str> = floors.keys().map(|(stream, _)| stream.as_str()).collect();
    let levels: Vec<&str> = floors.keys().map(|(_, level)| level.name()).collect();
    let times: Vec<Micros> = floors.values().copied().collect();
    transaction.execute(RAISE, &[&streams, &levels, &times]).await?;
    transaction.commit().await?;
    Ok(floors)
}

async fn allowed(transaction: &Transaction<'_>, keep: &Keep, now: Micros) -> Result<Floors, WriteError> {
    let wished = |age| day(now.minus(age).max(Micros::FIRST));
    let Some(newest) = keep.streams.values().filter_map(|ages| ages[0]).map(wished).max() else {
        return Ok(Floors::new());
    };
    let caught_up = match keep.rollups {
        true => day(transaction.query_one(CAUGHT_UP, &[]).await?.get(0)),
        false => Micros::LAST,
    };
    let mut unarchived = Vec::new();
    if keep.archive {
        let mut partitions = list(transaction, Level::Raw.table()).await?;
        partitions.retain(|partition| partition.since < newest);
        unarchived = self::unarchived(transaction, &partitions).await?;
    }
    let raw = horizons(transaction).await?;
    let mut floors = Floors::new();
    for (stream, ages) in &keep.streams {
        let horizon = raw.get(stream).copied().unwrap_or(Micros::FIRST);
        let open = unarchived.iter().copied().find(|start| *start >= horizon);
        let mut finer = caught_up.min(open.unwrap_or(Micros::LAST));
        for (level, age) in Level::ALL.into_iter().zip(ages) {
            let Some(age) = age else { break };
            // A rollup is refreshed from the finer level, so it never goes before that.
            finer = finer.min(wished(*age));
            floors.insert((stream.clone(), level), finer);
        }
    }
    Ok(floors)
}

/// The days of these partitions of `points` that have points of which the archive has no current copy.
pub(super) async fn unarchived(
    client: &impl GenericClient,
    partitions: &[Partition],
) -> Result<Vec<Micros>, tokio_postgres::Error> {
    let since: Vec<Micros> = partitions.iter().map(|p| p.since).collect();
    let until: Vec<Micros> = partitions.iter().map(|p| p.until).collect();
    let rows = client.query(UNARCHIVED, &[&since, &until]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn horizons(client: &impl GenericClient) -> Result<HashMap<String, Micros>, tokio_postgres::Error> {
    let rows = client
        .query("select stream, floor from horizons where level = 'raw'", &[])
        .await?;
    let horizon = |row: &tokio_postgres::Row| (row.get(0), row.get(1));
    Ok(rows.iter().map(horizon).collect())
}

fn day(time: Micros) -> Micros {
    Micros(round_down(time.0, DAY))
}
