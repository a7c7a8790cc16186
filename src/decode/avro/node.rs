//! A schema as the reader walks it: a table of nodes that name each other by index, so that a type may
//! contain itself.

use crate::data::TimeUnit;

/// Of a node in its table.
pub(super) type Index = usize;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(Index),
    Map(Index),
    Union(Box<[Index]>),
    Record(Box<[Field]>),
    Enum(Box<[Box<str>]>),
    Fixed(usize),
    /// An int: days.
    Date,
    /// A long.
    Timestamp(TimeUnit),
    /// A long: what a clock on a wall shows.
    LocalTimestamp(TimeUnit),
    /// Bytes: the number without its point, and how many digits stand behind that.
    Decimal(i64),
    FixedDecimal {
        size: usize,
        scale: i64,
    },
    /// Bytes that hold their scale themselves.
    BigDecimal,
    /// Fixed.
    Duration,
    /// Fixed.
    Uuid,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub name: Box<str>,
    pub node: Index,
}

/// The first nodes of each table.
pub(super) const PRIMITIVES: [(&str, Node); 8] = [
    ("null", Node::Null),
    ("boolean", Node::Boolean),
    ("int", Node::Int),
    ("long", Node::Long),
    ("float", Node::Float),
    ("double", Node::Double),
    ("bytes", Node::Bytes),
    ("string", Node::String),
];

/// Bytes of a duration and of a UUID.
pub(super) const DURATION: usize = 12;
pub(super) const UUID: usize = 16;
