//! Whole messages: the shared texts of points, and around them the subscriber's own cursor and counts.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;

use super::delivery::Selected;
use super::json::Json;
use super::shape::{Object, PointField, PointShape};

#[derive(Clone, Debug)]
pub enum BatchField {
    Cursor,
    /// Whether these are points of a backfill.
    Backfill,
    Conflated,
    Points(Object<PointField>),
    /// The same in every message.
    Text(String),
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
    Backfill,
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
                BatchField::Text(value) => {
                    text.push_str(&serde_json::Value::from(value.as_str()).to_string());
                    continue;
                }
                BatchField::Cursor => Segment::Cursor,
                BatchField::Backfill => Segment::Backfill,
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
        let mut known = self.known.lock();
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
    /// One message. Only the subscriber's own parts are written anew. `backfill`: these are points of one.
    pub fn write(&self, cursor: &str, backfill: bool, selected: &Selected) -> Json {
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
                Segment::Backfill => own.put_slice(if backfill { b"true" } else { b"false" }),
                Segment::Conflated => {
                    // Writing into memory does not fail.
                    let _ = write!((&mut own).writer(), "{}", selected.conflated);
                }
                Segment::Points(shape) => {
                    own.put_u8(b'[');
                    let list = selected.texts(shape, &self.encoded);
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

    fn own_bytes(&self, cursor: &str) -> usize {
        let segment = |segment: &Segment| match segment {
            Segment::Text(text) => text.len(),
            Segment::Cursor => cursor.len() + 2,
            Segment::Backfill => 5,
            Segment::Conflated => 20,
            Segment::Points(_) => 2,
        };
        self.segments.iter().map(segment).sum()
    }
}
