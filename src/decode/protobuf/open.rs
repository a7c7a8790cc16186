//! Where the fields of a message are that is being read.

use std::ops::Range;

use super::tables::{Kind, Message, Shape};
use crate::data::{Object, Value};

const NONE: u32 = u32::MAX;

/// Of all messages that are open, innermost last.
#[derive(Default)]
pub(super) struct Places {
    /// Of each field and oneof: its place in the object; of a nested message its first part; of a oneof its
    /// field that is set.
    slots: Vec<u32>,
    /// Nested messages. They are read at the end of theirs, because further parts of them may come.
    pub waiting: Vec<Part>,
}

/// The bytes of a nested message, or some of them.
pub(super) struct Part {
    /// The first part of the same message, counted in `waiting`.
    pub first: u32,
    /// Of the field in its message.
    pub field: usize,
    /// Of its value in the object.
    pub place: usize,
    pub bytes: Range<usize>,
}

/// A message that is being read.
pub(super) struct Open<'a> {
    pub message: &'a Message,
    /// Where its slots and its nested messages begin.
    slots: usize,
    pub waiting: usize,
    pub is_merged: bool,
    pub object: Object<'a>,
}

impl Places {
    pub(super) fn open<'a>(&mut self, message: &'a Message, capacity: usize) -> Open<'a> {
        let slots = self.slots.len();
        self.slots
            .resize(slots + message.fields.len() + message.oneofs, NONE);
        Open {
            message,
            slots,
            waiting: self.waiting.len(),
            is_merged: false,
            object: Object(Vec::with_capacity(capacity)),
        }
    }

    pub(super) fn close<'a>(&mut self, open: Open<'a>) -> Object<'a> {
        self.slots.truncate(open.slots);
        open.object
    }

    pub(super) fn is_absent(&self, open: &Open<'_>, field: usize) -> bool {
        self.slots[open.slots + field] == NONE
    }

    /// The value of a field, which is null where the field was not there.
    #[inline]
    pub(super) fn value<'o, 'a>(&mut self, open: &'o mut Open<'a>, index: usize) -> &'o mut Value<'a> {
        let place = match self.slots[open.slots + index] {
            NONE => self.add(open, index),
            place => place as usize,
        };
        &mut open.object.0[place].1
    }

    #[inline]
    fn add(&mut self, open: &mut Open<'_>, index: usize) -> usize {
        let field = &open.message.fields[index];
        let entry = (field.name.as_str().into(), Value::Null);
        let before = field.oneof.and_then(|oneof| self.displaced(open, index, oneof));
        let place = before.unwrap_or(open.object.0.len());
        match open.object.0.get_mut(place) {
            Some(there) => *there = entry,
            None => open.object.0.push(entry),
        }
        self.slots[open.slots + index] = place as u32;
        place
    }

    /// The place of the field of the oneof that was set before, which is no longer set.
    fn displaced(&mut self, open: &Open<'_>, index: usize, oneof: usize) -> Option<usize> {
        let slot = open.slots + open.message.fields.len() + oneof;
        match std::mem::replace(&mut self.slots[slot], index as u32) {
            NONE => None,
            before => {
                let place = std::mem::replace(&mut self.slots[open.slots + before as usize], NONE);
                match open.message.fields[before as usize].shape {
                    Shape::One(Kind::Message(_)) => {
                        // No value is at this place any more, so that its parts are not read.
                        let part = &mut self.waiting[place as usize];
                        Some(std::mem::replace(&mut part.place, usize::MAX))
                    }
                    _ => Some(place as usize),
                }
            }
        }
    }

    /// Keeps a nested message, or a further part of it.
    pub(super) fn part(&mut self, open: &mut Open<'_>, index: usize, bytes: Range<usize>) {
        let slot = open.slots + index;
        let next = self.waiting.len() as u32;
        let (first, place) = match self.slots[slot] {
            NONE => (next, self.add(open, index)),
            first => {
                open.is_merged = true;
                (first, usize::MAX)
            }
        };
        self.slots[slot] = first;
        self.waiting.push(Part {
            first,
            field: index,
            place,
            bytes,
        });
    }
}
