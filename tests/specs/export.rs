//! Points and history by plain HTTP: every format, answers of any size, tags for closed spans, and
//! what a client sees when something goes wrong.

use std::fs;

use arrow_ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::live::after;
use crate::support::eventually;
use crate::support::exported::{Known, lines, open, resident};
use crate::support::kafka::labelled_point;
use crate::support::terminal::{directory, streamsync};

#[actix_web::test]
async fn every_format_says_the_same() {
    let known = Known::input().await;
    let get = async |format: &str| {
        known
            .get("points", &format!("metric=temp&ts=us&format={format}"))
            .await
    };
    let answer = get("json").await.json();
    assert_eq!(answer["columns"], json!(["ts", "value"]));
    let first = &answer["series"][0];
    assert_eq!(
        (&first["series"], &first["metric"]),
        (&json!("temp{site=\"a\"}"), &json!("temp"))
    );
    assert_eq!(first["labels"], json!({"site": "a"}));
    assert_eq!(first["points"][1], json!([after(known.base, 10).0, 1.0]));
    assert_eq!(answer["series"][1]["points"].as_array().map(Vec::len), Some(10));

    let ndjson = get("ndjson").await;
    assert_eq!(lines(&ndjson.body), 20);
    let row: Value =
        serde_json::from_slice(ndjson.body.split(|b| *b == b'\n').next().expect("a row")).expect("JSON");
    let expected = json!({"series": "temp{site=\"a\"}", "metric": "temp", "labels": {"site": "a"},
        "ts": known.base.0, "value": 0.0});
    assert_eq!(row, expected);

    let csv = get("csv").await;
    assert_eq!(
        csv.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let csv = String::from_utf8(csv.body.to_vec()).expect("a text");
    let line = format!(
        "\"temp{{site=\"\"b\"\"}}\",temp,\"{{\"\"site\"\":\"\"b\"\"}}\",{},91.5",
        after(known.base, 90).0
    );
    assert_eq!(
        (csv.lines().next(), csv.lines().last()),
        (Some("series,metric,labels,ts,value"), Some(&*line))
    );

    let arrow = known.get("points", "metric=temp&format=arrow").await;
    let arrow = StreamReader::try_new(&arrow.body[..], None).expect("a stream");
    assert_eq!(
        arrow
            .map(|batch| batch.expect("a batch").num_rows())
            .sum::<usize>(),
        20
    );
    let parquet = known.get("points", "metric=temp&format=parquet").await;
    assert_eq!(parquet.header("content-encoding"), "");
    let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet.body).expect("a file");
    assert_eq!(parquet.metadata().file_metadata().num_rows(), 20);

    let buckets = known
        .get(
            "history",
            "metric=temp&label=site=a&step=1m&aggregate=avg,max&ts=us",
        )
        .await
        .json();
    assert_eq!(buckets["columns"], json!(["ts", "avg", "max"]));
    let points = json!([[known.base.0, 2.5, 5.0], [after(known.base, 60).0, 7.5, 9.0]]);
    assert_eq!(buckets["series"][0]["points"], points);
}

#[actix_web::test]
async fn an_answer_may_have_more_rows_than_the_limit() {
    let known = Known::input().await;
    known.many(250_000).await;
    let all = known.get("points", "metric=up&format=ndjson").await;
    assert_eq!(lines(&all.body), 250_001);
    let few = known.get("points", "metric=up&format=ndjson&limit=12345").await;
    assert_eq!(
        (lines(&few.body), &all.body[..few.body.len()]),
        (12_345, &few.body[..])
    );

    // The same points as buckets of their own, in parts of the span.
    let to = format!("to={}", after(known.base, 60));
    let buckets = known
        .get(
            "history",
            &format!("metric=up&step=100us&aggregate=last&format=csv&{to}"),
        )
        .await;
    assert_eq!(lines(&buckets.body), 250_002);
    let text = String::from_utf8(buckets.body.to_vec()).expect("a text");
    let values = text
        .lines()
        .skip(2)
        .map(|line| line.rsplit(',').next().expect("a value").parse::<f64>());
    assert!(
        values
            .map(Result::unwrap_or_default)
            .eq((1..=250_000).map(f64::from))
    );
}

#[actix_web::test]
async fn a_client_that_reads_slowly_holds_one_page() {
    let known = Known::input().await;
    known.many(1_000_000).await;
    let small = known.get("points", "metric=temp").await;
    assert_eq!(small.status, 200);
    let before = resident(known.node.pid());
    let mut slow = Vec::new();
    for _ in 0..5 {
        slow.push(open(&known.node.url, &known.path("points", "metric=up&format=ndjson")).await);
    }
    for socket in &mut slow {
        socket.read_exact(&mut [0; 1_000]).await.expect("the beginning");
    }
    // Five whole answers would be 500 MB.
    assert!(
        resident(known.node.pid()) < before + 100_000,
        "{before} kB before"
    );
    let mut rest = Vec::new();
    slow[0].read_to_end(&mut rest).await.expect("the rest");
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"));
    assert!(
        resident(known.node.pid()) < before + 100_000,
        "{before} kB before"
    );
}

#[actix_web::test]
async fn what_goes_wrong_behind_the_first_byte_breaks_the_connection() {
    let known = Known::input().await;
    known.many(1_000_000).await;
    let path = known.path("points", "metric=up&format=csv");
    let mut socket = open(&known.node.url, &path).await;
    socket.read_exact(&mut [0; 1_000]).await.expect("the beginning");
    let dir = directory();
    let file = dir.path().join("up.csv");
    known
        .plan
        .database
        .run("alter table points rename to elsewhere")
        .await;
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"));
    eventually("it is said why", async || {
        known.node.log().contains("a response failed").then_some(())
    })
    .await;
    let answer = known.get("points", "metric=up").await;
    assert_eq!((answer.status, &*answer.code()), (500, "INTERNAL"));
    let export = [
        "export",
        "--url",
        &known.node.url,
        "--from",
        &known.base.to_string(),
    ];
    let failed = streamsync(&[&export[..], &["--out", file.to_str().expect("a path")]].concat());
    assert!(failed.complaint().contains("INTERNAL"));
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

#[actix_web::test]
async fn a_closed_span_has_a_tag_until_something_in_it_changes() {
    let known = Known::input().await;
    let path = known.path("points", &format!("metric=temp&to={}", after(known.base, 300)));
    let open = known.send("GET", &path, &[]).await;
    assert_eq!(
        (open.header("etag"), open.header("cache-control")),
        ("", "private, no-cache")
    );
    // As the refresher of the rollups does.
    let settle = "update rollup_edge set edge = now() - interval '1 minute'; delete from invalidations;
        insert into days (day) values (current_date), (current_date - 1)
        on conflict (day) do update set version = days.version + 1";
    known.plan.database.run(settle).await;
    let closed = known.send("GET", &path, &[]).await;
    let tag = closed.header("etag").to_owned();
    assert_eq!(
        closed.header("cache-control"),
        "private, max-age=0, must-revalidate"
    );
    assert!(closed.header("vary").starts_with("Accept, Accept-Encoding, "));
    assert!(tag.len() > 30 && closed.body == open.body, "{tag}");
    let ask = async |headers: &[(&str, &str)]| known.send("GET", &path, headers).await;
    let same = ask(&[("if-none-match", &format!("\"x\", W/{tag}"))]).await;
    assert_eq!(
        (same.status, same.header("etag"), same.body.len()),
        (304, &*tag, 0)
    );
    assert_ne!(ask(&[("accept-encoding", "gzip")]).await.header("etag"), tag);
    assert_ne!(ask(&[("accept", "text/csv")]).await.header("etag"), tag);
    let head = known.send("HEAD", &path, &[]).await;
    assert_eq!(
        (head.status, head.header("etag"), head.body.len()),
        (200, &*tag, 0)
    );

    let late = labelled_point("temp", &[("site", "a")], after(known.base, 5), -1.0);
    known.plan.send_and_read(&[late]).await;
    // The log of the writer says so, as soon as there is a writer that keeps it.
    let pending = format!(
        "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
         select ts, ts, '{{1}}', array[ts], array[ts] from (select timestamptz '{}' as ts) t",
        after(known.base, 5)
    );
    known.plan.database.run(&pending).await;
    let changed = ask(&[("if-none-match", &tag)]).await;
    assert_eq!((changed.status, changed.header("etag")), (200, ""));
    known.plan.database.run(settle).await;
    let settled = ask(&[("if-none-match", &tag)]).await;
    assert_eq!((settled.status, &settled.body), (200, &changed.body));
    assert!(!settled.header("etag").is_empty() && settled.header("etag") != tag);
}

#[actix_web::test]
async fn every_mistake_has_its_status_and_its_code() {
    let known = Known::input().await;
    let minute = format!("to={}", after(known.base, 60));
    for (resource, rest) in [
        ("points", "metrc=temp"),
        ("points", "from=1"),
        ("points", "to=0"),
        ("points", "to=yesterday"),
        ("points", "label=site"),
        ("points", "label=site=~("),
        ("points", "format=xml"),
        ("points", "format=arrow&ts=s"),
        ("points", "limit=0"),
        ("points", "step=1m"),
        ("history", ""),
        ("history", "step=1m&max_points=5"),
        ("history", "step=soon"),
        ("history", "step=1m&aggregate=median"),
        ("history", "step=1m&aggregate=avg,avg"),
        ("history", "step=1m&across=sum"),
        ("history", "step=1m&fill=nan"),
        ("history", "max_points=5&fill=null"),
    ] {
        let answer = known.get(resource, rest).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "BAD_USER_INPUT"),
            "{rest}"
        );
    }
    let path = known.path("points", &minute);
    let answer = known.send("GET", &path, &[("accept", "text/html")]).await;
    assert_eq!((answer.status, &*answer.code()), (406, "NOT_ACCEPTABLE"));
    let history = known.path("history", &minute);
    for (path, other, allowed) in [
        (&path, "PUT", "GET, HEAD, POST, OPTIONS"),
        (&history, "POST", "GET, HEAD, OPTIONS"),
    ] {
        for (method, status) in [(other, 405), ("OPTIONS", 204)] {
            let answer = known.send(method, path, &[]).await;
            assert_eq!((answer.status, answer.header("allow")), (status, allowed));
        }
    }
    let foreign = known
        .send("GET", &path, &[("origin", "https://evil.example.org")])
        .await;
    assert_eq!((foreign.status, &*foreign.code()), (403, "FORBIDDEN_ORIGIN"));
    known.node.stop().await;
}

#[actix_web::test]
async fn export_writes_a_whole_file_or_none() {
    let known = Known::input().await;
    known.many(150_000).await;
    let dir = directory();
    let file = dir.path().join("up.parquet");
    let from = known.base.to_string();
    let export = |arguments: &[&str]| {
        streamsync(&[&["export", "--url", &known.node.url, "--from", &from], arguments].concat())
    };
    export(&["--metric", "up", "--out", file.to_str().expect("a path")]).printed();
    let parquet = fs::File::open(&file).expect("the file");
    let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet).expect("Parquet");
    assert_eq!(parquet.metadata().file_metadata().num_rows(), 150_001);
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);

    let printed = export(&[
        "--label",
        "site=a",
        "--step",
        "1m",
        "--aggregate",
        "count,max",
        "--ts",
        "s",
    ])
    .printed();
    let seconds = known.base.0 / 1_000_000;
    assert_eq!(printed.lines().next(), Some("series,metric,labels,ts,count,max"));
    assert!(
        printed
            .lines()
            .nth(1)
            .is_some_and(|line| line.ends_with(&format!("{seconds},6.0,5.0"))),
        "{printed}"
    );

    // The same options give `query` the same numbers.
    let options = [
        "--from",
        &from,
        "--label",
        "site=a",
        "--step",
        "1m",
        "--aggregate",
        "count,max",
    ];
    let asked = [&["query", "--url", &known.node.url][..], &options].concat();
    let answer: Value = serde_json::from_str(&streamsync(&asked).printed()).expect("JSON");
    let first = json!({"ts": known.base.to_string(), "count": 6, "max": 5.0});
    assert_eq!(answer["history"][0]["points"][0], first);

    let unknown = export(&["--out", dir.path().join("t.xlsx").to_str().expect("a path")]);
    assert!(
        unknown
            .complaint()
            .contains("its ending names no format; end it in .csv")
    );
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
    assert!(
        export(&["--step", "1s", "--fill", "x"])
            .complaint()
            .contains("BAD_USER_INPUT")
    );
    assert_eq!(export(&["--format", "xml"]).code, Some(2));
    assert_eq!(streamsync(&["export", "--url", &known.node.url]).code, Some(2));
    let nobody = streamsync(&["export", "--url", "http://127.0.0.1:9", "--from", "0"]);
    assert!(nobody.complaint().contains("no answer"));
    known.node.stop().await;
}
