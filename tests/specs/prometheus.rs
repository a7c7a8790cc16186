//! Grafana's view: Prometheus' HTTP API over what is stored.

use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::live::after;
use crate::support::kafka::labelled_point;
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, seconds_ago};

/// A counter of two sites that rises by 1 and 2 a second, a point every ten seconds for ten minutes.
struct Known {
    plan: Plan,
    node: StreamSync,
    base: Micros,
}

impl Known {
    async fn input() -> Self {
        let plan = StreamSync::plan().await;
        let node = plan.start().await;
        let recent = seconds_ago(1_200);
        let base = Micros(recent.0 - recent.0.rem_euclid(60_000_000));
        let mut records = Vec::new();
        for n in 0..=60 {
            let at = after(base, n * 10);
            records.push(labelled_point(
                "made_total",
                &[("site", "a")],
                at,
                n as f64 * 10.0,
            ));
            records.push(labelled_point(
                "made_total",
                &[("site", "b")],
                at,
                n as f64 * 20.0,
            ));
        }
        records.push(labelled_point(
            "room.temp",
            &[("site", "a"), ("floor", "1")],
            base,
            20.5,
        ));
        plan.send_and_read(&records).await;
        Self { plan, node, base }
    }

    fn at(&self, seconds: i64) -> i64 {
        self.base.0 / 1_000_000 + seconds
    }

    async fn ask(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.node.get(&format!("/prometheus/api/v1/{path}")).await;
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    async fn data(&self, path: &str) -> Value {
        let (status, mut answer) = self.ask(path).await;
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("success")),
            "{answer:#}"
        );
        answer["data"].take()
    }

    /// `query_range` from the fourth to the sixth minute.
    async fn range(&self, query: &str) -> Value {
        let (start, end) = (self.at(240), self.at(360));
        self.data(&format!(
            "query_range?query={query}&start={start}&end={end}&step=60"
        ))
        .await
    }
}

#[actix_web::test]
async fn a_panel_is_drawn_from_rates_per_series_and_across_them() {
    let known = Known::input().await;
    let values = |value: &str| -> Vec<Value> {
        let at = [240, 300, 360].map(|at| json!([known.at(at), value]));
        at.to_vec()
    };
    assert_eq!(
        known.range("rate(made_total%5B1m%5D)").await,
        json!({"resultType": "matrix", "result": [
            {"metric": {"site": "a"}, "values": values("1")},
            {"metric": {"site": "b"}, "values": values("2")},
        ]})
    );
    assert_eq!(
        known.range("sum(rate(made_total%5B1m%5D))").await["result"],
        json!([{"metric": {}, "values": values("3")}])
    );
    let gauge = [(240, "240"), (300, "300"), (360, "360")].map(|(at, v)| json!([known.at(at), v]));
    assert_eq!(
        known.range("made_total%7Bsite%3D~%22a.*%22%7D").await["result"],
        json!([{"metric": {"__name__": "made_total", "site": "a"}, "values": gauge}])
    );
    // Nothing is unescaped in backticks, and braces that begin no repetition stand for themselves.
    let selected = async |matcher: &str| {
        let matcher: String = matcher.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = known.range(&format!("made_total%7B{matcher}%7D")).await;
        found["result"].as_array().expect("series").len()
    };
    assert_eq!(selected(r"site=~`\x61`").await, 1);
    assert_eq!(selected(r"site!=`\x61`").await, 2);
    assert_eq!(selected(r#"site!~"/v[1-9]/.*/{gid}""#).await, 2);
    assert_eq!(selected(r#"site=~"a{,3}""#).await, 0);
    // Five minutes after its last point a series is gone.
    let names = known.range("%7B%22room.temp%22%7D").await;
    assert_eq!(names["result"][0]["values"], json!([[known.at(240), "20.5"]]));
}

#[actix_web::test]
async fn an_instant_query_gives_a_scalar_a_vector_or_the_points_of_a_window() {
    let known = Known::input().await;
    let at = known.at(60);
    assert_eq!(
        known.data(&format!("query?query=1%2B1&time={at}")).await,
        json!({"resultType": "scalar", "result": [at, "2"]})
    );
    assert_eq!(
        known
            .data(&format!("query?query=made_total&time={at}&limit=1"))
            .await,
        json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "made_total", "site": "a"}, "value": [at, "60"]},
        ]})
    );
    let points = known
        .data(&format!(
            "query?query=made_total%7Bsite%3D%22b%22%7D%5B20s%5D&time={at}"
        ))
        .await;
    assert_eq!(
        points,
        json!({"resultType": "matrix", "result": [{
            "metric": {"__name__": "made_total", "site": "b"},
            "values": [[at - 10, "100"], [at, "120"]],
        }]})
    );
}

#[actix_web::test]
async fn series_labels_and_values_fill_the_boxes_of_a_query() {
    let known = Known::input().await;
    assert_eq!(
        known
            .data("series?match%5B%5D=made_total&match%5B%5D=%7Bfloor%3D%221%22%7D")
            .await,
        json!([
            {"__name__": "made_total", "site": "a"},
            {"__name__": "made_total", "site": "b"},
            {"__name__": "room.temp", "floor": "1", "site": "a"},
        ])
    );
    assert_eq!(known.data("labels").await, json!(["__name__", "floor", "site"]));
    assert_eq!(
        known.data("labels?match%5B%5D=made_total").await,
        json!(["__name__", "site"])
    );
    assert_eq!(
        known.data("label/__name__/values").await,
        json!(["made_total", "room.temp"])
    );
    assert_eq!(known.data("label/site/values").await, json!(["a", "b"]));
    assert_eq!(
        known
            .data("label/U__site/values?match%5B%5D=%7B%22room.temp%22%7D")
            .await,
        json!(["a"])
    );
    assert_eq!(known.data("metadata").await, json!({}));
    assert_eq!(known.data("rules").await, json!({"groups": []}));
    assert_eq!(known.data("status/buildinfo").await["application"], "StreamSync");
}

#[actix_web::test]
async fn errors_have_the_shape_and_status_of_prometheus() {
    let known = Known::input().await;
    for (path, status, kind, why) in [
        (
            "query?query=abs(up)",
            400,
            "bad_data",
            "unsupported expression 'abs(up)'",
        ),
        ("query?query=up%7B", 400, "bad_data", "parse error"),
        (
            "query?query=up&time=soon",
            400,
            "bad_data",
            "cannot parse \"soon\" to a valid timestamp",
        ),
        (
            "query_range?query=up&start=1&end=2",
            400,
            "bad_data",
            "invalid parameter \"step\"",
        ),
        (
            "query_range?query=up&start=2&end=1&step=1",
            400,
            "bad_data",
            "end timestamp must not be before",
        ),
        (
            "query_range?query=up&start=0&end=1&step=0",
            400,
            "bad_data",
            "step widths are not accepted",
        ),
        (
            "query_range?query=up&start=0&end=11002&step=1",
            400,
            "bad_data",
            "11,000 points",
        ),
        (
            "query_range?query=up%5B5m%5D&start=0&end=1&step=1",
            400,
            "bad_data",
            "range vector",
        ),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match%5B%5D=rate(up%5B1m%5D)",
            400,
            "bad_data",
            "not a series selector",
        ),
    ] {
        let (got, answer) = known.ask(path).await;
        assert_eq!(
            (got, &answer["status"], &answer["errorType"]),
            (status, &json!("error"), &json!(kind)),
            "{path}"
        );
        assert!(
            answer["error"].as_str().is_some_and(|text| text.contains(why)),
            "{path}: {answer}"
        );
    }
    known
        .plan
        .database
        .run("insert into horizons select distinct stream, 'raw', now() from series")
        .await;
    let query = format!("query?query=made_total&time={}", known.at(60));
    let (status, answer) = known.ask(&query).await;
    assert_eq!((status, &answer["errorType"]), (422, &json!("execution")));
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|text| text.contains("not available at this age"))
    );
}
