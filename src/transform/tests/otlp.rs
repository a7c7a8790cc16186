//! OpenTelemetry's metrics become the series that Prometheus makes of them.

use super::*;

const EXPORT: &str = include_str!("otlp.json");

fn otlp() -> StreamPlan {
    let mapping = Mapping {
        envelope: Some(Envelope::Otlp),
        ..Mapping::default()
    };
    StreamPlan {
        mapping: mapping.of_samples(),
        ..plan()
    }
}

/// The points of one metric, without their time.
fn of_metric(metric: &str) -> Vec<String> {
    let payload = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
    let batch = apply(otlp(), &[Some(&payload)], vec![]);
    assert_eq!(batch.rejected, [], "{metric}");
    let line = |p: &Point| format!("{} {}", batch.series[p.series as usize].key, p.value);
    batch.points.iter().map(line).collect()
}

fn why_refused(metric: &str) -> String {
    let payload = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
    let batch = apply(otlp(), &[Some(&payload)], vec![]);
    assert_eq!(batch.points, [], "{metric}");
    batch.rejected[0].detail.clone()
}

#[test]
fn an_export_becomes_the_series_of_prometheus_and_what_has_none_is_counted_by_rule() {
    let metrics = Metrics::default();
    let batch = apply_with(otlp(), &[Some(EXPORT)], vec![], &metrics);
    assert_eq!(batch.rejected, []);
    assert_eq!(
        lines(&batch),
        [
            r#"my_counter{job="my.service",my_counter_attr="some value"} 2023-11-14T22:13:20.000000Z 5"#,
            r#"my_gauge{job="my.service",my_gauge_attr="some value"} 2023-11-14T22:13:20.000000Z 10"#,
            r#"my_histogram_bucket{job="my.service",le="0.5",my_histogram_attr="some value"} 2023-11-14T22:13:20.000000Z 1"#,
            r#"my_histogram_bucket{job="my.service",le="5",my_histogram_attr="some value"} 2023-11-14T22:13:20.000000Z 3"#,
            r#"my_histogram_bucket{job="my.service",le="+Inf",my_histogram_attr="some value"} 2023-11-14T22:13:20.000000Z 6"#,
            r#"my_histogram_sum{job="my.service",my_histogram_attr="some value"} 2023-11-14T22:13:20.000000Z 7.5"#,
            r#"my_histogram_count{job="my.service",my_histogram_attr="some value"} 2023-11-14T22:13:20.000000Z 6"#,
            r#"my_summary{job="my.service",quantile="0.5"} 2023-11-14T22:13:20.000000Z 2"#,
            r#"my_summary_sum{job="my.service"} 2023-11-14T22:13:20.000000Z 8"#,
            r#"my_summary_count{job="my.service"} 2023-11-14T22:13:20.000000Z 4"#,
        ]
    );
    let counted = |rule: &str| left_out(&metrics, rule);
    assert_eq!(counted("delta_temporality"), 1);
    assert_eq!(counted("not_finite"), 2);
    assert_eq!(counted("no_recorded_value"), 1);
    assert_eq!(counted("exponential_histogram"), 1);
}

#[test]
fn the_names_of_the_protobuf_files_mean_the_same() {
    let snake = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            match c.is_ascii_uppercase() {
                true => out.extend(['_', c.to_ascii_lowercase()]),
                false => out.push(c),
            }
        }
        out
    };
    // Values of the example have capitals too.
    let export = snake(EXPORT).replace("_i am a", "I am a").replace("_na_n", "NaN");
    let batch = apply(otlp(), &[Some(&export)], vec![]);
    assert_eq!(batch.rejected, []);
    assert_eq!(lines(&batch), lines(&apply(otlp(), &[Some(EXPORT)], vec![])));
}

#[test]
fn attributes_of_the_resource_are_left_out_unless_labels_ask_for_them() {
    let mut plan = otlp();
    let own = [
        Label {
            from: LabelSource::Field("resource.host_name".to_owned()),
            name: "host".to_owned(),
        },
        Label {
            from: LabelSource::Field("scope.version".to_owned()),
            name: "version".to_owned(),
        },
    ];
    plan.mapping.labels.splice(0..0, own);
    plan.mapping.on_missing = OnMissing::DeadLetter;
    let batch = apply(plan, &[Some(EXPORT)], vec![]);
    assert_eq!(batch.rejected, []);
    assert_eq!(
        &*batch.series[0].key,
        r#"my_counter{host="h1",job="my.service",my_counter_attr="some value",version="1.0.0"}"#
    );
}

#[test]
fn service_attributes_are_job_and_instance() {
    let payload = r#"{"resourceMetrics":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"cart"}},
        {"key":"service.namespace","value":{"stringValue":"shop"}},
        {"key":"service.instance.id","value":{"intValue":"7"}}]},
        "scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[
            {"asInt":1,"timeUnixNano":1700000000000000000,"attributes":[{"key":"job","value":{"stringValue":"other"}}]}]}}]}]}]}"#;
    let batch = apply(otlp(), &[Some(payload)], vec![]);
    assert_eq!(
        lines(&batch),
        [r#"m{instance="7",job="shop/cart"} 2023-11-14T22:13:20.000000Z 1"#]
    );
}

#[test]
fn attributes_of_every_type_become_labels_by_allowed_names() {
    let attributes = r#"[
        {"key":"http.request.method","value":{"stringValue":"GET"}},
        {"key":"5xx","value":{"boolValue":true}},
        {"key":"a..b","value":{"intValue":"9007199254740993"}},
        {"key":"n","value":{"intValue":7}},
        {"key":"r","value":{"doubleValue":0.5}},
        {"key":"x.y","value":{"stringValue":"1"}}, {"key":"x_y","value":{"stringValue":"2"}},
        {"key":"list","value":{"arrayValue":{"values":[]}}},
        {"key":"none","value":{}}, {"key":"empty","value":{"stringValue":""}}]"#;
    let gauge = format!(
        r#"{{"name":"1st.m/s:x","gauge":{{"dataPoints":[{{"asInt":"1","attributes":{attributes}}}]}}}}"#
    );
    assert_eq!(
        of_metric(&gauge),
        [
            r#"_1st_m_s:x{a_b="9007199254740993",http_request_method="GET",key_5xx="true",n="7",r="0.5",x_y="1;2"} 1"#
        ]
    );
}

#[test]
fn a_time_that_is_not_known_is_that_of_the_kafka_record() {
    for time in ["", r#""timeUnixNano":"0","#, r#""timeUnixNano":0,"#] {
        let gauge = format!(r#"{{"name":"m","gauge":{{"dataPoints":[{{{time}"asInt":"1"}}]}}}}"#);
        assert_eq!(of_metric(&gauge), ["m{} 1"], "{time}");
    }
}

#[test]
fn integers_keep_all_digits_or_are_refused() {
    let gauge = |n: &str| format!(r#"{{"name":"m","gauge":{{"dataPoints":[{{"asInt":{n}}}]}}}}"#);
    assert_eq!(
        of_metric(&gauge("\"9007199254740992\"")),
        ["m{} 9007199254740992"]
    );
    assert_eq!(of_metric(&gauge("-3")), ["m{} -3"]);
    assert!(why_refused(&gauge("\"9007199254740993\"")).contains("beyond 2^53"));
    assert!(why_refused(&gauge("\"many\"")).contains("'asInt' must be a number"));
    assert!(why_refused(&gauge("[]")).contains("'asInt' must be a number, found an array"));
}

#[test]
fn a_histogram_without_buckets_has_the_last_one_and_without_a_sum_none() {
    let of = |point: &str| {
        format!(
            r#"{{"name":"h","histogram":{{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[{point}]}}}}"#
        )
    };
    assert_eq!(
        of_metric(&of(r#"{"count":"3"}"#)),
        [r#"h_bucket{le="+Inf"} 3"#, "h_count{} 3"]
    );
    assert_eq!(of_metric(&of("{}")), [r#"h_bucket{le="+Inf"} 0"#, "h_count{} 0"]);
    let wrong = why_refused(&of(r#"{"bucketCounts":[1,2],"explicitBounds":[1,2]}"#));
    assert!(
        wrong.contains("2 bucketCounts do not go with 2 explicitBounds"),
        "{wrong}"
    );
    let huge = r#"{"bucketCounts":["18446744073709551615","18446744073709551615"],"explicitBounds":[1],"count":"1"}"#;
    assert!(why_refused(&of(huge)).contains("beyond 2^53"));
}

#[test]
fn what_is_not_cumulative_or_without_data_has_no_points() {
    for (metric, rule) in [
        (
            r#"{"name":"m","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"asInt":1}]}}"#,
            "delta_temporality",
        ),
        (
            r#"{"name":"m","histogram":{"aggregationTemporality":1,"dataPoints":[{"count":1}]}}"#,
            "delta_temporality",
        ),
        (
            r#"{"name":"m","sum":{"dataPoints":[{"asInt":1}]}}"#,
            "no_temporality",
        ),
        (r#"{"name":"m","gauge":{"dataPoints":[{}]}}"#, "no_recorded_value"),
        (r#"{"name":"m"}"#, "no_data"),
    ] {
        let payload = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
        let metrics = Metrics::default();
        let batch = apply_with(otlp(), &[Some(&payload)], vec![], &metrics);
        assert_eq!((batch.points.len(), batch.rejected.len()), (0, 0), "{metric}");
        assert_eq!(left_out(&metrics, rule), 1, "{metric}");
    }
}

#[test]
fn what_is_no_export_is_refused_and_says_what_is_missing() {
    for (payload, detail) in [
        (
            r#"{"resourceSpans":[]}"#,
            "the field 'resourceMetrics' is missing",
        ),
        (
            r#"{"resourceMetrics":{}}"#,
            "'resourceMetrics' must be an array, found an object",
        ),
        (
            r#"{"resourceMetrics":[7]}"#,
            "'resourceMetrics' must be an object, found an integer",
        ),
        (
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{}}]}]}]}"#,
            "the field 'name' is missing",
        ),
    ] {
        let batch = apply(otlp(), &[Some(payload)], vec![]);
        assert_eq!(batch.rejected[0].detail, detail, "{payload}");
    }
    let batch = apply(otlp(), &[Some(r#"{"resourceMetrics":[]}"#)], vec![]);
    assert_eq!((batch.points.len(), batch.rejected.len()), (0, 0));
}
