//! The topics of the streams and their settings for reading.

use std::sync::Arc;

use super::{OnOffsetLost, Start, StreamSource};
use crate::data::TopicPartition;

/// How one topic is read.
#[derive(Clone, Debug)]
pub(super) struct Subscribed {
    pub stream: Arc<str>,
    pub topic: Arc<str>,
    pub start: Start,
    pub on_offset_lost: OnOffsetLost,
    pub redrive: bool,
}

impl Subscribed {
    pub fn topic_partition<'a>(&'a self, partition: i32, topic_id: &'a str) -> TopicPartition<'a> {
        TopicPartition {
            stream: &self.stream,
            topic: &self.topic,
            partition,
            topic_id,
        }
    }
}

/// By topic: that of the stream and its redrive topic.
pub(super) fn subscriptions(stream: &StreamSource) -> Vec<(Arc<str>, Subscribed)> {
    let of = |topic: &Arc<str>, start, redrive| {
        let subscribed = Subscribed {
            stream: Arc::clone(&stream.name),
            topic: Arc::clone(topic),
            start,
            on_offset_lost: stream.on_offset_lost,
            redrive,
        };
        (Arc::clone(topic), subscribed)
    };
    let redrive = stream.redrive_topic.as_ref();
    std::iter::once(of(&stream.topic, stream.start, false))
        .chain(redrive.map(|topic| of(topic, Start::Earliest, true)))
        .collect()
}
