//! Metrics, labels and values that are looked for, each with the series that plain Rust counts.

use super::super::Search;
use super::*;

/// Names and values with what SQL, LIKE and regular expressions take for their own.
fn shop() -> Vec<Series> {
    let mut all = Vec::new();
    for n in 0..60 {
        let site = [
            "Köln",
            "KÖLN-2",
            "50%",
            "50",
            "a_b",
            "aXb",
            "[x]",
            "x\\d",
            "line\nbreak",
        ][n % 9];
        let mut labels = vec![("host", format!("Host-{n}")), ("site", site.to_owned())];
        if n % 4 == 0 {
            labels.push(("Größe_%", format!("g{}", n % 3)));
        }
        all.push(Series::new(["cpu_Total", "CPU_idle", "heat%"][n % 3], labels));
    }
    all.push(Series::new("bare", Vec::<(String, String)>::new()));
    all
}

fn selectors() -> Vec<Scoped> {
    use MatchOp::{Equal, Matches, NotEqual, NotMatches};
    vec![
        selector(None, &[]),
        selector(Some("cpu_Total"), &[]),
        selector(None, &[("site", Equal, "50%")]),
        selector(None, &[("site", Equal, "50%"), ("site", Equal, "50")]),
        selector(None, &[("Größe_%", Equal, "")]),
        selector(None, &[("Größe_%", NotEqual, "g1"), ("site", NotEqual, "nul\0")]),
        selector(
            None,
            &[("host", Matches, "Host-[1-3]."), ("site", NotMatches, "50.*")],
        ),
        selector(None, &[("site", Matches, "line.break|")]),
        selector(
            None,
            &[
                ("__name__", Matches, "(?i)cpu.*"),
                ("__name__", NotEqual, "CPU_idle"),
            ],
        ),
        selector(None, &[("__name__", Equal, "heat%")]),
        selector(None, &[("nul\0", NotEqual, "x")]),
        selector(None, &[("nul\0", Matches, "x")]),
        selector(None, &[("host", Equal, "nul\0")]),
        selector(Some("none"), &[]),
    ]
}

const SEARCHES: [&str; 16] = [
    "host", "HOST-1", "ö", "KÖ", "%", "_", "50%", "[", "]", "\\", ".", "\n", "größe", "x\\D", "nul\0", "none",
];

fn contains(text: &str, search: Option<&str>) -> bool {
    search.is_none_or(|search| text.to_lowercase().contains(&search.to_lowercase()))
}

fn counted<'a>(texts: impl Iterator<Item = &'a str>, search: Option<&str>) -> Vec<(String, i64)> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for text in texts.filter(|text| contains(text, search)) {
        *counts.entry(text.to_owned()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn seen(rows: Vec<super::super::Counted>) -> Vec<(String, i64)> {
    rows.into_iter().map(|row| (row.text, row.series)).collect()
}

#[tokio::test]
async fn any_selector_and_any_search_find_what_a_plain_count_finds() {
    let world = World::new().await;
    let all = shop();
    world.add_series(&all).await;
    let searches: Vec<Option<&str>> = [None].into_iter().chain(SEARCHES.map(Some)).collect();
    for selector in &selectors() {
        let matching: Vec<&Series> = all.iter().filter(|series| selector.matches(series)).collect();
        for search in &searches {
            let asked = search.map(Search::new);
            let names = matching.iter().flat_map(|series| series.labels.iter());
            let expected = counted(names.map(|(name, _)| &**name), *search);
            let labels = world.reader.labels(selector, asked.as_ref(), None).await.unwrap();
            assert_eq!(seen(labels), expected, "{selector:?} {search:?}");
            for name in ["site", "host", "Größe_%", "none", "nul\0"] {
                let values = matching.iter().filter_map(|series| series.label(name));
                let expected = counted(values, *search);
                let values = world
                    .reader
                    .label_values(name, selector, asked.as_ref(), None)
                    .await
                    .unwrap();
                assert_eq!(seen(values), expected, "{name} {selector:?} {search:?}");
            }
        }
    }
}

#[tokio::test]
async fn metrics_are_searched_beside_their_prefix_and_cut_at_the_first_so_many() {
    let world = World::new().await;
    let all = shop();
    world.add_series(&all).await;
    for search in SEARCHES
        .map(Some)
        .into_iter()
        .chain([None, Some("cpu"), Some("TOTAL")])
    {
        for prefix in ["", "cpu", "heat%", "nul\0"] {
            let metrics = all.iter().map(|series| &*series.metric);
            let expected = counted(metrics.filter(|metric| metric.starts_with(prefix)), search);
            let filter = MetricFilter {
                prefix: prefix.to_owned(),
                search: search.map(Search::new),
                first: None,
            };
            let found = seen(world.reader.metrics(&everything(), &filter).await.unwrap());
            assert_eq!(found, expected, "{prefix} {search:?}");
            let first = MetricFilter {
                first: Some(1),
                ..filter
            };
            let found = seen(world.reader.metrics(&everything(), &first).await.unwrap());
            assert_eq!(found, expected.into_iter().take(1).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn the_names_and_values_of_labels_come_sorted_by_their_bytes_and_once() {
    let world = World::new().await;
    world
        .add_series(&[
            Series::new("m", [("site", "b"), ("Zone", "1")]),
            Series::new("m", [("site", "a")]),
            Series::new("n", [("site", "a")]),
        ])
        .await;
    let all = selector(None, &[]);
    let names = world.reader.labels(&all, None, None).await.unwrap();
    assert_eq!(seen(names), [("Zone".to_owned(), 1), ("site".to_owned(), 3)]);
    let values = world.reader.label_values("site", &all, None, None).await.unwrap();
    assert_eq!(seen(values), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    for name in ["no\0", "none"] {
        let values = world.reader.label_values(name, &all, None, None).await.unwrap();
        assert_eq!(values, []);
    }
}

#[tokio::test]
async fn the_first_names_and_values_are_those_that_sort_first() {
    let world = World::new().await;
    world.add_series(&shop()).await;
    let all = selector(None, &[]);
    let names = world.reader.labels(&all, None, Some(2)).await.unwrap();
    assert_eq!(seen(names), [("Größe_%".to_owned(), 15), ("host".to_owned(), 60)]);
    let values = world
        .reader
        .label_values("site", &all, None, Some(1))
        .await
        .unwrap();
    assert_eq!(seen(values), [("50".to_owned(), 7)]);
}

#[tokio::test]
async fn a_regular_expression_that_meets_more_values_than_the_row_limit_is_refused() {
    let world = World::with_rows(10).await;
    world.add_series(&shop()).await;
    let many = selector(None, &[("host", MatchOp::Matches, "Host-1")]);
    let answer = world.reader.labels(&many, None, Some(10)).await;
    assert_eq!(answer, Err(ReadError::TooManyRows { limit: 10 }));
}

#[tokio::test]
async fn all_values_of_a_label_are_refused_beyond_the_row_limit() {
    let world = World::with_rows(59).await;
    world.add_series(&shop()).await;
    let all = selector(None, &[]);
    let values = world.reader.label_values("host", &all, None, None).await;
    assert_eq!(values, Err(ReadError::TooManyRows { limit: 59 }));
    let first = world.reader.label_values("host", &all, None, Some(59)).await;
    assert_eq!(first.unwrap().len(), 59);
}

/// `cargo test --release --lib a_hundred_thousand_series -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn what_is_looked_for_among_a_hundred_thousand_series_and_how_long_it_takes() {
    let world = World::new().await;
    world
        .db
        .run(
            "insert into series (key, metric, labels, stream)
             select metric || labels, metric, labels, 's' from (
                select 'metric_' || n % 50 as metric, jsonb_build_object('host', 'host-' || n / 50,
                    'region', 'region-' || n % 7, 'service', 'service-' || n / 50 % 200,
                    'instance', '10.0.' || n % 256 || '.' || n / 256) as labels
                from generate_series(0, 99999) n) s;
             analyze series",
        )
        .await;
    let reader = &world.reader;
    let all = selector(None, &[]);
    let one = selector(Some("metric_7"), &[]);
    let regex = selector(None, &[("region", MatchOp::Matches, "region-[1-3]")]);
    let (host, text) = (Search::new("HOST-1"), Search::new("10.0.12"));
    for (what, selector) in [("all", &all), ("a metric", &one), ("a regex", &regex)] {
        let mut took = BTreeMap::<&str, Vec<Duration>>::new();
        for _ in 0..40 {
            let mut note = |what, begun: std::time::Instant| {
                took.entry(what).or_default().push(begun.elapsed());
            };
            let begun = std::time::Instant::now();
            reader.labels(selector, None, Some(100)).await.unwrap();
            note("names", begun);
            let begun = std::time::Instant::now();
            reader
                .label_values("host", selector, Some(&host), Some(100))
                .await
                .unwrap();
            note("2,000 values, searched", begun);
            let begun = std::time::Instant::now();
            reader
                .label_values("instance", selector, Some(&text), Some(100))
                .await
                .unwrap();
            note("100,000 values, searched", begun);
            let begun = std::time::Instant::now();
            let filter = MetricFilter {
                search: Some(Search::new("RIC_1")),
                first: Some(100),
                ..MetricFilter::default()
            };
            reader.metrics(&everything(), &filter).await.unwrap();
            note("metrics, searched", begun);
        }
        for (asked, mut took) in took {
            took.sort_unstable();
            println!("{what}, {asked}: p50 {:?}, p95 {:?}", took[20], took[38]);
        }
    }
}
