//! Who wants which windows: subscribers with the same selector are one group, and a selector is
//! judged once for each pair of series and group.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::updates::{End, Sender};
use super::{Window, Windows};
use crate::data::{Micros, Selector, Series, SeriesId, StoredSeries};

pub type GroupId = u64;

#[derive(Debug, Default)]
pub struct Audience {
    groups: HashMap<GroupId, Group>,
    by_selector: HashMap<Selector, GroupId>,
    wanted_by: HashMap<SeriesId, Vec<GroupId>>,
    /// Series that were seen and that no group wants.
    unwanted: HashSet<SeriesId>,
    next_group: GroupId,
}

#[derive(Debug)]
struct Group {
    selector: Selector,
    series: Vec<SeriesId>,
    /// Postgres has told which series there are.
    matched: bool,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    since: Option<Micros>,
    updates: Sender,
}

impl Audience {
    /// A new subscriber; the group and selector of it when the group is new, for [`Self::matched`].
    pub fn join(
        &mut self,
        selector: Selector,
        since: Option<Micros>,
        updates: Sender,
    ) -> Option<(GroupId, Selector)> {
        let member = Member { since, updates };
        let known = self.by_selector.get(&selector);
        if let Some(group) = known.and_then(|id| self.groups.get_mut(id)) {
            group.members.push(member);
            return None;
        }
        let id = self.next_group;
        self.next_group += 1;
        // From now on a series that is new to us is judged for this group as well.
        self.unwanted.clear();
        let group = Group {
            selector: selector.clone(),
            series: Vec::new(),
            matched: false,
            members: vec![member],
        };
        self.groups.insert(id, group);
        self.by_selector.insert(selector.clone(), id);
        Some((id, selector))
    }

    /// The series there were at a moment after the group began.
    pub fn matched(&mut self, id: GroupId, series: &[StoredSeries]) {
        if !self.groups.contains_key(&id) {
            return;
        }
        for found in series {
            // Other groups may not have heard of it yet.
            self.wants(found.id, &found.series);
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
            }
        }
    }

    /// A series that has points; whether some group wants it.
    pub fn wants(&mut self, id: SeriesId, series: &Series) -> bool {
        if self.wanted_by.contains_key(&id) {
            return true;
        }
        if self.unwanted.contains(&id) {
            return false;
        }
        let mut wanted_by = Vec::new();
        for (group_id, group) in &mut self.groups {
            if group.selector.matches(series) {
                group.series.push(id);
                wanted_by.push(*group_id);
            }
        }
        if wanted_by.is_empty() {
            self.unwanted.insert(id);
            return false;
        }
        self.wanted_by.insert(id, wanted_by);
        true
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
                member.updates.push(&batch);
            }
        }
    }

    /// Begins for those who wait until all their series have been read.
    pub fn open(&self, windows: &Windows) {
        for group in self.groups.values().filter(|group| group.matched) {
            let mut waiting = group.members.iter().filter(|m| !m.updates.is_open()).peekable();
            if waiting.peek().is_none() || !group.series.iter().all(|id| windows.is_read(*id)) {
                continue;
            }
            let mut series = group.series.clone();
            series.sort_unstable();
            for member in waiting {
                let current = series.iter().flat_map(|id| windows.current(*id, member.since));
                member.updates.open(current.collect());
            }
        }
    }

    pub fn end_group(&self, id: GroupId, why: End) {
        let group = self.groups.get(&id);
        for member in group.iter().flat_map(|group| &group.members) {
            member.updates.end(why);
        }
    }

    /// Everyone who wants this series.
    pub fn end_series(&self, id: SeriesId, why: End) {
        for group in self.wanted_by.get(&id).into_iter().flatten() {
            self.end_group(*group, why);
        }
    }

    pub fn end_all(&self, why: End) {
        for id in self.groups.keys() {
            self.end_group(*id, why);
        }
    }

    /// Forgets who has gone; the series that nobody wants any more.
    pub fn sweep(&mut self) -> Vec<SeriesId> {
        let mut dropped = Vec::new();
        self.groups.retain(|id, group| {
            group.members.retain(|member| !member.updates.is_over());
            if group.members.is_empty() {
                self.by_selector.remove(&group.selector);
                dropped.push((*id, std::mem::take(&mut group.series)));
            }
            !group.members.is_empty()
        });
        let mut unwanted = Vec::new();
        for (group, series) in dropped {
            for id in series {
                if let Some(wanted_by) = self.wanted_by.get_mut(&id) {
                    wanted_by.retain(|other| *other != group);
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
