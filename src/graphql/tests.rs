//! Questions and changes as a client sends them, over a real Postgres and a recording publisher.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_graphql::{Executor, Request};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::services::{ConfiguredStreams, Services};
use super::types::StreamSettings;
use super::{Api, sdl};
use crate::access::{Access, Audit, Principal};
use crate::actors::pausing::Pausing;
use crate::cache::LatestCache;
use crate::config::StreamConfig;
use crate::data::Viewer;
use crate::inspect::Inspection;
use crate::sources::Broker;
use crate::sources::producer::Placed;
use crate::store::DatabaseUrl;
use crate::store::read::{ReadLimits, Reader};
use crate::store::testing::Database;
use crate::telemetry::{Metrics, Samples, Status};
use crate::transform::Limits;
use crate::write::{NewSeries, NotPublished, Publisher, Record, Records, StreamTarget, Writers};

mod catalogue;
mod changes;
mod history;
mod pipeline;
mod streams;
mod viewer;

const PAUSE: std::time::Duration = std::time::Duration::from_secs(900);

/// Of a server with one stream and without Postgres and Kafka.
pub fn services() -> Services {
    let nowhere = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
    services_with(Arc::new(Recorder::default()), &nowhere)
}

/// Remembers what was sent; refuses once told to.
#[derive(Default)]
struct Recorder {
    sent: Mutex<Vec<Record>>,
    refuse: bool,
}

impl Publisher for Recorder {
    fn publish<'a>(&'a self, records: Records<'a>) -> BoxFuture<'a, Result<Vec<Placed>, NotPublished>> {
        async move {
            if self.refuse {
                let why = "away".to_owned();
                return Err(NotPublished { acknowledged: 0, why });
            }
            let mut sent = self.sent.lock().unwrap();
            let from = sent.len();
            sent.extend(records);
            let place = |at: usize| Placed {
                partition: i32::try_from(at % 2).unwrap(),
                offset: i64::try_from(at).unwrap(),
            };
            Ok((from..sent.len()).map(place).collect())
        }
        .boxed()
    }

    fn keep<'a>(&'a self, _: &'a str, _: &'a [Placed]) -> BoxFuture<'a, Result<(), NotPublished>> {
        async { Ok(()) }.boxed()
    }

    fn durable(&self) -> bool {
        true
    }
}

fn services_with(publisher: Arc<Recorder>, url: &DatabaseUrl) -> Services {
    let target = StreamTarget {
        topic: "machines".to_owned(),
        redrive_topic: "streamsync.redrive.machines".to_owned(),
        limits: Limits::default(),
        max_series: 5,
    };
    let (metrics, status) = (Arc::new(Metrics::default()), Arc::new(Status::default()));
    let stream = StreamConfig {
        name: "machines".to_owned(),
        ..StreamConfig::default()
    };
    Services {
        access: Access::open(),
        samples: Arc::new(Samples::new(Arc::clone(&metrics), Arc::clone(&status))),
        status: Arc::clone(&status),
        metrics,
        streams: shown([("machines", target, stream.settings(true))]),
        reloads: mpsc::channel(1).0,
        inspection: Inspection::new(
            Broker::remote("127.0.0.1:1", BTreeMap::new()),
            "test".to_owned(),
            watch::Sender::new(Arc::from([])).subscribe(),
            None,
        ),
        latest: LatestCache::local(1_000),
        publisher,
        pausing: Pausing::new(
            url.clone(),
            [&stream.plan(None).expect("a format without schemas")],
            PAUSE,
            status,
        ),
        new_series: NewSeries::default(),
        writers: Writers::default(),
        audit: Audit::log_only(),
    }
}

fn shown<const N: usize>(
    streams: [(&str, StreamTarget, StreamSettings); N],
) -> watch::Receiver<Arc<ConfiguredStreams>> {
    let mut shown = ConfiguredStreams::default();
    for (name, target, settings) in streams {
        shown.targets.insert(name.to_owned(), target);
        shown.settings.insert(name.to_owned(), settings);
    }
    watch::Sender::new(Arc::new(shown)).subscribe()
}

struct World {
    db: Database,
    reader: Reader,
    api: Api,
    services: Services,
    publisher: Arc<Recorder>,
}

impl World {
    async fn new() -> Self {
        Self::with(ReadLimits::default(), Recorder::default()).await
    }

    async fn with(limits: ReadLimits, publisher: Recorder) -> Self {
        let db = Database::create().await;
        db.run(
            r#"create table points_all partition of points for values from (minvalue) to (maxvalue);
               insert into series (key, metric, labels, stream) values
               ('t{site="a"}', 't', '{"site":"a"}', 'm'), ('t{site="b"}', 't', '{"site":"b"}', 'm');
               insert into points
               select n % 2 + 1, 1, timestamptz '2026-01-01T00:00:00Z' + n * interval '1 s', n, n, now()
               from generate_series(0, 5) n"#,
        )
        .await;
        let publisher = Arc::new(publisher);
        let services = services_with(publisher.clone(), &db.url);
        Self {
            reader: Reader::new(db.url.clone(), limits).unwrap(),
            api: Api::new(services.clone()),
            services,
            db,
            publisher,
        }
    }

    async fn ask(&self, query: &str) -> Value {
        self.ask_as(&Viewer::everyone(), &Viewer::everyone(), query).await
    }

    /// `now`: what the viewer has become since the request was let in.
    async fn ask_as(&self, viewer: &Viewer, now: &Viewer, query: &str) -> Value {
        let principal = Principal {
            viewer: now.clone(),
            ..Principal::everyone()
        };
        let request = Request::new(query)
            .data(self.reader.clone())
            .data(Arc::new(principal))
            .data(viewer.clone());
        serde_json::to_value(self.api.execute(request).await).unwrap()
    }

    async fn data(&self, query: &str) -> Value {
        let mut response = self.ask(query).await;
        assert_eq!(response.get("errors"), None, "{query}");
        response["data"].take()
    }

    async fn code(&self, query: &str) -> String {
        let response = self.ask(query).await;
        let code = &response["errors"][0]["extensions"]["code"];
        code.as_str().unwrap_or_else(|| panic!("{response}")).to_owned()
    }
}

#[tokio::test]
async fn latest_asks_postgres_once_and_then_the_cache() {
    let world = World::new().await;
    let query = "{ latest(selector: {}) { series { key } ts value } }";
    let first = world.data(query).await;
    assert_eq!(
        first["latest"][1],
        json!({"series": {"key": "t{site=\"b\"}"}, "ts": "2026-01-01T00:00:05.000000Z", "value": 5.0})
    );
    world.db.run("truncate points").await;
    assert_eq!(world.data(query).await, first);
}

#[tokio::test]
async fn connections_page_with_the_cursor_of_the_page_before() {
    let world = World::new().await;
    let span = r#"selector: {}, from: "2026-01-01T00:00:00Z""#;
    let fields = "{ nodes { value } edges { cursor } pageInfo { hasPreviousPage hasNextPage endCursor } }";
    let first = format!("{{ points({span}, first: 4) {fields} }}");
    let first = world.data(&first).await;
    let info = &first["points"]["pageInfo"];
    assert_eq!(
        (&info["hasPreviousPage"], &info["hasNextPage"]),
        (&json!(false), &json!(true))
    );
    let end = info["endCursor"].as_str().unwrap();
    let rest = format!("{{ points({span}, first: 4, after: \"{end}\") {fields} }}");
    let rest = world.data(&rest).await;
    assert_eq!(rest["points"]["nodes"], json!([{"value": 3.0}, {"value": 5.0}]));
    let series = "{ series(selector: {}, first: 1) { edges { node { id labels { name value } } } \
                  pageInfo { hasNextPage } } metrics { name series } }";
    assert_eq!(
        world.data(series).await,
        json!({
            "series": {
                "edges": [{"node": {"id": "1", "labels": [{"name": "site", "value": "a"}]}}],
                "pageInfo": {"hasNextPage": true},
            },
            "metrics": [{"name": "t", "series": 2}],
        })
    );
}

#[tokio::test]
async fn mistakes_have_codes() {
    let limits = ReadLimits {
        rows: 3,
        ..ReadLimits::default()
    };
    let world = World::with(limits, Recorder::default()).await;
    let from = r#"selector: {}, from: "2026-01-01T00:00:00Z""#;
    let cases = [
        (
            format!("{{ history({from}) {{ points {{ value }} }} }}"),
            "TOO_MANY_ROWS",
        ),
        (
            format!("{{ history({from}, aggregate: [MAX]) {{ points {{ value }} }} }}"),
            "BAD_USER_INPUT",
        ),
        (
            format!(r#"{{ history({from}, to: "2020-01-01T00:00:00Z") {{ points {{ value }} }} }}"#),
            "BAD_USER_INPUT",
        ),
        (
            r#"{ history(selector: {}, from: "noon") { points { value } } }"#.to_owned(),
            "BAD_USER_INPUT",
        ),
        (
            format!("{{ points({from}, first: 0) {{ nodes {{ value }} }} }}"),
            "BAD_USER_INPUT",
        ),
        (
            format!(r#"{{ points({from}, after: "eA") {{ nodes {{ value }} }} }}"#),
            "BAD_USER_INPUT",
        ),
        (
            r#"{ series(selector: {}, after: "IgBcdTAwMDAi") { nodes { key } } }"#.to_owned(),
            "BAD_USER_INPUT",
        ),
        (
            r#"{ series(selector: {labels: [{name: "a", op: MATCHES, value: "("}]}) { nodes { key } } }"#
                .to_owned(),
            "BAD_USER_INPUT",
        ),
        ("{ nothing }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        ("{".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
        (
            r#"mutation { publish(stream: "x", points: [{metric: "m", value: 1}]) { accepted } }"#.to_owned(),
            "NOT_FOUND",
        ),
        (
            r#"mutation { redriveDeadLetters(ids: ["x"]) { sent } }"#.to_owned(),
            "BAD_USER_INPUT",
        ),
    ];
    for (query, code) in cases {
        assert_eq!(world.code(&query).await, code, "{query}");
    }
}

#[tokio::test]
async fn a_long_page_is_fine_and_many_of_them_are_too_complex() {
    let world = World::new().await;
    let page = r#"points(selector: {}, from: "2026-01-01T00:00:00Z", first: 10000)
                  { edges { cursor node { ts value } } pageInfo { endCursor } }"#;
    world.data(&format!("{{ {page} }}")).await;
    let many: String = ["a", "b", "c"].map(|alias| format!("{alias}: {page} ")).concat();
    assert_eq!(
        world.code(&format!("{{ {many} }}")).await,
        "GRAPHQL_VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn variables_of_another_operation_need_no_values() {
    let world = World::new().await;
    let others =
        "query B($s: SeriesSelector!, $n: Int) { series(selector: $s, first: $n) { edges { cursor } } }
        query C($n: Int!) { series(selector: {}, first: $n) { edges { cursor } } }";
    let request = |name: &str| {
        let query = format!("query A {{ metrics {{ name }} }} {others}");
        Request::new(query)
            .operation_name(name)
            .data(world.reader.clone())
            .data(Viewer::everyone())
    };
    assert_eq!(world.api.execute(request("A")).await.errors, []);
    // Their own operation needs them.
    let refused = world.api.execute(request("C")).await;
    assert!(refused.errors[0].message.contains("is missing"));
}

#[tokio::test]
async fn the_introspection_query_of_tools_passes_the_limits() {
    let world = World::new().await;
    let nested = "name kind ofType { ".repeat(9) + "name kind" + &" }".repeat(9);
    let introspection = format!(
        "{{ __schema {{ queryType {{ name }} types {{ kind name description
            fields(includeDeprecated: true) {{ name args {{ name type {{ {nested} }} defaultValue }}
            type {{ {nested} }} }} inputFields {{ name type {{ {nested} }} }}
            interfaces {{ {nested} }} enumValues {{ name }} possibleTypes {{ {nested} }} }} }} }}"
    );
    world.data(&introspection).await;
}

#[test]
fn the_schema_text_is_the_same_each_time_and_has_a_line_for_each_argument() {
    let text = sdl();
    assert_eq!(text, sdl());
    // An argument without a description would share the line of the one before it.
    let shared = text.lines().find(|line| line.contains(",  "));
    assert_eq!(shared, None);
}
