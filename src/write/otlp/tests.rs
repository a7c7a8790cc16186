//! Exports of the SDK for Python, exports that are partly wrong, and bytes that are no export.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::data::Micros;
use crate::transform::{Intake, Limits};

const NOW: Micros = Micros(1_764_351_845_000_000);

/// What `tests/otlp/sdk.py` writes.
#[derive(Deserialize)]
struct Sdk {
    protobuf: String,
    json: serde_json::Value,
}

static SDK: LazyLock<BTreeMap<String, Sdk>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../tests/otlp/sdk.json")).unwrap());

impl Sdk {
    fn bodies(&self) -> [(Vec<u8>, Otlp); 2] {
        [
            (STANDARD.decode(&self.protobuf).unwrap(), Otlp::Protobuf),
            (self.json.to_string().into_bytes(), Otlp::Json),
        ]
    }
}

#[derive(Debug, Default, PartialEq)]
struct Stored {
    points: Vec<String>,
    told: Vec<String>,
    refused: u64,
    sent: u64,
}

fn stored(body: &[u8], written: Otlp) -> Result<Stored, RecordError> {
    let (mut intake, limits) = (Intake::default(), Limits::default());
    let mut taking = intake.begin(&limits, body, NOW);
    let export = read(body, written, &mut taking)?;
    let taken = taking.end();
    let points = taken.points.iter().map(|point| {
        let series = &taken.series[point.series as usize].key;
        format!("{series} {} {}", point.value, point.ts.0 - NOW.0)
    });
    let told = export.refusals.told().iter().map(ToString::to_string);
    Ok(Stored {
        points: points.collect(),
        told: told.collect(),
        refused: export.refusals.count(),
        sent: export.data_points,
    })
}

/// An export of these metrics.
fn json(metrics: &str) -> Stored {
    let body = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#);
    stored(body.as_bytes(), Otlp::Json).unwrap()
}

#[test]
fn an_export_of_the_sdk_is_the_same_in_protobuf_and_in_json() {
    for (body, written) in SDK["cumulative"].bodies() {
        let found = stored(&body, written).unwrap();
        assert_eq!(
            found.points,
            [
                r#"http_requests{http_request_method="GET",instance="7",job="shop/cart",ok="true"} 3 0"#,
                r#"http_requests{http_request_method="POST",instance="7",job="shop/cart"} 4 0"#,
                r#"queue_length{instance="7",job="shop/cart"} -2 0"#,
                r#"http_duration_bucket{instance="7",job="shop/cart",le="0.5",route="/a"} 1 0"#,
                r#"http_duration_bucket{instance="7",job="shop/cart",le="5",route="/a"} 2 0"#,
                r#"http_duration_bucket{instance="7",job="shop/cart",le="+Inf",route="/a"} 3 0"#,
                r#"http_duration_sum{instance="7",job="shop/cart",route="/a"} 30.8 0"#,
                r#"http_duration_count{instance="7",job="shop/cart",route="/a"} 3 0"#,
                r#"room_temperature{instance="7",job="shop/cart",room="Küche"} 21.5 0"#,
                r#"room_temperature{instance="7",job="shop/cart",room="n"} 9007199254740992 0"#,
                r#"room_temperature{instance="7",job="shop/cart",n="1.5"} 0 0"#,
            ],
            "{written:?}"
        );
        assert_eq!((found.told, found.refused, found.sent), (vec![], 0, 7));
    }
}

#[test]
fn what_has_no_series_is_counted_and_says_what_to_do() {
    for (body, written) in SDK["delta"].bodies() {
        let found = stored(&body, written).unwrap();
        // An UpDownCounter and a gauge have no deltas.
        assert_eq!((found.points.len(), found.refused, found.sent), (4, 3, 7));
        let begin =
            "3 data points, the first of metric 'http.requests': delta_temporality: what was counted since";
        assert!(found.told[0].starts_with(begin), "{written:?}: {:?}", found.told);
        assert!(found.told[0].contains("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"));
    }
    for (body, written) in SDK["exponential"].bodies() {
        let found = stored(&body, written).unwrap();
        assert_eq!((found.points.len(), found.refused, found.sent), (6, 1, 7));
        let begin = "metric 'http.duration': exponential_histogram: ";
        assert!(found.told[0].starts_with(begin), "{written:?}: {:?}", found.told);
    }
    let found = json(
        r#"{"name": "a"}, {"name": "b", "sum": {"dataPoints": [{"asInt": 1}, {"asInt": 2}]}},
        {"name": "c", "gauge": {"dataPoints": [{}, {"asDouble": "NaN"}, {"flags": 1}, {"asInt": 3}]}},
        {"name": "d", "summary": {"dataPoints": [{"quantileValues": [{"quantile": 0.5, "value": "NaN"}]}]}}"#,
    );
    assert_eq!(found.points, ["c{} 3 0", "d_sum{} 0 0", "d_count{} 0 0"]);
    let places = found.told.iter().map(|told| told.rsplit_once(": ").unwrap().0);
    assert_eq!(
        places.collect::<Vec<_>>(),
        [
            "metric 'a': no_data",
            "2 data points, the first of metric 'b': no_temporality",
            "metric 'c': no_recorded_value",
            "metric 'c': not_finite",
        ]
    );
    assert_eq!((found.refused, found.sent), (5, 8));
}

#[test]
fn a_bad_data_point_is_refused_as_a_whole_and_the_others_are_stored() {
    let found = json(
        r#"{"name": "my.gauge", "gauge": {"dataPoints": [
            {"asInt": "1", "timeUnixNano": "1"}, {"asInt": 2},
            {"asInt": "9007199254740993", "attributes": [{"key": "host.name", "value": {"stringValue": "h1"}}]},
            7, {"asInt": 3, "attributes": [{"key": "a", "value": 1}]}, {"asInt": 4, "flags": "x"}]}},
        {"gauge": {"dataPoints": [{"asInt": 1}, {"asInt": 2}]}},
        {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            {"count": 1, "bucketCounts": [1, "18446744073709551615"], "explicitBounds": [1], "sum": 1},
            {"count": 1, "bucketCounts": [1, -1, 0], "explicitBounds": [1, 2]},
            {"count": "18446744073709551615"}, {"count": "2"}]}}"#,
    );
    assert_eq!(
        found.points,
        [
            "my_gauge{} 2 0",
            r#"h_bucket{le="1"} 1 0"#,
            r#"h_bucket{le="+Inf"} 1 0"#,
            "h_sum{} 1 0",
            "h_count{} 1 0",
            r#"h_bucket{le="+Inf"} 2 0"#,
            "h_count{} 2 0",
        ]
    );
    let begins = [
        "data point 1 of 'my.gauge': out_of_time_range: 1970-01-01",
        r#"data point 3 of 'my.gauge' {host_name="h1"}: wrong_type: "#,
        "data point 4 of 'my.gauge': wrong_type: 'dataPoints' must be an object, found a",
        "data point 5 of 'my.gauge': wrong_type: 'value' must be an object, found a",
        "data point 6 of 'my.gauge': wrong_type: 'flags' must be",
        "a metric: missing_field: the field 'name' is missing",
        "data point 2 of 'h': wrong_type: 'bucketCounts' must be",
        "data point 3 of 'h': wrong_type: ",
    ];
    assert_eq!(found.told.len(), begins.len(), "{:#?}", found.told);
    for (told, begin) in found.told.iter().zip(begins) {
        assert!(told.starts_with(begin), "{told} does not begin with {begin}");
    }
    assert_eq!((found.refused, found.sent), (9, 12));
}

#[test]
fn what_is_no_export_is_refused_as_a_whole_and_nothing_is_an_export_too() {
    for body in [
        "",
        "[]",
        r#"{"resourceSpans": []}"#,
        r#"{"resourceMetrics": {}}"#,
        r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": 7}}]}]}]}"#,
        r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": "#,
    ] {
        assert!(stored(body.as_bytes(), Otlp::Json).is_err(), "{body}");
    }
    let (body, _) = &SDK["cumulative"].bodies()[0];
    assert!(stored(&body[..body.len() - 1], Otlp::Protobuf).is_err());
    for (body, written) in [
        ("{}", Otlp::Json),
        (r#"{"resourceMetrics": []}"#, Otlp::Json),
        ("", Otlp::Protobuf),
    ] {
        assert_eq!(stored(body.as_bytes(), written).unwrap(), Stored::default());
    }
}

#[test]
fn large_and_hostile_exports_take_time_by_their_size_and_are_bounded() {
    let points = |n: usize, point: &str| vec![point; n].join(",");
    let gauge = |n: usize, point: &str| {
        format!(
            r#"{{"name":"m","gauge":{{"dataPoints":[{}]}}}}"#,
            points(n, point)
        )
    };
    let histogram = |buckets: usize, attributes: &str| {
        let bounds: Vec<String> = (1..buckets).map(|n| n.to_string()).collect();
        let (bounds, counts) = (bounds.join(","), points(buckets, "1"));
        format!(
            r#"{{"name":"m","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"bucketCounts":[{counts}],
            "explicitBounds":[{bounds}],"attributes":[{attributes}]}}]}}}}"#
        )
    };
    let attribute = r#"{"key":"","value":{"stringValue":"x"}}"#;
    let empty = r#"{"key":"k","value":{"stringValue":""}}"#;
    let long = format!(
        r#"{{"key":"k","value":{{"stringValue":"{}"}}}}"#,
        "x".repeat(1_000)
    );
    let started = Instant::now();
    assert_eq!(json(&gauge(50_000, r#"{"asInt":1}"#)).points.len(), 50_000);
    assert_eq!(json(&gauge(50_000, "7")).refused, 50_000);
    // More labels than a point may have.
    let many: Vec<String> = (0..20_000)
        .map(|n| empty.replace("\"k\"", &format!("\"k{n}\"")))
        .collect();
    assert_eq!(json(&histogram(20_000, &many.join(","))).refused, 1);
    // Keys of one name.
    assert_eq!(json(&histogram(20_000, &points(20_000, empty))).refused, 1);
    assert_eq!(
        json(&histogram(20_000, &points(20_000, attribute))).points.len(),
        20_001
    );
    // Far more bytes of labels than of the body.
    let found = json(&histogram(100_000, &long));
    assert!(found.told[0].contains("record_too_large"), "{:?}", found.told);
    let deep = "[".repeat(200_000);
    assert!(stored(deep.as_bytes(), Otlp::Json).is_err());
    assert!(stored(&[0x0a].repeat(200_000), Otlp::Protobuf).is_err());
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn whatever_comes_is_stored_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = stored(&body, Otlp::Protobuf);
        let _ = stored(&body, Otlp::Json);
    }

    #[test]
    fn an_export_that_is_changed_anywhere_is_stored_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        case in any::<prop::sample::Index>(),
    ) {
        let bodies: Vec<_> = SDK.values().flat_map(Sdk::bodies).collect();
        let (mut body, written) = bodies[case.index(bodies.len())].clone();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = stored(&body, written);
    }
}
