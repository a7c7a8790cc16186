//! What a subscriber sees of a batch: the keys of its JSON, in their order, and what each holds.
//!
//! Points are written by a [`PointShape`], which all subscribers who see points alike share; a
//! [`Shape`] puts their texts between what is the subscriber's own: its cursor and its counts.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::{BufMut, Bytes, BytesMut};
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;

use super::json::Json;
use super::page::Pick;
use crate::data::{Series, StoredPoint, StoredSeries};

/// Keys (GraphQL names, which need no escape) with what they hold; without any it is `null`.
pub type Object<F> = Vec<(String, F)>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BatchField {
    Cursor,
    Conflated,
    Points(Object<PointField>),
    Text(&'static str),
}

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

/// How points are written; one for all who see them alike.
#[derive(Debug)]
pub struct PointShape {
    /// Never used again for another shape.
    pub(super) id: u64,
    fields: Object<PointField>,
}

/// The shapes of points that are in use.
#[derive(Debug, Default)]
pub struct Shapes {
    known: Mutex<HashMap<Object<PointField>, Weak<PointShape>>>,
    next: AtomicU64,
    encoded: Counter,
}

/// How a whole message is written.
#[derive(Debug)]
pub struct Shape {
    segments: Vec<Segment>,
    encoded: Counter,
}

#[derive(Debug)]
enum Segment {
    Text(String),
    Cursor,
    Conflated,
    Points(Arc<PointShape>),
}

impl Shapes {
    /// `encoded` counts the points that are written, once for each shape.
    pub fn new(encoded: Counter) -> Self {
        Self {
            encoded,
            ..Self::default()
        }
    }

    /// A message: `before`, then the batch, then `after`.
    pub fn shape(&self, before: &str, batch: Object<BatchField>, after: &str) -> Shape {
        let mut segments = Vec::new();
        let mut text = before.to_owned();
        if batch.is_empty() {
            text.push_str("null");
        }
        let mut mark = '{';
        for (key, field) in &batch {
            text.push(std::mem::replace(&mut mark, ','));
            text.push_str(&format!("\"{key}\":"));
            let segment = match field {
                BatchField::Text(typename) => {
                    text.push_str(&format!("\"{typename}\""));
                    continue;
                }
                BatchField::Cursor => Segment::Cursor,
                BatchField::Conflated => Segment::Conflated,
                BatchField::Points(fields) => Segment::Points(self.intern(fields)),
            };
            segments.push(Segment::Text(std::mem::take(&mut text)));
            segments.push(segment);
        }
        if !batch.is_empty() {
            text.push('}');
        }
        text.push_str(after);
        segments.push(Segment::Text(text));
        Shape {
            segments,
            encoded: self.encoded.clone(),
        }
    }

    fn intern(&self, fields: &Object<PointField>) -> Arc<PointShape> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = known.get(fields).and_then(Weak::upgrade) {
            return shape;
        }
        known.retain(|_, shape| shape.strong_count() > 0);
        let shape = Arc::new(PointShape {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            fields: fields.clone(),
        });
        known.insert(fields.clone(), Arc::downgrade(&shape));
        shape
    }
}

impl Shape {
    /// One message. Only what is the subscriber's own is written anew.
    pub fn write(&self, cursor: &str, conflated: u64, pick: &Pick, folded: Option<&[u64]>) -> Json {
        let mut pieces = Vec::with_capacity(3);
        let mut own = BytesMut::with_capacity(self.own_bytes(cursor));
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => own.put_slice(text.as_bytes()),
                Segment::Cursor => {
                    own.put_u8(b'"');
                    own.put_slice(cursor.as_bytes());
                    own.put_u8(b'"');
                }
                Segment::Conflated => {
                    // Writing into memory does not fail.
                    let _ = write!((&mut own).writer(), "{conflated}");
                }
                Segment::Points(shape) => {
                    own.put_u8(b'[');
                    let list = match folded {
                        None => pick.texts(shape, &self.encoded),
                        Some(folded) => self.folded(shape, pick, folded),
                    };
                    if !list.is_empty() {
                        pieces.push(own.split().freeze());
                        pieces.push(list);
                    }
                    own.put_u8(b']');
                }
            }
        }
        pieces.push(own.freeze());
        Json(pieces)
    }

    /// What was folded for one subscriber is written for it alone.
    fn folded(&self, shape: &PointShape, pick: &Pick, folded: &[u64]) -> Bytes {
        let mut list = Vec::new();
        for (point, folded) in pick.points().zip(folded) {
            if !list.is_empty() {
                list.push(b',');
            }
            shape.write(point, pick.series(point), *folded, &mut list);
        }
        self.encoded.inc_by(folded.len() as u64);
        list.into()
    }

    fn own_bytes(&self, cursor: &str) -> usize {
        let segment = |segment: &Segment| match segment {
            Segment::Text(text) => text.len(),
            Segment::Cursor => cursor.len() + 2,
            Segment::Conflated => 20,
            Segment::Points(_) => 2,
        };
        self.segments.iter().map(segment).sum()
    }
}

impl PointShape {
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

/// The texts of a page's points, for each shape that somebody asked for.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<HashMap<u64, Arc<Mutex<Written>>>>);

/// What was written so far in one shape, and where each point's text lies; none is empty.
#[derive(Debug, Default)]
struct Written {
    text: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Texts {
    pub fn bytes(&self) -> usize {
        let Ok(shapes) = self.0.try_lock() else {
            return 0;
        };
        let written = shapes.values().filter_map(|written| written.try_lock().ok());
        written
            .map(|written| written.text.capacity() + size_of_val(&written.spans[..]))
            .sum()
    }

    /// The texts of some points of a page with commas between them.
    pub fn list(&self, pick: &Pick, shape: &PointShape, encoded: &Counter) -> Bytes {
        let written = {
            let mut shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shapes.entry(shape.id).or_default())
        };
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        let written = &mut *written;
        written.spans.resize(pick.page.stored.points.len(), (0, 0));
        let mut list = Vec::new();
        let mut new = 0;
        for (at, point) in pick.points.iter().zip(pick.points()) {
            let span = &mut written.spans[*at as usize];
            if span.1 == 0 {
                span.0 = written.text.len();
                shape.write(point, pick.series(point), 0, &mut written.text);
                span.1 = written.text.len();
                new += 1;
            }
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(&written.text[span.0..span.1]);
        }
        encoded.inc_by(new);
        list.into()
    }
}
