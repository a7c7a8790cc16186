//! Where a subscriber stands: a vector of positions, opaque on the wire.
//!
//! A position `p -> o` says that everything of partition `p` below offset `o` has been seen. A
//! partition that is missing stands at its offset 0. During a backfill the cursor also says how far
//! that came, so that a client can continue it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::stored::{PartitionId, Range, SeriesId};
use super::time::Micros;

/// The longest cursor accepted, in bytes: some eight thousand partitions.
const CURSOR_MAX_BYTES: usize = 256 * 1024;

pub type Positions = BTreeMap<PartitionId, i64>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    #[serde(rename = "p")]
    pub positions: Positions,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Backfill>,
}

/// History from `since` on is being sent in the order (series, ts); all up to `done` went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    #[serde(rename = "s")]
    pub since: Micros,
    #[serde(rename = "d")]
    pub done: Option<(SeriesId, Micros)>,
}

/// What is missing, at the first partition that stands before `upto`.
pub fn behind(at: &Positions, upto: &Positions) -> Option<Range> {
    upto.iter().find_map(|(id, to)| {
        let from = at.get(id).copied().unwrap_or(0);
        (from < *to).then_some(Range {
            partition_id: *id,
            from,
            to: *to,
        })
    })
}

/// The positions behind these ranges.
pub fn advanced(mut positions: Positions, ranges: &[Range]) -> Positions {
    for range in ranges {
        let at = positions.entry(range.partition_id).or_insert(0);
        *at = (*at).max(range.to);
    }
    positions
}

/// A cursor that is shared by all who stand there; its text is written once.
#[derive(Debug, Default)]
pub struct SharedCursor {
    cursor: Cursor,
    text: OnceLock<Arc<str>>,
    /// The subject and the sealed text that were asked for last: often many follow of one subject.
    sealed: Mutex<Option<(Arc<str>, Arc<str>)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this server")]
pub struct BadCursor;

impl Cursor {
    pub fn at(positions: Positions) -> Self {
        Self {
            positions,
            backfill: None,
        }
    }

    pub fn encode(&self) -> String {
        // A map of integers cannot fail to serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub fn decode(text: &str) -> Result<Self, BadCursor> {
        if text.len() > CURSOR_MAX_BYTES {
            return Err(BadCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| BadCursor)?;
        let real = cursor.positions.values().all(|at| *at >= 0);
        real.then_some(cursor).ok_or(BadCursor)
    }
}

impl SharedCursor {
    pub fn new(cursor: Cursor) -> Arc<Self> {
        Arc::new(Self {
            cursor,
            ..Self::default()
        })
    }

    pub fn at(positions: Positions) -> Arc<Self> {
        Self::new(Cursor::at(positions))
    }

    /// Its positions in the partitions where it is further than the other.
    pub fn beyond(&self, other: &Self) -> Positions {
        let further = |(id, at): &(&PartitionId, &i64)| *at > other.positions.get(id).unwrap_or(&0);
        let further = self.positions.iter().filter(further);
        further.map(|(id, at)| (*id, *at)).collect()
    }

    pub fn text(&self) -> &Arc<str> {
        self.text.get_or_init(|| self.cursor.encode().into())
    }

    /// The text for one subject; `seal` makes it from that for everyone.
    pub fn text_for(&self, subject: &Arc<str>, seal: impl FnOnce(&str) -> Arc<str>) -> Arc<str> {
        let mut last = self.sealed.lock();
        match &*last {
            Some((of, text)) if of == subject => Arc::clone(text),
            _ => {
                let text = seal(self.text());
                *last = Some((Arc::clone(subject), Arc::clone(&text)));
                text
            }
        }
    }
}

impl Deref for SharedCursor {
    type Target = Cursor;

    fn deref(&self) -> &Cursor {
        &self.cursor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_one_before_the_first_offset_is_refused() {
        let at = |position| Cursor::at(Positions::from([(1, position), (2, 7)]));
        for position in [0, i64::MAX] {
            assert_eq!(Cursor::decode(&at(position).encode()), Ok(at(position)));
        }
        for position in [-1, i64::MIN] {
            assert_eq!(Cursor::decode(&at(position).encode()), Err(BadCursor));
        }
    }
}
