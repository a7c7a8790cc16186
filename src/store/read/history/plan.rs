//! Which level answers which part of a span: the coarsest whose rows are complete and lie within one
//! bucket of the grid each; points for the rest.

use std::collections::HashMap;
use std::ops::Range;

use super::state::{Floors, State};
use crate::data::{Grid, Micros, SeriesId};
use crate::store::level::{Level, round_down, round_up};

/// A run of fewer rollup rows is left to the next finer level: looking up one more piece costs more than
/// the few rows that it saves.
const SHORTEST_RUN: i64 = 2;

/// What one level answers for one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub series_id: SeriesId,
    pub level: Level,
    pub span: Range<i64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// By series as asked for, then by time. Those of one series cover the span without overlap.
    pub pieces: Vec<Piece>,
    /// From the first to the last time that no level can answer any more.
    pub missing: Option<Range<Micros>>,
}

/// The levels whose rows each lie within one bucket of the grid, coarsest first. Points always do.
pub(super) fn nesting(grid: &Grid, from: Micros, to: Micros) -> Vec<Level> {
    let nests = |level: &Level| match grid {
        Grid::Even(step) => step.micros() % level.width() == 0,
        Grid::Calendar(bounds) => bounds
            .iter()
            .filter(|bound| from < **bound && **bound < to)
            .all(|bound| bound.0 % level.width() == 0),
    };
    Level::ALL.into_iter().rev().filter(nests).collect()
}

impl Plan {
    pub fn new(ids: &[SeriesId], from: Micros, to: Micros, levels: &[Level], state: &State) -> Self {
        let span = from.0..to.0;
        let mut plan = Self::default();
        // Most series are clean, and all clean ones of a stream are cut alike.
        let mut clean: HashMap<Floors, Vec<(Level, Range<i64>)>> = HashMap::new();
        for &series_id in ids {
            let floors = state.floors(series_id);
            let mine;
            let pieces = match state.dirty(series_id) {
                [] => clean
                    .entry(floors)
                    .or_insert_with(|| cut(levels, span.clone(), &[], floors, state)),
                dirty => {
                    mine = cut(levels, span.clone(), dirty, floors, state);
                    &mine
                }
            };
            for (level, span) in pieces {
                if *level == Level::Raw
                    && let Some(gone) = state.gone(span, floors[Level::Raw as usize])
                {
                    let so_far = plan.missing.take().unwrap_or(gone.clone());
                    plan.missing = Some(so_far.start.min(gone.start)..so_far.end.max(gone.end));
                }
                plan.pieces.push(Piece {
                    series_id,
                    level: *level,
                    span: span.clone(),
                });
            }
        }
        plan
    }
}

fn cut(
    levels: &[Level],
    span: Range<i64>,
    dirty: &[Range<i64>],
    floors: Floors,
    state: &State,
) -> Vec<(Level, Range<i64>)> {
    let mut cutter = Cutter {
        dirty,
        floors,
        state,
        pieces: Vec::new(),
    };
    cutter.cut(levels, span);
    cutter.pieces
}

struct Cutter<'a> {
    /// Half-open, ascending.
    dirty: &'a [Range<i64>],
    floors: Floors,
    state: &'a State,
    pieces: Vec<(Level, Range<i64>)>,
}

impl Cutter<'_> {
    fn cut(&mut self, levels: &[Level], span: Range<i64>) {
        let Some((&level, finer)) = levels.split_first() else {
            return;
        };
        if span.is_empty() {
            return;
        }
        if finer.is_empty() {
            return self.push(level, span);
        }
        let mut at = span.start;
        for run in self.runs(level, &span) {
            self.cut(finer, at..run.start);
            at = run.end;
            self.push(level, run);
        }
        self.cut(finer, at..span.end);
    }

    /// The longest runs of complete rows of this level within `span`.
    fn runs(&self, level: Level, span: &Range<i64>) -> Vec<Range<i64>> {
        let width = level.width();
        let start = round_up(span.start.max(self.floors[level as usize]), width);
        let end = round_down(span.end.min(self.state.edge), width);
        let mut runs = Vec::new();
        let mut at = start;
        let first = self.dirty.partition_point(|range| range.end <= start);
        for range in &self.dirty[first..] {
            let (from, to) = (round_down(range.start, width), round_up(range.end, width));
            if from >= end {
                break;
            }
            runs.push(at..from);
            at = at.max(to);
        }
        runs.push(at..end);
        let raw = self.floors[Level::Raw as usize];
        runs.retain(|run| {
            let rows = run.end.saturating_sub(run.start) / width;
            rows >= SHORTEST_RUN || (rows > 0 && self.state.gone(run, raw).is_some())
        });
        runs
    }

    fn push(&mut self, level: Level, span: Range<i64>) {
        match self.pieces.last_mut() {
            Some((last, before)) if *last == level && before.end == span.start => before.end = span.end,
            _ => self.pieces.push((level, span)),
        }
    }
}

#[cfg(test)]
mod tests;
