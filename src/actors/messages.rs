//! Every message between the actors, in the order the data takes.
//!
//! Commands are in the imperative, facts in the past tense. Data messages are sent with `do_send`
//! under a credit; facts go back through a `Recipient`, so that no stage imports the one before it.
//! What the hub is told and asked goes through its [`HubHandle`](super::hub::HubHandle).

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

/// Writer -> Consumer: these ranges are history now; report them to Kafka.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Committed {
    pub generation: u64,
    pub ranges: Vec<OffsetRange>,
}

/// Writer -> Hub: something was committed that the hub did not get; look into Postgres now.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct CatchUp;

/// Writer -> Consumer: the status says that a stream is paused; stop reading it at once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct PauseStreams {
    pub generation: u64,
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

/// Supervisor -> Consumer -> Transformer -> Writer, in band: answered when everything before it
/// is stored.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;
