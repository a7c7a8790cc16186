//! The fingerprint of a schema: CRC-64-AVRO of its Parsing Canonical Form.
//!
//! The form is not kept, since each short name of a hostile schema may stand for a long one in it.

use std::collections::{HashMap, HashSet};

use super::node::{DURATION, Index, Node, PRIMITIVES, UUID};
use crate::decode::text::DEPTH_MAX;

/// The fingerprint of no bytes.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
const TABLE: [u64; 256] = table();
/// Types inside each other: one text has at most as many as JSON may be deep, but references may
/// continue each other.
const TYPES_MAX: usize = 2 * DEPTH_MAX;

pub(super) fn fingerprint(nodes: &[Node], names: &HashMap<Index, &str>, root: Index) -> Result<u64, String> {
    let mut form = Form {
        nodes,
        names,
        written: HashSet::new(),
        crc: EMPTY,
    };
    match form.schema(root, 0) {
        true => Ok(form.crc),
        false => Err(format!(
            "the types of the schema are nested deeper than {TYPES_MAX}"
        )),
    }
}

struct Form<'s> {
    nodes: &'s [Node],
    names: &'s HashMap<Index, &'s str>,
    /// The named types that were written; further uses are their names.
    written: HashSet<Index>,
    crc: u64,
}

impl Form<'_> {
    /// False if it is nested too deep.
    fn schema(&mut self, index: Index, depth: usize) -> bool {
        if depth > TYPES_MAX {
            return false;
        }
        if let Some(name) = self.names.get(&index) {
            if !self.written.insert(index) {
                self.quoted(name);
                return true;
            }
            self.write("{\"name\":");
            self.quoted(name);
            self.write(",");
        }
        match &self.nodes[index] {
            Node::Null => self.primitive(&Node::Null),
            Node::Boolean => self.primitive(&Node::Boolean),
            Node::Int | Node::Date => self.primitive(&Node::Int),
            Node::Long | Node::Timestamp(_) | Node::LocalTimestamp(_) => self.primitive(&Node::Long),
            Node::Float => self.primitive(&Node::Float),
            Node::Double => self.primitive(&Node::Double),
            Node::Bytes | Node::Decimal(_) | Node::BigDecimal => self.primitive(&Node::Bytes),
            Node::String => self.primitive(&Node::String),
            Node::Fixed(size) | Node::FixedDecimal { size, .. } => self.fixed(*size),
            Node::Duration => self.fixed(DURATION),
            Node::Uuid => self.fixed(UUID),
            Node::Array(items) => return self.around("items", "array", *items, depth),
            Node::Map(values) => return self.around("values", "map", *values, depth),
            Node::Union(branches) => {
                return self.list(branches, |form, branch| form.schema(*branch, depth + 1));
            }
            Node::Enum(symbols) => {
                self.write("\"type\":\"enum\",\"symbols\":");
                self.list(symbols, |form, symbol| {
                    form.quoted(symbol);
                    true
                });
                self.write("}");
            }
            Node::Record(fields) => {
                self.write("\"type\":\"record\",\"fields\":");
                let shallow = self.list(fields, |form, field| {
                    form.write("{\"name\":");
                    form.quoted(&field.name);
                    form.write(",\"type\":");
                    let shallow = form.schema(field.node, depth + 1);
                    form.write("}");
                    shallow
                });
                self.write("}");
                return shallow;
            }
        }
        true
    }

    fn primitive(&mut self, primitive: &Node) {
        if let Some((name, _)) = PRIMITIVES.iter().find(|(_, node)| node == primitive) {
            self.quoted(name);
        }
    }

    fn fixed(&mut self, size: usize) {
        self.write(&format!("\"type\":\"fixed\",\"size\":{size}}}"));
    }

    fn around(&mut self, attribute: &str, kind: &str, inner: Index, depth: usize) -> bool {
        self.write(&format!("{{\"type\":\"{kind}\",\"{attribute}\":"));
        let shallow = self.schema(inner, depth + 1);
        self.write("}");
        shallow
    }

    /// False as soon as `write` says so.
    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T) -> bool) -> bool {
        self.write("[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.write(",");
            }
            if !write(self, item) {
                return false;
            }
        }
        self.write("]");
        true
    }

    fn quoted(&mut self, text: &str) {
        self.write("\"");
        self.write(text);
        self.write("\"");
    }

    fn write(&mut self, text: &str) {
        for byte in text.bytes() {
            let entry = (self.crc ^ u64::from(byte)) & 0xff;
            self.crc = (self.crc >> 8) ^ TABLE[entry as usize];
        }
    }
}

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut entry = 0;
    while entry < 256 {
        let mut crc = entry as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[entry] = crc;
        entry += 1;
    }
    table
}
