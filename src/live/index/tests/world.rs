//! What is published, who listens, and what they ask.

use std::net::{IpAddr, Ipv4Addr};

use super::super::*;
use crate::data::stored::Range;
use crate::data::{MatchOp, Micros, Scope, Selector, Series, StoredPoint, StoredSeries, Viewer};
use crate::live::outbox::outbox;
use crate::live::{Options, Receiver, Sequence};
use crate::telemetry::Delivered;

/// A hub without Postgres: what it publishes, and who listens.
pub struct World {
    pub index: Index,
    sequence: Sequence,
    offset: i64,
    pub now: u32,
    next_id: SubscriberId,
    delivered: Delivered,
}

impl World {
    pub fn new(limits: Limits) -> Self {
        let mut index = Index::new(limits);
        // However slow the machine is.
        index.judging_max = Duration::from_secs(3_600);
        Self {
            index,
            sequence: Sequence::default(),
            offset: 0,
            now: 0,
            next_id: 0,
            delivered: Delivered::default(),
        }
    }

    /// One point of each of these series.
    pub fn publish(&mut self, ids: impl IntoIterator<Item = SeriesId>) {
        let series: Vec<_> = ids.into_iter().map(series).collect();
        let points = (0..series.len()).map(|at| StoredPoint {
            series: at as u32,
            ts: Micros(self.offset),
            value: 1.0,
            partition_id: 1,
            offset: self.offset,
        });
        let stored = Stored {
            ranges: vec![Range {
                partition_id: 1,
                from: self.offset,
                to: self.offset + 1,
            }],
            points: points.collect(),
            series,
        };
        self.offset += 1;
        let accepted = self.sequence.accept(&stored.ranges);
        self.index
            .deliver(&Page::new(Arc::new(stored)), &accepted, self.now);
    }

    pub fn judge(&mut self) -> Vec<(GroupId, Result<(), Full>)> {
        let mut judged = Vec::new();
        while let Some(slice) = self.index.next_slice() {
            judged.extend(self.index.judged(&slice.judge()));
        }
        judged
    }

    pub fn subscribe(
        &mut self,
        client: u32,
        selector: &Scoped,
        options: Options,
    ) -> Result<(SubscriberId, Receiver), Full> {
        let client = Some(client_of(client));
        let group = match self.index.open(selector, client)? {
            Opened::Ready(group) => group,
            Opened::Unjudged(group) => {
                for (judged, outcome) in self.judge() {
                    if judged == group
                        && let Err(full) = outcome
                    {
                        self.index.abandon(group, client);
                        return Err(full);
                    }
                }
                group
            }
        };
        let (sender, receiver) = outbox(options, &self.delivered);
        let id = self.next_id;
        self.next_id += 1;
        self.index.join(id, group, client, sender);
        Ok((id, receiver))
    }
}

pub fn client_of(n: u32) -> ClientKey {
    IpAddr::V4(Ipv4Addr::from_bits(n + 1)).into()
}

pub fn series(id: SeriesId) -> StoredSeries {
    let labels = [("site", format!("s{}", id % 3)), ("device", format!("d{id}"))];
    StoredSeries {
        id,
        series: Arc::new(Series::new(format!("m{}", id % 2), labels)),
    }
}

pub fn selector(metric: Option<&str>, labels: &[(&str, MatchOp, &str)]) -> Scoped {
    Viewer::everyone().select(Selector::of(metric, labels))
}

pub fn of_device(id: SeriesId) -> Scoped {
    selector(None, &[("device", MatchOp::Equal, &format!("d{id}"))])
}

pub fn selectors() -> Vec<Scoped> {
    use MatchOp::{Equal, Matches, NotEqual, NotMatches};
    vec![
        selector(None, &[]),
        selector(Some("m0"), &[]),
        selector(Some("m1"), &[("site", Equal, "s2")]),
        selector(None, &[("__name__", Equal, "m1"), ("device", NotEqual, "d3")]),
        selector(None, &[("site", Matches, "s[01]")]),
        selector(
            Some("m0"),
            &[("device", Matches, "d1.*"), ("site", NotMatches, "s0")],
        ),
        selector(None, &[("site", NotEqual, "s1")]),
        selector(None, &[("rack", Equal, "")]),
        of_device(4),
        selector(Some("gone"), &[("device", Matches, ".*")]),
        scoped(None, &[selector(Some("m1"), &[])]),
        scoped(
            Some("m1"),
            &[selector(None, &[("site", Equal, "s2")]), of_device(7)],
        ),
        scoped(
            None,
            &[selector(None, &[("site", Matches, "s[12]")]), of_device(9)],
        ),
        scoped(None, &[]),
    ]
}

/// Of a viewer who may see what any of these selects.
fn scoped(metric: Option<&str>, scope: &[Scoped]) -> Scoped {
    let scope = scope.iter().map(|scoped| scoped.selector().clone());
    let selector = Selector::new(metric.map(str::to_owned), Vec::new());
    Viewer::of(Scope::any_of(scope)).select(selector)
}
