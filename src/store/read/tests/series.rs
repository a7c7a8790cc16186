//! Selectors through SQL and Rust together select what `Selector::matches` selects.

use super::*;
use crate::store::migrate::migrate;

fn many() -> Vec<Series> {
    let mut all = Vec::new();
    for n in 0..2_500 {
        let site = format!("site-{}", n % 7);
        all.push(Series::new("cpu", [("host", format!("h{n}")), ("site", site)]));
    }
    all.push(Series::new("cpu", [("host", "line\nbreak"), ("site", "")]));
    all.push(Series::new("cpu_total", [("host", "h1")]));
    all.push(Series::new("cpuXtotal", Vec::<(String, String)>::new()));
    all.push(Series::new("100%", [("host", "it's \"q\" \\")]));
    all
}

#[tokio::test]
async fn any_selector_selects_the_same_series_as_a_plain_filter_and_pages_visit_each_once() {
    let world = World::new().await;
    let all = many();
    world.add_series(&all).await;
    use MatchOp::{Equal, Matches, NotEqual, NotMatches};
    let selectors = [
        selector(None, &[]),
        selector(Some("cpu"), &[("host", Matches, "h(1|22|2499)")]),
        selector(Some("cpu"), &[("host", Matches, "line.break")]),
        selector(
            None,
            &[("site", Equal, "site-3"), ("host", NotMatches, "h.*[02468]")],
        ),
        selector(None, &[("site", Equal, "")]),
        selector(None, &[("site", NotEqual, "")]),
        selector(None, &[("host", Equal, "h1")]),
        selector(None, &[("host", Equal, "h1"), ("host", Equal, "h2")]),
        selector(None, &[("host", Equal, "it's \"q\" \\")]),
        selector(Some("none"), &[]),
        selector(Some("nul\0"), &[]),
        selector(None, &[("host", Equal, "nul\0")]),
    ];
    for selector in &selectors {
        let mut expected: Vec<&str> = all
            .iter()
            .filter(|s| selector.matches(s))
            .map(|s| &*s.key)
            .collect();
        expected.sort_unstable();
        let mut seen: Vec<String> = Vec::new();
        loop {
            let after = seen.last().cloned();
            let page = world
                .reader
                .series(selector, after.as_deref(), 700)
                .await
                .unwrap();
            assert!(page.rows.len() <= 700);
            seen.extend(page.rows.iter().map(|s| s.series.key.to_string()));
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, expected, "{selector:?}");
    }
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_match_says_that_nothing_follows() {
    let world = World::new().await;
    let series: Vec<Series> = (0..3).map(|n| Series::new("m", [("n", n.to_string())])).collect();
    world.add_series(&series).await;
    let all = selector(None, &[]);
    let whole = world.reader.series(&all, None, 3).await.unwrap();
    assert_eq!((whole.rows.len(), whole.more), (3, false));
    let part = world.reader.series(&all, None, 2).await.unwrap();
    assert_eq!((part.rows.len(), part.more), (2, true));
}

#[tokio::test]
async fn more_matches_than_the_limit_are_an_error() {
    let limits = ReadLimits {
        series: 2,
        ..ReadLimits::default()
    };
    let world = World::with(limits).await;
    let series: Vec<Series> = (0..3).map(|n| Series::new("m", [("n", n.to_string())])).collect();
    world.add_series(&series).await;
    let answer = world.reader.matching(&selector(Some("m"), &[])).await;
    assert_eq!(answer, Err(ReadError::TooManySeries { limit: 2 }));
    let two = selector(Some("m"), &[("n", MatchOp::NotEqual, "1")]);
    assert_eq!(world.reader.matching(&two).await.unwrap().len(), 2);
}

#[tokio::test]
async fn metrics_are_found_by_prefix_whatever_it_contains() {
    let world = World::new().await;
    world.add_series(&many()).await;
    let names = async |prefix: &str| -> Vec<(String, i64)> {
        let rows = world
            .reader
            .metrics(
                &everything(),
                &MetricFilter {
                    prefix: prefix.to_owned(),
                    ..MetricFilter::default()
                },
            )
            .await
            .unwrap();
        rows.into_iter().map(|m| (m.text, m.series)).collect()
    };
    let named = |name: &str, n| (name.to_owned(), n);
    assert_eq!(names("cpu_").await, [named("cpu_total", 1)]);
    assert_eq!(names("100%").await, [named("100%", 1)]);
    assert_eq!(names("%").await, []);
    assert_eq!(names("nul\0").await, []);
    assert_eq!(names("cpu").await[0], named("cpu", 2_501));
}

#[tokio::test]
async fn keys_are_sorted_by_their_bytes_whatever_the_collation_of_the_database() {
    let server = Database::create().await;
    server
        .run("create database sorted_by_words template template0 locale_provider icu icu_locale 'en'")
        .await;
    let url = server.url.with_database("sorted_by_words");
    migrate(&url).await.unwrap();
    let db = Database {
        client: crate::store::connect::connect(&url).await.unwrap(),
        url,
    };
    assert_eq!(db.rows("select 'a' < 'B', 'a_1' < 'aA'").await, ["t|t"]);
    let reader = Reader::new(db.url.clone(), ReadLimits::default()).unwrap();
    let world = World { db, reader };
    let none = Vec::<(&str, &str)>::new;
    world
        .add_series(&["a", "aA", "B", "a_1"].map(|metric| Series::new(metric, none())))
        .await;
    let (all, mut keys) = (everything(), Vec::<String>::new());
    loop {
        let after = keys.last().cloned();
        let page = world.reader.series(&all, after.as_deref(), 1);
        let page = page.await.unwrap();
        keys.extend(page.rows.iter().map(|found| found.series.key.to_string()));
        if !page.more {
            break;
        }
    }
    assert_eq!(keys, ["B{}", "aA{}", "a_1{}", "a{}"]);
}
