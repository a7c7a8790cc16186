//! Up to which time and for which series rollups are complete, and what retention has dropped. It is
//! read first, in the same snapshot as the answer.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, Integer, Text, Timestamptz};

use crate::data::{Micros, SeriesId};
use crate::store::level::{DAY, Level, round_down};
use crate::store::micros::to_pg;

// Dirty ranges are whole minutes, so that a burst of late points is a few rows. Floors below the span do
// not matter; without one above, no series is looked up.
const STATE: &str = "
with asked(id) as (select unnest($1)),
edge as (select edge, least(edge, $3) as until from rollup_edge)
select 'edge' as kind, '{}'::int[] as ids, edge as since, edge as until from edge
union all
select 'dirty', array[d.id], d.since, d.until from (
    select distinct u.id, date_trunc('minute', u.since, 'UTC') as since,
           date_trunc('minute', u.until, 'UTC') + interval '1 minute' as until
    from invalidations i
    cross join lateral unnest(i.series_ids, i.from_ts, i.to_ts) as u(id, since, until)
    join asked on asked.id = u.id
    where i.min_ts < (select until from edge) and i.max_ts >= $2
      and u.since < (select until from edge) and u.until >= $2
) d
union all
select h.level, array_agg(s.id), h.floor, h.floor
from horizons h join series s on s.stream = h.stream
where h.floor > $2 and s.id in (select id from asked)
group by h.stream, h.level, h.floor
union all
select 'restored', '{}', t, t
from (select day::timestamp at time zone 'UTC' as t from restored) r
where t > $2 - interval '1 day' and t < $3";

/// The start of what is kept, by [`Level`].
pub(super) type Floors = [i64; 4];
const ALL_KEPT: Floors = [i64::MIN; 4];

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Rollups are complete below.
    pub edge: i64,
    /// Only of series that have any: half-open, ascending, without touching each other.
    dirty: HashMap<SeriesId, Vec<Range<i64>>>,
    floors: HashMap<SeriesId, Floors>,
    /// The starts of days that are kept although they are below the floor of points.
    restored: BTreeSet<i64>,
}

/// Behind `explain`, which is empty but in tests.
pub(super) fn query(
    explain: &str,
    ids: &[SeriesId],
    from: Micros,
    to: Micros,
) -> BoxedSqlQuery<'static, diesel::pg::Pg, SqlQuery> {
    diesel::sql_query(format!("{explain}{STATE}"))
        .into_boxed()
        .bind::<Array<Integer>, _>(ids.to_vec())
        .bind::<Timestamptz, _>(to_pg(from))
        .bind::<Timestamptz, _>(to_pg(to))
}

#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Array<Integer>)]
    ids: Vec<SeriesId>,
    #[diesel(sql_type = Timestamptz)]
    since: Micros,
    #[diesel(sql_type = Timestamptz)]
    until: Micros,
}

impl State {
    pub fn from_rows(rows: Vec<Row>) -> Self {
        let mut state = Self::default();
        let mut dirty = Vec::new();
        for row in rows {
            let (since, until) = (row.since.0, row.until.0);
            match row.kind.as_str() {
                "edge" => state.edge = since,
                "dirty" => dirty.extend(row.ids.iter().map(|id| (*id, since..until))),
                "restored" => _ = state.restored.insert(since),
                level => {
                    for id in row.ids {
                        if let Some(level) = Level::from_name(level) {
                            state.floors.entry(id).or_insert(ALL_KEPT)[level as usize] = since;
                        }
                    }
                }
            }
        }
        state.mark_dirty(dirty);
        state
    }

    pub fn dirty(&self, id: SeriesId) -> &[Range<i64>] {
        self.dirty.get(&id).map_or(&[], Vec::as_slice)
    }

    pub fn floors(&self, id: SeriesId) -> Floors {
        self.floors.get(&id).copied().unwrap_or(ALL_KEPT)
    }

    /// From the first to the last moment in `span` whose points are no longer kept.
    pub fn gone(&self, span: &Range<i64>, floor: i64) -> Option<Range<Micros>> {
        let below = span.start..span.end.min(floor);
        let mut first = below.start;
        while self.is_restored(first) {
            first = round_down(first, DAY) + DAY;
        }
        let mut last = below.end;
        while last > first && self.is_restored(last - 1) {
            last = round_down(last - 1, DAY);
        }
        (first < last).then_some(Micros(first)..Micros(last))
    }

    fn is_restored(&self, time: i64) -> bool {
        self.restored.contains(&round_down(time, DAY))
    }

    /// Takes in ranges whose rollups are stale. Where the points are gone the rollups stay what they
    /// are: nobody can say better.
    fn mark_dirty(&mut self, mut ranges: Vec<(SeriesId, Range<i64>)>) {
        ranges.sort_unstable_by_key(|(id, range)| (*id, range.start));
        for (id, range) in ranges {
            let floor = self.floors(id)[Level::Raw as usize];
            let first = round_down(range.start, DAY);
            let days = self.restored.range(first..range.end.min(floor).max(first));
            let kept = days.map(|day| range.start.max(*day)..range.end.min(day + DAY));
            let above = range.start.max(floor)..range.end;
            for part in kept.chain([above]).filter(|part| !part.is_empty()) {
                let of_series = self.dirty.entry(id).or_default();
                match of_series.last_mut() {
                    Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
                    _ => of_series.push(part),
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// What is dirty may come in any order; the floors are those of series 1.
    pub fn state(edge: i64, dirty: &[(SeriesId, Range<i64>)], floors: &[(Level, i64)]) -> State {
        let mut state = State {
            edge,
            ..State::default()
        };
        for (level, floor) in floors {
            state.floors.entry(1).or_insert(ALL_KEPT)[*level as usize] = *floor;
        }
        state.mark_dirty(dirty.to_vec());
        state
    }
}
