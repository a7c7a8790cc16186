//! The value of buckets without points.

use super::question::Fill;
use crate::data::{Columns, Grid, Micros};

impl Fill {
    /// A row for each bucket of `grid` that overlaps `from..to`; `None` for more than `most`. `Previous`
    /// and `Linear` add no value before the first known one of a column, and `Linear` none after the
    /// last.
    pub fn apply(
        self,
        line: Columns,
        grid: &Grid,
        (from, to): (Micros, Micros),
        most: usize,
    ) -> Option<Columns> {
        if self == Self::None {
            return (line.len() <= most).then_some(line);
        }
        let starts: Vec<Micros> = grid.starts(from, to).take(most.saturating_add(1)).collect();
        if starts.len() > most {
            return None;
        }
        let mut rows = line.times.iter().enumerate().peekable();
        // For each bucket its row of the line, if there is one.
        let rows: Vec<Option<usize>> = starts
            .iter()
            .map(|start| rows.next_if(|(_, ts)| *ts == start).map(|(row, _)| row))
            .collect();
        let column = |column: &Vec<Option<f64>>| self.column(column, &starts, &rows);
        let columns = line.columns.iter().map(column).collect();
        Some(Columns {
            times: starts,
            columns,
        })
    }

    fn column(self, known: &[Option<f64>], times: &[Micros], rows: &[Option<usize>]) -> Vec<Option<f64>> {
        let values: Vec<Option<f64>> = rows.iter().map(|row| known[(*row)?]).collect();
        match self {
            Self::None | Self::Null => values,
            Self::Value(value) => {
                let fill = |(known, row): (&Option<f64>, &Option<usize>)| match row {
                    None => Some(value),
                    Some(_) => *known,
                };
                values.iter().zip(rows).map(fill).collect()
            }
            Self::Previous => {
                let mut last = None;
                let fill = |(known, row): (&Option<f64>, &Option<usize>)| {
                    last = known.or(last);
                    if row.is_some() { *known } else { last }
                };
                values.iter().zip(rows).map(fill).collect()
            }
            Self::Linear => linear(values, times, rows),
        }
    }
}

fn linear(mut values: Vec<Option<f64>>, times: &[Micros], rows: &[Option<usize>]) -> Vec<Option<f64>> {
    let known: Vec<(usize, f64)> = values
        .iter()
        .enumerate()
        .filter_map(|(at, value)| Some((at, (*value)?)))
        .collect();
    for pair in known.windows(2) {
        let [(left, before), (right, after)] = [pair[0], pair[1]];
        let width = (times[right].0 - times[left].0) as f64;
        for at in left + 1..right {
            if rows[at].is_none() {
                let part = (times[at].0 - times[left].0) as f64 / width;
                // Two products: their sum is finite where the difference may not be.
                values[at] = Some(before * (1.0 - part) + after * part);
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::round_widths;

    fn grid() -> Grid {
        Grid::Even(round_widths::step(10).unwrap())
    }

    fn line(points: &[(i64, Option<f64>)]) -> Columns {
        let mut line = Columns::new(1);
        for (ts, value) in points {
            line.push(Micros(*ts), [*value]);
        }
        line
    }

    fn filled(fill: Fill, points: &[(i64, Option<f64>)]) -> Vec<Option<f64>> {
        let filled = fill.apply(line(points), &grid(), (Micros(5), Micros(61)), 100);
        filled.unwrap().columns.remove(0)
    }

    #[test]
    fn each_fill_says_what_stands_in_buckets_without_points() {
        // Of the buckets 0 to 60; in that of 50 points came to no value.
        let points = [(20, Some(2.0)), (40, Some(4.0)), (50, None)];
        let (two, three, four) = (Some(2.0), Some(3.0), Some(4.0));
        assert_eq!(filled(Fill::None, &points), [two, four, None]);
        assert_eq!(
            filled(Fill::Null, &points),
            [None, None, two, None, four, None, None]
        );
        assert_eq!(
            filled(Fill::Previous, &points),
            [None, None, two, two, four, None, four]
        );
        assert_eq!(
            filled(Fill::Linear, &points),
            [None, None, two, three, four, None, None]
        );
        let zero = Some(0.0);
        assert_eq!(
            filled(Fill::Value(0.0), &points),
            [zero, zero, two, zero, four, None, zero]
        );
    }

    #[test]
    fn buckets_of_different_lengths_are_filled_by_their_times() {
        let grid = Grid::Calendar([0, 10, 40, 50].map(Micros).into());
        let line = line(&[(0, Some(0.0)), (40, Some(8.0))]);
        let filled = Fill::Linear
            .apply(line, &grid, (Micros(0), Micros(50)), 9)
            .unwrap();
        assert_eq!(filled.times, [0, 10, 40].map(Micros));
        assert_eq!(filled.columns, [[Some(0.0), Some(2.0), Some(8.0)]]);
    }

    #[test]
    fn more_buckets_than_allowed_are_refused_before_they_are_made() {
        let span = (Micros(0), Micros(i64::MAX));
        assert_eq!(Fill::Null.apply(Columns::new(1), &grid(), span, 1_000), None);
        assert_eq!(
            Fill::None.apply(line(&[(0, None), (10, None)]), &grid(), span, 1),
            None
        );
    }

    proptest! {
        #[test]
        fn filling_keeps_what_is_known_and_stays_between_its_neighbours(
            points in prop::collection::btree_map(0i64..30, -9.0..9.0, 0..20),
            fill in prop::sample::select(vec![Fill::Null, Fill::Previous, Fill::Linear, Fill::Value(3.0)]),
        ) {
            let known: Vec<_> = points.iter().map(|(at, value)| (at * 10, Some(*value))).collect();
            let all = fill.apply(line(&known), &grid(), (Micros(0), Micros(300)), 30).unwrap();
            prop_assert_eq!(all.len(), 30);
            for (ts, value) in &known {
                prop_assert_eq!(all.columns[0][usize::try_from(ts / 10).unwrap()], *value);
            }
            for (at, value) in (0..).zip(&all.columns[0]) {
                let before = points.range(..=at).next_back().map(|(_, value)| *value);
                let after = points.range(at..).next().map(|(_, value)| *value);
                match (fill, before, after, value) {
                    (_, None, _, Some(_)) | (Fill::Linear, _, None, Some(_)) => prop_assert_eq!(fill, Fill::Value(3.0)),
                    (Fill::Linear, Some(a), Some(b), Some(value)) => {
                        prop_assert!((a.min(b) - 1e-9..=a.max(b) + 1e-9).contains(value));
                    }
                    (Fill::Previous, Some(a), _, value) => prop_assert_eq!(*value, Some(a)),
                    _ => {}
                }
            }
        }
    }
}
