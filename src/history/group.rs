//! Merges the lines of many series to one line for each group.

use std::collections::BTreeMap;

use super::question::{Across, Group};
use crate::data::{Columns, Micros, Series, StoredSeries, Sum};

impl Group {
    /// One line for each group with lines, in order of their keys. It has a row wherever one of its
    /// series has one.
    pub fn apply<'a>(
        &self,
        lines: impl IntoIterator<Item = (&'a StoredSeries, Columns)>,
    ) -> Vec<(Series, Columns)> {
        let mut groups: BTreeMap<Vec<&str>, (Option<&str>, Vec<Columns>)> = BTreeMap::new();
        for (of, line) in lines {
            let metric = &*of.series.metric;
            let labels = self
                .by
                .iter()
                .map(|name| of.series.label(name).unwrap_or_default());
            let (common, members) = groups
                .entry(labels.collect())
                .or_insert_with(|| (Some(metric), Vec::new()));
            *common = common.filter(|common| *common == metric);
            members.push(line);
        }
        let named = |(values, (metric, members)): (Vec<&str>, (Option<&str>, Vec<Columns>))| {
            let labels = self.by.iter().map(String::as_str).zip(values);
            (
                Series::new(metric.unwrap_or_default(), labels),
                self.across.merge(&members),
            )
        };
        let mut groups: Vec<_> = groups.into_iter().map(named).collect();
        groups.sort_by(|(a, _), (b, _)| a.key.cmp(&b.key));
        groups
    }
}

impl Across {
    fn merge(self, lines: &[Columns]) -> Columns {
        let columns = lines.first().map_or(0, |line| line.columns.len());
        let mut rows: BTreeMap<Micros, Vec<Merged>> = BTreeMap::new();
        for line in lines {
            for (at, ts) in line.times.iter().enumerate() {
                let row = rows
                    .entry(*ts)
                    .or_insert_with(|| vec![Merged::default(); columns]);
                for (merged, column) in row.iter_mut().zip(&line.columns) {
                    if let Some(value) = column[at] {
                        merged.add(value);
                    }
                }
            }
        }
        let mut line = Columns::new(columns);
        for (ts, row) in rows {
            line.push(ts, row.iter().map(|merged| merged.value(self)));
        }
        line
    }
}

#[derive(Clone, Copy, Debug)]
struct Merged {
    count: u32,
    sum: Sum,
    min: f64,
    max: f64,
}

impl Default for Merged {
    fn default() -> Self {
        Self {
            count: 0,
            sum: Sum::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Merged {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum.add(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// `None` without values, except for the count, and if a double cannot hold the sum.
    fn value(&self, across: Across) -> Option<f64> {
        let value = match across {
            Across::Sum => self.sum.total()?,
            Across::Avg => self.sum.mean(f64::from(self.count), self.min, self.max),
            Across::Min => self.min,
            Across::Max => self.max,
            Across::Count => return Some(f64::from(self.count)),
        };
        Some(value).filter(|value| self.count > 0 && value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn series(metric: &str, labels: &[(&str, &str)]) -> StoredSeries {
        let labels = labels.iter().copied();
        StoredSeries {
            id: 1,
            series: Arc::new(Series::new(metric, labels)),
        }
    }

    fn line(points: &[(i64, Option<f64>)]) -> Columns {
        let mut line = Columns::new(1);
        for (ts, value) in points {
            line.push(Micros(*ts), [*value]);
        }
        line
    }

    fn by(names: &[&str], across: Across) -> Group {
        let by = names.iter().map(ToString::to_string).collect();
        Group { by, across }
    }

    #[test]
    fn series_that_agree_in_the_labels_become_one_line_and_a_missing_label_is_empty() {
        let members = [
            series("t", &[("site", "a"), ("host", "1")]),
            series("t", &[("site", "a"), ("host", "2")]),
            series("t", &[("site", "b")]),
            series("u", &[("site", "b")]),
            series("t", &[("host", "3")]),
        ];
        let lines = || members.iter().map(|of| (of, line(&[(0, Some(1.0))])));
        let groups = by(&["site"], Across::Count).apply(lines());
        let keys: Vec<_> = groups
            .iter()
            .map(|(group, line)| (&*group.key, line.columns[0][0]))
            .collect();
        assert_eq!(
            keys,
            [
                (r#"t{site=""}"#, Some(1.0)),
                (r#"t{site="a"}"#, Some(2.0)),
                // Of two metrics.
                (r#"{site="b"}"#, Some(2.0)),
            ]
        );
        let all = by(&[], Across::Sum).apply(lines());
        assert_eq!(
            (all.len(), &*all[0].0.key, all[0].1.columns[0][0]),
            (1, "{}", Some(5.0))
        );
    }

    #[test]
    fn a_series_without_a_value_in_a_bucket_does_not_count_there() {
        let (a, b) = (series("t", &[("site", "a")]), series("t", &[("site", "b")]));
        let lines = || {
            [
                (&a, line(&[(0, Some(1.0)), (10, Some(-2.0))])),
                (&b, line(&[(10, Some(4.0)), (20, None)])),
            ]
        };
        let merged = |across| by(&[], across).apply(lines()).remove(0).1;
        assert_eq!(merged(Across::Sum).times, [Micros(0), Micros(10), Micros(20)]);
        for (across, values) in [
            (Across::Sum, [Some(1.0), Some(2.0), None]),
            (Across::Avg, [Some(1.0), Some(1.0), None]),
            (Across::Min, [Some(1.0), Some(-2.0), None]),
            (Across::Max, [Some(1.0), Some(4.0), None]),
            (Across::Count, [Some(1.0), Some(2.0), Some(0.0)]),
        ] {
            assert_eq!(merged(across).columns, [values.to_vec()], "{across:?}");
        }
    }

    proptest! {
        #[test]
        fn grouping_by_a_label_all_differ_in_changes_nothing(
            lines in prop::collection::vec(prop::collection::btree_map(0i64..50, -9.0..9.0, 1..20), 1..6),
        ) {
            let members: Vec<_> = (0..lines.len()).map(|n| series("t", &[("n", &n.to_string())])).collect();
            let lines: Vec<_> = lines
                .iter()
                .map(|points| line(&points.iter().map(|(ts, value)| (*ts, Some(*value))).collect::<Vec<_>>()))
                .collect();
            for across in [Across::Sum, Across::Avg, Across::Min, Across::Max] {
                let groups = by(&["n"], across).apply(members.iter().zip(lines.clone()));
                let same: Vec<_> = groups.into_iter().map(|(_, line)| line).collect();
                prop_assert_eq!(&same, &lines);
            }
        }
    }
}
