//! Folding against its definition: of each time the last value, then the newest, least, greatest or
//! mean of those.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::data::{Micros, Series};

const FOLDS: [Fold; 4] = [Fold::Newest, Fold::Min, Fold::Max, Fold::Mean];

fn series(id: SeriesId) -> StoredSeries {
    StoredSeries {
        id,
        series: Arc::new(Series::new("m", [("id", id.to_string())])),
    }
}

fn point(ts: i64, value: f64) -> StoredPoint {
    StoredPoint {
        series: 0,
        ts: Micros(ts),
        value,
        partition_id: 1,
        offset: 0,
    }
}

/// One series' points, each with the number of others it stands for.
fn folded(fold: Fold, points: &[(i64, f64)]) -> (i64, f64, u64) {
    let mut folding = Folding::new(fold);
    for (ts, value) in points {
        folding.add(1, &series(1), &point(*ts, *value));
    }
    only(&folding.finish())
}

fn only(selected: &Selected) -> (i64, f64, u64) {
    assert_eq!(selected.len(), 1);
    let point = selected.points().next().unwrap();
    (point.ts.0, point.value, selected.conflated)
}

/// The definition.
fn wanted(fold: Fold, points: &[(i64, f64)]) -> (i64, f64, u64) {
    let last: BTreeMap<i64, f64> = points.iter().copied().collect();
    let newest = last.last_key_value().map(|(ts, value)| (*ts, *value)).unwrap();
    let of = |wanted: f64| {
        let found = last.iter().rev().find(|(_, value)| **value == wanted);
        found.map(|(ts, value)| (*ts, *value)).unwrap()
    };
    let (ts, value) = match fold {
        Fold::Newest => newest,
        Fold::Min => of(last.values().copied().fold(f64::INFINITY, f64::min)),
        Fold::Max => of(last.values().copied().fold(f64::NEG_INFINITY, f64::max)),
        Fold::Mean => (newest.0, last.values().sum::<f64>() / last.len() as f64),
    };
    (ts, value, points.len() as u64 - 1)
}

#[test]
fn each_fold_gives_its_point_and_how_many_others_it_stands_for() {
    let points = [(1, 5.0), (2, 2.0), (4, 9.0), (3, 2.0), (5, 7.0)];
    assert_eq!(folded(Fold::Newest, &points), (5, 7.0, 4));
    assert_eq!(folded(Fold::Min, &points), (3, 2.0, 4));
    assert_eq!(folded(Fold::Max, &points), (4, 9.0, 4));
    assert_eq!(folded(Fold::Mean, &points), (5, 5.0, 4));
    for fold in FOLDS {
        assert_eq!(folded(fold, &[(1, 5.0)]), (1, 5.0, 0));
    }
}

#[test]
fn a_corrected_value_counts_no_more() {
    let points = [(1, -50.0), (2, 90.0), (3, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)];
    assert_eq!(folded(Fold::Newest, &points), (3, 4.0, 5));
    assert_eq!(folded(Fold::Min, &points), (1, 2.0, 5));
    assert_eq!(folded(Fold::Max, &points), (3, 4.0, 5));
    assert_eq!(folded(Fold::Mean, &points), (3, 3.0, 5));
}

#[test]
fn means_neither_drift_nor_overflow() {
    let tenths: Vec<_> = (0..100_000).map(|ts| (ts, 0.1)).collect();
    assert_eq!(folded(Fold::Mean, &tenths).1, 0.1);
    for n in 1..30 {
        assert_eq!(folded(Fold::Mean, &tenths[..n]).1, 0.1, "{n} values");
    }
    let cancelling = [(1, 1e100), (2, 1.0), (3, -1e100), (4, 1.0)];
    assert_eq!(folded(Fold::Mean, &cancelling).1, 0.5);
    let huge: Vec<_> = (0..7).map(|ts| (ts, f64::MAX)).collect();
    assert!((folded(Fold::Mean, &huge).1 / f64::MAX - 1.0).abs() < 1e-15);
    let both = [(1, f64::MAX), (2, f64::MAX), (3, f64::MIN), (4, f64::MIN)];
    assert_eq!(folded(Fold::Mean, &both).1, 0.0);
}

#[test]
fn stored_points_are_folded_by_their_own_times() {
    let stored = Stored {
        ranges: Vec::new(),
        series: vec![series(7), series(8)],
        points: [(0, -1), (0, 0), (1, 5), (0, 999), (0, 1_000), (1, 7)]
            .map(|(series, ts)| StoredPoint {
                series,
                ..point(ts, ts as f64)
            })
            .to_vec(),
    };
    let selected = page(
        &Selected::all(Page::new(stored.into())),
        Duration::from_millis(1),
        Fold::Min,
    );
    let got: Vec<_> = selected
        .points()
        .map(|p| (selected.series(p).id, p.ts.0))
        .collect();
    assert_eq!(got, [(7, -1), (7, 0), (8, 5), (7, 1_000)]);
    assert_eq!((&selected.folded[..], selected.conflated), (&[0, 1, 1, 0][..], 2));
}

#[test]
fn what_was_forgotten_still_counts_but_cannot_be_corrected() {
    let mut folding = Folding::new(Fold::Mean);
    for (ts, value) in [(1, 1.0), (2, 2.0), (3, 6.0)] {
        folding.add(1, &series(1), &point(ts, value));
        folding.shrink(0);
    }
    assert_eq!(folding.values_bytes, 0);
    // The value 2.0 stays, and 7.0 is one more.
    folding.add(1, &series(1), &point(2, 7.0));
    assert_eq!(only(&folding.finish()), (3, 4.0, 3));
}

proptest! {
    #[test]
    fn folding_is_what_it_is_defined_to_be(
        points in prop::collection::vec((0i64..12, -8i32..8), 1..60),
        most in prop_oneof![Just(usize::MAX), 300usize..2_000],
    ) {
        let points: Vec<_> = points.iter().map(|(ts, value)| (*ts, f64::from(*value))).collect();
        for fold in FOLDS {
            let mut folding = Folding::new(fold);
            for (ts, value) in &points {
                folding.add(1, &series(1), &point(*ts, *value));
                // Twelve times fit into half of the least, so nothing has to be forgotten.
                folding.shrink(most.max(2 * 16 * 16));
            }
            let (ts, value, others) = only(&folding.finish());
            let (wanted_ts, wanted_value, wanted_others) = wanted(fold, &points);
            prop_assert_eq!((ts, others), (wanted_ts, wanted_others));
            prop_assert!((value - wanted_value).abs() < 1e-12, "{:?}: {} {}", fold, value, wanted_value);
        }
    }

    /// However little memory there is: the least and the greatest of all that never was corrected.
    #[test]
    fn forgetting_changes_nothing_as_long_as_nothing_is_corrected(
        values in prop::collection::vec(-1e6..1e6f64, 1..200),
        most in 0usize..400,
    ) {
        let points: Vec<_> = (0..).zip(values).collect();
        for fold in FOLDS {
            let mut folding = Folding::new(fold);
            for (ts, value) in &points {
                folding.add(1, &series(1), &point(*ts, *value));
                folding.shrink(most);
                prop_assert!(folding.values_bytes <= most);
            }
            let (ts, value, others) = only(&folding.finish());
            let (wanted_ts, wanted_value, wanted_others) = wanted(fold, &points);
            prop_assert_eq!((ts, others), (wanted_ts, wanted_others));
            prop_assert!((value - wanted_value).abs() < 1e-6, "{:?}: {} {}", fold, value, wanted_value);
        }
    }
}
