//! What Postgres has of the demo already.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moments::SPAN;
use super::senders::{GATEWAY, Sender};
use crate::data::{LabelMatcher, MatchOp, Micros, Selector, Series, Streams, Viewer};
use crate::store::read::{DeadLetterFilter, ReadError, Reader};

/// As many are looked at as a demo sends.
const DEAD_LETTERS: usize = 2;

#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Of the last day, and of as long before it as two points are apart; none where all are older.
    pub earliest: Option<Micros>,
    pub newest: Micros,
}

pub struct Stored {
    /// By the key of the series.
    series: BTreeMap<Box<str>, Known>,
    /// Of the gateway.
    pub dead_letters: usize,
}

impl Stored {
    pub async fn read(reader: &Reader, senders: &[Sender], apart: Duration) -> Result<Self, ReadError> {
        let mut known = BTreeMap::new();
        for series in senders.iter().map(Sender::series) {
            known.extend(
                look(reader, series, apart)
                    .await?
                    .map(|of| (series.key.clone(), of)),
            );
        }
        let filter = DeadLetterFilter {
            stream: Some(GATEWAY.to_owned()),
            resolved_too: true,
            ..DeadLetterFilter::default()
        };
        let letters = reader.dead_letters(&Streams::All, &filter, None, DEAD_LETTERS);
        Ok(Self {
            series: known,
            dead_letters: letters.await?.rows.len(),
        })
    }

    pub fn of(&self, sender: &Sender) -> Option<Known> {
        self.series.get(&sender.series().key).copied()
    }
}

async fn look(reader: &Reader, series: &Series, apart: Duration) -> Result<Option<Known>, ReadError> {
    let is = |(name, value): &(Box<str>, Box<str>)| {
        LabelMatcher::new(name.to_string(), MatchOp::Equal, value.to_string()).ok()
    };
    let selector = Selector {
        metric: Some(series.metric.to_string()),
        labels: series.labels.iter().filter_map(is).collect(),
    };
    let scoped = Viewer::operator().select(selector);
    let mut found = reader.matching(&scoped).await?;
    found.retain(|found| found.series.key == series.key);
    let newest = reader.latest(&found).await?.first().map(|point| point.ts);
    let Some(newest) = newest else {
        return Ok(None);
    };
    let from = Micros::now().minus(SPAN + apart);
    let earliest = reader.points(&scoped, from, newest, None, 1).await?;
    let earliest = earliest.rows.first().map(|point| point.ts);
    let earliest = earliest.or((newest >= from).then_some(newest));
    Ok(Some(Known { earliest, newest }))
}
