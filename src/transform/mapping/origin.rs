//! What Kafka says of a record.

use crate::data::{Header, LoneRecord, Micros};

#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub recorded: Micros,
    pub key: Option<&'a [u8]>,
    pub headers: &'a [Header],
    pub partition: i32,
}

impl<'a> Origin<'a> {
    pub fn of(record: &'a LoneRecord) -> Self {
        Self {
            recorded: record.timestamp,
            key: record.key.as_deref(),
            headers: &record.headers,
            partition: record.partition,
        }
    }

    /// Of what comes with a request.
    pub const fn at(now: Micros) -> Self {
        Self {
            recorded: now,
            key: None,
            headers: &[],
            partition: 0,
        }
    }

    /// Of several headers of that name the last.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.headers.iter().rev().find(|header| header.name == name);
        found.map(|header| &*header.value)
    }
}
