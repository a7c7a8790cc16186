//! Which subscriber wants which windows. Subscribers with the same question are one group. A question is
//! judged once for each pair of series and group.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::updates::{End, Sender, Waiting};
use super::{Window, Windows};
use crate::data::{Matched, Micros, Scoped, SeriesId, StoredSeries};
use crate::live::groups::Groups;

pub type GroupId = u64;

/// Pairs of a series and a group that wants it.
const PAIRS_MAX: usize = 2_000_000;
/// Windows that may wait for all subscribers. One with few waiting windows is not ended for it.
const WAITING_MAX: usize = 1_000_000;
const FEW: usize = 1_000;
/// Series that are remembered as unwanted. With more, all of them are judged again.
const UNWANTED_MAX: usize = 2_000_000;

#[derive(Debug, Default)]
pub struct Audience {
    /// Ids only grow.
    groups: BTreeMap<GroupId, Group>,
    filed: Groups<GroupId>,
    /// Groups with subscribers that have not begun yet.
    waiting: BTreeSet<GroupId>,
    wanted_by: HashMap<SeriesId, Vec<GroupId>>,
    /// Series that no group below this one wants.
    unwanted: HashMap<SeriesId, GroupId>,
    pairs: usize,
    next_group: GroupId,
}

#[derive(Debug)]
struct Group {
    scoped: Arc<Scoped>,
    series: Vec<SeriesId>,
    /// Postgres has told which series there are.
    matched: bool,
    members: Vec<Sender>,
    /// Each with the time from which it wants kept windows.
    waiting: Vec<(Option<Micros>, Sender)>,
}

/// Whether some group wants a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    No,
    /// For the first time: its windows must be followed.
    New(Matched),
    Already,
}

impl Audience {
    /// Adds a subscriber. Returns group and question if the group is new and waits for
    /// [`Self::matched`].
    pub fn join(
        &mut self,
        scoped: Scoped,
        since: Option<Micros>,
        updates: Sender,
    ) -> Option<(GroupId, Arc<Scoped>)> {
        let known = self.filed.find(&scoped);
        if let Some((id, group)) = known.and_then(|id| Some((id, self.groups.get_mut(&id)?))) {
            group.waiting.push((since, updates));
            self.waiting.insert(id);
            return None;
        }
        let (id, scoped) = (self.next_group, Arc::new(scoped));
        self.next_group += 1;
        let group = Group {
            scoped: Arc::clone(&scoped),
            series: Vec::new(),
            matched: false,
            members: Vec::new(),
            waiting: vec![(since, updates)],
        };
        self.groups.insert(id, group);
        self.filed.insert(id, Arc::clone(&scoped));
        self.waiting.insert(id);
        Some((id, scoped))
    }

    /// Takes the series that Postgres had after the group began.
    pub fn matched(&mut self, id: GroupId, series: &[Matched]) {
        if !self.groups.contains_key(&id) {
            return;
        }
        for found in series {
            // It may be new to other groups too.
            self.wants(found);
        }
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group.matched = true;
        for found in series {
            let wanted_by = self.wanted_by.entry(found.id).or_default();
            if !wanted_by.contains(&id) {
                wanted_by.push(id);
                group.series.push(found.id);
                self.pairs += 1;
            }
        }
        if self.pairs > PAIRS_MAX {
            self.end_group(id, End::TooManySeries);
        }
    }

    /// Whether any group wants this series, which has points.
    pub fn wants(&mut self, found: &StoredSeries) -> Wanted {
        let id = found.id;
        if self.wanted_by.contains_key(&id) {
            return Wanted::Already;
        }
        // Only groups that began since it was last judged.
        let from = self.unwanted.get(&id).copied().unwrap_or_default();
        if from == self.next_group {
            return Wanted::No;
        }
        let mut new = None;
        let mut wanted_by = Vec::new();
        for group_id in self.filed.candidates(&found.series) {
            if group_id >= from
                && !wanted_by.contains(&group_id)
                && let Some(group) = self.groups.get_mut(&group_id)
                && let Some(matched) = group.scoped.pick(found.clone())
            {
                group.series.push(id);
                wanted_by.push(group_id);
                new = Some(matched);
            }
        }
        let Some(new) = new else {
            if self.unwanted.len() >= UNWANTED_MAX {
                self.unwanted.clear();
            }
            self.unwanted.insert(id, self.next_group);
            return Wanted::No;
        };
        self.unwanted.remove(&id);
        self.pairs += wanted_by.len();
        self.wanted_by.insert(id, wanted_by);
        if self.pairs > PAIRS_MAX {
            self.end_series(id, End::TooManySeries);
        }
        Wanted::New(new)
    }

    /// Hands each group what it wants of these windows.
    pub fn deliver(&self, changed: &[Arc<Window>]) {
        let mut batches: HashMap<GroupId, Vec<Arc<Window>>> = HashMap::new();
        for window in changed {
            for group in self.wanted_by.get(&window.series.id).into_iter().flatten() {
                batches.entry(*group).or_default().push(Arc::clone(window));
            }
        }
        for (id, batch) in batches {
            let batch = batch.into();
            let group = self.groups.get(&id);
            for member in group.iter().flat_map(|group| &group.members) {
                member.push(&batch);
            }
        }
    }

    /// While too many windows wait, ends the subscribers with the most.
    pub fn relieve(&self, waiting: &Waiting) {
        if waiting.get() <= WAITING_MAX {
            return;
        }
        let members = self.groups.values().flat_map(Group::everyone);
        let mut fullest: Vec<_> = members.map(|member| (member.waiting(), member)).collect();
        fullest.retain(|(windows, _)| *windows > FEW);
        fullest.sort_unstable_by_key(|(windows, _)| usize::MAX - windows);
        for (_, member) in fullest {
            if waiting.get() <= WAITING_MAX {
                return;
            }
            member.end(End::Overflow);
        }
    }

    /// Opens the waiting groups whose series have all been read.
    pub fn open(&mut self, windows: &Windows) {
        let (groups, waiting) = (&mut self.groups, &mut self.waiting);
        waiting.retain(|id| {
            let Some(group) = groups.get_mut(id) else {
                return false;
            };
            if !group.matched || !group.series.iter().all(|id| windows.is_read(*id)) {
                return true;
            }
            group.open(windows);
            false
        });
    }

    pub fn end_group(&self, id: GroupId, why: End) {
        let group = self.groups.get(&id);
        for member in group.iter().flat_map(|group| group.everyone()) {
            member.end(why);
        }
    }

    /// Everyone who wants this series.
    pub fn end_series(&self, id: SeriesId, why: End) {
        for group in self.wanted_by.get(&id).into_iter().flatten() {
            self.end_group(*group, why);
        }
    }

    /// Forgets subscribers that have gone. Returns the series that nobody wants any more.
    pub fn sweep(&mut self) -> Vec<SeriesId> {
        let mut dropped = Vec::new();
        self.groups.retain(|id, group| {
            group.members.retain(|member| !member.is_over());
            group.waiting.retain(|(_, member)| !member.is_over());
            let left = group.everyone().next().is_some();
            if !left {
                self.filed.remove(*id, &group.scoped);
                dropped.push((*id, std::mem::take(&mut group.series)));
            }
            left
        });
        let mut unwanted = Vec::new();
        for (group, series) in dropped {
            for id in series {
                if let Some(wanted_by) = self.wanted_by.get_mut(&id) {
                    wanted_by.retain(|other| *other != group);
                    self.pairs -= 1;
                    if wanted_by.is_empty() {
                        self.wanted_by.remove(&id);
                        unwanted.push(id);
                    }
                }
            }
        }
        unwanted
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl Group {
    fn everyone(&self) -> impl Iterator<Item = &Sender> {
        let waiting = self.waiting.iter().map(|(_, member)| member);
        self.members.iter().chain(waiting)
    }

    /// Subscribers with the same `since` share their first batch.
    fn open(&mut self, windows: &Windows) {
        self.series.sort_unstable();
        let mut first: HashMap<Option<Micros>, Arc<[Arc<Window>]>> = HashMap::new();
        for (since, member) in self.waiting.drain(..) {
            let current = || {
                let series = self.series.iter();
                series.flat_map(|id| windows.current(*id, since)).collect()
            };
            member.open(first.entry(since).or_insert_with(current));
            self.members.push(member);
        }
    }
}
