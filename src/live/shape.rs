//! What a subscriber sees of a point: the keys of its JSON, in their order, and the value of each.
//!
//! All subscribers with the same fields share a [`PointShape`] and the texts that it writes.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;

use crate::data::{Series, Stored, StoredPoint, StoredSeries};

/// Keys (GraphQL names, which need no escape) with their values. Without keys it is `null`.
pub type Object<F> = Vec<(String, F)>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PointField {
    Series(Object<SeriesField>),
    /// Of its series.
    Key,
    Ts,
    Value,
    /// How many other points it stands for.
    Folded,
    Text(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SeriesField {
    Id,
    Key,
    Metric,
    Labels(Object<LabelField>),
    /// The value of the label of this name, or null.
    Label(String),
    Text(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LabelField {
    Name,
    Value,
    Text(&'static str),
}

/// How points are written; one for all with the same fields.
#[derive(Debug)]
pub struct PointShape {
    /// Never used again for another shape.
    pub(super) id: u64,
    pub(super) fields: Object<PointField>,
}

impl PointShape {
    /// Points, each with how many others it stands for, with commas between them.
    pub fn list<'a>(
        &self,
        points: impl Iterator<Item = (&'a StoredPoint, &'a StoredSeries, u64)>,
        encoded: &Counter,
    ) -> Bytes {
        let (mut list, mut new) = (Vec::new(), 0);
        for (point, series, folded) in points {
            if !list.is_empty() {
                list.push(b',');
            }
            self.write(point, series, folded, &mut list);
            new += 1;
        }
        encoded.inc_by(new);
        list.into()
    }

    fn write(&self, point: &StoredPoint, series: &StoredSeries, folded: u64, out: &mut Vec<u8>) {
        object(&self.fields, out, |field, out| match field {
            PointField::Series(fields) => write_series(fields, series, out),
            PointField::Key => json(&*series.series.key, out),
            PointField::Ts => json(&format_args!("{}", point.ts), out),
            PointField::Value => json(&point.value, out),
            PointField::Folded => json(&folded, out),
            PointField::Text(text) => json(text, out),
        });
    }
}

fn write_series(fields: &Object<SeriesField>, stored: &StoredSeries, out: &mut Vec<u8>) {
    let series: &Series = &stored.series;
    object(fields, out, |field, out| match field {
        SeriesField::Id => json(&format_args!("{}", stored.id), out),
        SeriesField::Key => json(&*series.key, out),
        SeriesField::Metric => json(&*series.metric, out),
        SeriesField::Labels(fields) => {
            let mut mark = b'[';
            for (name, value) in series.labels.iter() {
                out.push(std::mem::replace(&mut mark, b','));
                object(fields, out, |field, out| match field {
                    LabelField::Name => json(&**name, out),
                    LabelField::Value => json(&**value, out),
                    LabelField::Text(text) => json(text, out),
                });
            }
            if mark == b'[' {
                out.push(b'[');
            }
            out.push(b']');
        }
        SeriesField::Label(name) => json(&series.label(name), out),
        SeriesField::Text(text) => json(text, out),
    });
}

fn object<F>(fields: &Object<F>, out: &mut Vec<u8>, write: impl Fn(&F, &mut Vec<u8>)) {
    if fields.is_empty() {
        return out.extend_from_slice(b"null");
    }
    let mut mark = b'{';
    for (key, field) in fields {
        out.push(std::mem::replace(&mut mark, b','));
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        write(field, out);
    }
    out.push(b'}');
}

fn json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Texts and finite numbers do not fail, nor does writing into memory.
    let _ = serde_json::to_writer(out, value);
}

/// The texts of a page's points, for each shape in use.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<HashMap<u64, Arc<Mutex<Written>>>>);

/// What was written so far in one shape, and where the text of each point is. No text is empty.
#[derive(Debug, Default)]
struct Written {
    text: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Texts {
    pub fn bytes(&self) -> usize {
        let Some(shapes) = self.0.try_lock() else {
            return 0;
        };
        let written = shapes.values().filter_map(|written| written.try_lock());
        written
            .map(|written| written.text.capacity() + size_of_val(&written.spans[..]))
            .sum()
    }

    /// The texts of these points of a page with commas between them.
    pub fn list(&self, stored: &Stored, points: &[u32], shape: &PointShape, encoded: &Counter) -> Bytes {
        let written = Arc::clone(self.0.lock().entry(shape.id).or_default());
        let mut written = written.lock();
        let Written { text, spans } = &mut *written;
        spans.resize(stored.points.len(), (0, 0));
        let mut list = Vec::new();
        let mut new = 0;
        for at in points {
            let span = &mut spans[*at as usize];
            if span.1 == 0 {
                let point = &stored.points[*at as usize];
                span.0 = text.len();
                shape.write(point, &stored.series[point.series as usize], 0, text);
                span.1 = text.len();
                new += 1;
            }
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(&text[span.0..span.1]);
        }
        encoded.inc_by(new);
        list.into()
    }
}
