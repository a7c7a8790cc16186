//! Postgres and Rust select the same series, whatever the catalogue, the question, the scope and the
//! collation of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::data::{Scope, Viewer};
use crate::store::connect::{connect, connect_to_read};
use crate::store::migrate::migrate;
use crate::store::read::{MetricFilter, ReadLimits, Reader};
use crate::store::tail::Tail;
use crate::store::testing::Database;

const NAMES: [&str; 5] = ["a", "b", "Größe %", METRIC_NAME, "it's"];
const VALUES: [&str; 9] = ["", "x", "X", "xy", "x%", "ß", "ss", "line\nbreak", "\\d \"q\""];
/// Values of equal matchers and expressions of others.
const ASKED: [&str; 14] = [
    "",
    "x",
    "X",
    "ß",
    "x%",
    "nul\0",
    "\\d \"q\"",
    ".*",
    ".+",
    "x.*",
    "(?i)x",
    "[a-zß]+|",
    "line.break",
    "m|N",
];
const METRICS: [&str; 5] = ["m", "M", "N", "m_1", "m%"];

fn catalogue() -> impl Strategy<Value = Vec<Series>> {
    let label = (prop::sample::select(&NAMES), prop::sample::select(&VALUES));
    let labels = prop::collection::vec(label, 0..4);
    let series =
        (prop::sample::select(&METRICS), labels).prop_map(|(metric, labels)| Series::new(metric, labels));
    prop::collection::vec(series, 1..120)
}

fn selector() -> impl Strategy<Value = Selector> {
    use MatchOp::{Equal, Matches, NotEqual, NotMatches, StartsWith};
    let op = prop::sample::select(vec![Equal, NotEqual, Matches, NotMatches, StartsWith]);
    let name = prop::sample::select(vec!["a", "b", "Größe %", METRIC_NAME, "it's", "none", "nul\0"]);
    let matcher = (name, op, prop::sample::select(&ASKED)).prop_map(|(name, op, value)| {
        // As an expression it stands for itself.
        let value = match (op, value) {
            (Matches | NotMatches, "nul\0" | "\\d \"q\"") => "x",
            (_, value) => value,
        };
        LabelMatcher::new(name.to_owned(), op, value.to_owned()).unwrap()
    });
    let metric = prop::option::weighted(0.4, prop::sample::select(vec!["m", "M", "m%", "none", "nul\0"]));
    (metric, prop::collection::vec(matcher, 0..3))
        .prop_map(|(metric, labels)| Selector::new(metric.map(str::to_owned), labels))
}

fn question() -> impl Strategy<Value = (Selector, Scope)> {
    let scope = prop_oneof![
        1 => Just(Scope::everything()),
        3 => prop::collection::vec(selector(), 0..4).prop_map(Scope::any_of),
    ];
    (selector(), scope, any::<bool>()).prop_map(|(selector, scope, has_all)| match has_all {
        true => {
            let wider = Selector::new(
                selector.metric.clone(),
                selector.labels[..selector.labels.len() / 2].to_vec(),
            );
            let others = scope.selectors().iter().cloned();
            (selector, Scope::any_of(others.chain([wider])))
        }
        false => (selector, scope),
    })
}

fn one<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

async fn of_collation(server: &Database, name: &str, how: &str) -> Database {
    server
        .run(&format!("create database {name} template template0 {how}"))
        .await;
    let url = server.url.with_database(name);
    migrate(&url).await.unwrap();
    let client = connect(&url).await.unwrap();
    Database { client, url }
}

async fn fill(db: &Database, catalogue: &[Series]) {
    db.run("truncate series restart identity").await;
    let unique: BTreeMap<&str, &Series> = catalogue.iter().map(|s| (&*s.key, s)).collect();
    for series in unique.values() {
        let insert = "insert into series (key, metric, labels, stream) values ($1, $2, $3::text::jsonb, 's')";
        db.client
            .execute(insert, &[&&*series.key, &&*series.metric, &series.labels_json()])
            .await
            .unwrap();
    }
}

fn counted<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, i64> {
    texts.fold(BTreeMap::new(), |mut counts, text| {
        *counts.entry(text).or_default() += 1;
        counts
    })
}

/// Everything that is told of the catalogue, by every way there is.
async fn agree(
    db: &Database,
    all: &BTreeSet<&str>,
    catalogue: &[Series],
    (selector, scope): (Selector, Scope),
    page: usize,
) {
    let reader = Reader::new(db.url.clone(), ReadLimits::default()).unwrap();
    let tail = Tail::new(db.url.clone(), 1);
    let mut unique: BTreeMap<&str, &Series> = catalogue.iter().map(|s| (&*s.key, s)).collect();
    assert_eq!(&unique.keys().copied().collect::<BTreeSet<_>>(), all);
    unique.retain(|_, series| selector.matches(series) && scope.matches(series));
    let scoped = &Viewer::of(scope).select(selector);
    let expected: Vec<&str> = unique.keys().copied().collect();

    let mut seen: Vec<String> = Vec::new();
    loop {
        let after = seen.last().cloned();
        let found = reader.series(scoped, after.as_deref(), page).await.unwrap();
        seen.extend(found.rows.iter().map(|found| found.series.key.to_string()));
        if !found.more {
            break;
        }
    }
    assert_eq!(seen, expected, "{scoped:?}");

    let names = tail.matching(scoped, 1_000).await.unwrap().unwrap();
    let keys: BTreeSet<&str> = names.values().map(|series| &*series.key).collect();
    assert_eq!(keys, expected.iter().copied().collect(), "{scoped:?}");
    if scoped.metric().is_some() {
        let together = [scoped.clone(), scoped.clone()];
        let found = tail.matching_together(&together, 1_000).await.unwrap().unwrap();
        assert_eq!(found, [Some(names.clone()), Some(names)], "{scoped:?}");
    }

    let told = |rows: Vec<crate::store::read::Counted>| -> Vec<(String, i64)> {
        rows.into_iter().map(|row| (row.text, row.series)).collect()
    };
    let wanted = |counts: BTreeMap<&str, i64>| -> Vec<(String, i64)> {
        let counts = counts.into_iter();
        counts.map(|(text, series)| (text.to_owned(), series)).collect()
    };
    let metrics = reader.metrics(scoped, &MetricFilter::default()).await.unwrap();
    let expected = counted(unique.values().map(|series| &*series.metric));
    assert_eq!(told(metrics), wanted(expected), "{scoped:?}");
    let labels = || unique.values().flat_map(|series| &series.labels);
    let names = reader.labels(scoped, None, None).await.unwrap();
    assert_eq!(
        told(names),
        wanted(counted(labels().map(|(name, _)| &**name))),
        "{scoped:?}"
    );
    let values = reader.label_values("a", scoped, None, None).await.unwrap();
    let of_a = labels()
        .filter(|(name, _)| &**name == "a")
        .map(|(_, value)| &**value);
    assert_eq!(told(values), wanted(counted(of_a)), "{scoped:?}");
}

#[tokio::test]
async fn postgres_and_rust_select_the_same_series_in_every_collation() {
    let server = Database::create().await;
    let databases = [
        of_collation(&server, "by_bytes", "locale 'C'").await,
        of_collation(
            &server,
            "by_words",
            "locale_provider icu icu_locale 'de-u-ks-level2'",
        )
        .await,
    ];
    let mut runner = TestRunner::default();
    for db in &databases {
        for _ in 0..6 {
            let catalogue = one(&mut runner, &catalogue());
            fill(db, &catalogue).await;
            let all: BTreeSet<&str> = catalogue.iter().map(|series| &*series.key).collect();
            for _ in 0..25 {
                let question = one(&mut runner, &question());
                agree(db, &all, &catalogue, question, one(&mut runner, &(1..50usize))).await;
            }
        }
    }
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = BigInt)]
    asked: i64,
}

#[tokio::test]
async fn the_usual_look_up_is_prepared_once_and_others_leave_nothing_behind() {
    use MatchOp::{Equal, Matches, NotEqual};
    use diesel_async::RunQueryDsl;

    let db = Database::create().await;
    let client = connect_to_read(&db.url, Duration::from_secs(10)).await.unwrap();
    let mut conn = AsyncPgConnection::try_from(client).await.unwrap();
    // How often each statement that the connection keeps was asked.
    const KEPT: &str = "select custom_plans as asked from pg_prepared_statements
        where statement like '%from series where%' and statement not like '%pg_prepared%'";
    let mut kept_after = async |scoped: &[Scoped]| {
        for (wanted, scoped) in scoped.iter().enumerate() {
            let statement = Walk::new(scoped, None).next(wanted).unwrap();
            let found: Vec<SeriesRow> = statement.load(&mut conn).await.unwrap();
            assert!(found.is_empty());
        }
        let kept: Vec<Kept> = diesel::sql_query(KEPT).load(&mut conn).await.unwrap();
        kept.into_iter().map(|kept| kept.asked).collect::<Vec<_>>()
    };
    let selector = |metric, labels: &[_]| Selector::of(Some(metric), labels);
    let all = |selector| Viewer::operator().select(selector);
    let scope = Scope::any_of([selector("m", &[("a", Equal, "x")])]);
    let usual = [
        all(selector("m", &[("a", Equal, "x")])),
        all(selector("n", &[("b", Equal, "y"), ("c", Equal, "z")])),
        all(selector("n", &[("b", Equal, "y"), ("c", Matches, "z.*")])),
        // The scope has all that is asked for.
        Viewer::of(scope.clone()).select(selector("m", &[("a", Equal, "x"), ("b", Equal, "y")])),
    ];
    assert_eq!(kept_after(&usual).await, [4]);
    let unusual = [
        all(selector("m", &[("a", NotEqual, "x")])),
        all(selector("m", &[("a", Equal, "")])),
        all(selector("m", &[("a", Equal, "x"), ("a", Equal, "y")])),
        Viewer::of(scope).select(selector("m", &[("b", Equal, "y")])),
    ];
    assert_eq!(kept_after(&unusual).await, [4]);
}
