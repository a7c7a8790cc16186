//! What became of a record, in lines.

use crate::transform::Inspected;

/// The points as `series value time`, the dead letter with its reason, or nothing.
pub fn became(inspected: &Inspected) -> Vec<String> {
    let dead = inspected
        .rejected
        .iter()
        .map(|dead| format!("dead letter {}: {}", dead.reason, dead.detail));
    let points = inspected
        .points
        .iter()
        .map(|(series, ts, value)| format!("{} {value} {ts}", series.key));
    dead.chain(points).collect()
}
