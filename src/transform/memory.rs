//! What a stream remembers of its records: a value for each key, apart for each partition.
//!
//! Bounded in keys: each partition has a young and an old half, and when its share is used up it forgets the
//! old one. What a record that becomes a dead letter has changed is undone.
//! A partition that was lost leaves its room to the others. When it comes back it starts anew, since what was
//! not committed is read again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::data::{Assigned, Micros, PartitionId};

/// Which nobody can make two of.
pub type Key = u128;

/// Makes keys.
#[derive(Debug, Default)]
pub struct Hasher([RandomState; 2]);

impl Hasher {
    pub fn key(&self, of: &impl Hash) -> Key {
        let [high, low] = [0, 1].map(|half| u128::from(self.0[half].hash_one(of)));
        high << 64 | low
    }
}

#[derive(Debug)]
pub struct Memory<V> {
    partitions: HashMap<PartitionId, Part<V>>,
    current: PartitionId,
    keys: usize,
    max: usize,
    /// The keys that the current record has changed, with what they had.
    changed: Vec<(Key, Option<V>)>,
    forgotten: u64,
}

#[derive(Debug)]
struct Part<V> {
    /// Whoever reads the partition keeps this, and lets go of it when the partition is lost.
    of: Weak<Assigned>,
    owner_epoch: i64,
    young: HashMap<Key, V>,
    old: HashMap<Key, V>,
    /// Nothing in the young half is older, by the timestamps of records.
    since: Micros,
}

impl<V> Part<V> {
    fn new(of: &Arc<Assigned>, since: Micros) -> Self {
        Self {
            of: Arc::downgrade(of),
            owner_epoch: of.owner_epoch,
            young: HashMap::new(),
            old: HashMap::new(),
            since,
        }
    }

    fn keys(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// The young half becomes old. Returns how many keys are forgotten.
    fn turn(&mut self, now: Micros) -> usize {
        self.since = now;
        let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        forgotten.len()
    }
}

impl<V: Copy> Memory<V> {
    pub fn new(max: usize) -> Self {
        Self {
            partitions: HashMap::new(),
            current: 0,
            keys: 0,
            max,
            changed: Vec::new(),
            forgotten: 0,
        }
    }

    /// At most so many keys from now on.
    pub const fn share(&mut self, max: usize) {
        self.max = max;
    }

    /// What is known of partitions that nobody here reads any more, and of which no record is on its way.
    pub fn forget_lost(&mut self) {
        let keys = &mut self.keys;
        self.partitions.retain(|_, part| {
            let is_read = part.of.strong_count() > 0;
            if !is_read {
                *keys -= part.keys();
            }
            is_read
        });
    }

    /// Before each record. Keys of its partition that have not changed for `within` may go.
    pub fn begin(&mut self, of: &Arc<Assigned>, recorded: Micros, within: Option<Duration>) {
        self.changed.clear();
        self.current = of.partition_id;
        let part = self.partitions.entry(of.partition_id);
        let part = part.or_insert_with(|| Part::new(of, recorded));
        if part.owner_epoch != of.owner_epoch {
            self.keys -= part.keys();
            *part = Part::new(of, recorded);
        }
        if part.of.as_ptr() != Arc::as_ptr(of) {
            part.of = Arc::downgrade(of);
        }
        if within.is_some_and(|within| recorded > part.since.plus(within)) {
            self.keys -= part.turn(recorded);
        }
        let half = self.max / (2 * self.partitions.len()).max(1);
        let is_full = |part: &&mut Part<V>| part.young.len() > half;
        if let Some(part) = self.partitions.get_mut(&of.partition_id).filter(is_full) {
            let forgotten = part.turn(recorded);
            self.keys -= forgotten;
            self.forgotten += forgotten as u64;
        }
        // With more partitions than before.
        while self.keys > self.max {
            let fullest = self.partitions.values_mut().max_by_key(|part| part.keys());
            let forgotten = fullest.map_or(self.keys, |part| part.turn(recorded));
            self.keys -= forgotten;
            self.forgotten += forgotten as u64;
        }
    }

    pub fn get(&self, key: Key) -> Option<V> {
        let part = self.partitions.get(&self.current)?;
        part.young.get(&key).or_else(|| part.old.get(&key)).copied()
    }

    pub fn put(&mut self, key: Key, value: V) {
        let Some(part) = self.partitions.get_mut(&self.current) else {
            return;
        };
        let before = part.old.remove(&key);
        let before = part.young.insert(key, value).or(before);
        self.keys += usize::from(before.is_none());
        self.changed.push((key, before));
    }

    /// What the current record has changed is as it was before.
    pub fn undo(&mut self) {
        let Some(part) = self.partitions.get_mut(&self.current) else {
            return;
        };
        while let Some((key, before)) = self.changed.pop() {
            match before {
                Some(value) => {
                    part.young.insert(key, value);
                }
                None => {
                    part.young.remove(&key);
                    self.keys -= 1;
                }
            }
        }
    }

    /// How many keys were forgotten for lack of room since it was last asked.
    pub fn forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(partition_id: PartitionId, owner_epoch: i64) -> Arc<Assigned> {
        Arc::new(Assigned {
            partition_id,
            owner_epoch,
            stream: "s".into(),
            topic: "s".into(),
            partition: 0,
            redrive: false,
        })
    }

    const NOW: Micros = Micros(1_700_000_000_000_000);

    #[test]
    fn a_partition_remembers_apart_and_starts_anew_when_it_comes_back() {
        let mut memory = Memory::new(100);
        memory.begin(&assigned(1, 1), NOW, None);
        memory.put(7, 'a');
        memory.begin(&assigned(2, 1), NOW, None);
        assert_eq!(memory.get(7), None);
        memory.begin(&assigned(1, 1), NOW, None);
        assert_eq!(memory.get(7), Some('a'));
        memory.begin(&assigned(1, 2), NOW, None);
        assert_eq!((memory.get(7), memory.keys), (None, 0));
    }

    #[test]
    fn what_a_refused_record_has_changed_is_undone() {
        let mut memory = Memory::new(100);
        memory.begin(&assigned(1, 1), NOW, None);
        memory.put(1, 'a');
        memory.begin(&assigned(1, 1), NOW, None);
        memory.put(1, 'b');
        memory.put(2, 'b');
        memory.put(2, 'c');
        memory.undo();
        assert_eq!((memory.get(1), memory.get(2), memory.keys), (Some('a'), None, 1));
    }

    #[test]
    fn keys_stay_for_the_time_and_not_for_twice_of_it() {
        let within = Some(Duration::from_secs(10));
        let mut memory = Memory::new(100);
        let mut at = |seconds: i64| {
            memory.begin(&assigned(1, 1), Micros(NOW.0 + seconds * 1_000_000), within);
            if seconds == 0 {
                memory.put(1, 'a');
            }
            memory.get(1)
        };
        assert_eq!(
            [at(0), at(10), at(11), at(21), at(22)].map(|found| found.is_some()),
            [true, true, true, true, false]
        );
    }

    #[test]
    fn a_lost_partition_gives_its_room_back() {
        let mut memory = Memory::new(100);
        let (stays, goes) = (assigned(1, 1), assigned(2, 1));
        memory.begin(&goes, NOW, None);
        memory.put(0, 0);
        memory.begin(&stays, NOW, None);
        memory.put(1, 1);
        memory.forget_lost();
        assert_eq!((memory.partitions.len(), memory.keys), (2, 2));
        drop(goes);
        memory.forget_lost();
        assert_eq!((memory.partitions.len(), memory.keys), (1, 1));
        for n in 2..=100 {
            memory.begin(&stays, NOW, None);
            memory.put(n, n);
        }
        assert_eq!((memory.get(1), memory.forgotten()), (Some(1), 0));
    }

    #[test]
    fn with_less_room_than_before_the_oldest_keys_go() {
        let mut memory = Memory::new(100);
        for n in 0..40 {
            memory.begin(&assigned(1, 1), NOW, None);
            memory.put(n, n);
        }
        memory.share(20);
        memory.begin(&assigned(1, 1), NOW, None);
        memory.put(40, 40);
        memory.begin(&assigned(1, 1), NOW, None);
        assert_eq!((memory.get(0), memory.get(40)), (None, Some(40)));
        assert!(memory.keys <= 20 && memory.forgotten() == 40);
    }

    #[test]
    fn beyond_its_share_a_partition_forgets_its_oldest_keys_and_counts_them() {
        let mut memory = Memory::new(100);
        memory.begin(&assigned(2, 1), NOW, None);
        memory.put(0, 0);
        for n in 1..=1_000 {
            memory.begin(&assigned(1, 1), NOW, None);
            memory.put(n, n);
            assert!(memory.keys <= 101);
        }
        assert_eq!(memory.get(1_000), Some(1_000));
        assert!(memory.get(980).is_some());
        assert!(memory.forgotten() > 800);
        memory.begin(&assigned(2, 1), NOW, None);
        assert_eq!(memory.get(0), Some(0));
    }
}
