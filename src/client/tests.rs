//! The three commands against a small server of the test's own, and files.

use std::sync::{Arc, Mutex};

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, Route, web};
use futures_util::future::ready;
use futures_util::stream;
use serde_json::{Value, json};

use super::produce::InputFormat;
use super::*;

async fn produced(what: &Produce) -> anyhow::Result<Vec<Record>> {
    let mut all = Vec::new();
    let told = produce(what, async |group: Vec<Record>| {
        all.extend(group);
        Ok(())
    })
    .await?;
    assert_eq!(told.records, all.len() as u64);
    Ok(all)
}

fn file(name: &str, text: &str) -> (tempfile::TempDir, Produce) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let what = Produce {
        file: Some(path),
        format: None,
        key_fields: vec!["site".to_owned(), "device".to_owned()],
        label_fields: vec!["site".to_owned(), "device".to_owned()],
        number_fields: vec!["ts".to_owned(), "temperature".to_owned()],
        progress: false,
    };
    (dir, what)
}

#[actix_web::test]
async fn csv_rows_become_objects_keyed_by_the_named_fields() {
    let (_dir, what) = file(
        "x.csv",
        "ts,site,device,temperature,note\n1700,north,007,20.5,\"a, b\"\n1701,north,8,,true\n",
    );
    let records = produced(&what).await.unwrap();
    let objects: Vec<Value> = records
        .iter()
        .map(|record| serde_json::from_slice(&record.payload).unwrap())
        .collect();
    assert_eq!(
        objects,
        [
            json!({ "ts": 1700, "site": "north", "device": "007", "temperature": 20.5, "note": "a, b" }),
            json!({ "ts": 1701, "site": "north", "device": "8", "note": true }),
        ]
    );
    assert_eq!(records[0].key.as_deref(), Some(&b"site=north,device=007"[..]));
}

#[actix_web::test]
async fn a_label_of_csv_is_its_cell_and_a_value_the_number_as_it_is_written() {
    let labels = [
        "1e5",
        "1.10",
        "2.0",
        "-0",
        "12345678901234567890123",
        "true",
        "null",
        " a ",
        "NaN",
    ];
    for label in labels {
        let (_dir, what) = file("x.csv", &format!("device,temperature\n{label},1\n"));
        let record = produced(&what).await.unwrap().remove(0);
        let payload: Value = serde_json::from_slice(&record.payload).unwrap();
        assert_eq!(payload, json!({ "device": label, "temperature": 1 }));
        assert_eq!(record.key.unwrap(), format!("device={label}").into_bytes());
    }
    for (cell, written) in [
        ("1e400", "1e400"),
        (" 1.10", "1.10"),
        ("123456789012345678901", "123456789012345678901"),
        ("NaN", "\"NaN\""),
        ("007", "\"007\""),
    ] {
        let (_dir, what) = file("x.csv", &format!("temperature\n{cell}\n"));
        let record = produced(&what).await.unwrap().remove(0);
        let payload = String::from_utf8(record.payload).unwrap();
        assert_eq!(payload, format!("{{\"temperature\":{written}}}"));
    }
    let (_dir, what) = file("x.csv", "device,site,device\n1,2,3\n");
    assert!(
        produced(&what)
            .await
            .unwrap_err()
            .to_string()
            .contains("'device'")
    );
}

#[actix_web::test]
async fn an_exported_csv_row_is_the_point_it_was() {
    let (_dir, what) = file(
        "x.csv",
        "metric,labels,ts,value\n1e5,\"{\"\"device\"\":\"\"1e5\"\"}\",2026-11-28T00:00:00Z,1.50\n",
    );
    let what = Produce {
        number_fields: vec!["ts".to_owned(), "value".to_owned()],
        ..what
    };
    let record = produced(&what).await.unwrap().remove(0);
    let written = r#"{"metric":"1e5","labels":{"device":"1e5"},"ts":"2026-11-28T00:00:00Z","value":1.50}"#;
    assert_eq!(String::from_utf8(record.payload).unwrap(), written);
    assert_eq!(record.key.as_deref(), Some(&b"1e5{device=\"1e5\"}"[..]));
}

#[actix_web::test]
async fn json_lines_go_as_they_are_and_series_have_their_own_key() {
    let (_dir, what) = file(
        "x.ndjson",
        "{\"metric\":\"m\",\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"ts\":1,\"value\": 2}\r\n\n{not json\n",
    );
    let records = produced(&what).await.unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].key.as_deref(), Some(&b"m{a=\"1\",b=\"2\"}"[..]));
    assert!(records[0].payload.ends_with(b"\"value\": 2}"));
    assert_eq!(
        (&*records[1].payload, &records[1].key),
        (&b"{not json"[..], &None)
    );
}

#[actix_web::test]
async fn a_format_that_cannot_be_told_and_a_failed_send_are_explained() {
    let (_dir, mut what) = file("x.txt", "{}\n");
    let error = produced(&what).await.unwrap_err().to_string();
    assert!(error.contains("--format"), "{error}");
    what.format = Some(InputFormat::Ndjson);
    let error = produce(&what, async |_| anyhow::bail!("broker away"))
        .await
        .unwrap_err();
    assert_eq!(format!("{error:#}"), "after 0 records: broker away");
}

async fn serve(route: impl Fn() -> Route + Clone + Send + 'static) -> String {
    let server = HttpServer::new(move || App::new().route("/graphql", route()))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    url
}

/// Answers each query with `answer`.
async fn answering(answer: Value) -> String {
    serve(move || {
        let answer = answer.clone();
        web::post().to(move || ready(HttpResponse::Ok().json(&answer)))
    })
    .await
}

async fn ask(answer: Value, look: Option<&Look>) -> (String, anyhow::Result<()>) {
    let url = answering(answer).await;
    let mut out = Vec::new();
    let result = query(&url, "{ x }", Some("{}"), look, &mut out).await;
    (String::from_utf8(out).unwrap(), result)
}

#[actix_web::test]
async fn an_answer_is_printed_as_json_or_as_a_table() {
    let latest = json!([
        { "series": { "key": "m{a=\"1\"}" }, "value": 2.5 },
        { "series": { "key": "n{}" }, "value": null },
    ]);
    let answer = json!({ "data": { "latest": latest } });
    let (text, result) = ask(answer.clone(), None).await;
    result.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), answer["data"]);
    let look = Look {
        screen: Screen::default(),
        zone: jiff::tz::TimeZone::UTC,
    };
    let (text, result) = ask(answer, Some(&look)).await;
    result.unwrap();
    assert_eq!(
        text,
        "series.key  value\n----------  -----\nm{a=\"1\"}      2.5\nn{}\n"
    );
}

#[actix_web::test]
async fn the_errors_of_an_answer_fail_the_command() {
    let errors = json!([{
        "message": "too many", "extensions": { "code": "TOO_MANY_ROWS" },
        "locations": [{ "line": 1, "column": 3 }],
    }]);
    let answer = json!({ "data": null, "errors": errors });
    let (text, result) = ask(answer, None).await;
    assert_eq!(text, "");
    assert_eq!(
        result.unwrap_err().to_string(),
        "TOO_MANY_ROWS: too many (line 1, column 3)"
    );
}

type Heard = Arc<Mutex<Vec<Value>>>;

/// A server that sends one batch with the cursor `c<n>` to connection `n` and then drops it; the
/// third gets an error that is final. Tells the `after` and `backfill` of each subscription.
async fn dropping() -> (String, Heard) {
    let heard: Heard = Arc::default();
    let told = Arc::clone(&heard);
    let url = serve(move || {
        let heard = Arc::clone(&told);
        web::post().to(move |asked: web::Json<Value>| {
            let events = events(&asked["variables"], &mut heard.lock().unwrap());
            // In pieces as a network may make them.
            let pieces: Vec<_> = events.as_bytes().chunks(7).map(Bytes::copy_from_slice).collect();
            let body = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
            let mut response = HttpResponse::Ok();
            ready(response.content_type("text/event-stream").streaming(body))
        })
    })
    .await;
    (url, heard)
}

fn events(variables: &Value, heard: &mut Vec<Value>) -> String {
    heard.push(json!([variables["after"], variables["backfill"]]));
    let turn = heard.len();
    let answer = if turn == 3 {
        json!({ "errors": [{ "message": "gone", "extensions": { "code": "RESUME_GAP" } }] })
    } else {
        let point = json!({ "ts": "t", "value": turn, "series": { "key": "m{}" } });
        let batch = json!({ "cursor": format!("c{turn}"), "conflated": 0, "points": [point] });
        json!({ "data": { "points": batch } })
    };
    format!(":\n\nevent: next\ndata: {answer}\n\n")
}

fn options() -> tail::Options {
    tail::Options {
        backfill: Some("15m".to_owned()),
        ..tail::Options::default()
    }
}

fn follow<'o>(url: &'o str, options: &'o tail::Options) -> Tail<'o> {
    Tail {
        url,
        selector: json!({}),
        options,
        screen: Screen::default(),
    }
}

#[actix_web::test]
async fn a_tail_that_loses_its_connection_continues_behind_its_last_line() {
    let (url, heard) = dropping().await;
    let mut out = Vec::new();
    let news = Mutex::new(Vec::new());
    let say = |text: &str| news.lock().unwrap().push(text.to_owned());
    let error = tail(&follow(&url, &options()), &mut out, say, std::future::pending())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "RESUME_GAP: gone");
    assert_eq!(
        *heard.lock().unwrap(),
        [json!([null, "15m"]), json!(["c1", null]), json!(["c2", null])]
    );
    let lines = String::from_utf8(out).unwrap();
    let values: Vec<_> = lines
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(news.lock().unwrap().len(), 2);
}

#[actix_web::test]
async fn a_tail_that_is_stopped_tells_its_cursor() {
    let (url, _) = dropping().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stop = Mutex::new(Some(stop));
    // The first connection is lost after its batch: by then the cursor is known.
    let say = |_: &str| drop(stop.lock().unwrap().take());
    let mut out = Vec::new();
    let cursor = tail(&follow(&url, &options()), &mut out, say, async {
        let _ = stopped.await;
    })
    .await
    .unwrap();
    assert_eq!(cursor.as_deref(), Some("c1"));
}
