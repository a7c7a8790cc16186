//! The names of the record headers that StreamSync uses.

use super::Header;

/// The stream a record is meant for; a record that names another than its topic's is refused.
pub const STREAM: &str = "streamsync-stream";
/// The same of a record that StreamSync wrote, which is JSON with `metric`, `labels`, `ts` and `value`
/// whatever the format and the mapping of the stream.
pub const POINTS: &str = "streamsync-points";
/// On a redriven record: the id of its dead letter.
pub const DEAD_LETTER: &str = "streamsync-dead-letter";
/// On a redriven record: which attempt this is, counted from 1 for the first reading.
pub const ATTEMPT: &str = "streamsync-attempt";
/// On a redriven record: `topic/partition/offset` where it first was.
pub const ORIGIN: &str = "streamsync-origin";

/// The name of the stream that a record is meant for.
pub fn stream(headers: &[Header]) -> Option<&[u8]> {
    let names = [STREAM, POINTS];
    let found = headers.iter().find(|header| names.contains(&&*header.name));
    found.map(|header| &*header.value)
}

/// Whether it is a record of points that StreamSync wrote.
pub fn are_of_points(headers: &[Header]) -> bool {
    headers.iter().any(|header| header.name == POINTS)
}
