//! Whatever bytes come: points that can be stored, refusals, or one error; no panic, and memory within a
//! multiple of the request.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;
use super::build::{Made, NOW, v1, v2};
use crate::data::Micros;
use crate::transform::tests::fuzz::inputs::changed;
use crate::transform::tests::fuzz::{fuzz, memory};
use crate::transform::{Intake, Limits};

/// Memory for each byte of a request, and for one without any.
const BYTES: usize = 256;
const LEAST: usize = 256 << 10;

const TEXTS: &[&str] = &[
    "",
    "__name__",
    "up",
    "job",
    "instance",
    "a.b",
    "résumé",
    "a=\"b\"",
    "new\nline",
    "\u{0}",
    "!",
    "x!~y",
];

fn made() -> impl Strategy<Value = Made<'static>> {
    let text = || select(TEXTS);
    let name = prop_oneof![4 => Just(Some("up")), 1 => Just(None)];
    let time = prop_oneof![4 => -1_000..1_000_i64, 1 => any::<i64>()];
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let value = prop_oneof![4 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(stale)];
    let parts = (name, vec((text(), text()), 0..5), vec((time, value), 0..5));
    (parts, 0..3_usize, 0..3_usize).prop_map(|((name, mut labels, samples), histograms, exemplars)| {
        labels.extend(name.map(|name| ("__name__", name)));
        Made {
            labels,
            samples,
            histograms: vec![&[0x08, 0x01][..]; histograms],
            exemplars,
        }
    })
}

fn judge(body: &[u8], version: Version) {
    let limits = Limits::default();
    let now = Micros::from_millis(NOW);
    let work = || {
        let mut intake = Intake::default();
        let mut taking = intake.begin(&limits, body, now);
        let refusals = read(body, version, &mut taking);
        refusals.map(|refusals| (taking.end(), refusals))
    };
    let (done, held) = memory::peak(work);
    assert!(
        held <= BYTES * body.len() + LEAST,
        "{held} bytes for {}",
        body.len()
    );
    let (taken, refusals) = match done {
        Ok(done) => done,
        Err(error) => return assert!(!error.detail.is_empty() && error.detail.len() <= 300),
    };
    assert_eq!(refusals.count() == 0, refusals.told().is_empty());
    for point in &taken.points {
        assert!(point.value.is_finite());
        assert!(limits.check_time(point.ts, now).is_ok());
    }
    for series in &taken.series {
        assert!(limits.check_name("metric", &series.metric).is_ok());
        assert!(series.labels.is_sorted_by(|(a, _), (b, _)| a < b));
        for (name, value) in &series.labels {
            assert!(limits.check_label(name, value).is_ok());
            assert!(!value.is_empty() && &**name != "__name__");
        }
    }
}

#[test]
fn every_request_is_stored_or_refused() {
    let requests = || vec(made(), 0..5);
    fuzz(600, &changed(requests().prop_map(|made| v1(&made))), |body| {
        judge(&body, Version::V1);
        judge(&body, Version::V2);
    });
    fuzz(600, &changed(requests().prop_map(|made| v2(&made))), |body| {
        judge(&body, Version::V2);
        judge(&body, Version::V1);
    });
}

#[test]
fn bytes_that_are_nothing_are_refused() {
    fuzz(600, &vec(any::<u8>(), 0..200), |body| {
        judge(&body, Version::V1);
        judge(&body, Version::V2);
    });
}

/// What is small on the wire and large in memory, or long to look at.
#[test]
fn no_request_takes_more_than_its_share() {
    use super::build::{bytes, packed, sample};
    let long = "x".repeat(900);
    let table = [
        bytes(4, "__name__"),
        bytes(4, "up"),
        bytes(4, &long),
        bytes(4, ""),
    ]
    .concat();
    let labels: Vec<u64> = std::iter::repeat_n([1, 2], 16).flatten().collect();
    let again = bytes(5, [packed(1, &labels), sample(0, 1.0)].concat());
    let many = bytes(5, [packed(1, &[1; 2_000]), sample(0, 1.0)].concat());
    for (body, version) in [
        ([table.clone(), again.repeat(5_000)].concat(), Version::V2),
        ([table, many.repeat(50)].concat(), Version::V2),
        (bytes(4, "").repeat(20_000), Version::V2),
        (bytes(1, bytes(1, "").repeat(100_000)), Version::V1),
        (bytes(1, bytes(2, "").repeat(100_000)), Version::V1),
        (bytes(1, "").repeat(100_000), Version::V1),
        (vec![0x0b; 100_000], Version::V1),
    ] {
        judge(&body, version);
    }
}
