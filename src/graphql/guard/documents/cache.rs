//! Documents that clients have brought, bounded in bytes. The one that was not asked for the longest goes
//! first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::wanted::Hash;

/// What a document takes besides its text, about.
const OVERHEAD: usize = 256;

#[derive(Debug)]
pub struct Cache {
    most: usize,
    bytes: usize,
    /// With when it was last asked for.
    documents: HashMap<Hash, (Arc<str>, u64)>,
    by_use: BTreeMap<u64, Hash>,
    uses: u64,
}

impl Cache {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            bytes: 0,
            documents: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    pub fn get(&mut self, hash: &Hash) -> Option<Arc<str>> {
        let (text, used) = self.documents.get_mut(hash)?;
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, *hash);
        Some(Arc::clone(text))
    }

    pub fn insert(&mut self, hash: Hash, text: Arc<str>) {
        let size = text.len() + OVERHEAD;
        if size > self.most || self.get(&hash).is_some() {
            return;
        }
        while self.bytes + size > self.most {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            if let Some((gone, _)) = self.documents.remove(&oldest) {
                self.bytes -= gone.len() + OVERHEAD;
            }
        }
        self.uses += 1;
        self.bytes += size;
        self.by_use.insert(self.uses, hash);
        self.documents.insert(hash, (text, self.uses));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> Hash {
        [n; 32]
    }

    #[test]
    fn what_was_not_asked_for_the_longest_makes_room() {
        let mut cache = Cache::new(3 * (OVERHEAD + 4));
        for n in 1..=3 {
            cache.insert(hash(n), "text".into());
        }
        assert!(cache.get(&hash(1)).is_some());
        cache.insert(hash(4), "text".into());
        let known = [1, 2, 3, 4].map(|n| cache.get(&hash(n)).is_some());
        assert_eq!(known, [true, false, true, true]);
        cache.insert(hash(5), "x".repeat(10_000).into());
        assert!(cache.get(&hash(5)).is_none());
        assert_eq!((cache.bytes, cache.by_use.len()), (3 * (OVERHEAD + 4), 3));
        cache.insert(hash(4), "text".into());
        assert_eq!(cache.documents.len(), 3);
    }
}
