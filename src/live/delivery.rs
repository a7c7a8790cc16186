//! Committed points as they are delivered: a page of them, what a selector selects of it, and what
//! a subscriber gets at a time.
//!
//! Pages and selections are shared. All subscribers of a page share the texts of its points. All with
//! the same selection share the text of the whole list.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use prometheus_client::metrics::counter::Counter;

use super::shape::{PointShape, Texts};
use crate::data::stored::Range;
use crate::data::{Scoped, SharedCursor, Stored, StoredPoint, StoredSeries};

/// Selections that nobody holds are dropped after this many new ones, plus as many as were held the last
/// time.
const PRUNE: usize = 64;

/// Points of one committed batch, or of one page from Postgres.
#[derive(Debug, Default)]
pub struct Page {
    pub stored: Arc<Stored>,
    /// Kept alive by the selections only, so that a page in the ring does not keep its texts.
    texts: Mutex<Weak<Texts>>,
    selections: Mutex<SelectionCache>,
}

/// Some points of a page, in the order in which they are delivered.
#[derive(Debug, Default)]
pub struct Selected {
    pub page: Arc<Page>,
    /// Indexes into `page.stored.points`.
    pub points: Vec<u32>,
    /// How many other points these stand for: all together, and each. Empty where they stand for none.
    pub conflated: u64,
    pub folded: Vec<u64>,
    texts: Arc<Texts>,
    lists: Mutex<HashMap<u64, Bytes>>,
}

/// Points of one committed batch (or folded from several) that matched.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub selected: Arc<Selected>,
    /// What the subscriber has of each partition with these points.
    pub ranges: Arc<[Range]>,
    /// The hub's positions after them.
    pub cursor: Arc<SharedCursor>,
}

/// The deliveries of a page by selector and ranges, for as long as anybody holds them.
#[derive(Debug, Default)]
pub(super) struct SelectionCache {
    deliveries: HashMap<Scoped, HashMap<Vec<Range>, Weak<[Delivery]>>>,
    prune_in: usize,
}

impl Page {
    pub fn new(stored: Arc<Stored>) -> Arc<Self> {
        Arc::new(Self {
            stored,
            texts: Mutex::default(),
            selections: Mutex::default(),
        })
    }

    /// Bytes that it takes without its texts.
    pub fn weight(&self) -> usize {
        let Stored { series, points, .. } = &*self.stored;
        size_of::<Self>() + size_of_val(&series[..]) + size_of_val(&points[..])
    }

    pub(super) fn selections(&self) -> MutexGuard<'_, SelectionCache> {
        self.selections.lock()
    }

    fn texts(&self) -> Arc<Texts> {
        let mut texts = self.texts.lock();
        texts.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *texts = Arc::downgrade(&new);
            new
        })
    }
}

impl Selected {
    pub fn new(page: Arc<Page>, points: Vec<u32>) -> Arc<Self> {
        Arc::new(Self::of(page, points))
    }

    /// Every point of a page.
    pub fn all(page: Arc<Page>) -> Arc<Self> {
        Self::folded(page, 0, Vec::new())
    }

    /// Every point of a page. For one subscriber they also stand for other points.
    pub fn folded(page: Arc<Page>, conflated: u64, folded: Vec<u64>) -> Arc<Self> {
        let points = 0..u32::try_from(page.stored.points.len()).unwrap_or(u32::MAX);
        Arc::new(Self {
            conflated,
            folded,
            ..Self::of(page, points.collect())
        })
    }

    fn of(page: Arc<Page>, points: Vec<u32>) -> Self {
        Self {
            texts: page.texts(),
            page,
            points,
            conflated: 0,
            folded: Vec::new(),
            lists: Mutex::default(),
        }
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

    /// Bytes of its lists and of its page's texts. Does not wait for one that is being written.
    pub fn text_bytes(&self) -> (usize, usize) {
        let lists = self.lists.try_lock();
        let lists = lists.map_or(0, |lists| lists.values().map(Bytes::len).sum());
        (lists, self.texts.bytes())
    }

    /// The points as JSON, with commas between them; written once for all with the same fields. Folded
    /// points have one reader, so their texts are not kept.
    pub fn texts(&self, shape: &PointShape, encoded: &Counter) -> Bytes {
        if self.is_empty() {
            return Bytes::new();
        }
        if !self.folded.is_empty() {
            let points = self.points().zip(&self.folded);
            let points = points.map(|(point, folded)| (point, self.series(point), *folded));
            return shape.list(points, encoded);
        }
        let mut lists = self.lists.lock();
        let list = lists.entry(shape.id);
        list.or_insert_with(|| self.texts.list(&self.page.stored, &self.points, shape, encoded))
            .clone()
    }
}

impl SelectionCache {
    pub fn find(&self, scoped: &Scoped, ranges: &[Range]) -> Option<Arc<[Delivery]>> {
        self.deliveries.get(scoped)?.get(ranges)?.upgrade()
    }

    pub fn add(&mut self, scoped: &Scoped, ranges: &[Range], deliveries: &Arc<[Delivery]>) {
        if self.prune_in == 0 {
            self.deliveries.retain(|_, of_ranges| {
                of_ranges.retain(|_, deliveries| deliveries.strong_count() > 0);
                !of_ranges.is_empty()
            });
            self.prune_in = PRUNE + self.deliveries.values().map(HashMap::len).sum::<usize>();
        }
        self.prune_in -= 1;
        let of_ranges = self.deliveries.entry(scoped.clone()).or_default();
        of_ranges.insert(ranges.to_vec(), Arc::downgrade(deliveries));
    }
}
