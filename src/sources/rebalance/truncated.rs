//! A partition whose log Kafka has truncated: it stops, or restarts where the logs diverge.

use rdkafka::consumer::BaseConsumer;

use super::{Context, Owned, warn_of_jump};
use crate::data::{Assigned, Claim};
use crate::sources::{Failure, OnOffsetLost, offsets};

impl Context {
    /// Kafka has truncated its log below what was read of this partition, and perhaps rewritten it. The
    /// old log is left up to `end`, if Kafka could tell. `Ok` when the partition must stop.
    pub fn truncated(
        &self,
        consumer: &BaseConsumer<Self>,
        owned: &Owned,
        end: Option<i64>,
    ) -> Result<(), Failure> {
        let Assigned { topic, partition, .. } = &*owned.assigned;
        let name = format!("{topic}/{partition}");
        if end.is_some_and(|end| end >= owned.next_offset) {
            let why =
                format!("kafka cut the log of {name} behind what is stored; it is read again from there");
            return Err(Failure::retry(why));
        }
        let Some(subscribed) = self.topics.get(topic) else {
            return Ok(());
        };
        let marks = offsets::watermarks(consumer, topic, *partition)
            .map_err(|error| Failure::retry(format!("{name}: {error}")))?;
        match subscribed.on_offset_lost {
            OnOffsetLost::Stop => {
                let why = marks.cut(owned.next_offset, end);
                tracing::error!(topic = &**topic, partition, "partition stopped: {why}");
                let key = (topic.to_string(), *partition);
                self.status.update(|snapshot| {
                    if let Some(shown) = snapshot.partitions.get_mut(&key) {
                        shown.trouble = Some(why);
                    }
                });
                Ok(())
            }
            OnOffsetLost::Jump => {
                // Without a known end everything is read again: a point that is stored twice counts once.
                let at = end.unwrap_or(0).max(marks.low);
                let of = subscribed.topic_partition(*partition, &owned.topic_id);
                let mut ledger = self.ledger.lock();
                if let Claim::Resumed(before) = ledger.claim(of)? {
                    warn_of_jump(of, before, at);
                    // Kafka's log begins behind what was read: the records between were never read.
                    if at > before.next_offset {
                        ledger.record_gap(before, at)?;
                    }
                    ledger.begin_epoch(of, at)?;
                    if at < before.next_offset {
                        ledger.record_lost_end(before, at)?;
                    }
                }
                Err(Failure::retry(format!(
                    "OFFSET_LOST: kafka cut the log of {name}; it is read anew from offset {at}"
                )))
            }
        }
    }
}
