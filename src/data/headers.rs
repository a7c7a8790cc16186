//! The names of the record headers that StreamSync uses.

/// The stream a record is meant for; a record that names another than its topic's is refused.
pub const STREAM: &str = "streamsync-stream";
/// On a redriven record: the id of its dead letter.
pub const DEAD_LETTER: &str = "streamsync-dead-letter";
/// On a redriven record: which attempt this is, counted from 1 for the first reading.
pub const ATTEMPT: &str = "streamsync-attempt";
/// On a redriven record: `topic/partition/offset` where it first was.
pub const ORIGIN: &str = "streamsync-origin";
