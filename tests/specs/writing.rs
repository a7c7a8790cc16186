//! Points written over HTTP: each line or sample by itself, and answered only when it cannot be lost.

use serde_json::{Value, json};

use crate::support::asking;
use crate::support::guarded::Guarded;
use crate::support::kafka::record;
use crate::support::streamsync::Plan;
use crate::support::terminal::directory;
use crate::support::{StreamSync, eventually, moment};
use streamsync::data::Micros;

const LINES: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

struct Answer {
    status: u16,
    retry_after: String,
    body: Value,
}

async fn write(node: &StreamSync, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let sent = asking::request(node, "POST", path, headers)
        .send_body(body.into())
        .await;
    let mut answer = sent.expect("an answer");
    let body = answer.body().await.expect("a body");
    let retry_after = answer.headers().get("retry-after");
    Answer {
        status: answer.status().as_u16(),
        retry_after: retry_after.map_or(String::new(), |after| after.to_str().expect("a text").to_owned()),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

/// As `Database::points` shows them.
fn shown(series: &str, t: Micros, value: f64) -> String {
    format!("{series} {} {value}", t.0)
}

async fn no_dead_letters(plan: &Plan) {
    let letters = plan.database.value("select count(*) from dead_letters").await;
    assert_eq!(letters, "0");
}

#[actix_web::test]
async fn each_form_is_stored_and_what_cannot_be_is_named_with_the_rest_kept() {
    let plan = StreamSync::plan().await.partitions(3);
    let node = plan.start().await;
    let t = moment();
    let at = |n: i64| Micros(t.0 + n * 1_000_000);
    let lines = format!(
        "m,site=a t=1,u=2 {}000\nm t= 5\nm,site=a t=3 {}000",
        at(0).0,
        at(1).0
    );
    let gzip = {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(format!("m,site=b t=4 {}", at(0).0 / 1_000_000).as_bytes())
            .expect("memory");
        gzip.finish().expect("memory")
    };
    let v1 = write(
        &node,
        "/write?db=telegraf",
        &[("content-type", LINES)],
        lines.clone(),
    )
    .await;
    assert_eq!(v1.status, 400, "{}", v1.body);
    let why = v1.body["error"].as_str().expect("an error");
    assert!(
        why.starts_with(
            "partial write: 1 refused, 3 points stored: line 2: not_line_protocol: expected a number"
        ),
        "{why}"
    );
    let v2 = write(&node, "/api/v2/write?org=o&bucket=b", &[], lines).await;
    assert_eq!((v2.status, &v2.body["code"]), (400, &json!("invalid")));
    let zipped = write(
        &node,
        "/api/v2/write?precision=s",
        &[("content-encoding", "gzip")],
        gzip,
    )
    .await;
    assert_eq!(zipped.status, 204);
    let points = json!([
        {"metric": "m_t", "labels": {"site": "c"}, "ts": at(0).to_string(), "value": 5.5},
        {"metric": "m_t", "labels": {"site": "c"}, "value": "much"},
        {"metric": "m_t", "labels": {"site": "c"}, "ts": at(9).to_string(), "value": 1e300},
    ]);
    let json = write(
        &node,
        "/api/v1/points",
        &[("content-type", JSON)],
        points.to_string(),
    )
    .await;
    assert_eq!(json.status, 400);
    assert_eq!(
        (&json.body["stored"], &json.body["refused"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(json.body["errors"][0]["extensions"]["place"], "point 2");
    assert_eq!(json.body["errors"][0]["extensions"]["reason"], "wrong_type");
    let csv = format!("metric,ts,value,site\nm_t,{},6,d\n", at(0));
    let csv = write(&node, "/api/v1/points", &[("content-type", "text/csv")], csv).await;
    assert_eq!((csv.status, csv.body), (200, json!({"stored": 1, "refused": 0})));

    let expected = [
        shown(r#"m_t{site="a"}"#, at(0), 1.0),
        shown(r#"m_t{site="a"}"#, at(1), 3.0),
        shown(r#"m_t{site="b"}"#, Micros(at(0).0 / 1_000_000 * 1_000_000), 4.0),
        shown(r#"m_t{site="c"}"#, at(0), 5.5),
        shown(r#"m_t{site="c"}"#, at(9), 1e300),
        shown(r#"m_t{site="d"}"#, at(0), 6.0),
        shown(r#"m_u{site="a"}"#, at(0), 2.0),
    ];
    eventually("all are stored, those that were sent twice once", async || {
        (plan.database.points().await.len() == expected.len()).then_some(())
    })
    .await;
    let sorted = |mut points: Vec<String>| {
        points.sort_unstable();
        points
    };
    let stored = plan.database.points().await.into_iter();
    let stored = stored.map(|point| point.replace("1e+300", &1e300.to_string()));
    assert_eq!(sorted(stored.collect()), sorted(expected.to_vec()));
    no_dead_letters(&plan).await;
    let refused = node
        .metric("streamsync_written_points_total", "outcome=\"refused\"")
        .await;
    assert_eq!(refused, 3.0);
    let asked = "{ pipeline { writers { stream principal path points refused requests failed } } }";
    let writers = node.query(asked, json!({})).await["pipeline"]["writers"].take();
    let last = json!({"stream": plan.stream, "principal": "everyone", "path": "/api/v1/points",
        "points": 3, "refused": 1, "requests": 2, "failed": 0});
    assert_eq!(writers[0], last, "{writers}");
    assert_eq!(writers.as_array().map(Vec::len), Some(3));
    node.stop().await;
}

#[actix_web::test]
async fn a_request_that_cannot_be_taken_says_why_in_the_shape_of_its_path() {
    let plan = StreamSync::plan().await.settings("[http.write]\nbody_mib = 1");
    let node = plan.start().await;
    let line = format!("m t=1 {}000", moment().0);
    let zeros = vec![b'\n'; (1 << 20) + 1];
    for (path, headers, body, status, why) in [
        (
            "/write?stream=none",
            vec![],
            line.clone().into_bytes(),
            404,
            "no stream is named 'none'",
        ),
        (
            "/write?precision=h",
            vec![],
            line.clone().into_bytes(),
            400,
            "precision must be",
        ),
        (
            "/write",
            vec![("content-encoding", "br")],
            line.clone().into_bytes(),
            415,
            "Content-Encoding",
        ),
        (
            "/write",
            vec![("content-encoding", "gzip")],
            line.clone().into_bytes(),
            400,
            "not gzip",
        ),
        ("/write", vec![], zeros, 413, "more than 1048576 bytes"),
    ] {
        let refused = write(&node, path, &headers, body).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.body);
        let told = refused.body["error"].as_str().unwrap_or_default();
        assert!(told.contains(why), "{path}: {told}");
    }
    let (status, body) = asking::get(&node, "/write", &[]).await;
    assert_eq!((status, &body["error"]), (405, &json!("use POST")));
    let unknown = write(&node, "/api/v1/points", &[("content-type", "image/png")], "x").await;
    assert_eq!(unknown.status, 415);
    assert_eq!(write(&node, "/write", &[], "").await.status, 204);
    node.stop().await;
}

#[actix_web::test]
async fn series_beyond_those_that_a_stream_may_have_are_refused_and_the_others_go_on() {
    let plan = StreamSync::plan().await.stream_settings("max_series = 2");
    let node = plan.start().await;
    let t = moment();
    let at = |n: i64| t.0 + n * 1_000_000;
    let lines = |n: i64, hosts: &[&str]| -> String {
        let line = |host: &&str| format!("cpu,host={host} load=1 {}\n", at(n));
        hosts.iter().map(line).collect()
    };
    let path = "/write?precision=u";
    assert_eq!(write(&node, path, &[], lines(0, &["a", "b"])).await.status, 204);
    let more = write(&node, path, &[], lines(1, &["a", "c"])).await;
    assert_eq!(more.status, 400);
    let why = more.body["error"].as_str().expect("an error");
    assert!(
        why.contains(r#"1 refused, 1 points stored: series cpu_load{host="c"}: too_many_series: "#),
        "{why}"
    );
    assert_eq!(write(&node, path, &[], lines(2, &["a", "b"])).await.status, 204);
    eventually("all but one are stored", async || {
        (plan.database.points().await.len() == 5).then_some(())
    })
    .await;
    no_dead_letters(&plan).await;
    node.stop().await;
}

#[actix_web::test]
async fn points_reach_a_stream_of_any_format_and_mapping() {
    let plan = StreamSync::plan().await.stream_settings(
        "format = \"messagepack\"\neach = \"readings\"\nvalues = [\"heat\"]\nmetric_prefix = \"x\"",
    );
    let node = plan.start().await;
    let t = moment();
    let line = format!("m,site=a t=1 {}", t.0);
    assert_eq!(write(&node, "/write?precision=u", &[], line).await.status, 204);
    let published = node
        .query(
            "mutation($s: String!) { publish(stream: $s, points: [{metric: \"p\", value: 2}]) { accepted } }",
            json!({"s": plan.stream}),
        )
        .await;
    assert_eq!(published["publish"]["accepted"], 1);
    eventually("both are stored", async || {
        let points = plan.database.points().await;
        (points.len() == 2 && points[0] == shown(r#"m_t{site="a"}"#, t, 1.0)).then_some(())
    })
    .await;
    no_dead_letters(&plan).await;
    node.stop().await;
}

#[actix_web::test]
async fn a_node_that_dies_between_receipt_and_answer_has_answered_for_nothing_and_a_retry_stores_it_once() {
    for place in ["write-received", "write-read", "write-sent", "write-kept"] {
        let plan = StreamSync::plan().await.quick_rejoin();
        let mut node = plan.launch_with_failure(&format!("{place}=return")).await;
        node.ready().await;
        let t = moment();
        let lines = format!("m t=1 {0}000\nm u=2 {0}000", t.0);
        let broken = asking::request(&node, "POST", "/write", &[])
            .send_body(lines.clone())
            .await;
        assert!(broken.is_err(), "{place}: an answer came");
        assert!(!node.ended().await.success());

        let node = plan.start().await;
        assert_eq!(write(&node, "/write", &[], lines).await.status, 204, "{place}");
        eventually("both are stored", async || {
            (plan.database.points().await.len() == 2).then_some(())
        })
        .await;
        assert_eq!(
            plan.database.points().await,
            [shown("m_t{}", t, 1.0), shown("m_u{}", t, 2.0)],
            "{place}"
        );
        node.stop().await;
    }
}

#[actix_web::test]
async fn what_the_demo_has_answered_for_is_there_after_a_kill() {
    let dir = directory();
    let demo = StreamSync::demo(dir.path(), None).await;
    demo.ready().await;
    let t = moment();
    let line = format!("written t=1 {}000", t.0);
    assert_eq!(write(&demo, "/write", &[], line).await.status, 204);
    demo.kill().await;
    let demo = StreamSync::demo(dir.path(), None).await;
    demo.ready().await;
    let asked = format!(
        "/api/v1/points?metric=written_t&from={}&format=ndjson",
        Micros(t.0 - 1)
    );
    let (status, points) = demo.get(&asked).await;
    assert_eq!((status, points.lines().count()), (200, 1), "{points}");
    demo.kill().await;
}

#[actix_web::test]
async fn a_stream_that_is_paused_and_a_kafka_that_is_away_say_when_to_come_back() {
    let plan = StreamSync::plan()
        .await
        .settings("[pipeline]\ndead_letter_limit = 0.5\ndead_letter_window = 20");
    let node = plan.start().await;
    plan.send(&(0..20).map(|_| record("no json")).collect::<Vec<_>>())
        .await;
    eventually("the stream is paused", async || {
        (node.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    let line = format!("m t=1 {}000", moment().0);
    let paused = write(&node, "/write", &[], line).await;
    assert_eq!((paused.status, &*paused.retry_after), (503, "10"));
    assert!(
        paused.body["error"]
            .as_str()
            .is_some_and(|why| why.contains("is paused"))
    );
    drop(node);

    let plan = StreamSync::plan().await.brokers("127.0.0.1:1");
    let node = plan.launch().await;
    let line = format!("m t=1 {}000", moment().0);
    let away = write(&node, "/write", &[], line).await;
    assert_eq!((away.status, &*away.retry_after), (503, "1"));
    assert!(
        away.body["error"]
            .as_str()
            .is_some_and(|why| why.contains("kafka did not acknowledge"))
    );
}

const ROLES: &str = r#"
[auth.roles.admin]
operations = ["admin"]
[auth.roles.reader]
operations = ["read", "operate"]
read = ["*"]
[auth.roles.berlin]
operations = ["publish", "operate"]
write = ['m_*{site="berlin"}']
streams = ["*"]
"#;

#[actix_web::test]
async fn a_writer_stores_the_series_of_its_scope_alone() {
    let server = Guarded::of(StreamSync::plan().await.settings(ROLES)).await;
    let node = server.node().await;
    let (reader, writer) = (
        server.key("reader", "reader", &[]),
        server.key("writer", "berlin", &[]),
    );
    for key in [&reader, &writer] {
        eventually("the key is known", async || {
            let asked = asking::get(&node, "/readyz", &[("x-api-key", key)]).await;
            (asked.0 == 200).then_some(())
        })
        .await;
    }
    let t = moment();
    let line = |site: &str| format!("m,site={site} t=1 {}000\n", t.0);
    let basic = {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("telegraf:{writer}"));
        format!("Basic {text}")
    };
    let token = format!("Token {writer}");
    let (as_user, as_token) = (("authorization", &*basic), ("authorization", &*token));
    assert_eq!(write(&node, "/write", &[], line("berlin")).await.status, 401);
    let reads = write(&node, "/write", &[("x-api-key", &reader)], line("berlin")).await;
    assert_eq!(reads.status, 403);
    let reads = write(
        &node,
        "/api/v1/points",
        &[("x-api-key", &reader), ("content-type", JSON)],
        "[]",
    )
    .await;
    assert_eq!(reads.status, 403);
    assert_eq!(
        write(&node, "/write", &[as_user], line("berlin")).await.status,
        204
    );
    let other = write(&node, "/write", &[as_token], line("rome")).await;
    assert_eq!(other.status, 403, "{}", other.body);
    let both = write(
        &node,
        "/api/v2/write",
        &[as_token],
        line("rome") + &line("berlin"),
    )
    .await;
    assert_eq!(both.status, 400);
    let why = both.body["message"].as_str().expect("a message");
    assert!(
        why.contains(r#"series m_t{site="rome"}: forbidden: your role"#),
        "{why}"
    );
    eventually("the point of the scope is stored", async || {
        (server.plan.database.points().await == [shown(r#"m_t{site="berlin"}"#, t, 1.0)]).then_some(())
    })
    .await;
    drop(node);
}
