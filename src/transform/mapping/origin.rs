//! What Kafka says of a record.

use crate::data::{Header, Micros};

#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub recorded: Micros,
    pub key: Option<&'a [u8]>,
    pub headers: &'a [Header],
    pub partition: i32,
}

impl<'a> Origin<'a> {
    /// Of several headers of that name the last.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.headers.iter().rev().find(|header| header.name == name);
        found.map(|header| &*header.value)
    }
}
