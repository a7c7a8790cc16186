//! Requests that are built here byte by byte, as a sender would.

use super::*;
use crate::data::{Micros, Reason};
use crate::transform::{Intake, Limits, Taken};

pub mod build;
mod fuzz;

use build::{Made, NOW, bytes, double, int, packed, sample, v1, v2};

const HISTOGRAM: &[u8] = &[0x08, 0x01, 0x20, 0x69];

fn taken(body: &[u8], version: Version) -> Result<(Taken, Refusals), RecordError> {
    let (mut intake, limits) = (Intake::default(), Limits::default());
    let mut taking = intake.begin(&limits, body, Micros::from_millis(NOW));
    let refusals = read(body, version, &mut taking)?;
    Ok((taking.end(), refusals))
}

/// The points, and the refusals.
fn written(body: &[u8], version: Version) -> (Vec<String>, Vec<String>) {
    let (taken, refusals) = taken(body, version).unwrap();
    let points = taken.points.iter().map(|point| {
        let series = &taken.series[point.series as usize].key;
        format!("{series} {} {}", point.value, point.ts.as_millis() - NOW)
    });
    let told = refusals.told().iter().map(ToString::to_string);
    (points.collect(), told.collect())
}

/// Series of each kind, in either version.
fn all() -> Vec<Made<'static>> {
    let made = |labels: &[(&'static str, &'static str)], samples: &[(i64, f64)]| Made {
        labels: labels.to_vec(),
        samples: samples.to_vec(),
        ..Made::default()
    };
    vec![
        // In no order, and a label that is none.
        made(
            &[("job", "a\"b"), ("__name__", "up"), ("a", "1"), ("none", "")],
            &[(1, 1.0), (0, 0.0), (1, 1.0)],
        ),
        made(
            &[("job", "x")],
            &[(0, 1.0), (1, f64::from_bits(0x7ff0_0000_0000_0002))],
        ),
        made(&[("__name__", ""), ("job", "x")], &[(0, 1.0)]),
        made(&[("__name__", "up"), ("job", "x"), ("job", "y")], &[(0, 1.0)]),
        made(&[("__name__", "up"), ("__name__", "down")], &[(0, 1.0)]),
        made(
            &[("__name__", "b")],
            &[
                (0, f64::from_bits(0x7ff0_0000_0000_0002)),
                (1, f64::NAN),
                (2, f64::INFINITY),
                (2, f64::NEG_INFINITY),
                (3, -0.5),
                (-400 * 86_400_000, 1.0),
            ],
        ),
        Made {
            histograms: vec![HISTOGRAM, HISTOGRAM],
            ..made(&[("__name__", "h")], &[(0, 2.0)])
        },
        // Metadata alone, or the like.
        made(&[("__name__", "c")], &[]),
        made(&[], &[]),
        made(&[("__name__", "résumé.x y")], &[(0, 3.0)]),
    ]
}

#[test]
fn each_series_and_sample_is_taken_or_refused_by_itself_in_both_versions() {
    for (body, version) in [(v1(&all()), Version::V1), (v2(&all()), Version::V2)] {
        let (points, told) = written(&body, version);
        assert_eq!(
            points,
            [
                r#"up{a="1",job="a\"b"} 1 1"#,
                r#"up{a="1",job="a\"b"} 0 0"#,
                r#"up{a="1",job="a\"b"} 1 1"#,
                "b{} -0.5 3",
                "h{} 2 0",
                "résumé.x y{} 3 0",
            ]
        );
        let begins = [
            r#"series {job="x"}: missing_field: label '__name__' is missing or empty"#.to_owned(),
            r#"series {job="x"}: missing_field: "#.to_owned(),
            r#"series up{job="x",job="y"}: invalid_name: label 'job' occurs twice"#.to_owned(),
            "series up{}: invalid_name: label '__name__' occurs twice".to_owned(),
            format!("series b{{}} at {}: not_finite: ", NOW + 2),
            format!("series b{{}} at {}: not_finite: ", NOW + 2),
            format!("series b{{}} at {}: out_of_time_range: ", NOW - 400 * 86_400_000),
            "series h{}: wrong_type: native histograms".to_owned(),
        ];
        assert_eq!(told.len(), begins.len(), "{told:?}");
        for (told, begin) in told.iter().zip(&begins) {
            assert!(told.starts_with(begin), "{told} does not begin with {begin}");
        }
        let (taken, refusals) = taken(&body, version).unwrap();
        let left_out: Vec<_> = taken.left_out.counts().collect();
        assert_eq!(left_out, [("stale_marker", 1), ("not_a_number", 1)]);
        assert_eq!(refusals.count(), 2 + 1 + 1 + 1 + 3 + 2);
    }
}

#[test]
fn only_a_sender_that_is_told_what_was_stored_is_told_of_exemplars() {
    let series = Made {
        labels: vec![("__name__", "up")],
        samples: vec![(0, 1.0)],
        exemplars: 3,
        ..Made::default()
    };
    let (points, told) = written(&v1(std::slice::from_ref(&series)), Version::V1);
    assert_eq!((points.len(), told.len()), (1, 0));
    let (taken, refusals) = taken(&v2(&[series]), Version::V2).unwrap();
    assert_eq!((taken.points.len(), refusals.count()), (1, 3));
    let told = refusals.told()[0].to_string();
    assert!(told.starts_with("series up{}: wrong_type: exemplars"), "{told}");
}

#[test]
fn fields_may_come_in_any_order_and_references_packed_or_not() {
    let of = |parts: &[Vec<u8>]| bytes(5, parts.concat());
    let symbols = [bytes(4, "up"), bytes(4, "__name__"), bytes(4, "")].concat();
    let refs = [int(1, 1), int(1, 0)].concat();
    let both = [packed(1, &[1]), int(1, 0)].concat();
    let unknown = [int(99, 7), double(98, 1.5), bytes(97, "x")].concat();
    for labels in [refs, both, packed(1, &[1, 0])] {
        let series = of(&[sample(0, 1.5), unknown.clone(), labels]);
        let body = [series, unknown.clone(), symbols.clone()].concat();
        assert_eq!(
            written(&body, Version::V2),
            (vec!["up{} 1.5 0".to_owned()], vec![])
        );
    }
    let time = bytes(2, [int(2, NOW.cast_unsigned()), double(1, 2.0)].concat());
    let label = bytes(1, [bytes(2, "up"), bytes(1, "__name__")].concat());
    let body = bytes(1, [time, label].concat());
    assert_eq!(written(&body, Version::V1), (vec!["up{} 2 0".to_owned()], vec![]));
}

#[test]
fn a_request_that_cannot_be_read_is_refused_as_a_whole() {
    let good = Made {
        labels: vec![("__name__", "up")],
        samples: vec![(0, 1.0)],
        ..Made::default()
    };
    let good = std::slice::from_ref(&good);
    let symbols = [bytes(4, ""), bytes(4, "__name__"), bytes(4, "up")].concat();
    let second = |series: Vec<u8>| [v2(good), bytes(5, series)].concat();
    for (body, version, found) in [
        (second(packed(1, &[1, 3])), Version::V2, "a reference to a symbol"),
        (
            second(packed(1, &[1, u64::MAX])),
            Version::V2,
            "a reference to a symbol",
        ),
        (second(int(1, 7)), Version::V2, "a reference to a symbol"),
        (
            second(packed(1, &[1, 2, 1])),
            Version::V2,
            "a label without a value",
        ),
        (second(bytes(1, [0x80])), Version::V2, "the end of the bytes"),
        (second(double(1, 1.0)), Version::V2, "a field of another type"),
        (
            [symbols, bytes(5, [packed(1, &[1, 2]), int(2, 1)].concat())].concat(),
            Version::V2,
            "a field of another type",
        ),
        (v1(good), Version::V2, "prometheus.WriteRequest"),
        (v2(good), Version::V1, "io.prometheus.write.v2.Request"),
        (vec![0x0a, 0x05, 0x00], Version::V1, "the end of the bytes"),
        (int(1, 1), Version::V1, "a field of another type"),
        (
            bytes(1, bytes(1, int(1, 1))),
            Version::V1,
            "a field of another type",
        ),
        (bytes(4, "").repeat(50_000), Version::V2, "more symbols"),
    ] {
        let error = taken(&body, version).unwrap_err();
        assert_eq!(error.reason, Reason::NotProtobuf);
        assert!(error.detail.contains(found), "{} is not of {found}", error.detail);
    }
    assert_eq!(written(b"", Version::V1), (vec![], vec![]));
    assert_eq!(written(b"", Version::V2), (vec![], vec![]));
}

#[test]
fn labels_that_are_too_many_or_no_texts_are_refused_with_their_series() {
    let label = |name: &str, value: &[u8]| bytes(1, [bytes(1, name), bytes(2, value)].concat());
    let name = label("__name__", b"up");
    let many: Vec<u8> = (0..100).flat_map(|at| label(&format!("l{at}"), b"v")).collect();
    let series = |labels: Vec<u8>| bytes(1, [name.clone(), labels, sample(0, 1.0)].concat());
    let body = [
        series(many),
        series(label("job", b"\xff")),
        series(label("", b"x")),
        series(label("job", &[b'x'; 5_000])),
        series(label("job", b"y")),
    ];
    let (points, told) = written(&body.concat(), Version::V1);
    assert_eq!(points, [r#"up{job="y"} 1 0"#]);
    for (told, reason) in told.iter().zip([
        ": too_many_labels: 100 labels, the limit is 32",
        ": wrong_type: a label is not UTF-8",
        ": invalid_name: label ''",
        ": label_too_long: ",
    ]) {
        assert!(told.contains(reason), "{told} is not of {reason}");
        assert!(told.len() < 1_000, "{told}");
    }
    assert_eq!(told.len(), 4);
}
