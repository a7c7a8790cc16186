//! Largest-Triangle-Three-Buckets, and the same after a preselection of minima and maxima.
//!
//! From the papers (Steinarsson 2013; Van Der Donckt and others 2023). It gives the same indices as the
//! Python package `tsdownsample`, also where the papers leave a choice: the mean time of a bucket is the
//! middle of its ends, and bins have equal width in x and include their upper edge.

use std::ops::Range;

/// Candidates that the preselection leaves for each point; the papers' own choice.
pub const RATIO: usize = 4;

/// How far a bin reaches beyond its computed edge, to absorb rounding.
const EDGE: f64 = 1e-12;

/// The ascending indices of `n` points that keep the line's look, with the first and the last; all if
/// there are no more. `x` ascends.
pub fn lttb(x: &[f64], y: &[f64], n: usize) -> Vec<usize> {
    let len = x.len().min(y.len());
    if n >= len {
        return (0..len).collect();
    }
    if n < 3 {
        return [0, len - 1].into_iter().take(n).collect();
    }
    let every = (len - 2) as f64 / (n - 2) as f64;
    // Bounds among the inner points; the first and the last point are buckets of their own.
    let bound = |bucket: usize| (every * bucket as f64) as usize + 1;
    let mut kept = Vec::with_capacity(n);
    let mut last = 0;
    kept.push(last);
    for bucket in 0..n - 2 {
        let here = bound(bucket)..bound(bucket + 1);
        let next = here.end..bound(bucket + 2).min(len);
        let mean = y[next.clone()].iter().sum::<f64>() / next.len() as f64;
        let middle = (x[next.start] + x[next.end - 1]) / 2.0;
        // Twice the area of the triangle is |dx * y + dy * x - offset|.
        let (dx, dy) = (x[last] - middle, mean - y[last]);
        let offset = dx * y[last] + dy * x[last];
        let mut largest = -1.0;
        for at in here {
            let area = (dx * y[at] + dy * x[at] - offset).abs();
            if area > largest {
                (largest, last) = (area, at);
            }
        }
        kept.push(last);
    }
    kept.push(len - 1);
    kept
}

/// [`lttb`] of the minima and maxima of `n * ratio / 2` bins, if there are more than `ratio` points for
/// each wanted one. The first index of a bin with equal values may come twice.
pub fn min_max_lttb(x: &[f64], y: &[f64], n: usize, ratio: usize) -> Vec<usize> {
    let len = x.len().min(y.len());
    if n < 3 || len / n <= ratio {
        return lttb(x, y, n);
    }
    let mut candidates = vec![0];
    min_max(&x[1..len - 1], &y[1..len - 1], n * ratio, |at| {
        candidates.push(at + 1);
    });
    candidates.push(len - 1);
    let of = |values: &[f64]| -> Vec<f64> { candidates.iter().map(|at| values[*at]).collect() };
    let kept = lttb(&of(x), &of(y), n);
    kept.into_iter().map(|at| candidates[at]).collect()
}

/// The lowest and the highest point of each of `n / 2` bins, in the order of time.
fn min_max(x: &[f64], y: &[f64], n: usize, mut take: impl FnMut(usize)) {
    if n >= x.len() {
        return (0..x.len()).for_each(take);
    }
    for bin in bins(x, n / 2) {
        if bin.len() <= 2 {
            bin.for_each(&mut take);
            continue;
        }
        let (low, high) = extremes(&y[bin.clone()]);
        take(bin.start + low.min(high));
        take(bin.start + low.max(high));
    }
}

/// The indices of each bin of equal width; empty bins are left out.
fn bins(x: &[f64], count: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    let (first, last, parts) = (x[0], x[x.len() - 1], count as f64);
    let width = last / parts - first / parts;
    let mut start = 0;
    (1..=count).filter_map(move |bin| {
        // In two halves, so that no product overflows.
        let half = width * (bin as f64 / 2.0);
        let edge = first + half + half + EDGE;
        if x.get(start).is_none_or(|x| *x >= edge) {
            return None;
        }
        let end = start + x[start..].partition_point(|x| *x <= edge);
        let bin = start..end;
        start = end;
        Some(bin)
    })
}

/// Where the lowest and the highest value stand; the first of equal ones.
pub(super) fn extremes(values: &[f64]) -> (usize, usize) {
    let (mut low, mut high) = (0, 0);
    for (at, value) in values.iter().enumerate() {
        if *value < values[low] {
            low = at;
        }
        if *value > values[high] {
            high = at;
        }
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::data::Micros;

    fn read(path: &str) -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(root.join(path)).unwrap()
    }

    /// Seconds and values of one of the demo's series.
    fn series(name: &str) -> (Vec<f64>, Vec<f64>) {
        let text = read(&format!("demo/{name}.csv"));
        let point = |line: &str| {
            let (time, value) = line.split_once(',').unwrap();
            let time = Micros::from_rfc3339(&format!("{}Z", time.replace(' ', "T"))).unwrap();
            ((time.0 / 1_000_000) as f64, value.parse::<f64>().unwrap())
        };
        text.lines().skip(1).map(point).unzip()
    }

    #[test]
    fn real_series_are_thinned_to_the_points_that_tsdownsample_chooses() {
        let golden: Value = serde_json::from_str(&read("tests/api/tsdownsample.json")).unwrap();
        let cases = golden.as_array().unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            let (x, y) = series(case["series"].as_str().unwrap());
            let number = |name: &str| case[name].as_u64().map(|n| usize::try_from(n).unwrap());
            let n = number("n").unwrap();
            let got = match number("ratio") {
                None => lttb(&x, &y, n),
                Some(ratio) => min_max_lttb(&x, &y, n, ratio),
            };
            let indices = case["indices"].as_array().unwrap();
            let wanted: Vec<u64> = indices.iter().map(|at| at.as_u64().unwrap()).collect();
            let got: Vec<u64> = got.into_iter().map(|at| at as u64).collect();
            assert_eq!(got, wanted, "{} {n} {}", case["series"], case["ratio"]);
        }
    }

    proptest! {
        #[test]
        fn any_line_keeps_its_ends_and_at_most_so_many_points(
            steps in prop::collection::vec((0u32..50, -5i32..5), 0..400), n in 0usize..60, ratio in 1usize..5,
        ) {
            let mut now = 0;
            let x: Vec<f64> = steps.iter().map(|(step, _)| { now += step; f64::from(now) }).collect();
            let y: Vec<f64> = steps.iter().map(|(_, y)| f64::from(*y)).collect();
            for kept in [lttb(&x, &y, n), min_max_lttb(&x, &y, n, ratio * 2)] {
                prop_assert_eq!(kept.len(), n.min(x.len()));
                prop_assert!(kept.is_sorted());
                if n > 1 {
                    prop_assert_eq!(kept.first(), (!x.is_empty()).then_some(&0));
                    prop_assert_eq!(kept.last().copied(), x.len().checked_sub(1));
                }
            }
        }
    }
}
