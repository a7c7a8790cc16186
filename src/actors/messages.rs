//! Every message between the actors, in the order of the data.
//!
//! Commands are in the imperative, facts in the past tense. Data is sent with `do_send` under a
//! credit. Facts go back through a `Recipient`, so that no stage imports the one before it. The hub
//! is reached through its [`HubHandle`](super::hub::HubHandle).

use actix::Message;

use crate::data::{Batch, OffsetRange, RawBatch};

/// Consumer -> Transformer: decode these records.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Transform(pub RawBatch);

/// Transformer -> Writer: store this batch.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Write(pub Batch);

/// Writer -> Consumer.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum Feedback {
    /// These ranges are stored; report them to Kafka.
    Committed(Vec<OffsetRange>),
    /// The status says that a stream is paused; stop reading it at once.
    PauseStreams,
}

/// Any stage -> Supervisor: this generation cannot go on.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Failed {
    pub generation: u64,
    pub stage: &'static str,
    pub why: String,
    /// True where a restart cannot help: stop and say why.
    pub fatal: bool,
}

/// Supervisor -> Consumer -> Transformer -> Writer, in the same mailboxes as the data: answered when
/// everything before it is stored.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;
