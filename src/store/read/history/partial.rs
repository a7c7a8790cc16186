//! Partial aggregates: of one piece in one bucket, and joined to those of the whole bucket.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Timestamptz};

use super::plan::Piece;
use super::statement::Needs;
use crate::data::{Aggregate, Columns, Grid, Micros, SeriesId};

/// A row of the statement.
#[derive(Clone, Debug, PartialEq, QueryableByName)]
pub(super) struct Partial {
    /// Which piece.
    #[diesel(sql_type = Integer)]
    nr: i32,
    #[diesel(sql_type = Timestamptz)]
    bucket: Micros,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Double)]
    min: f64,
    #[diesel(sql_type = Double)]
    max: f64,
    #[diesel(sql_type = Nullable<Double>)]
    sum: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    m2: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    first: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    last: Option<f64>,
    /// The value before the piece.
    #[diesel(sql_type = Nullable<Double>)]
    before: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    increase: Option<f64>,
    #[diesel(sql_type = Array<Double>)]
    percentiles: Vec<f64>,
    /// By which the sum, the percentiles and the increase are multiplied, and `m2` twice.
    #[diesel(sql_type = Double)]
    scale: f64,
}

/// The part of a bucket that one piece has.
pub(super) trait Part {
    /// The piece's place among all, and the bucket's start.
    fn place(&self) -> (i32, Micros);

    /// Adds the same bucket's part of the next piece.
    fn absorb(&mut self, later: &Self);
}

/// One for each bucket, by series as asked for and time.
pub(super) fn joined<P: Part>(mut rows: Vec<P>, pieces: &[Piece]) -> Vec<(SeriesId, P)> {
    // Pieces are in the order wanted.
    rows.sort_unstable_by_key(P::place);
    let mut joined: Vec<(SeriesId, P)> = Vec::with_capacity(rows.len());
    for row in rows {
        let (nr, bucket) = row.place();
        let Some(piece) = usize::try_from(nr).ok().and_then(|nr| pieces.get(nr)) else {
            continue;
        };
        match joined.last_mut() {
            Some((id, last)) if *id == piece.series_id && last.place().1 == bucket => last.absorb(&row),
            _ => joined.push((piece.series_id, row)),
        }
    }
    joined
}

/// The values of [`joined`] partials.
pub(super) fn lines(
    partials: &[(SeriesId, Partial)],
    grid: &Grid,
    wanted: &[Aggregate],
) -> Vec<(SeriesId, Columns)> {
    let of_series = partials.chunk_by(|(a, _), (b, _)| a == b);
    let line = |of: &[(SeriesId, Partial)]| {
        let (id, start) = of.first()?;
        let mut line = Columns::new(wanted.len());
        let mut before = start.before;
        for (_, partial) in of {
            line.push(partial.start(), partial.values(before, grid, wanted));
            before = partial.last;
        }
        Some((*id, line))
    };
    of_series.filter_map(line).collect()
}

/// The series with an aggregate that was too large to compute, each once, and the span of the buckets
/// concerned.
pub(super) fn overflown(
    partials: &[(SeriesId, Partial)],
    needs: &Needs,
    grid: &Grid,
) -> Option<(Vec<SeriesId>, Micros, Micros)> {
    let all = partials.iter().filter(|(_, partial)| partial.overflowed(needs));
    let mut ids: Vec<SeriesId> = all.clone().map(|(id, _)| *id).collect();
    ids.dedup();
    let starts = all.map(|(_, partial)| partial.start());
    let (first, last) = (starts.clone().min()?, starts.max()?);
    Some((ids, first, grid.end(last)))
}

/// Replaces the aggregates that were too large by those of the same buckets in `scaled`.
pub(super) fn complete(
    partials: &mut [(SeriesId, Partial)],
    needs: &Needs,
    scaled: Vec<(SeriesId, Partial)>,
) {
    let scaled: HashMap<(SeriesId, Micros), Partial> = scaled
        .into_iter()
        .map(|(id, partial)| ((id, partial.bucket), partial))
        .collect();
    for (id, partial) in partials {
        if partial.overflowed(needs)
            && let Some(scaled) = scaled.get(&(*id, partial.bucket))
        {
            partial.sum = scaled.sum;
            partial.m2 = scaled.m2;
            partial.increase = scaled.increase;
            partial.percentiles.clone_from(&scaled.percentiles);
            partial.scale = scaled.scale;
        }
    }
}

impl Part for Partial {
    fn place(&self) -> (i32, Micros) {
        (self.nr, self.bucket)
    }

    fn absorb(&mut self, later: &Self) {
        self.m2 = self.joint_m2(later);
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum = self.sum.zip(later.sum).map(|(sum, more)| sum + more);
        self.last = later.last;
    }
}

impl Partial {
    fn joint_m2(&self, later: &Self) -> Option<f64> {
        let (n, m) = (self.count as f64, later.count as f64);
        let apart = later.sum? / m - self.sum? / n;
        Some(self.m2? + later.m2? + apart * apart * n * m / (n + m))
    }

    fn overflowed(&self, needs: &Needs) -> bool {
        (needs.sum && self.sum.is_none())
            || (needs.stddev && self.m2.is_none())
            || (needs.increase && self.increase.is_none())
            || self.percentiles.iter().any(|value| !value.is_finite())
    }

    /// The first bucket may reach back beyond the first time there is.
    fn start(&self) -> Micros {
        self.bucket.max(Micros::FIRST)
    }

    fn values(&self, before: Option<f64>, grid: &Grid, wanted: &[Aggregate]) -> Vec<Option<f64>> {
        let count = self.count as f64;
        let mut percentiles = self.percentiles.iter();
        let value = |aggregate: &Aggregate| {
            let value = match aggregate {
                // Exact up to 2^53 points in a bucket.
                Aggregate::Count => count,
                // Rounding never leads beyond the values.
                Aggregate::Avg => (self.sum? / count / self.scale).max(self.min).min(self.max),
                Aggregate::Min => self.min,
                Aggregate::Max => self.max,
                Aggregate::Sum => self.sum? / self.scale,
                Aggregate::First => self.first?,
                Aggregate::Last => self.last?,
                Aggregate::Stddev => (self.m2? / count).max(0.0).sqrt() / self.scale,
                Aggregate::Percentile(_) => *percentiles.next()? / self.scale,
                Aggregate::Increase => self.increase? / self.scale,
                Aggregate::Rate => {
                    let start = self.start();
                    let width = grid.end(start).0.saturating_sub(start.0);
                    self.increase? / (width as f64 / 1e6) / self.scale
                }
                Aggregate::Delta => self.last? - before.or(self.first)?,
            };
            value.is_finite().then_some(value)
        };
        wanted.iter().map(value).collect()
    }
}
