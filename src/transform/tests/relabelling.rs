//! `relabel` of a stream: what becomes of its points, and what is kept of it.

use super::*;

fn relabelling(rules: &[&str]) -> StreamPlan {
    let rule = |rule: &&str| {
        #[derive(serde::Deserialize)]
        struct One {
            rule: Relabel,
        }
        toml::from_str::<One>(&format!("rule = {{ {rule} }}"))
            .unwrap()
            .rule
    };
    StreamPlan {
        relabel: rules.iter().map(rule).collect(),
        ..plan()
    }
}

fn own(metric: &str, host: &str) -> String {
    format!(r#"{{"metric":"{metric}","labels":{{"host":"{host}"}},"ts":1700000000000,"value":1}}"#)
}

fn keys(batch: &Batch) -> Vec<&str> {
    let key = |point: &Point| &*batch.series[point.series as usize].key;
    batch.points.iter().map(key).collect()
}

#[test]
fn every_point_is_relabelled_mapped_or_not() {
    let rules = [
        r#"source_labels = ["host"], regex = "(.*):.*", target_label = "host""#,
        r#"source_labels = ["site"], target_label = "place""#,
        r#"regex = "site|device", action = "labeldrop""#,
    ];
    let mapped = r#"{"ts":1700000000000,"site":"b","device":7,"temperature":21.5,"vibration":1}"#;
    let batch = apply(
        relabelling(&rules),
        &[Some(&own("cpu", "h1:9100")), Some(mapped)],
        vec![],
    );
    assert_eq!(batch.rejected, []);
    assert_eq!(
        keys(&batch),
        [
            r#"cpu{host="h1"}"#,
            r#"machines_temperature{place="b"}"#,
            r#"machines_vibration{place="b"}"#
        ]
    );
}

#[test]
fn two_series_that_become_one_are_one_in_the_batch() {
    let rules = [r#"regex = "host", action = "labeldrop""#];
    let payloads = [own("cpu", "a"), own("cpu", "b"), own("cpu", "a")];
    let payloads: Vec<_> = payloads.iter().map(|payload| Some(&**payload)).collect();
    let batch = apply(relabelling(&rules), &payloads, vec![]);
    assert_eq!(keys(&batch), ["cpu{}", "cpu{}", "cpu{}"]);
    assert_eq!(batch.series.len(), 1);
}

#[test]
fn a_dropped_point_is_left_out_and_a_record_without_others_is_skipped() {
    let rules = [r#"source_labels = ["__name__"], regex = ".*_vibration|debug", action = "drop""#];
    let mapped = r#"{"ts":1700000000000,"site":"b","device":7,"temperature":21.5,"vibration":1}"#;
    let metrics = Metrics::default();
    let debug = own("debug", "a");
    let payloads = [Some(mapped), Some(&*debug), Some(&*debug)];
    let batch = apply_with(relabelling(&rules), &payloads, vec![], &metrics);
    assert_eq!(batch.rejected, []);
    assert_eq!(keys(&batch), [r#"machines_temperature{device="7",site="b"}"#]);
    assert_eq!(left_out(&metrics, "relabel"), 3);
    assert_eq!(skipped(&metrics, "relabel"), 2);
}

#[test]
fn the_limits_hold_before_and_after() {
    let long = "x".repeat(2_000);
    let drops = relabelling(&[r#"regex = "host", action = "labeldrop""#]);
    assert_eq!(refused(drops, &own("cpu", &long)).0, Reason::LabelTooLong);
    let grows = [r#"source_labels = ["host", "host", "host"], target_label = "host""#];
    let refused = |rules: &[&str]| refused(relabelling(rules), &own("cpu", &"x".repeat(500))).0;
    assert_eq!(refused(&grows), Reason::LabelTooLong);
    assert_eq!(
        refused(&[r#"target_label = "a=b", replacement = "x""#]),
        Reason::InvalidName
    );
    // Without a metric there is no series.
    assert_eq!(
        refused(&[r#"regex = "host", action = "labelkeep""#]),
        Reason::InvalidName
    );
}
