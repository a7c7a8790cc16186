//! From the JSON of a schema to its table of nodes.
//!
//! A parser of our own: the crate apache-avro would add 14 crates for what `serde_json` and one file do,
//! resolves each name again for every record, and bounds neither depth nor names. What only matters to
//! writers or to other readers is not looked at: aliases, defaults, orders, the spelling of names.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::canonical::fingerprint;
use super::logical;
use super::node::{Field, Index, Node, PRIMITIVES};
use crate::decode::SchemaText;

/// Bytes of one text, which a registry keeps in one record of Kafka.
const TEXT_MAX: usize = 1 << 20;
/// Bytes of a text and of all that it refers to.
const TEXTS_MAX: usize = 4 << 20;
/// Bytes of a name with its namespace, which each short use of it stands for.
const NAME_MAX: usize = 512;

/// Bytes of a container file, unless said otherwise.
const LIMIT: usize = 1 << 20;

/// How the bytes of one datum are to be read.
#[derive(Debug)]
pub struct Schema {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Index,
    /// CRC-64-AVRO of the Parsing Canonical Form.
    pub(super) fingerprint: u64,
    pub(super) limit: usize,
}

impl Schema {
    /// Of an object container file at most so many bytes are read when it is decompressed.
    #[must_use]
    pub const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// # Errors
    /// What is wrong with the schema, in one sentence for the operator.
    pub fn parse(schema: &SchemaText) -> Result<Self, String> {
        let lengths = schema.references.iter().map(|(_, text)| text.len());
        if lengths.sum::<usize>().saturating_add(schema.text.len()) > TEXTS_MAX {
            return Err(format!(
                "the schema and its references have more than {TEXTS_MAX} bytes"
            ));
        }
        let mut parser = Parser {
            nodes: PRIMITIVES.map(|(_, node)| node).to_vec(),
            names: HashMap::new(),
        };
        for (name, text) in &schema.references {
            parser
                .text(text)
                .map_err(|mistake| mistake.of(&format!("the referenced schema '{}'", shorten(name))))?;
        }
        let root = parser
            .text(&schema.text)
            .map_err(|mistake| mistake.of("the schema"))?;
        let names = parser.names.iter().map(|(name, node)| (*node, &**name));
        let fingerprint = fingerprint(&parser.nodes, &names.collect(), root)?;
        Ok(Self {
            nodes: parser.nodes,
            root,
            fingerprint,
            limit: LIMIT,
        })
    }
}

struct Parser {
    nodes: Vec<Node>,
    /// By the name with its namespace.
    names: HashMap<Box<str>, Index>,
}

/// What is wrong, and in which field of which record.
struct Mistake {
    what: String,
    place: String,
}

impl Mistake {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            place: String::new(),
        }
    }

    /// The innermost place counts.
    fn within(mut self, field: &str, record: &str) -> Self {
        if self.place.is_empty() {
            self.place = format!(", in the field '{}' of '{}'", shorten(field), shorten(record));
        }
        self
    }

    fn of(self, text: &str) -> String {
        format!("{text} is not an Avro schema: {}{}", self.what, self.place)
    }
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<Index, Mistake> {
        if text.len() > TEXT_MAX {
            return Err(Mistake::new(format!("it has more than {TEXT_MAX} bytes")));
        }
        // Which also bounds how deep the calls below go.
        let json: Json = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| Mistake::new(format!("it is not JSON: {error}")))?;
        self.schema(&json, "")
    }

    /// `space` is the namespace around it.
    fn schema(&mut self, json: &Json, space: &str) -> Result<Index, Mistake> {
        match json {
            Json::String(name) => self.named(name, space),
            Json::Array(branches) => self.union(branches, space),
            Json::Object(attributes) => match attributes.get("type") {
                Some(Json::String(kind)) => self.complex(kind, attributes, space),
                Some(inner) => self.schema(inner, space),
                None => Err(Mistake::new("a type lacks the attribute 'type'")),
            },
            other => {
                let found = shorten(&other.to_string());
                Err(Mistake::new(format!("expected a type, found {found}")))
            }
        }
    }

    fn complex(&mut self, kind: &str, attributes: &Map<String, Json>, space: &str) -> Result<Index, Mistake> {
        let node = match kind {
            "record" | "error" => return self.record(attributes, space),
            "array" => Node::Array(self.schema(required(attributes, "items", kind)?, space)?),
            "map" => Node::Map(self.schema(required(attributes, "values", kind)?, space)?),
            "enum" => {
                let symbols = list(attributes, "symbols", kind)?.iter().map(Json::as_str);
                let symbols = symbols.map(|symbol| symbol.map(Box::from)).collect::<Option<_>>();
                let symbols = symbols.ok_or_else(|| Mistake::new("a symbol of an enum is no text"))?;
                return self.define(attributes, space, Node::Enum(symbols));
            }
            "fixed" => {
                let size = required(attributes, "size", kind)?.as_u64();
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| Mistake::new("the size of a fixed is no count of bytes"))?;
                let node = logical::of(attributes, &Node::Fixed(size)).unwrap_or(Node::Fixed(size));
                return self.define(attributes, space, node);
            }
            name => {
                let index = self.named(name, space)?;
                match logical::of(attributes, &self.nodes[index]) {
                    // A name may stand for a fixed, whose logical type is said where it is defined.
                    Some(node) if index < PRIMITIVES.len() => node,
                    _ => return Ok(index),
                }
            }
        };
        Ok(self.push(node))
    }

    fn record(&mut self, attributes: &Map<String, Json>, space: &str) -> Result<Index, Mistake> {
        // Before its fields, which may name it.
        let (name, space) = full_name(attributes, space)?;
        let index = self.define_as(name.clone(), Node::Null)?;
        let mut fields = Vec::new();
        for field in list(attributes, "fields", "record")? {
            let Some(field_name) = field.get("name").and_then(Json::as_str) else {
                let what = format!("a field of '{}' lacks a name", shorten(&name));
                return Err(Mistake::new(what));
            };
            let json = field.get("type").ok_or_else(|| Mistake::new("a type is missing"));
            let node = json.and_then(|json| self.schema(json, space));
            fields.push(Field {
                node: node.map_err(|mistake| mistake.within(field_name, &name))?,
                name: field_name.into(),
            });
        }
        self.nodes[index] = Node::Record(fields.into());
        Ok(index)
    }

    fn union(&mut self, branches: &[Json], space: &str) -> Result<Index, Mistake> {
        let branches = branches.iter().map(|branch| self.schema(branch, space));
        let branches: Box<[Index]> = branches.collect::<Result<_, _>>()?;
        let is_union = |branch: &Index| matches!(self.nodes[*branch], Node::Union(_));
        if branches.iter().any(is_union) {
            return Err(Mistake::new("a union stands directly in a union"));
        }
        Ok(self.push(Node::Union(branches)))
    }

    fn define(&mut self, attributes: &Map<String, Json>, space: &str, node: Node) -> Result<Index, Mistake> {
        let (name, _) = full_name(attributes, space)?;
        self.define_as(name, node)
    }

    fn define_as(&mut self, name: String, node: Node) -> Result<Index, Mistake> {
        let index = self.push(node);
        match self.names.insert(name.as_str().into(), index) {
            None => Ok(index),
            Some(_) => Err(Mistake::new(format!(
                "the type '{}' is defined twice",
                shorten(&name)
            ))),
        }
    }

    /// A primitive type, or one that was defined before; without a dot first in the namespace around.
    fn named(&self, name: &str, space: &str) -> Result<Index, Mistake> {
        if let Some(index) = PRIMITIVES.iter().position(|(known, _)| *known == name) {
            return Ok(index);
        }
        let near = match space.is_empty() || name.contains('.') {
            true => None,
            false => self.names.get(format!("{space}.{name}").as_str()),
        };
        near.or_else(|| self.names.get(name)).copied().ok_or_else(|| {
            Mistake::new(format!(
                "the type '{}' is neither defined before nor in a reference",
                shorten(name)
            ))
        })
    }

    fn push(&mut self, node: Node) -> Index {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

/// The name with its namespace, and the namespace of what is in it.
fn full_name<'j>(attributes: &'j Map<String, Json>, around: &'j str) -> Result<(String, &'j str), Mistake> {
    let text = |attribute| attributes.get(attribute).and_then(Json::as_str);
    let name = text("name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Mistake::new("a record, an enum or a fixed lacks a name"))?;
    let (space, short) = match name.rsplit_once('.') {
        Some(both) => both,
        None => (text("namespace").unwrap_or(around), name),
    };
    if space.len() + short.len() >= NAME_MAX {
        return Err(Mistake::new(format!("a name has more than {NAME_MAX} bytes")));
    }
    match space.is_empty() {
        true => Ok((short.to_owned(), space)),
        false => Ok((format!("{space}.{short}"), space)),
    }
}

fn required<'j>(attributes: &'j Map<String, Json>, name: &str, kind: &str) -> Result<&'j Json, Mistake> {
    let found = attributes.get(name);
    found.ok_or_else(|| Mistake::new(format!("the type '{kind}' lacks the attribute '{name}'")))
}

fn list<'j>(attributes: &'j Map<String, Json>, name: &str, kind: &str) -> Result<&'j [Json], Mistake> {
    let found = required(attributes, name, kind)?.as_array();
    found
        .map(Vec::as_slice)
        .ok_or_else(|| Mistake::new(format!("the attribute '{name}' of '{kind}' is no array")))
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
