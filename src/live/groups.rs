//! Subscribers with the same question are one group. Finds the group of a question, and the groups that
//! a new series may belong to.
//!
//! A group is filed under one thing that its question demands: its metric, or a label with one value.
//! So a new series is judged only for the groups it may belong to.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::data::{METRIC_NAME, Scoped, Series};

/// A metric or a label, as a number; two may share one.
pub type Key = u64;

/// Seeded, so that nobody can choose texts that share a key. Clones give the same keys.
#[derive(Clone, Debug, Default)]
pub struct Keys(RandomState);

impl Keys {
    /// One for the metric and one for each label.
    pub fn of(&self, series: &Series) -> Vec<Key> {
        let labels = series.labels.iter().map(|(name, value)| (&**name, &**value));
        let all = labels.chain([(METRIC_NAME, &*series.metric)]);
        all.map(|pair| self.0.hash_one(pair)).collect()
    }

    /// One for each thing that the question demands.
    pub fn demanded(&self, scoped: &Scoped) -> Vec<Key> {
        scoped.demands().map(|pair| self.0.hash_one(pair)).collect()
    }
}

/// By their ids.
#[derive(Debug, Default)]
pub struct Groups<I> {
    keys: Keys,
    by_question: HashMap<Arc<Scoped>, (I, Option<Key>)>,
    /// By what they demand; `None`: those that demand nothing.
    filed: HashMap<Option<Key>, Vec<I>>,
}

impl<I: Copy + Eq> Groups<I> {
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub fn find(&self, scoped: &Scoped) -> Option<I> {
        self.by_question.get(scoped).map(|(id, _)| *id)
    }

    pub fn insert(&mut self, id: I, scoped: Arc<Scoped>) {
        let keys = self.keys.demanded(&scoped);
        // Where the fewest others are, because a new series is judged for all of them.
        let others = |key: &Key| self.filed.get(&Some(*key)).map_or(0, Vec::len);
        let key = keys.into_iter().min_by_key(others);
        self.filed.entry(key).or_default().push(id);
        self.by_question.insert(scoped, (id, key));
    }

    /// From now on this group is not found. Another group of the same question stays.
    pub fn remove(&mut self, id: I, scoped: &Scoped) {
        let found = self.by_question.get(scoped).copied();
        let Some((_, key)) = found.filter(|(own, _)| *own == id) else {
            return;
        };
        self.by_question.remove(scoped);
        if let Some(filed) = self.filed.get_mut(&key) {
            filed.retain(|other| *other != id);
            if filed.is_empty() {
                self.filed.remove(&key);
            }
        }
    }

    /// The groups that a series may belong to.
    pub fn candidates(&self, series: &Series) -> impl Iterator<Item = I> + use<'_, I> {
        let keys = self.keys.of(series).into_iter().map(Some).chain([None]);
        keys.filter_map(|key| self.filed.get(&key)).flatten().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.by_question.is_empty() && self.filed.is_empty()
    }
}
