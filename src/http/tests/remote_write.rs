//! What senders of remote write are answered. Postgres is away, and a publisher that remembers takes what is
//! sent.

use super::*;
use crate::data::Micros;
use crate::store::read::{ReadLimits, Reader};
use crate::write::remote_write::tests::build::{Made, NOW, v1, v2, varint};

const PATH: &str = "/prometheus/api/v1/write";
const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const COUNTS: [&str; 3] = ["samples", "histograms", "exemplars"];

fn start() -> Running {
    let per_worker = || {
        let nowhere = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
        PerWorker {
            data: Rc::new(|_| Data::default()),
            reader: Some(Reader::new(nowhere, ReadLimits::default()).unwrap()),
            feeds: None,
        }
    };
    let parts = Parts {
        schema: Api::of(Schema::new(Query, Mutation, EmptySubscription)),
        per_worker: Arc::new(per_worker),
        live: settings(),
        writes: writes(),
        access: Access::open(),
        metrics: Arc::default(),
        status: Arc::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = HttpConfig {
        workers: 1,
        ..HttpConfig::default()
    };
    let (server, handle, address) = serve(listener, config, parts).unwrap();
    rt::spawn(server);
    Running {
        handle,
        url: format!("http://{address}"),
        status: Arc::default(),
    }
}

/// The status, what is told in headers of samples, histograms and exemplars, and the text.
async fn sent(
    server: &Running,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (u16, [Option<String>; 3], String) {
    let path = headers.iter().find(|(name, _)| *name == "path");
    let url = format!("{}{}", server.url, path.map_or(PATH, |(_, path)| path));
    let mut request = awc::Client::new().post(url).no_decompress();
    for header in headers.iter().filter(|(name, _)| *name != "path") {
        request = request.insert_header(*header);
    }
    let mut response = request.send_body(body).await.unwrap();
    let text = response.body().await.unwrap().to_vec();
    let text = String::from_utf8(text).unwrap();
    if !text.is_empty() {
        let content_type = response.headers().get("content-type").unwrap();
        assert_eq!(content_type, "text/plain; charset=utf-8", "{text}");
    }
    let header = |name: &str| {
        let name = format!("x-prometheus-remote-write-{name}-written");
        let value = response.headers().get(name)?.to_str().unwrap();
        Some(value.to_owned())
    };
    (response.status().as_u16(), COUNTS.map(header), text)
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

/// Samples of now with these values, of one series.
fn of(labels: &[(&'static str, &'static str)], values: &[f64]) -> Made<'static> {
    let after = Micros::now().as_millis() - NOW;
    Made {
        labels: labels.to_vec(),
        samples: values.iter().map(|value| (after, *value)).collect(),
        ..Made::default()
    }
}

#[actix_web::test]
async fn what_is_stored_is_counted_and_what_cannot_be_is_named() {
    let server = start();
    let up = [("__name__", "up"), ("job", "x")];
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let histogram = Made {
        histograms: vec![&[0x08, 0x01]],
        ..of(&up, &[])
    };
    let exemplars = Made {
        exemplars: 1,
        ..of(&up, &[1.0])
    };
    for (series, status, stored, text) in [
        (vec![of(&up, &[1.0, 2.0])], 204, "2", ""),
        (vec![], 204, "0", ""),
        // The end of a series, and a quantile of nothing.
        (vec![of(&up, &[1.0, stale, f64::NAN])], 204, "3", ""),
        (
            vec![of(&up, &[1.0, f64::NEG_INFINITY, f64::INFINITY])],
            400,
            "1",
            "partial write: 2 refused, 1 points stored: series up{job=\"x\"} at ",
        ),
        (
            vec![of(&up, &[1.0]), of(&[("job", "x")], &[1.0])],
            400,
            "1",
            "series {job=\"x\"}: missing_field: label '__name__' is missing",
        ),
        (vec![of(&up, &[1.0]), histogram], 400, "1", "native histograms"),
        (vec![exemplars], 400, "1", "exemplars are not stored"),
    ] {
        let answer = sent(&server, &[("content-type", V2)], snappy(&v2(&series))).await;
        assert_eq!(
            (answer.0, answer.1[0].as_deref()),
            (status, Some(stored)),
            "{answer:?}"
        );
        assert_eq!(answer.1[1..], [Some("0".to_owned()), Some("0".to_owned())]);
        assert!(
            answer.2.contains(text) && text.is_empty() == answer.2.is_empty(),
            "{answer:?}"
        );
        // 1.0 knows of no counts, and leaves exemplars out.
        let status = if text.starts_with("exemplars") {
            204
        } else {
            status
        };
        let answer = sent(&server, &[("content-type", V1)], snappy(&v1(&series))).await;
        assert_eq!((answer.0, answer.1), (status, [None, None, None]), "{}", answer.2);
    }
    server.stop().await;
}

#[actix_web::test]
async fn bodies_that_are_no_requests_and_requests_for_no_stream_are_refused() {
    let server = start();
    let (one, two) = (
        v1(&[of(&[("__name__", "up")], &[1.0])]),
        v2(&[of(&[("__name__", "up")], &[1.0])]),
    );
    let mut declared = Vec::new();
    varint(2 << 20, &mut declared);
    let (v1, v2) = (("content-type", V1), ("content-type", V2));
    let named = (
        "content-type",
        "Application/X-Protobuf ; proto=\"prometheus.WriteRequest\"",
    );
    for (headers, body, status) in [
        (&[v1, ("content-encoding", "snappy")][..], snappy(&one), 204),
        (&[named], snappy(&one), 204),
        (&[], snappy(&one), 204),
        (&[v2, ("x-streamsync-stream", "machines")], snappy(&two), 204),
        (
            &[v2, ("path", "/prometheus/api/v1/write?stream=machines")],
            snappy(&two),
            204,
        ),
        (&[v2, ("x-streamsync-stream", "other")], snappy(&two), 404),
        (
            &[v2, ("path", "/prometheus/api/v1/write?stream=other")],
            snappy(&two),
            404,
        ),
        (&[v2, ("content-encoding", "gzip")], snappy(&two), 415),
        (&[v2, ("content-encoding", "identity")], two.clone(), 415),
        (&[("content-type", "application/json")], snappy(&one), 415),
        (
            &[("content-type", "application/x-protobuf;proto=x.Y")],
            snappy(&one),
            415,
        ),
        (&[v2], two.clone(), 400),
        (&[v2], Vec::new(), 400),
        (&[v2], snappy(&one), 400),
        (&[v1], snappy(&two), 400),
        (&[v1], snappy(&one[..one.len() - 1]), 400),
        (&[v2], declared, 413),
    ] {
        let answer = sent(&server, headers, body).await;
        assert_eq!(answer.0, status, "{headers:?} {answer:?}");
        assert_eq!(answer.2.is_empty(), status == 204);
        let is_told = headers.contains(&v2);
        let stored = if status == 204 { "1" } else { "0" };
        let told = is_told.then(|| stored.to_owned());
        assert_eq!(answer.1[0], told, "{headers:?} {answer:?}");
    }
    let get = server.get(PATH, &[]).await;
    assert_eq!((get.status.as_u16(), get.header(header::ALLOW)), (405, "POST"));
    // The rest of the scope is still there.
    let build = server.get("/prometheus/api/v1/status/buildinfo", &[]).await;
    assert_eq!(build.status, 200);
    server.stop().await;
}
