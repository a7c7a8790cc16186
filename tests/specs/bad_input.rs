//! A record that cannot be stored is one dead letter that says why and where it came from; its
//! neighbours are stored, and a stream that brings little else is paused.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::kafka::{self, Record, point, record};
use crate::support::{StreamSync, eventually, moment, unique};
use streamsync::data::{Micros, Reason};

const HOUR: i64 = 3_600_000_000;

/// Formats besides JSON, what becomes of a record that is none, and one that has a point of `m`, 7, now.
const FORMATS: [(&str, Reason, &[u8]); 3] = [
    ("csv", Reason::NotCsv, b"metric,ts,value\nm,{ts},7\n"),
    ("line-protocol", Reason::NotLineProtocol, b"m value=7 {ts}"),
    (
        "messagepack",
        Reason::NotMessagePack,
        b"\x83\xa6metric\xa1m\xa2ts\xd3{ts}\xa5value\x07",
    ),
];

/// Their examples need schemas or programs and are in `schemas.rs` and `programs.rs`.
const ELSEWHERE: [Reason; 4] = [
    Reason::NotAvro,
    Reason::NotProtobuf,
    Reason::UnknownSchema,
    Reason::TransformFailed,
];

/// A point of `metric` with these labels, ready to be stored but for what the test changes.
fn labelled(metric: &str, ts: Micros, labels: Value) -> Record {
    let payload = json!({"metric": metric, "labels": labels, "ts": ts.to_string(), "value": 1});
    record(payload.to_string())
}

#[actix_web::test]
async fn every_kind_of_bad_record_is_one_dead_letter_and_its_neighbours_are_stored() {
    let plan = StreamSync::plan()
        .await
        .settings("[pipeline]\nmax_far_partitions = 0")
        .stream_settings(
            r#"
            max_record_bytes = 100000
            max_series = 2
            retention = "90d""#,
        );
    plan.topics().await;
    let t = moment();
    let labels = |n: usize| {
        let label = |i: usize| (format!("l{i}"), Value::from("x"));
        Value::Object((0..n).map(label).collect())
    };
    let bad = [
        (Reason::NotJson, record("{\"metric\": \"m\"")),
        (Reason::BadCompression, record(b"\x1f\x8bno gzip".to_vec())),
        (Reason::TooDeep, record("[".repeat(129))),
        (Reason::MissingField, record(r#"{"metric": "m", "value": 1}"#)),
        (
            Reason::WrongType,
            record(format!(
                r#"{{"metric": "m", "ts": {}, "value": "1"}}"#,
                t.as_millis()
            )),
        ),
        (
            Reason::NotFinite,
            record(format!(
                r#"{{"metric": "m", "ts": {}, "value": NaN}}"#,
                t.as_millis()
            )),
        ),
        (
            Reason::BadTimestamp,
            record(r#"{"metric": "m", "ts": "soon", "value": 1}"#),
        ),
        (Reason::OutOfTimeRange, point("m", Micros(t.0 + 48 * HOUR), 1.0)),
        (Reason::TooOld, point("m", Micros(t.0 - 100 * 24 * HOUR), 1.0)),
        (Reason::InvalidName, point("m{}", t, 1.0)),
        (
            Reason::LabelTooLong,
            labelled("m", t, json!({"a": "x".repeat(1_025)})),
        ),
        (Reason::TooManyLabels, labelled("m", t, labels(33))),
        (Reason::RecordTooLarge, record(" ".repeat(100_001))),
        (
            Reason::UnknownStream,
            point("m", t, 1.0).header("streamsync-stream", "other"),
        ),
        // Two are allowed, and `good` will be both of them by then.
        (Reason::TooManySeries, point("third", t, 1.0)),
        // More than 60 days are far.
        (
            Reason::TooManyPartitions,
            point("good", Micros(t.0 - 80 * 24 * HOUR), 1.0),
        ),
        // By the database's own check, below.
        (Reason::RejectedByStore, point("good", t, -1.0)),
    ];
    let tested = bad.iter().map(|(reason, _)| reason.code());
    let tested: BTreeSet<&str> = tested
        .chain(FORMATS.map(|(_, reason, _)| reason.code()))
        .chain(ELSEWHERE.map(Reason::code))
        .collect();
    let all: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(tested, all, "a reason without an example");

    let mut records = vec![labelled("good", t, json!({"which": "first"}))];
    for (at, (reason, bad)) in bad.iter().enumerate() {
        records.push(bad.clone().key(reason.code()).at(t).header("n", vec![at as u8]));
        records.push(point("good", Micros(t.0 + at as i64), at as f64).at(t));
    }
    let node = plan.start().await;
    plan.database
        .run("alter table points add check (value >= 0)")
        .await;
    let places = plan.send_and_read(&records).await;

    let letters = format!(
        r#"select concat_ws(' ', reason, convert_from(key, 'UTF8'), stream, topic, partition, "offset",
               (extract(epoch from recorded_at) * 1000000)::bigint,
               encode(payload, 'base64') = encode(substr(payload, 1, 65536), 'base64'), payload_size,
               encode(payload_sha256, 'hex'), headers::text, attempts, resolved_at is null)
           from dead_letters where topic = '{}' order by "offset""#,
        plan.stream
    );
    let expected: Vec<String> = records
        .iter()
        .zip(&places)
        .filter(|(record, _)| !record.headers.is_empty())
        .map(|(record, (partition, offset))| {
            let reason = String::from_utf8_lossy(record.key.as_deref().expect("a key"));
            let payload = record.payload.as_deref().expect("a payload");
            let pair = |header: &streamsync::data::Header| {
                format!(r#"["{}", "{}"]"#, header.name, STANDARD.encode(&header.value))
            };
            let headers: Vec<String> = record.headers.iter().map(pair).collect();
            format!(
                "{reason} {reason} {stream} {stream} {partition} {offset} {ts} t {size} {hash} [{headers}] 1 t",
                stream = plan.stream,
                ts = t.0,
                size = payload.len(),
                hash = hex(&openssl::sha::sha256(payload)),
                headers = headers.join(", "),
            )
        })
        .collect();
    assert_eq!(plan.database.column(&letters).await, expected);

    let mut rows = vec![format!(r#"good{{which="first"}} {} 1"#, t.0)];
    rows.extend((0..bad.len()).map(|at| format!("good{{}} {} {at}", t.0 + at as i64)));
    rows.sort_unstable();
    let mut stored = plan.database.points().await;
    stored.sort_unstable();
    assert_eq!(stored, rows);
    for (reason, _) in bad {
        let label = format!("reason=\"{}\"", reason.code());
        let counted = node.metric("streamsync_dead_letters_total", &label).await;
        assert_eq!(counted, 1.0, "{reason} in the metrics");
    }
    node.stop().await;
}

#[actix_web::test]
async fn each_format_is_stored_compressed_or_not_and_what_is_none_is_a_dead_letter() {
    for (format, reason, good) in FORMATS {
        let plan = StreamSync::plan().await.stream_settings(&format!(
            "format = \"{format}\"\ntime = {{ field = \"{}\", unit = \"us\" }}",
            if format == "line-protocol" { "time" } else { "ts" }
        ));
        let node = plan.start().await;
        let t = moment();
        let at = |t: i64| {
            let place = memchr::memmem::find(good, b"{ts}").expect("a place for the time");
            let time = match format {
                "messagepack" => t.to_be_bytes().to_vec(),
                _ => t.to_string().into_bytes(),
            };
            [&good[..place], &time, &good[place + 4..]].concat()
        };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&at(t.0 + 1)).expect("memory");
        let bad = record(b"\"\xc1".to_vec());
        let gzip = record(gzip.finish().expect("memory"));
        plan.send_and_read(&[record(at(t.0)), bad, gzip]).await;
        let letters = "select reason || \"offset\" from dead_letters";
        assert_eq!(plan.database.column(letters).await, [format!("{reason}1")]);
        let rows = [0, 1].map(|n| format!("m{{}} {} 7", t.0 + n));
        assert_eq!(plan.database.points().await, rows, "{format}");
        node.stop().await;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[actix_web::test]
async fn one_bad_element_refuses_its_array_and_a_tombstone_is_left_out() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let t = moment().to_string();
    let good = json!({"metric": "m", "ts": t, "value": 1});
    let array = json!([good, good, {"metric": "m", "ts": t}]);
    let tombstone = Record {
        payload: None,
        ..record("")
    };
    let records = [
        record(array.to_string()),
        tombstone,
        point("after", moment(), 2.0),
    ];
    plan.send_and_read(&records).await;
    let letters = "select concat_ws(' ', reason, element, \"offset\") from dead_letters";
    assert_eq!(plan.database.column(letters).await, ["missing_field 2 0"]);
    assert_eq!(plan.database.points().await.len(), 1);
    node.stop().await;
}

#[actix_web::test]
async fn headers_survive_whatever_their_bytes() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let binary: Vec<u8> = (0..=255).collect();
    let odd = record("not json")
        .header("twice", "1")
        .header("twice", "")
        .header("bin", binary.clone());
    plan.send_and_read(&[odd]).await;

    let headers = "select headers::text from dead_letters order by \"offset\"";
    let stored = plan.database.column(headers).await;
    let expected = format!(
        r#"[["twice", "MQ=="], ["twice", ""], ["bin", "{}"]]"#,
        STANDARD.encode(&binary)
    );
    assert_eq!(stored[0], expected);
    let list = node
        .query("{ deadLetters { nodes { headers { name } } } }", json!({}))
        .await;
    assert_eq!(list["deadLetters"]["nodes"].as_array().map(Vec::len), Some(1));
    node.stop().await;
}

/// Our own producer cannot write such a name; kcat can.
#[actix_web::test]
#[ignore = "needs kcat: make test-peers"]
async fn a_header_name_that_is_not_utf8_is_kept_with_a_replacement_character() {
    use std::os::unix::ffi::OsStrExt;
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let topic = &plan.stream;
    let mut kcat = Command::new("kcat")
        .args(["-b", kafka::broker().bootstrap_servers(), "-P", "-t", topic])
        .args(["-H", "plain=1", "-H"])
        .arg(std::ffi::OsStr::from_bytes(b"\xff=2"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("kcat runs");
    let input = kcat.stdin.take().expect("its input");
    (&input).write_all(b"not json\n").expect("kcat reads");
    drop(input);
    assert!(kcat.wait().expect("kcat ends").success());
    plan.has_read(topic, &[(0, 0)]).await;
    let headers = plan
        .database
        .value("select headers::text from dead_letters")
        .await;
    assert_eq!(headers, "[[\"plain\", \"MQ==\"], [\"\u{fffd}\", \"Mg==\"]]");
    node.stop().await;
}

#[actix_web::test]
async fn a_long_payload_is_cut_and_its_size_and_hash_are_those_of_the_whole() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let payload: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    plan.send_and_read(&[record(payload.clone())]).await;

    let kept = "select encode(sha256(payload), 'hex') || octet_length(payload) from dead_letters";
    let head = hex(&openssl::sha::sha256(&payload[..65_536]));
    assert_eq!(plan.database.value(kept).await, format!("{head}65536"));
    let whole = "select encode(payload_sha256, 'hex') || payload_size from dead_letters";
    let hash = hex(&openssl::sha::sha256(&payload));
    assert_eq!(plan.database.value(whole).await, format!("{hash}100000"));

    let list = "{ deadLetters { nodes { payloadSize payloadTruncated payloadBase64 } } }";
    let node_of_list = node.query(list, json!({})).await["deadLetters"]["nodes"][0].take();
    assert_eq!(node_of_list["payloadSize"], 100_000);
    assert_eq!(node_of_list["payloadTruncated"], true);
    assert_eq!(node_of_list["payloadBase64"], STANDARD.encode(&payload[..65_536]));
    node.stop().await;
}

const LETTERS: &str = "query($first: Int, $after: String, $topic: String) {
    deadLetters(first: $first, after: $after, topic: $topic) {
        nodes { id stream reason detail topic partition offset key timestamp headers { name value }
            payload payloadSize payloadTruncated attempts resolvedAt }
        pageInfo { hasNextPage endCursor } } }";

#[actix_web::test]
async fn dead_letters_are_listed_newest_first_and_page_by_page() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let t = moment();
    let records: Vec<Record> = (0..7)
        .map(|n| record(format!("bad {n}")).key("k").at(t).header("who", "me"))
        .collect();
    plan.send_and_read(&records).await;

    let mut payloads = Vec::new();
    let mut after = Value::Null;
    for size in [3, 3, 1] {
        let variables = json!({"first": 3, "after": after, "topic": plan.stream});
        let mut page = node.query(LETTERS, variables).await["deadLetters"].take();
        let nodes = page["nodes"].as_array().expect("letters").clone();
        assert_eq!(nodes.len(), size);
        payloads.extend(nodes.iter().map(|one| one["payload"].clone()));
        assert_eq!(page["pageInfo"]["hasNextPage"], size == 3);
        after = page["pageInfo"]["endCursor"].take();
    }
    let expected: Vec<Value> = (0..7).rev().map(|n| format!("bad {n}").into()).collect();
    assert_eq!(payloads, expected);

    let variables = json!({"first": 1, "topic": plan.stream});
    let mut newest = node.query(LETTERS, variables).await["deadLetters"]["nodes"][0].take();
    assert!(newest["id"].take().is_string());
    assert!(
        newest["detail"]
            .take()
            .as_str()
            .is_some_and(|text| text.contains("expected"))
    );
    assert_eq!(
        newest,
        json!({
            "id": null, "detail": null, "stream": plan.stream, "reason": "not_json", "topic": plan.stream,
            "partition": 0, "offset": 6, "key": "k", "timestamp": t.to_string(),
            "headers": [{"name": "who", "value": "me"}], "payload": "bad 6", "payloadSize": 5,
            "payloadTruncated": false, "attempts": 1, "resolvedAt": null,
        })
    );
    let elsewhere = node.query(LETTERS, json!({"topic": "elsewhere"})).await;
    assert_eq!(elsewhere["deadLetters"]["nodes"], json!([]));
    node.stop().await;
}

#[actix_web::test]
async fn a_stream_whose_mapping_is_wrong_is_paused_and_the_others_go_on() {
    let other = unique("sound");
    let plan = StreamSync::plan()
        .await
        .settings("[pipeline]\ndead_letter_limit = 0.5\ndead_letter_window = 20")
        .stream_settings("values = [\"temprature\"]")
        .another_stream(&other, "");
    let node = plan.start().await;
    let t = moment();
    let wrong: Vec<Record> = (0..11)
        .map(|n| record(format!(r#"{{"temperature": {n}, "ts": 1}}"#)))
        .collect();
    plan.send_and_read(&wrong).await;

    let said = eventually("the stream is paused", async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503).then_some(body)
    })
    .await;
    assert!(said.contains(&format!("stream {} paused", plan.stream)), "{said}");
    let ask = "{ pipeline { ready state missing streams { name paused pausedWhy deadLetters } } }";
    let pipeline = node.query(ask, json!({})).await["pipeline"].take();
    assert_eq!(pipeline["ready"], false);
    assert_eq!(pipeline["state"], "NOT_READY");
    for stream in pipeline["streams"].as_array().expect("streams") {
        let is_wrong = stream["name"] == plan.stream.as_str();
        assert_eq!(stream["paused"], is_wrong);
        assert_eq!(stream["deadLetters"], if is_wrong { 11 } else { 0 });
        let why = stream["pausedWhy"].as_str().unwrap_or_default();
        assert_eq!(why.contains("became dead letters"), is_wrong, "{why}");
    }

    // What was on its way is still judged; what comes later waits in Kafka, not in the dead letters,
    // while the other stream is read.
    let letters = "select count(*) from dead_letters";
    let (mut judged, mut quiet_rounds) = (String::new(), 0);
    eventually("three times in a row nothing more is judged", async || {
        plan.send(&wrong[..1]).await;
        let places = kafka::send(&other, &[point("fine", t, 1.0)]).await;
        plan.has_read(&other, &places).await;
        let now = plan.database.value(letters).await;
        quiet_rounds = if now == judged { quiet_rounds + 1 } else { 0 };
        judged = now;
        (quiet_rounds == 3).then_some(())
    })
    .await;
    assert_eq!(plan.database.points().await, [format!("fine{{}} {} 1", t.0)]);
    node.stop().await;

    // A restart judges anew.
    let node = plan.launch().await;
    eventually("the rest is judged", async || {
        (plan.database.value(letters).await != judged).then_some(())
    })
    .await;
    node.stop().await;
}

#[actix_web::test]
async fn a_url_that_is_not_utf8_is_refused_on_every_route() {
    let node = StreamSync::plan().await.start().await;
    for path in [
        "/api/v1/points?metric=%FF&from=0",
        "/api/v1/history?metric=a%C3&from=0&step=1m&aggregate=avg",
        "/prometheus/api/v1/query?query=%FF",
        "/prometheus/api/v1/label/%FF/values",
        "/graphql?query=%7Bmetrics(prefix:%22%FF%22)%7Bname%7D%7D",
        "/nothing%FF",
    ] {
        let (status, body) = node.get(path).await;
        assert_eq!(status, 400, "{path} {body}");
        let code = match path.starts_with("/prometheus/") {
            true => "bad_data",
            false => "BAD_REQUEST",
        };
        assert!(body.contains(code) && body.contains("not UTF-8"), "{path} {body}");
    }
    node.stop().await;
}
