//! Which subscriber wants which series: batches are selected from and put into outboxes.
//!
//! Subscribers with the same question are one group (`groups.rs`). A question is judged once for each
//! pair of series and group: when the series is first seen, or when the group begins. After that a
//! point costs one look-up by series id, and all subscribers of a group share one selection.
//!
//! A new series is judged for the groups that it may belong to, and a new group by the series that
//! have what it demands. Where these are many, or a regular expression decides, the caller judges
//! them on another thread, a [`Slice`] at a time. Nobody joins the group before that is done.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::group::{Group, Member, State};
use self::known::{Known, Slot};
use self::pressure::Pressure;
use super::cut::cut;
use super::delivery::{Page, Selected};
use super::groups::Groups;
use super::outbox::{End, Sender};
use super::sequence::Accepted;
use crate::data::{ClientKey, Scoped, SeriesId, Stored, Tally};

mod group;
mod judging;
mod known;
mod limits;
mod pressure;
#[cfg(test)]
mod tests;

pub use group::{GroupId, SubscriberId};
pub use judging::Slice;
pub use limits::{ByClient, Full, Limits};

/// Series of one slice.
const SLICE: usize = 4_096;
/// For the regular expressions that judge the new series of one batch.
const JUDGING_MAX: Duration = Duration::from_millis(50);
/// Series that are judged at once when a group begins: without regular expressions, and with some.
const AT_ONCE: (usize, usize) = (1_000, 100);

#[derive(Debug)]
pub struct Index {
    limits: Limits,
    known: Known,
    groups: HashMap<GroupId, Group>,
    /// The groups that can be found.
    filed: Groups<GroupId>,
    /// The groups of those who get no points.
    attended: HashMap<Arc<Scoped>, GroupId>,
    /// The group of those who want everything; it has no pairs.
    everything: Option<GroupId>,
    subscribers: HashMap<SubscriberId, GroupId>,
    /// The subscriptions of each client by group.
    clients: Tally<ClientKey, GroupId>,
    /// Groups that wait to be judged, each with the slot behind which it goes on.
    unjudged: VecDeque<(GroupId, Option<Slot>)>,
    /// Pairs of a series and a group that wants it.
    pairs: usize,
    next_group: GroupId,
    /// How often all series were forgotten.
    forgotten: u32,
    pressure: Pressure,
    judging_max: Duration,
}

/// Where a subscriber belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    Ready(GroupId),
    /// Ready once [`Index::judged`] says so.
    Unjudged(GroupId),
}

impl Index {
    pub fn new(limits: Limits) -> Self {
        let filed = Groups::default();
        Self {
            known: Known::new(filed.keys().clone()),
            groups: HashMap::new(),
            filed,
            attended: HashMap::new(),
            everything: None,
            subscribers: HashMap::new(),
            clients: Tally::default(),
            unjudged: VecDeque::new(),
            pairs: 0,
            next_group: 0,
            forgotten: 0,
            pressure: Pressure::new(limits.outboxes),
            judging_max: JUDGING_MAX,
            limits,
        }
    }

    /// The group of this question, to be joined, or left with [`Self::abandon`].
    pub fn open(&mut self, scoped: &Scoped, client: Option<ClientKey>) -> Result<Opened, Full> {
        let known = self.filed.find(scoped);
        self.admit(client, scoped, known)?;
        let id = known.unwrap_or_else(|| self.begin(Arc::new(scoped.clone())));
        if known.is_none() && self.pairs > self.limits.pairs {
            self.remove(id);
            return Err(Full::All);
        }
        self.enter(client, id);
        Ok(match self.groups.get(&id).map(|group| group.state) {
            Some(State::Judged) => Opened::Ready(id),
            _ => Opened::Unjudged(id),
        })
    }

    /// The same for subscribers that get no points: they count as a question, and nothing is judged for
    /// them.
    pub fn attend(&mut self, scoped: &Scoped, client: Option<ClientKey>) -> Result<GroupId, Full> {
        let known = self.attended.get(scoped).copied();
        self.admit(client, scoped, known)?;
        let id = known.unwrap_or_else(|| {
            let scoped = Arc::new(scoped.clone());
            let id = self.add(&scoped, State::Judged);
            self.attended.insert(scoped, id);
            id
        });
        self.enter(client, id);
        Ok(id)
    }

    pub fn join(&mut self, id: SubscriberId, group_id: GroupId, client: Option<ClientKey>, outbox: Sender) {
        if let Some(group) = self.groups.get_mut(&group_id) {
            if group.state == State::GivenUp {
                outbox.end(End::Gap);
            }
            group.outboxes.insert(id, Member { outbox, client });
            self.subscribers.insert(id, group_id);
        }
    }

    pub fn unsubscribe(&mut self, id: SubscriberId) {
        let Some(group_id) = self.subscribers.remove(&id) else {
            return;
        };
        let group = self.groups.get_mut(&group_id);
        let member = group.and_then(|group| group.outboxes.remove(&id));
        self.abandon(group_id, member.and_then(|member| member.client));
    }

    /// A subscriber for whom it was opened does not join, or has left.
    pub fn abandon(&mut self, group_id: GroupId, client: Option<ClientKey>) {
        if let Some(client) = client {
            self.clients.leave(&client, &group_id);
        }
        let group = self.groups.get(&group_id);
        if group.is_some_and(|g| g.outboxes.is_empty() && !matches!(g.state, State::Unjudged(_))) {
            self.remove(group_id);
        }
    }

    /// Hands each subscriber its points of those that were accepted. `now`: seconds since some fixed
    /// moment.
    pub fn deliver(&mut self, page: &Arc<Page>, accepted: &Accepted, now: u32) {
        let stored = &page.stored;
        let slots = self.learn(&stored.series, now);
        if self.subscribers.is_empty() || accepted.ranges.is_empty() {
            return;
        }
        let ranges: Arc<[_]> = accepted.ranges.as_slice().into();
        // All selections are made before the first delivery, so that they share their texts.
        let parts = |(group, points)| {
            let selected = Selected::new(Arc::clone(page), points);
            (group, cut(selected, &ranges, &accepted.cursor))
        };
        let matched = self.matched(&slots, stored, accepted).into_iter();
        let parts: Vec<_> = matched.map(parts).collect();
        let mut grown = 0;
        for (group_id, parts) in &parts {
            let members = self.groups.get(group_id).map(|group| group.outboxes.values());
            for member in members.into_iter().flatten() {
                for part in parts {
                    grown += member.outbox.push(part.clone());
                }
            }
        }
        if !parts.is_empty() && self.pressure.grew(page.weight(), grown) {
            let members = self.groups.values().flat_map(|group| group.outboxes.values());
            self.pressure.settle(members.map(|m| (m.client, &m.outbox)));
        }
    }

    /// Forgets series without points for long. Each call looks at some of them.
    pub fn sweep(&mut self, now: u32) {
        for gone in self.known.sweep(now, SLICE) {
            self.pairs -= gone.wanted_by.len();
            for id in gone.wanted_by {
                let Some(group) = self.groups.get_mut(&id) else {
                    continue;
                };
                group.pairs -= 1;
                if group.wants.len() > 2 * group.pairs + SLICE {
                    let mut known = |series: &SeriesId| {
                        let entry = self.known.get_mut(*series);
                        entry.is_some_and(|entry| entry.wanted_by.binary_search(&id).is_ok())
                    };
                    group.wants.sort_unstable();
                    group.wants.dedup();
                    group.wants.retain(&mut known);
                }
            }
        }
    }

    /// Ends one subscription, after its subscriber has taken what the outbox holds.
    pub fn end(&self, id: SubscriberId, why: End) {
        let group = self.subscribers.get(&id).and_then(|group| self.groups.get(group));
        if let Some(member) = group.and_then(|group| group.outboxes.get(&id)) {
            member.outbox.end(why);
        }
    }

    /// From now on an id may be of another series.
    pub fn forget_series(&mut self) {
        self.known.clear();
        self.forgotten = self.forgotten.wrapping_add(1);
        self.pairs = 0;
        for group in self.groups.values_mut() {
            group.wants.clear();
            group.pairs = 0;
        }
        for (_, after) in &mut self.unjudged {
            *after = None;
        }
    }

    pub fn ids(&self) -> Vec<SubscriberId> {
        self.subscribers.keys().copied().collect()
    }

    pub fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    fn enter(&mut self, client: Option<ClientKey>, group: GroupId) {
        if let Some(client) = client {
            self.clients.enter(client, group);
        }
    }

    /// Whether there is room for a subscription of this client. `group`: that of the question, if any.
    fn admit(&self, client: Option<ClientKey>, scoped: &Scoped, group: Option<GroupId>) -> Result<(), Full> {
        let limits = &self.limits;
        if group.is_none() && (self.groups.len() >= limits.selectors || self.pairs >= limits.pairs) {
            return Err(Full::All);
        }
        let (Some(client), Some(most)) = (client, limits.by_client) else {
            return Ok(());
        };
        let Some(own) = self.clients.of(&client) else {
            return Ok(());
        };
        if group.is_some_and(|group| own.contains_key(&group)) {
            return Ok(());
        }
        if own.len() >= most.selectors {
            return Err(Full::Selectors(most.selectors));
        }
        let groups = || own.keys().filter_map(|id| self.groups.get(id));
        let expressions = scoped.selector().expression_bytes();
        if expressions > 0 {
            let held: usize = groups()
                .map(|group| group.scoped.selector().expression_bytes())
                .sum();
            if held + expressions > most.expressions {
                return Err(Full::Expressions(held));
            }
        }
        // One client must leave room for others.
        let crowded = self.pairs > limits.pairs / 2;
        if crowded && groups().map(|group| group.pairs).sum::<usize>() > limits.pairs / 4 {
            return Err(Full::Pairs);
        }
        Ok(())
    }

    fn add(&mut self, scoped: &Arc<Scoped>, state: State) -> GroupId {
        while self.groups.contains_key(&self.next_group) {
            self.next_group = self.next_group.wrapping_add(1);
        }
        let id = self.next_group;
        self.next_group = id.wrapping_add(1);
        let group = Group {
            scoped: Arc::clone(scoped),
            wants: Vec::new(),
            pairs: 0,
            state,
            outboxes: HashMap::new(),
        };
        self.groups.insert(id, group);
        id
    }

    fn begin(&mut self, scoped: Arc<Scoped>) -> GroupId {
        let everything = scoped.selects_all();
        let at_once = match scoped.expressions().next() {
            None => AT_ONCE.0,
            Some(_) => AT_ONCE.1,
        };
        let (rarest, count) = self.known.rarest(&scoped, at_once + 1);
        let judged = everything || count <= at_once;
        let state = if judged {
            State::Judged
        } else {
            State::Unjudged(false)
        };
        let id = self.add(&scoped, state);
        if everything {
            self.everything = Some(id);
        } else if !judged {
            self.unjudged.push_back((id, None));
        } else {
            for slot in self.known.next(rarest, None, at_once) {
                let entry = self.known.at(slot);
                if let Some(entry) = entry.filter(|entry| scoped.matches(&entry.series)) {
                    self.pair(id, entry.id);
                }
            }
        }
        self.filed.insert(id, scoped);
        id
    }

    fn remove(&mut self, id: GroupId) {
        self.take_off(id);
        self.groups.remove(&id);
    }

    /// From now on no batch and no new subscriber finds the group.
    fn take_off(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group.pairs = 0;
        for series in std::mem::take(&mut group.wants) {
            if let Some(entry) = self.known.get_mut(series)
                && let Ok(at) = entry.wanted_by.binary_search(&id)
            {
                entry.wanted_by.remove(at);
                self.pairs -= 1;
            }
        }
        self.filed.remove(id, &group.scoped);
        if self.attended.get(&group.scoped) == Some(&id) {
            self.attended.remove(&group.scoped);
        }
        if self.everything == Some(id) {
            self.everything = None;
        }
    }

    /// The points that each group with members wants, in their order.
    fn matched(&self, slots: &[Slot], stored: &Stored, accepted: &Accepted) -> HashMap<GroupId, Vec<u32>> {
        let wanted_by = |slot: &Slot| self.known.at(*slot).map_or(&[][..], |entry| &entry.wanted_by);
        let wanted_by: Vec<&[GroupId]> = slots.iter().map(wanted_by).collect();
        let mut matched: HashMap<GroupId, Vec<u32>> = HashMap::new();
        let mut everything = self.everything.map(|id| (id, Vec::new()));
        for (at, point) in (0u32..).zip(&stored.points) {
            let wanted_by = wanted_by[point.series as usize];
            if (wanted_by.is_empty() && everything.is_none()) || !accepted.contains(point) {
                continue;
            }
            if let Some((_, all)) = &mut everything {
                all.push(at);
            }
            for group_id in wanted_by {
                matched.entry(*group_id).or_default().push(at);
            }
        }
        matched.extend(everything.filter(|(_, points)| !points.is_empty()));
        let has_members = |id: &GroupId| {
            self.groups
                .get(id)
                .is_some_and(|group| !group.outboxes.is_empty())
        };
        matched.retain(|id, _| has_members(id));
        matched
    }
}
