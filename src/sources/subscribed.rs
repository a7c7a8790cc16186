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
    let own = (&stream.topic, stream.start, false);
    let redrive = stream
        .redrive_topic
        .iter()
        .map(|topic| (topic, Start::Earliest, true));
    let of = |(topic, start, redrive): (&Arc<str>, _, _)| {
        let subscribed = Subscribed {
            stream: Arc::clone(&stream.name),
            topic: Arc::clone(topic),
            start,
            on_offset_lost: stream.on_offset_lost,
            redrive,
        };
        (Arc::clone(topic), subscribed)
    };
    std::iter::once(own).chain(redrive).map(of).collect()
}
