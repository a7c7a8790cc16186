//! What a pass has to compute: whole minutes of single series, cut at days (UTC).

use std::collections::BTreeMap;

use crate::data::{Micros, SeriesId};

use super::log::Entry;

pub(super) const MINUTE: i64 = 60_000_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// `from..to` of a series, on the bounds of its unit; `day` counts from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub day: i64,
    pub series_id: SeriesId,
    pub from: i64,
    pub to: i64,
}

pub(super) fn floor(ts: i64, unit: i64) -> i64 {
    ts.div_euclid(unit) * unit
}

fn ceil(ts: i64, unit: i64) -> i64 {
    -floor(-ts, unit)
}

/// Splits at the edge: whole minutes below it, merged, cut at days and in their order; what lies at
/// or after it, once for each series.
pub(super) fn split(entries: &[Entry], edge: Micros) -> (Vec<Piece>, Vec<Entry>) {
    let mut below: BTreeMap<SeriesId, Vec<(i64, i64)>> = BTreeMap::new();
    let mut above: BTreeMap<SeriesId, Entry> = BTreeMap::new();
    for entry in entries {
        if entry.from < edge {
            let to = ceil(entry.to.0 + 1, MINUTE).min(edge.0);
            let ranges = below.entry(entry.series_id).or_default();
            ranges.push((floor(entry.from.0, MINUTE), to));
        }
        if entry.to >= edge {
            let later = Entry {
                from: entry.from.max(edge),
                ..*entry
            };
            let known = above.entry(entry.series_id).or_insert(later);
            known.from = known.from.min(later.from);
            known.to = known.to.max(later.to);
        }
    }
    let mut pieces = Vec::new();
    for (series_id, mut ranges) in below {
        ranges.sort_unstable();
        let mut merged: Option<(i64, i64)> = None;
        for (from, to) in ranges {
            match &mut merged {
                Some((_, end)) if from <= *end => *end = to.max(*end),
                _ => {
                    pieces.extend(merged.into_iter().flat_map(|range| days(series_id, range)));
                    merged = Some((from, to));
                }
            }
        }
        pieces.extend(merged.into_iter().flat_map(|range| days(series_id, range)));
    }
    pieces.sort_unstable();
    (pieces, above.into_values().collect())
}

fn days(series_id: SeriesId, (from, to): (i64, i64)) -> impl Iterator<Item = Piece> {
    (from.div_euclid(DAY)..=(to - 1).div_euclid(DAY)).map(move |day| Piece {
        day,
        series_id,
        from: from.max(day * DAY),
        to: to.min((day + 1) * DAY),
    })
}

/// The whole units that these pieces touch, each once.
pub(super) fn widened(pieces: &[Piece], unit: i64) -> Vec<Piece> {
    let mut wide: Vec<Piece> = Vec::new();
    for piece in pieces {
        let (from, to) = (floor(piece.from, unit), ceil(piece.to, unit));
        match wide.last_mut() {
            Some(last) if (last.day, last.series_id) == (piece.day, piece.series_id) && from <= last.to => {
                last.to = to.max(last.to);
            }
            _ => wide.push(Piece { from, to, ..*piece }),
        }
    }
    wide
}

impl Piece {
    /// As the log has it.
    pub fn entry(&self) -> Entry {
        Entry {
            series_id: self.series_id,
            from: Micros(self.from),
            to: Micros(self.to - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(series_id: SeriesId, from: i64, to: i64) -> Entry {
        Entry {
            series_id,
            from: Micros(from),
            to: Micros(to),
        }
    }

    #[test]
    fn entries_become_whole_minutes_once_cut_at_days_and_at_the_edge() {
        let edge = Micros(DAY + 5 * MINUTE);
        let entries = [
            entry(2, DAY - MINUTE - 1, DAY),
            entry(1, 5, 7),
            entry(1, MINUTE - 1, MINUTE - 1),
            entry(1, 3 * MINUTE, edge.0 + 9),
            entry(2, edge.0, edge.0),
        ];
        let piece = |day, series_id, from: i64, to: i64| Piece {
            day,
            series_id,
            from: from * MINUTE,
            to: to * MINUTE,
        };
        let (pieces, later) = split(&entries, edge);
        let expected = [
            piece(0, 1, 0, 1),
            piece(0, 1, 3, 1440),
            piece(0, 2, 1438, 1440),
            piece(1, 1, 1440, 1445),
            piece(1, 2, 1440, 1441),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(later, [entry(1, edge.0, edge.0 + 9), entry(2, edge.0, edge.0)]);
        assert_eq!(
            widened(&pieces[..3], HOUR),
            [piece(0, 1, 0, 1440), piece(0, 2, 1380, 1440)]
        );
    }
}
