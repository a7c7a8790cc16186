//! Chooses fewer points that look the same, and that stay the same while a window moves over them.
//!
//! Time is cut into blocks that depend only on the length of the span and on the number of wanted
//! points. Each block is thinned by itself, from all its points, also those outside the span (ADR 21).

mod lttb;

use std::collections::HashMap;

pub use lttb::{lttb, min_max_lttb};

use super::{BadQuestion, HistoryError, round_widths};
use crate::data::{Aggregate, Columns, Grid, Matched, Micros, SeriesId, Step};
use crate::store::read::{ReadError, Reader};

/// A span has about `BLOCKS` blocks, and fewer if a block would have fewer than `EACH` points.
const BLOCKS: usize = 24;
const EACH: usize = 16;

/// How a span is thinned; equal for all spans of one length except for the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    from: Micros,
    to: Micros,
    width: Step,
    /// Points of a block.
    each: usize,
    /// Only the lowest and the highest point of each bucket of this width count.
    bucket: Step,
}

impl Blocks {
    pub fn new(from: Micros, to: Micros, most: usize) -> Result<Self, BadQuestion> {
        let wanted = (most / EACH).clamp(2, BLOCKS);
        let blocks = |width: Step| {
            let each = most / round_widths::touched(from, to, width.micros());
            let parts = i64::try_from(2 * each.max(1)).unwrap_or(i64::MAX);
            let widest = width.micros() / parts;
            let nests = |bucket: &i64| *bucket <= widest && width.micros() % bucket == 0;
            let bucket = round_widths::widths().rev().find(nests).unwrap_or(1);
            Some(Self {
                from,
                to,
                width,
                each,
                bucket: round_widths::step(bucket)?,
            })
        };
        round_widths::fit(from, to, wanted)
            .and_then(blocks)
            .ok_or_else(|| too_long(from, to, most, wanted))
    }

    /// The span with all of its first and its last block.
    fn outer(&self) -> (Micros, Micros) {
        let last = self.width.bucket(Micros(self.to.0 - 1));
        (self.width.bucket(self.from), self.width.end(last))
    }

    /// The outer span in pieces of whole blocks, each with at most `limit` points of one series if
    /// possible; and of how many series a piece can be read at once.
    fn pieces(&self, limit: usize) -> (impl Iterator<Item = (Micros, Micros)> + use<>, usize) {
        let (from, to) = self.outer();
        let points = |span: i64| usize::try_from(span / self.bucket.micros() * 2).unwrap_or(usize::MAX);
        let blocks = i64::try_from(limit / points(self.width.micros())).unwrap_or(i64::MAX);
        let piece = self.width.micros().saturating_mul(blocks.max(1));
        let cut = move |start: &Micros| Some(Micros(start.0.saturating_add(piece))).filter(|at| *at < to);
        let pieces = std::iter::successors(Some(from), cut)
            .map(move |start| (start, to.min(Micros(start.0.saturating_add(piece)))));
        (pieces, (limit / points(to.0 - from.0)).max(1))
    }

    /// Thins a piece of whole blocks and appends the points within the span.
    fn thin(&self, piece: &Columns, kept: &mut Columns) {
        let Some(values) = piece.columns.first() else {
            return;
        };
        let mut start = 0;
        while let Some(first) = piece.times.get(start) {
            let block = self.width.bucket(*first);
            let end = self.width.end(block);
            let len = piece.times[start..].partition_point(|ts| *ts < end);
            let some = self.extremes(&piece.times[start..start + len], &values[start..start + len]);
            // Counted from the block's start, so that a double has every microsecond.
            let x: Vec<f64> = some.iter().map(|(ts, _)| (ts.0 - block.0) as f64).collect();
            let y: Vec<f64> = some.iter().map(|(_, value)| *value).collect();
            for at in choose(&x, &y, self.each) {
                let (ts, value) = some[at];
                if (self.from..self.to).contains(&ts) {
                    kept.push(ts, [Some(value)]);
                }
            }
            start += len;
        }
    }

    /// Only the lowest and the highest point of each bucket: other points that the store may return, such
    /// as the ends of the span, depend on where the window lies.
    fn extremes(&self, times: &[Micros], values: &[Option<f64>]) -> Vec<(Micros, f64)> {
        let points = times.iter().zip(values);
        let points: Vec<_> = points.filter_map(|(ts, value)| Some((*ts, (*value)?))).collect();
        let place = |point: &(Micros, f64)| self.bucket.bucket(point.0);
        let mut kept = Vec::new();
        for bucket in points.chunk_by(|a, b| place(a) == place(b)) {
            let values: Vec<f64> = bucket.iter().map(|(_, value)| *value).collect();
            let (low, high) = lttb::extremes(&values);
            kept.push(bucket[low.min(high)]);
            if low != high {
                kept.push(bucket[low.max(high)]);
            }
        }
        kept
    }
}

/// Ascending, each once.
fn choose(x: &[f64], y: &[f64], n: usize) -> Vec<usize> {
    let mut kept = match n {
        _ if n >= x.len() => (0..x.len()).collect(),
        // Too few for triangles: keeps the line's height.
        1 | 2 => {
            let (low, high) = lttb::extremes(y);
            [high, low][..n].to_vec()
        }
        _ => min_max_lttb(x, y, n, lttb::RATIO),
    };
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// A block is at most as long as the widest round width, and the number of blocks is limited.
fn too_long(from: Micros, to: Micros, most: usize, wanted: usize) -> BadQuestion {
    const DAY: i64 = 86_400_000_000;
    let widest = round_widths::widths().next_back().unwrap_or(DAY);
    let days = widest / DAY * i64::try_from(wanted - 1).unwrap_or(i64::MAX);
    let needed = round_widths::touched(from, to, widest);
    let more = match needed <= BLOCKS {
        true => format!(", or maxPoints of at least {}", needed * EACH),
        false => String::new(),
    };
    BadQuestion(format!(
        "the span is too long to be thinned to {most} points; ask for at most {days} days{more}, or \
         for aggregates by step"
    ))
}

/// The points with `from <= ts < to` of each series that has any, in the order of `of`; at most `most`
/// of each.
pub async fn read(
    reader: &Reader,
    of: &[Matched],
    (from, to): (Micros, Micros),
    most: usize,
) -> Result<Vec<(SeriesId, Columns)>, HistoryError> {
    let blocks = Blocks::new(from, to, most)?;
    let whole = Grid::Calendar([from, to].into());
    let counts = reader
        .aggregated(of, from, to, &whole, &[Aggregate::Count])
        .await?;
    let is_short = |line: &Columns| line.columns.iter().flatten().flatten().sum::<f64>() <= most as f64;
    let short: HashMap<SeriesId, bool> = counts.iter().map(|(id, count)| (*id, is_short(count))).collect();
    let some = |wanted: bool| -> Vec<Matched> {
        let series = of.iter().filter(|s| short.get(&s.id) == Some(&wanted));
        series.cloned().collect()
    };
    let [short, mut long] = [true, false].map(some);
    let mut lines = match reader.stored(&short, from, to).await {
        // Their rollups can still be read.
        Err(ReadError::NotAvailable { .. }) => {
            long.extend(short);
            Vec::new()
        }
        lines => lines?,
    };
    // Each statement keeps to the limit of rows, though all together may read more.
    let limit = reader.limits().rows;
    let (pieces, at_once) = blocks.pieces(limit);
    let pieces: Vec<_> = pieces.collect();
    let mut rows: usize = lines.iter().map(|(_, line)| line.len()).sum();
    for some in long.chunks(at_once) {
        let mut thinned: HashMap<SeriesId, Columns> = HashMap::new();
        for (start, end) in &pieces {
            for (id, piece) in reader.extremes(some, *start, *end, blocks.bucket).await? {
                blocks.thin(&piece, thinned.entry(id).or_insert_with(|| Columns::new(1)));
            }
        }
        thinned.retain(|_, line| !line.is_empty());
        rows += thinned.values().map(Columns::len).sum::<usize>();
        if rows > limit {
            return Err(ReadError::TooManyRows { limit }.into());
        }
        lines.extend(thinned);
    }
    let places: HashMap<SeriesId, usize> = of.iter().enumerate().map(|(at, s)| (s.id, at)).collect();
    lines.sort_by_key(|(id, _)| places.get(id).copied());
    Ok(lines)
}

#[cfg(test)]
mod tests;
