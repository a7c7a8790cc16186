//! Committed points as they are delivered: a page of them, and what a selector picks of it.
//!
//! Both are shared. Everyone who looks at the same page shares the texts of its points, everyone
//! with the same pick shares the text of the whole list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;

use super::outbox::Delivery;
use super::picks::Picks;
use super::shape::{PointShape, Texts};
use crate::data::stored::Range;
use crate::data::{Scoped, Stored, StoredPoint, StoredSeries};

/// Points of one committed batch, or of one page from Postgres.
#[derive(Debug, Default)]
pub struct Page {
    pub stored: Arc<Stored>,
    /// Kept by the picks, so that a page kept in memory does not keep its texts.
    texts: Mutex<Weak<Texts>>,
    picks: Picks,
}

/// Some points of a page, in the order in which they are delivered.
#[derive(Debug, Default)]
pub struct Pick {
    pub page: Arc<Page>,
    /// Indexes into `page.stored.points`.
    pub points: Vec<u32>,
    texts: Arc<Texts>,
    lists: Mutex<HashMap<u64, Bytes>>,
}

impl Page {
    pub fn new(stored: Arc<Stored>) -> Arc<Self> {
        Arc::new(Self {
            stored,
            texts: Mutex::default(),
            picks: Picks::default(),
        })
    }

    /// The points of these ranges that are selected, shared by all who ask for the same; in
    /// parts when they are too many for one message. A mark in them knows of these ranges alone.
    pub fn parts(self: &Arc<Self>, scoped: &Scoped, ranges: &[Range]) -> Arc<[Delivery]> {
        self.picks.get(self, scoped, ranges)
    }

    /// Bytes that it takes, but for its texts.
    pub fn weight(&self) -> usize {
        let Stored { series, points, .. } = &*self.stored;
        size_of::<Self>() + size_of_val(&series[..]) + size_of_val(&points[..])
    }

    fn texts(&self) -> Arc<Texts> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *texts = Arc::downgrade(&new);
            new
        })
    }
}

impl Pick {
    pub fn new(page: Arc<Page>, points: Vec<u32>) -> Arc<Self> {
        Arc::new(Self {
            texts: page.texts(),
            page,
            points,
            lists: Mutex::default(),
        })
    }

    /// Every point of a page.
    pub fn all(page: Arc<Page>) -> Arc<Self> {
        let points = 0..u32::try_from(page.stored.points.len()).unwrap_or(u32::MAX);
        Self::new(page, points.collect())
    }

    pub fn len(&self) -> usize {
        self.points.len()
    }

    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    pub fn points(&self) -> impl ExactSizeIterator<Item = &StoredPoint> {
        let point = |at: &u32| &self.page.stored.points[*at as usize];
        self.points.iter().map(point)
    }

    pub fn series(&self, point: &StoredPoint) -> &StoredSeries {
        &self.page.stored.series[point.series as usize]
    }

    /// What its lists take, and the texts of its page. Never waits for one that is being written.
    pub fn text_bytes(&self) -> (usize, usize) {
        let lists = self.lists.try_lock();
        let lists = lists.map_or(0, |lists| lists.values().map(Bytes::len).sum());
        (lists, self.texts.bytes())
    }

    /// The points as JSON, with commas between them; written once for all who see them alike.
    pub fn texts(&self, shape: &PointShape, encoded: &Counter) -> Bytes {
        if self.is_empty() {
            return Bytes::new();
        }
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let list = lists.entry(shape.id);
        list.or_insert_with(|| self.texts.list(self, shape, encoded))
            .clone()
    }
}
