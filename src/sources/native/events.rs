//! What a consumer's queue brings: records, ends of partitions, errors and rebalances.
//!
//! `rdkafka`'s own `poll` gives neither topic nor offset of an end or an error, and no leader epoch of a
//! record. All three are needed here to decide what is lost.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use rdkafka_sys as sys;

use super::{OK, millis, text};
use crate::data::Header;

/// The queue of a consumer of a group. Nothing else may poll that consumer.
pub struct Queue<'c, C: ConsumerContext> {
    consumer: &'c BaseConsumer<C>,
    queue: NonNull<sys::rd_kafka_queue_t>,
}

pub enum Event<'q> {
    Record(Record<'q>),
    /// Everything before this offset was handed out, or will never be.
    End(End),
    Failed(Trouble),
    /// A rebalance or the like, which the consumer's context has handled.
    Served,
}

/// How far a partition was read when Kafka had no more.
#[derive(Debug)]
pub struct End {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

#[derive(Debug)]
pub struct Trouble {
    pub code: RDKafkaErrorCode,
    pub is_fatal: bool,
    /// What it is about, where it is about one partition.
    pub place: Option<(String, i32)>,
    pub reason: String,
}

/// A record in librdkafka's memory.
pub struct Record<'q> {
    message: NonNull<sys::rd_kafka_message_t>,
    /// Owns the message.
    _event: Owned,
    queue: PhantomData<&'q ()>,
}

/// Destroyed with everything that belongs to it.
struct Owned(NonNull<sys::rd_kafka_event_t>);

impl<'c, C: ConsumerContext> Queue<'c, C> {
    /// `None` for a consumer without a group.
    pub fn of(consumer: &'c BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the consumer outlives the queue, which is given back once, in `drop`.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        NonNull::new(queue).map(|queue| Self { consumer, queue })
    }

    /// Waits up to `patience` for what comes next.
    pub fn poll(&self, patience: Duration) -> Option<Event<'_>> {
        // SAFETY: the queue lives; the event is owned by `Owned` from here on.
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), millis(patience)) };
        let event = Owned(NonNull::new(event)?);
        // SAFETY: the event is alive during each of these calls.
        Some(unsafe {
            match sys::rd_kafka_event_type(event.0.as_ptr()) {
                sys::RD_KAFKA_EVENT_FETCH => record(event),
                sys::RD_KAFKA_EVENT_ERROR => error(&event),
                sys::RD_KAFKA_EVENT_REBALANCE => self.rebalance(&event),
                sys::RD_KAFKA_EVENT_OFFSET_COMMIT => self.reported(&event),
                sys::RD_KAFKA_EVENT_LOG => self.log(&event),
                _ => Event::Served,
            }
        })
    }

    /// # Safety
    /// `event` must be alive.
    unsafe fn rebalance(&self, event: &Owned) -> Event<'_> {
        let mut list = TopicPartitionList::new();
        // SAFETY: as promised by the caller; the event owns the list, which is copied.
        let code = unsafe {
            let partitions = sys::rd_kafka_event_topic_partition_list(event.0.as_ptr());
            if let Some(partitions) = partitions.as_ref() {
                for at in 0..usize::try_from(partitions.cnt).unwrap_or(0) {
                    let element = &*partitions.elems.add(at);
                    list.add_partition(&text(element.topic), element.partition);
                }
            }
            sys::rd_kafka_event_error(event.0.as_ptr())
        };
        self.consumer.context().rebalance(self.consumer, code, &mut list);
        Event::Served
    }

    /// # Safety
    /// `event` must be alive.
    unsafe fn reported(&self, event: &Owned) -> Event<'_> {
        // SAFETY: as promised by the caller.
        let code = unsafe { sys::rd_kafka_event_error(event.0.as_ptr()) };
        let result = match code {
            OK => Ok(()),
            code => Err(KafkaError::ConsumerCommit(code.into())),
        };
        let context = self.consumer.context();
        context.commit_callback(result, &TopicPartitionList::new());
        Event::Served
    }

    /// # Safety
    /// `event` must be alive.
    unsafe fn log(&self, event: &Owned) -> Event<'_> {
        let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: as promised by the caller; the texts belong to the event and are copied.
        let (code, facility, line) = unsafe {
            let event = event.0.as_ptr();
            let code = sys::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level);
            (code, text(facility), text(line))
        };
        if code == 0 {
            self.consumer.context().log(severity(level), &facility, &line);
        }
        Event::Served
    }
}

impl<C: ConsumerContext> Drop for Queue<'_, C> {
    fn drop(&mut self) {
        // SAFETY: got in `of`, given back nowhere else.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: came from a poll, destroyed nowhere else.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

impl Record<'_> {
    pub fn topic(&self) -> &str {
        // SAFETY: the topic's name lives as long as the message.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.get().rkt)) };
        // Kafka's topic names are ASCII.
        name.to_str().unwrap_or_default()
    }

    pub fn partition(&self) -> i32 {
        self.get().partition
    }

    pub fn offset(&self) -> i64 {
        self.get().offset
    }

    pub fn key(&self) -> Option<&[u8]> {
        let message = self.get();
        // SAFETY: the bytes belong to the message, which lives as long as `self`.
        unsafe { bytes(message.key.cast(), message.key_len) }
    }

    pub fn payload(&self) -> Option<&[u8]> {
        let message = self.get();
        // SAFETY: the bytes belong to the message, which lives as long as `self`.
        unsafe { bytes(message.payload.cast(), message.len) }
    }

    /// Milliseconds since 1970; `None` for a record of message format 0 (older than Kafka 0.10).
    pub fn timestamp(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message lives, and `kind` outlives the call.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), &raw mut kind) };
        (millis >= 0).then_some(millis)
    }

    /// The epoch of the leader that took the record; `None` from a broker before Kafka 0.11.
    pub fn leader_epoch(&self) -> Option<i32> {
        // SAFETY: the message lives.
        let epoch = unsafe { sys::rd_kafka_message_leader_epoch(self.message.as_ptr()) };
        (epoch >= 0).then_some(epoch)
    }

    /// In their order. A name that is not UTF-8, which any producer can write, is read with
    /// replacement characters.
    pub fn headers(&self) -> Vec<Header> {
        let mut list = ptr::null_mut();
        let mut headers = Vec::new();
        // SAFETY: names and values belong to the message, which outlives this call, and are copied.
        unsafe {
            let error = sys::rd_kafka_message_headers(self.message.as_ptr(), &raw mut list);
            if error != OK || list.is_null() {
                return headers;
            }
            for index in 0..sys::rd_kafka_header_cnt(list) {
                let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
                let error =
                    sys::rd_kafka_header_get_all(list, index, &raw mut name, &raw mut value, &raw mut size);
                if error != OK {
                    break;
                }
                headers.push(Header {
                    name: text(name),
                    value: bytes(value.cast(), size).unwrap_or_default().to_vec(),
                });
            }
        }
        headers
    }

    fn get(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: it belongs to `self._event`, which lives as long as `self`.
        unsafe { self.message.as_ref() }
    }
}

/// # Safety
/// `event` must be alive and one of a fetch.
unsafe fn record<'q>(event: Owned) -> Event<'q> {
    // SAFETY: as promised by the caller; the message belongs to the event.
    unsafe {
        let message = sys::rd_kafka_event_message_next(event.0.as_ptr());
        let Some(message) = NonNull::new(message.cast_mut()) else {
            return Event::Served;
        };
        let (code, rkt) = (message.as_ref().err, message.as_ref().rkt);
        if code == OK {
            return Event::Record(Record {
                message,
                _event: event,
                queue: PhantomData,
            });
        }
        let topic = (!rkt.is_null()).then(|| text(sys::rd_kafka_topic_name(rkt)));
        Event::Failed(Trouble {
            code: code.into(),
            is_fatal: false,
            place: topic.map(|topic| (topic, message.as_ref().partition)),
            reason: text(sys::rd_kafka_err2str(code)),
        })
    }
}

/// # Safety
/// `event` must be alive.
unsafe fn error<'q>(event: &Owned) -> Event<'q> {
    // SAFETY: as promised by the caller; what is read is copied, and the place is ours to destroy.
    unsafe {
        let code = sys::rd_kafka_event_error(event.0.as_ptr());
        let about = sys::rd_kafka_event_topic_partition(event.0.as_ptr());
        let place = about
            .as_ref()
            .map(|about| (text(about.topic), about.partition, about.offset));
        if !about.is_null() {
            sys::rd_kafka_topic_partition_destroy(about);
        }
        if let (sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF, Some(place)) = (code, &place) {
            return Event::End(End {
                topic: place.0.clone(),
                partition: place.1,
                offset: place.2,
            });
        }
        Event::Failed(Trouble {
            code: code.into(),
            is_fatal: sys::rd_kafka_event_error_is_fatal(event.0.as_ptr()) != 0,
            place: place.map(|(topic, partition, _)| (topic, partition)),
            reason: text(sys::rd_kafka_event_error_string(event.0.as_ptr())),
        })
    }
}

impl Trouble {
    /// Kafka's log was truncated below the offset that was read last. The value is where the old and the
    /// present log diverge, if the broker could tell.
    pub fn is_truncation(&self) -> Option<Option<i64>> {
        let truncated = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__LOG_TRUNCATION;
        // SAFETY: librdkafka's own constant text.
        let sign = unsafe { text(sys::rd_kafka_err2str(truncated)) };
        if self.code != RDKafkaErrorCode::AutoOffsetReset || !self.reason.contains(&sign) {
            return None;
        }
        // librdkafka has it only in the text.
        let after = self.reason.split("broker end offset is ").nth(1)?;
        let number = after.split([' ', '.']).next().and_then(|text| text.parse().ok());
        Some(number.filter(|offset: &i64| *offset >= 0))
    }
}

/// By syslog's numbers.
fn severity(level: i32) -> RDKafkaLogLevel {
    match level {
        0 => RDKafkaLogLevel::Emerg,
        1 => RDKafkaLogLevel::Alert,
        2 => RDKafkaLogLevel::Critical,
        3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

/// # Safety
/// `pointer` must be null or `size` bytes that live as long as `'a`.
unsafe fn bytes<'a>(pointer: *const u8, size: usize) -> Option<&'a [u8]> {
    // SAFETY: as promised by the caller.
    (!pointer.is_null()).then(|| unsafe { slice::from_raw_parts(pointer, size) })
}

/// Where a partition is to be read from. With a leader epoch Kafka first checks whether its log is still
/// the one that was read (KIP-320). An event tells when it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seek {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub leader_epoch: Option<i32>,
}

/// Moves assigned partitions. Returns those that librdkafka has not begun to fetch yet.
pub fn seek<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    wanted: Vec<Seek>,
    timeout: Duration,
) -> Result<Vec<Seek>, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(wanted.len());
    for one in &wanted {
        list.add_partition_offset(&one.topic, one.partition, Offset::Offset(one.offset))?;
    }
    let mut not_yet = Vec::new();
    // SAFETY: the list outlives the call, its elements are in the order they were added in, and the
    // error is ours to destroy.
    unsafe {
        let elements = (*list.ptr()).elems;
        for (at, one) in wanted.iter().enumerate() {
            if let Some(epoch) = one.leader_epoch {
                sys::rd_kafka_topic_partition_set_leader_epoch(elements.add(at), epoch);
            }
        }
        let native = consumer.client().native_ptr();
        let error = sys::rd_kafka_seek_partitions(native, list.ptr(), millis(timeout));
        if !error.is_null() {
            let code = sys::rd_kafka_error_code(error);
            sys::rd_kafka_error_destroy(error);
            tracing::debug!(code = ?RDKafkaErrorCode::from(code), "partitions are not moved yet");
            return Ok(wanted);
        }
        for (at, one) in wanted.into_iter().enumerate() {
            if (*elements.add(at)).err != OK {
                not_yet.push(one);
            }
        }
    }
    Ok(not_yet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncation_is_told_from_other_lost_offsets() {
        let trouble = |reason: &str| Trouble {
            code: RDKafkaErrorCode::AutoOffsetReset,
            is_fatal: false,
            place: None,
            reason: reason.to_owned(),
        };
        let cut = trouble(
            "Partition log truncation detected at offset 100 (leader epoch 1): broker end offset is 60 \
             (offset leader epoch 1). Reset to INVALID.: Local: Partition log truncation detected (broker 1)",
        );
        assert_eq!(cut.is_truncation(), Some(Some(60)));
        let unknown = trouble(
            "No epoch found less or equal to offset 3 (leader epoch 1): broker end offset is -1 (offset \
             leader epoch -1). Reset using configured policy.: Local: Partition log truncation detected",
        );
        assert_eq!(unknown.is_truncation(), Some(None));
        let dropped = trouble("fetch failed due to requested offset not available on the broker");
        assert_eq!(dropped.is_truncation(), None);
    }
}
