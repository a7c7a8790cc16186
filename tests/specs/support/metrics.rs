//! Reads the text of `/metrics`.

/// The sum of the samples of this name whose labels contain `label`.
///
/// # Panics
/// When no family declares the name: a misspelt metric must not read as zero.
pub fn sum(text: &str, name: &str, label: &str) -> f64 {
    assert!(is_declared(text, name), "no metric is called {name}:\n{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(sample, _)| sample.split('{').next() == Some(name) && sample.contains(label))
        .map(|(sample, value)| {
            value
                .parse::<f64>()
                .unwrap_or_else(|_| panic!("{sample} {value}"))
        })
        .sum()
}

/// A family with labels is not in the text before it has a sample; where it is registered names it.
const REGISTERED: &str = include_str!("../../../src/telemetry/metrics.rs");

fn is_declared(text: &str, name: &str) -> bool {
    let declared = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let is_in_text = declared
        .filter_map(|line| line.split_once(' '))
        .any(|(family, kind)| {
            let suffixes: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            name.strip_prefix(family)
                .is_some_and(|suffix| suffixes.contains(&suffix))
        });
    let short = name.trim_start_matches("streamsync_").trim_end_matches("_total");
    let registered: String = REGISTERED.split_whitespace().collect();
    is_in_text || registered.contains(&format!(",\"{short}\","))
}

#[test]
fn a_metric_is_the_sum_of_its_own_samples_and_zero_only_where_it_is_declared() {
    let text =
        "# TYPE a counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_b 9\n# TYPE c gauge\n# EOF\n";
    assert_eq!(sum(text, "a_total", ""), 5.0);
    assert_eq!(sum(text, "a_total", "x=\"2\""), 3.0);
    assert_eq!(sum(text, "c", ""), 0.0);
    assert_eq!(sum(text, "streamsync_dead_letters_total", ""), 0.0);
    for misspelt in ["a", "a_totals", "d"] {
        assert!(
            std::panic::catch_unwind(|| sum(text, misspelt, "")).is_err(),
            "{misspelt}"
        );
    }
}
