//! What the rollups must say, computed from the points in plain Rust.

use std::collections::BTreeMap;

use crate::store::level::{self, round_down};
use crate::store::testing::batches::Node;

/// One bucket, or one row of a table.
#[derive(Clone, Debug)]
struct Bucket {
    count: usize,
    sum: Option<f64>,
    m2: Option<f64>,
    /// min, max, first, last.
    values: [f64; 4],
    min_at: i64,
    max_at: i64,
}

type Buckets = BTreeMap<(i32, i64), Bucket>;
/// Series, from, to.
type Dirty = Vec<(i32, i64, i64)>;

const MICROS: &str = "(extract(epoch from ts) * 1000000)::bigint";

/// The edge, and what of the time before it must not be trusted yet.
pub async fn edge_and_dirty(node: &Node) -> (i64, Dirty) {
    let edge = format!("select {} from rollup_edge", MICROS.replace("ts", "edge"));
    let edge = number(&node.db.rows(&edge).await[0]);
    let dirty = format!(
        "select s, {}, {} from invalidations, unnest(series_ids, from_ts, to_ts) r(s, f, t)",
        MICROS.replace("ts", "f"),
        MICROS.replace("ts", "t")
    );
    let dirty = node.db.rows(&dirty).await;
    let dirty = dirty.iter().map(|row| {
        let row: Vec<i64> = row.split('|').map(number).collect();
        (row[0] as i32, row[1], row[2])
    });
    (edge, dirty.collect())
}

/// Every bucket that a reader would trust equals what its points come to; there are no others.
pub async fn holds(node: &Node) {
    let (edge, dirty) = edge_and_dirty(node).await;
    let points = format!("select series_id, {MICROS}, value from points order by 1, 2");
    let points: Vec<(i32, i64, f64)> = node.db.rows(&points).await.iter().map(|row| point(row)).collect();
    for (table, step) in [
        ("rollup_1m", level::MINUTE),
        ("rollup_1h", level::HOUR),
        ("rollup_1d", level::DAY),
    ] {
        let is_valid = |(series, start): (i32, i64)| {
            let touches = |d: &&(i32, i64, i64)| d.0 == series && d.1 < start + step && d.2 >= start;
            start + step <= edge && !dirty.iter().any(|d| touches(&d))
        };
        let mut expected: BTreeMap<(i32, i64), Vec<(i64, f64)>> = BTreeMap::new();
        for (series, ts, value) in &points {
            let bucket = expected.entry((*series, round_down(*ts, step))).or_default();
            bucket.push((*ts, *value));
        }
        expected.retain(|at, _| is_valid(*at));
        let mut stored = stored(node, table).await;
        stored.retain(|at, _| is_valid(*at));
        let keys = |which: Vec<&(i32, i64)>| which.into_iter().copied().collect::<Vec<_>>();
        assert_eq!(
            keys(stored.keys().collect()),
            keys(expected.keys().collect()),
            "{table}"
        );
        for (stored, points) in stored.values().zip(expected.values()) {
            same(stored, points, table);
        }
    }
}

fn same(stored: &Bucket, points: &[(i64, f64)], table: &str) {
    let values = || points.iter().map(|(_, value)| *value);
    let (min, max) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let reached = |extreme: f64| points.iter().find(|(_, v)| *v == extreme).expect("it is one").0;
    let first_last = (points[0].1, points[points.len() - 1].1);
    let what = format!("{table}: {stored:?} of {points:?}");
    assert_eq!(stored.count, points.len(), "{what}");
    assert_eq!(stored.values, [min, max, first_last.0, first_last.1], "{what}");
    assert_eq!(
        (stored.min_at, stored.max_at),
        (reached(min), reached(max)),
        "{what}"
    );
    let largest = values().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    assert_eq!(stored.sum.is_none(), largest >= 1e290, "{what}");
    assert_eq!(stored.m2.is_none(), largest >= 1e140, "{what}");
    let n = points.len() as f64;
    if let Some(sum) = stored.sum {
        let scale: f64 = values().map(f64::abs).sum();
        assert!((sum - values().sum::<f64>()).abs() <= 1e-12 * scale, "{what}");
    }
    if let Some(m2) = stored.m2 {
        let mean = values().sum::<f64>() / n;
        let exact: f64 = values().map(|v| (v - mean).powi(2)).sum();
        // What a mean of these magnitudes cannot resolve is no error of the formula.
        let noise = values().map(|v| (v * 1e-15).powi(2)).sum::<f64>() + 1e-290;
        assert!((m2 - exact).abs() <= 1e-12 * exact + noise, "{exact} {what}");
    }
}

async fn stored(node: &Node, table: &str) -> Buckets {
    let query = format!(
        "select series_id, {MICROS}, count, sum, m2, min, max, first, last, {}, {} from {table}",
        MICROS.replace("ts", "min_at"),
        MICROS.replace("ts", "max_at")
    );
    let rows = node.db.rows(&query).await;
    let row = |row: &String| {
        let row: Vec<&str> = row.split('|').collect();
        let float = |at: usize| row[at].parse::<f64>().ok();
        let bucket = Bucket {
            count: number(row[2]) as usize,
            sum: float(3),
            m2: float(4),
            values: [5, 6, 7, 8].map(|at| float(at).expect("a number")),
            min_at: number(row[9]),
            max_at: number(row[10]),
        };
        ((number(row[0]) as i32, number(row[1])), bucket)
    };
    rows.iter().map(row).collect()
}

fn point(row: &str) -> (i32, i64, f64) {
    let row: Vec<&str> = row.split('|').collect();
    (
        number(row[0]) as i32,
        number(row[1]),
        row[2].parse().expect("a number"),
    )
}

fn number(text: &str) -> i64 {
    text.parse().expect("a whole number")
}
