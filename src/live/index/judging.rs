//! Which series belong to a group: judged for new groups in slices, for new series at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::group::{Group, GroupId, State};
use super::known::Slot;
use super::limits::Full;
use super::{Index, SLICE};
use crate::data::{Scoped, Series, SeriesId, StoredSeries};
use crate::live::outbox::End;

/// Series that may belong to a group.
#[derive(Debug)]
pub struct Slice {
    group: GroupId,
    scoped: Arc<Scoped>,
    series: Vec<(SeriesId, Arc<Series>)>,
    /// Where the next slice begins; `None`: this is the last.
    last: Option<Slot>,
    forgotten: u32,
}

impl Slice {
    /// Keeps those that belong to it. May run on any thread.
    pub fn judge(mut self) -> Self {
        self.series.retain(|(_, series)| self.scoped.matches(series));
        self
    }

    pub fn group(&self) -> GroupId {
        self.group
    }
}

/// What became of a group that had to be judged.
pub type Judged = (GroupId, Result<(), Full>);

impl Index {
    /// The next series to be judged, if any group waits for it.
    pub fn next_slice(&mut self) -> Option<Slice> {
        loop {
            let (id, after) = self.unjudged.pop_front()?;
            let Some(group) = self.groups.get(&id) else {
                continue;
            };
            let (key, _) = self.known.rarest(&group.scoped, SLICE);
            let slots = self.known.next(key, after, SLICE);
            let entries = slots.iter().filter_map(|slot| self.known.at(*slot));
            return Some(Slice {
                group: id,
                scoped: Arc::clone(&group.scoped),
                series: entries.map(|e| (e.id, Arc::clone(&e.series))).collect(),
                last: slots.last().filter(|_| slots.len() == SLICE).copied(),
                forgotten: self.forgotten,
            });
        }
    }

    /// Takes what [`Slice::judge`] kept. Returns the group once it can be joined, or never will.
    pub fn judged(&mut self, slice: &Slice) -> Option<Judged> {
        let id = slice.group;
        if slice.forgotten != self.forgotten {
            // Its ids may be of other series now.
            self.unjudged.push_back((id, None));
            return None;
        }
        for (series_id, _) in &slice.series {
            self.pair(id, *series_id);
        }
        if self.pairs > self.limits.pairs {
            return Some(self.refuse(id));
        }
        let group = self.groups.get_mut(&id)?;
        match (slice.last, group.state) {
            (None, State::Unjudged(false)) => {
                group.state = State::Judged;
                return Some((id, Ok(())));
            }
            (None, _) => {
                group.state = State::Unjudged(false);
                self.unjudged.push_back((id, None));
            }
            (Some(_), _) => self.unjudged.push_back((id, slice.last)),
        }
        None
    }

    /// Gives back a group that cannot be judged.
    pub fn refuse(&mut self, id: GroupId) -> Judged {
        self.remove(id);
        (id, Err(Full::All))
    }

    /// The slots of these series. New ones are judged for the groups they may belong to.
    pub(super) fn learn(&mut self, series: &[StoredSeries], now: u32) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(series.len());
        let mut until = None;
        let mut late = BTreeSet::new();
        for found in series {
            let (slot, new) = self.known.touch(found, now);
            slots.push(slot);
            if !new || self.filed.is_empty() {
                continue;
            }
            let mut wanted_by = Vec::new();
            for id in self.filed.candidates(&found.series) {
                let Some(group) = self.groups.get(&id).filter(|_| self.everything != Some(id)) else {
                    continue;
                };
                if group.scoped.expressions().next().is_some() {
                    let until = *until.get_or_insert_with(|| Instant::now() + self.judging_max);
                    if Instant::now() >= until {
                        late.insert(id);
                        continue;
                    }
                }
                if group.scoped.matches(&found.series) {
                    wanted_by.push(id);
                }
            }
            for id in wanted_by {
                self.pair(id, found.id);
            }
        }
        for id in late {
            self.give_up(id);
        }
        self.make_room();
        slots
    }

    pub(super) fn pair(&mut self, id: GroupId, series: SeriesId) {
        if let Some(entry) = self.known.get_mut(series)
            && let Some(group) = self.groups.get_mut(&id).filter(|g| g.state != State::GivenUp)
            && let Err(at) = entry.wanted_by.binary_search(&id)
        {
            entry.wanted_by.insert(at, id);
            group.wants.push(series);
            group.pairs += 1;
            self.pairs += 1;
        }
    }

    /// While there are too many pairs, gives up the groups with the most pairs for each subscriber.
    fn make_room(&mut self) {
        while self.pairs > self.limits.pairs {
            let each = |group: &Group| group.pairs / group.outboxes.len().max(1);
            let judged = self.groups.iter().filter(|(_, g)| g.state == State::Judged);
            let Some(id) = judged.max_by_key(|(_, group)| each(group)).map(|(id, _)| *id) else {
                return;
            };
            self.give_up(id);
        }
    }

    /// Sends everyone of a group to catch up; they come back to a new one.
    fn give_up(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        if let State::Unjudged(again) = &mut group.state {
            *again = true;
            return;
        }
        for member in group.outboxes.values() {
            member.outbox.end(End::Gap);
        }
        self.take_off(id);
        if let Some(group) = self.groups.get_mut(&id) {
            group.state = State::GivenUp;
        }
    }
}
