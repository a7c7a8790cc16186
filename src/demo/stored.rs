//! What Postgres has of the demo already.

use std::collections::BTreeMap;

use super::senders::{GATEWAY, Sender};
use crate::data::{Matched, Micros, Selector, Streams, Viewer};
use crate::store::read::{DeadLetterFilter, ReadError, Reader};

/// As many are looked at as a demo sends.
const DEAD_LETTERS: usize = 2;

pub struct Stored {
    /// By the key of the series.
    newest: BTreeMap<Box<str>, Micros>,
    /// Of the gateway.
    pub dead_letters: usize,
}

impl Stored {
    pub async fn read(reader: &Reader, senders: &[Sender]) -> Result<Self, ReadError> {
        let mut newest = BTreeMap::new();
        for series in senders.iter().map(Sender::series) {
            let selector = Selector {
                metric: Some(series.metric.to_string()),
                labels: Vec::new(),
            };
            let matching = reader.matching(&Viewer::operator().select(selector)).await?;
            let own: Vec<Matched> = (matching.into_iter())
                .filter(|found| found.series.key == series.key)
                .collect();
            let latest = reader.latest(&own).await?;
            newest.extend(latest.first().map(|point| (series.key.clone(), point.ts)));
        }
        let filter = DeadLetterFilter {
            stream: Some(GATEWAY.to_owned()),
            resolved_too: true,
            ..DeadLetterFilter::default()
        };
        let letters = reader.dead_letters(&Streams::All, &filter, None, DEAD_LETTERS);
        Ok(Self {
            newest,
            dead_letters: letters.await?.rows.len(),
        })
    }

    pub fn newest(&self, sender: &Sender) -> Option<Micros> {
        self.newest.get(&sender.series().key).copied()
    }
}
