//! Points as records of Kafka: JSON that needs no mapping, one record for each series of a request. Its key
//! is that of the series, so a series stays in one partition and in order.

use std::sync::Arc;

use super::publisher::{Record, StreamTarget};
use crate::data::{Header, Micros, Rfc3339, Series, headers};
use crate::transform::Taken;

/// A record has no more points than this, and fewer where the stream's records must be small.
const POINTS_MAX: usize = 1_000;
/// What a point takes besides metric and labels.
const POINT_BYTES: usize = 96;

/// Of one request, the points of a series in the order in which they came.
pub fn records<'t>(
    taken: &'t Taken,
    stream: &'t str,
    to: &'t StreamTarget,
) -> impl Iterator<Item = Record> + 't {
    let mut order: Vec<u32> = (0_u32..).take(taken.points.len()).collect();
    order.sort_by_key(|at| taken.points[*at as usize].series);
    let mut left = 0..order.len();
    let (topic, headers) = (Arc::<str>::from(&*to.topic), headers(stream));
    let mut times = Rfc3339::default();
    std::iter::from_fn(move || {
        let first = left.next()?;
        let of = |at: usize| &taken.points[order[at] as usize];
        let series = &taken.series[of(first).series as usize];
        let most = to.limits.record_bytes / (series.key.len() * 2 + POINT_BYTES);
        let mut end = first + 1;
        while end < order.len() && end - first < POINTS_MAX.min(most) && of(end).series == of(first).series {
            end += 1;
        }
        left.start = end;
        let points = (first..end).map(|at| (of(at).ts, of(at).value));
        Some(Record {
            topic: Arc::clone(&topic),
            key: Some(series.key.as_bytes().to_vec()),
            payload: Some(payload(series, points, &mut times)),
            timestamp: None,
            headers: Arc::clone(&headers),
        })
    })
}

/// That a record is for this stream and needs no mapping.
pub fn headers(stream: &str) -> Arc<[Header]> {
    Arc::new([Header {
        name: headers::POINTS.to_owned(),
        value: stream.into(),
    }])
}

/// An object, or a list of objects. Times are texts, exact whatever unit the stream is configured for.
pub fn payload(
    series: &Series,
    points: impl ExactSizeIterator<Item = (Micros, f64)>,
    times: &mut Rfc3339,
) -> Vec<u8> {
    let mut begin = b"{\"metric\":".to_vec();
    text(&series.metric, &mut begin);
    begin.extend_from_slice(b",\"labels\":{");
    for (at, (name, value)) in series.labels.iter().enumerate() {
        if at > 0 {
            begin.push(b',');
        }
        text(name, &mut begin);
        begin.push(b':');
        text(value, &mut begin);
    }
    begin.extend_from_slice(b"},\"ts\":\"");
    let several = points.len() > 1;
    let mut out = Vec::with_capacity(points.len() * (begin.len() + POINT_BYTES / 2) + 2);
    if several {
        out.push(b'[');
    }
    for (at, (ts, value)) in points.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&begin);
        times.write(ts, &mut out);
        out.extend_from_slice(b"\",\"value\":");
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut out, &value);
        out.push(b'}');
    }
    if several {
        out.push(b']');
    }
    out
}

fn text(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{Limits, TakenPoint};

    #[test]
    fn a_series_has_a_record_with_its_points_and_large_ones_are_cut() {
        let series = |name: &str| std::sync::Arc::new(Series::new(name, [("site", "a\"b")]));
        let point = |series, n: i64| TakenPoint {
            series,
            ts: Micros(n),
            value: n as f64 / 2.0,
        };
        let taken = Taken {
            series: vec![series("x"), series("y")],
            points: vec![point(0, 1), point(1, 2), point(0, 3)],
            ..Taken::default()
        };
        let mut to = StreamTarget {
            topic: "t".to_owned(),
            redrive_topic: "r".to_owned(),
            limits: Limits::default(),
            max_series: 10,
        };
        let sent = |to: &StreamTarget| {
            let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
            let all = records(&taken, "s", to).map(|record| (text(record.key), text(record.payload)));
            all.collect::<Vec<_>>()
        };
        let json = |name: &str, n: i64| {
            format!(
                r#"{{"metric":"{name}","labels":{{"site":"a\"b"}},"ts":"{}","value":{:?}}}"#,
                Micros(n),
                n as f64 / 2.0
            )
        };
        let (x, y) = (r#"x{site="a\"b"}"#.to_owned(), r#"y{site="a\"b"}"#.to_owned());
        assert_eq!(
            sent(&to),
            [
                (x.clone(), format!("[{},{}]", json("x", 1), json("x", 3))),
                (y.clone(), json("y", 2)),
            ]
        );
        to.limits.record_bytes = 150;
        assert_eq!(
            sent(&to),
            [(x.clone(), json("x", 1)), (x, json("x", 3)), (y, json("y", 2))]
        );
        assert_eq!(records(&taken, "s", &to).next().unwrap().headers[0].value, b"s");
    }
}
