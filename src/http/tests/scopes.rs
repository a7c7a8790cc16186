//! Every way in which data of series and streams leaves the server gives exactly what the viewer's role
//! allows, whatever the catalogue, the roles and the question, also after a role has changed.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::Error;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use self::client::{ask, get};
use self::random::{Ask, STREAMS, catalogue, encoded, grant};
use self::world::World;
use crate::data::Selector;

mod client;
mod exports;
mod live;
mod random;
mod world;

const VIEWERS: usize = 3;
const ROUNDS: usize = 6;
const SPAN: &str = r#"from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z""#;
/// A span without points that will not change any more, so that answers have a tag.
const OVER: &str = "/api/v1/points?from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z";

trait Server: Service<actix_http::Request, Response = ServiceResponse, Error = Error> {}
impl<S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>> Server for S {}

fn one<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// The texts at a path of names; `*` goes through a list.
fn texts(value: &Value, path: &str) -> Vec<String> {
    let Some((name, rest)) = path.split_once('.') else {
        let found = if path.is_empty() { value } else { &value[path] };
        return vec![
            found
                .as_str()
                .unwrap_or_else(|| panic!("{path} of {value}"))
                .to_owned(),
        ];
    };
    match name {
        "*" => value
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|item| texts(item, rest))
            .collect(),
        name => texts(&value[name], rest),
    }
}

fn set(value: &Value, path: &str) -> BTreeSet<String> {
    texts(value, path).into_iter().collect()
}

/// The series of `keys` in the catalogue.
fn labels_of(world: &World, keys: &BTreeSet<String>) -> Vec<BTreeMap<String, String>> {
    let seen = world
        .catalogue
        .iter()
        .filter(|series| keys.contains(&*series.key));
    let labels = seen.map(|series| {
        let labels = series.labels.iter();
        let labels = labels.map(|(name, value)| (name.to_string(), value.to_string()));
        labels
            .chain([("__name__".to_owned(), series.metric.to_string())])
            .collect()
    });
    labels.collect()
}

fn counted(texts: impl Iterator<Item = String>) -> Value {
    let mut counts = BTreeMap::<String, i64>::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    let counts = counts.into_iter();
    counts.map(|(text, count)| json!([text, count])).collect()
}

/// A list of objects with a text and its count as pairs, in the order of the texts.
fn pairs(list: &Value, name: &str, count: &str) -> Value {
    let pair = |item: &Value| {
        (
            item[name].as_str().unwrap().to_owned(),
            item[count].as_i64().unwrap(),
        )
    };
    let pairs: BTreeSet<_> = list.as_array().unwrap().iter().map(pair).collect();
    pairs
        .into_iter()
        .map(|(text, count)| json!([text, count]))
        .collect()
}

#[actix_web::test]
async fn every_way_gives_what_the_role_allows_and_nothing_else() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..ROUNDS {
        let world = World::start(one(&mut runner, &catalogue())).await;
        let app = world.app().await;
        world.commit().await;
        world.commit().await;
        world
            .db
            .run("update rollup_edge set edge = '2025-07-01 00:00:00Z'")
            .await;
        for viewer in 0..VIEWERS {
            world.set(viewer, one(&mut runner, &grant()));
        }
        // Shares what is written for the first, until that one changes.
        world.set(VIEWERS - 1, (*world.viewer(0).grant()).clone());
        let mut tags = Vec::new();
        // Before and after a role has changed.
        for changed in [false, true] {
            if changed {
                world.set(0, one(&mut runner, &grant()));
            }
            for viewer in 0..VIEWERS {
                let asked = one(&mut runner, &Ask::any());
                questions(&world, &app, viewer, &asked).await;
                catalogue_of(&world, &app, viewer, &asked).await;
                prometheus(&world, &app, viewer, &asked).await;
                exports::check(&world, &app, viewer, &asked).await;
                streams(&world, &app, viewer).await;
                tagged(&world, &app, viewer, &mut tags).await;
            }
            live::check(&world, &app).await;
        }
    }
}

/// Points and what is computed from them, over GraphQL.
async fn questions(world: &World, app: &impl Server, viewer: usize, asked: &Ask) {
    let expected = world.visible(viewer, &asked.selector());
    let variables = json!({"s": asked.graphql()});
    let query = |field: &str| format!("query($s: SeriesSelector!) {{ {field} }}");
    for (field, path) in [
        (
            "latest(selector: $s) { series { key } }".to_owned(),
            "latest.*.series.key",
        ),
        (
            format!("history(selector: $s, {SPAN}) {{ series {{ key }} points {{ value }} }}"),
            "history.*.series.key",
        ),
        (
            format!(r#"history(selector: $s, {SPAN}, step: "1h") {{ series {{ key }} }}"#),
            "history.*.series.key",
        ),
        (
            format!("history(selector: $s, {SPAN}, maxPoints: 10) {{ series {{ key }} }}"),
            "history.*.series.key",
        ),
    ] {
        let data = ask(app, viewer, &query(&field), variables.clone()).await;
        assert_eq!(set(&data, path), expected, "{field} {asked:?}");
    }
    let sum = format!(
        r#"history(selector: $s, {SPAN}, step: "1d", aggregate: [COUNT], groupBy: [], across: SUM) {{ points {{ value }} }}"#
    );
    let data = ask(app, viewer, &query(&sum), variables.clone()).await;
    let points = data["history"][0]["points"][0]["value"]
        .as_f64()
        .unwrap_or_default();
    let stored = world
        .db
        .rows("select count(*) from points where series_id = 1")
        .await;
    let each: f64 = stored[0].parse().unwrap();
    assert_eq!(points, expected.len() as f64 * each, "{asked:?}");
    for (field, key) in [
        (
            format!("points(selector: $s, {SPAN}, first: 3, after: $a)"),
            "series.key",
        ),
        ("series(selector: $s, first: 3, after: $a)".to_owned(), "key"),
    ] {
        let (mut seen, mut after) = (Vec::new(), Value::Null);
        loop {
            let node = if key == "key" { "key" } else { "series { key }" };
            let query = format!(
                "query($s: SeriesSelector!, $a: String) {{ page: {field} {{ nodes {{ {node} }} pageInfo {{ hasNextPage endCursor }} }} }}"
            );
            let data = ask(app, viewer, &query, json!({"s": asked.graphql(), "a": after})).await;
            let page = &data["page"];
            seen.extend(texts(page, &format!("nodes.*.{key}")));
            let more = page["pageInfo"]["hasNextPage"].as_bool().unwrap();
            // A page is cut after the scope has applied.
            assert!(!more || page["nodes"].as_array().unwrap().len() == 3);
            after = page["pageInfo"]["endCursor"].clone();
            if !more {
                break;
            }
        }
        let count = if key == "key" { 1 } else { each as usize };
        assert_eq!(seen.len(), expected.len() * count, "{field} {asked:?}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

/// Names and values with their counts.
async fn catalogue_of(world: &World, app: &impl Server, viewer: usize, asked: &Ask) {
    let seen = labels_of(world, &world.visible(viewer, &asked.selector()));
    let all = labels_of(world, &world.visible(viewer, &Selector::default()));
    let query = r#"query($s: SeriesSelector!) { metrics { name series } labels(selector: $s) { name series }
        labelValues(name: "site", selector: $s) { value series } }"#;
    let data = ask(app, viewer, query, json!({"s": asked.graphql()})).await;
    let metrics = all.iter().map(|labels| labels["__name__"].clone());
    assert_eq!(pairs(&data["metrics"], "name", "series"), counted(metrics));
    let names = seen
        .iter()
        .flat_map(BTreeMap::keys)
        .filter(|name| *name != "__name__");
    assert_eq!(pairs(&data["labels"], "name", "series"), counted(names.cloned()));
    let sites = seen.iter().filter_map(|labels| labels.get("site").cloned());
    assert_eq!(pairs(&data["labelValues"], "value", "series"), counted(sites));
}

async fn prometheus(world: &World, app: &impl Server, viewer: usize, asked: &Ask) {
    let seen: BTreeSet<_> = labels_of(world, &world.visible(viewer, &asked.selector()))
        .into_iter()
        .collect();
    let all = labels_of(world, &world.visible(viewer, &Selector::default()));
    let selector = encoded(&asked.promql());
    let data = async |rest: &str| {
        let path = format!("/prometheus/api/v1/{rest}");
        let answer = get(app, viewer, &path, "").await.json();
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    };
    let maps = |list: &Value| -> BTreeSet<BTreeMap<String, String>> {
        let list = list.as_array().unwrap().iter();
        list.map(|labels| serde_json::from_value(labels.clone()).unwrap())
            .collect()
    };
    let found = data(&format!("series?match[]={selector}")).await;
    assert_eq!(maps(&found), seen, "{selector}");
    let at = "2026-01-01T00:01:00Z";
    let of = |data: &Value| {
        maps(
            &data["result"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| line["metric"].clone())
                .collect(),
        )
    };
    let found = data(&format!("query?query={selector}&time={at}")).await;
    assert_eq!(of(&found), seen, "{selector}");
    let found = data(&format!(
        "query_range?query={selector}&start={at}&end=2026-01-01T00:02:00Z&step=30"
    ))
    .await;
    assert_eq!(of(&found), seen, "{selector}");
    let found = data(&format!("query?query=count%28{selector}%29&time={at}")).await;
    let count = found["result"][0]["value"][1].as_str().unwrap_or("0");
    assert_eq!(count, seen.len().to_string(), "{selector}");

    let names = |of: &mut dyn Iterator<Item = &BTreeMap<String, String>>| -> BTreeSet<String> {
        of.flat_map(BTreeMap::keys).cloned().collect()
    };
    let found = data(&format!("labels?match[]={selector}")).await;
    assert_eq!(set(&found, "*."), names(&mut seen.iter()));
    assert_eq!(set(&data("labels").await, "*."), names(&mut all.iter()));
    for name in ["site", "__name__"] {
        let values = |of: &mut dyn Iterator<Item = &BTreeMap<String, String>>| -> BTreeSet<String> {
            of.filter_map(|labels| labels.get(name)).cloned().collect()
        };
        let path = format!("label/{name}/values");
        assert_eq!(set(&data(&path).await, "*."), values(&mut all.iter()));
        let found = data(&format!("{path}?match[]={selector}")).await;
        assert_eq!(set(&found, "*."), values(&mut seen.iter()));
    }
}

/// Dead letters and the state of partitions.
async fn streams(world: &World, app: &impl Server, viewer: usize) {
    let visible = world.viewer(viewer).grant().streams.clone();
    let expected: Vec<&str> = STREAMS
        .into_iter()
        .filter(|stream| visible.contain(stream))
        .collect();
    let wanted: BTreeSet<String> = expected.iter().map(|stream| (*stream).to_owned()).collect();
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let query = "query($a: String) { deadLetters(first: 3, after: $a)
            { nodes { stream } pageInfo { hasNextPage endCursor } } }";
        let data = ask(app, viewer, query, json!({"a": after})).await;
        let page = &data["deadLetters"];
        seen.extend(texts(page, "nodes.*.stream"));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        assert_eq!(page["nodes"].as_array().unwrap().len(), 3);
    }
    let query = "{ deadLetterReasons { stream count } pipeline { offsets { stream } } }";
    let data = ask(app, viewer, query, json!({})).await;
    assert_eq!(
        pairs(&data["deadLetterReasons"], "stream", "count"),
        counted(seen.iter().cloned())
    );
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(set(&data["pipeline"], "offsets.*.stream"), wanted);
}

/// A tag is known again only to those who may see the same as whom it was given to.
async fn tagged(world: &World, app: &impl Server, viewer: usize, tags: &mut Vec<(String, Selectors)>) {
    let scope = world.viewer(viewer).grant().read.selectors().to_vec();
    for (tag, of) in tags.iter() {
        let expected = match *of == scope {
            true => StatusCode::NOT_MODIFIED,
            false => StatusCode::OK,
        };
        assert_eq!(get(app, viewer, OVER, tag).await.status, expected);
    }
    let tag = get(app, viewer, OVER, "").await.tag;
    assert!(!tag.is_empty());
    tags.push((tag, scope));
}

type Selectors = Vec<Selector>;
