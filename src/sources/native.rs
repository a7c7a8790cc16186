//! The few calls of librdkafka that the `rdkafka` crate does not wrap.
//!
//! Topic descriptions (for the topic's id), cached watermarks, the in-process cluster's delay before
//! a group's first rebalance, and (in [`events`]) a consumer's queue. All pointers stay inside.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka_sys as sys;

pub mod events;

const OK: sys::rd_kafka_resp_err_t = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// Stands for the id of a topic on a broker without topic ids (before Kafka 2.8). A recreated topic is
/// noticed there only by its offsets.
pub const NO_TOPIC_ID: &str = "without-id";

/// A topic of this prefix marks one start of an in-process cluster.
pub const START_MARK: &str = "streamsync.start.";

/// An in-process cluster is on the loopback interface: it answers at once or is down.
const MOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// One topic as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// `Err` for a topic that does not exist or may not be read.
    pub found: Result<Description, RDKafkaErrorCode>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// As Kafka's own tools print it.
    pub id: String,
    pub partitions: i32,
}

/// A DescribeTopics request under way. It never creates a topic.
pub struct Describing<'c> {
    queue: *mut sys::rd_kafka_queue_t,
    /// The answer of an in-process cluster, which comes at once.
    answered: Option<KafkaResult<Vec<Topic>>>,
    client: PhantomData<&'c ()>,
}

impl<'c> Describing<'c> {
    /// Sends the request. `patience`: how long a client that is not connected yet may take for that.
    pub fn send<C: ClientContext>(
        client: &'c Client<C>,
        topics: &[&str],
        timeout: Duration,
        patience: Duration,
    ) -> KafkaResult<Self> {
        if let Some(cluster) = mock_cluster(client, patience) {
            return Ok(Self {
                queue: ptr::null_mut(),
                answered: Some(describe_mock(client, topics, &cluster)),
                client: PhantomData,
            });
        }
        let names: Vec<CString> = topics
            .iter()
            .map(|name| CString::new(*name))
            .collect::<Result<_, _>>()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let rk = client.native_ptr();
        // SAFETY: `rk` lives as long as `'c`; the collection and the options are copied by
        // DescribeTopics and destroyed here; the queue is destroyed once, in `drop`.
        unsafe {
            let queue = sys::rd_kafka_queue_new(rk);
            let options = sys::rd_kafka_AdminOptions_new(
                rk,
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            );
            let mut reason = [0 as c_char; 256];
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options,
                millis(timeout),
                reason.as_mut_ptr(),
                reason.len(),
            );
            let collection =
                sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(rk, collection, options, queue);
            sys::rd_kafka_TopicCollection_destroy(collection);
            sys::rd_kafka_AdminOptions_destroy(options);
            Ok(Self {
                queue,
                answered: None,
                client: PhantomData,
            })
        }
    }

    /// Waits up to `patience` for the answer; `None` when it is not there yet.
    pub fn answer(&mut self, patience: Duration) -> Option<KafkaResult<Vec<Topic>>> {
        if self.queue.is_null() {
            return self.answered.take();
        }
        // SAFETY: the event is owned by this call; everything read from it is copied before it is
        // destroyed.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue, millis(patience));
            if event.is_null() {
                return None;
            }
            let answer = read(event);
            sys::rd_kafka_event_destroy(event);
            Some(answer)
        }
    }
}

impl Drop for Describing<'_> {
    fn drop(&mut self) {
        if self.queue.is_null() {
            return;
        }
        // SAFETY: made in `send`, destroyed nowhere else; a late answer finds the queue disabled.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) }
    }
}

/// Asks and waits.
pub fn describe<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> KafkaResult<Vec<Topic>> {
    Describing::send(client, topics, timeout, timeout)?
        .answer(timeout + Duration::from_secs(1))
        .unwrap_or(Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)))
}

/// The id of the cluster if it is an in-process one. That one cannot be asked to describe topics: it
/// names no controller, and librdkafka would wait for one until the time-out.
pub(super) fn mock_cluster<C: ClientContext>(client: &Client<C>, patience: Duration) -> Option<String> {
    // SAFETY: the text is ours to free, with librdkafka's own function, after it is copied.
    let id = unsafe {
        let pointer = sys::rd_kafka_clusterid(client.native_ptr(), millis(patience));
        if pointer.is_null() {
            return None;
        }
        let id = text(pointer);
        sys::rd_kafka_mem_free(client.native_ptr(), pointer.cast());
        id
    };
    id.starts_with("mockCluster").then_some(id)
}

/// All topics of an in-process cluster end with it, so they share one id: the name of the topic that
/// marks its start, or else the cluster's id, which is only a memory address.
fn describe_mock<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    cluster: &str,
) -> KafkaResult<Vec<Topic>> {
    // Asking for all topics creates none.
    let metadata = client.fetch_metadata(None, MOCK_TIMEOUT)?;
    let all = metadata.topics();
    let id = all
        .iter()
        .map(|topic| topic.name())
        .find(|name| name.starts_with(START_MARK))
        .unwrap_or(cluster);
    let describe = |name: &&str| Topic {
        name: (*name).to_owned(),
        found: all
            .iter()
            .find(|topic| topic.name() == *name)
            .map(|topic| Description {
                id: id.to_owned(),
                partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
            })
            .ok_or(RDKafkaErrorCode::UnknownTopicOrPartition),
    };
    Ok(topics.iter().map(describe).collect())
}

/// The end of the partition as the last fetch brought it, without asking the broker.
pub fn cached_end<C: ClientContext>(client: &Client<C>, topic: &str, partition: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1_i64, -1_i64);
    // SAFETY: the name and both numbers outlive the call.
    let error = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client.native_ptr(),
            topic.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (error == OK && high >= 0).then_some(high)
}

/// Sets how long the in-process cluster of `client` waits for more members before a group's first
/// rebalance (3 s unless told otherwise).
pub fn set_mock_rebalance_delay<C: ClientContext>(client: &Client<C>, delay: Duration) {
    // SAFETY: the handle belongs to the client and is used only in this call.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(client.native_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, millis(delay));
        }
    }
}

/// # Safety
/// `event` must be a live event of a DescribeTopics request.
unsafe fn read(event: *mut sys::rd_kafka_event_t) -> KafkaResult<Vec<Topic>> {
    // SAFETY: all pointers below belong to the event, which the caller keeps alive.
    unsafe {
        let error = sys::rd_kafka_event_error(event);
        if error != OK {
            return Err(KafkaError::AdminOp(error.into()));
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage));
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        Ok((0..count).map(|i| read_topic(*topics.add(i))).collect())
    }
}

/// # Safety
/// `topic` must belong to a live event.
unsafe fn read_topic(topic: *const sys::rd_kafka_TopicDescription_t) -> Topic {
    // SAFETY: as promised by the caller; names and ids are copied.
    unsafe {
        let name = text(sys::rd_kafka_TopicDescription_name(topic));
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = if error.is_null() {
            OK
        } else {
            sys::rd_kafka_error_code(error)
        };
        if code != OK {
            let found = Err(code.into());
            return Topic { name, found };
        }
        let mut partitions = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        let found = Ok(Description {
            id: id_text(sys::rd_kafka_TopicDescription_topic_id(topic)),
            partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        });
        Topic { name, found }
    }
}

/// # Safety
/// `uuid` must be null or belong to a live event.
unsafe fn id_text(uuid: *const sys::rd_kafka_Uuid_t) -> String {
    // SAFETY: as promised by the caller; the text belongs to the uuid and is copied.
    unsafe {
        let zero = uuid.is_null()
            || (sys::rd_kafka_Uuid_most_significant_bits(uuid) == 0
                && sys::rd_kafka_Uuid_least_significant_bits(uuid) == 0);
        if zero {
            return NO_TOPIC_ID.to_owned();
        }
        text(sys::rd_kafka_Uuid_base64str(uuid))
    }
}

/// # Safety
/// `pointer` must be null or a C string.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn millis(span: Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}
