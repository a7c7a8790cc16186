//! A mapping as it is written in the configuration.
//!
//! Where a field is all there is to say, its name is enough: `labels = ["site"]` is
//! `labels = [{ field = "site" }]`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::zone::Zone;
use crate::data::{LabelMatcher, MatchOp, TimeUnit};
use crate::transform::limits::humantime_text;

/// The field of the time. Numbers have the unit; texts are RFC 3339, or as `format` and `zone` say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { field = \"ts\", unit = \"ms\" }"
)]
pub struct TimeField {
    pub field: String,
    /// Set, it holds for texts too.
    pub unit: Option<TimeUnit>,
    /// As of `strptime`.
    pub format: Option<String>,
    /// Of texts without an offset.
    pub zone: Option<Zone>,
    /// Instead of a field.
    pub from: Option<TimeSource>,
    /// Instead of a field that is not there.
    pub on_missing: Option<TimeSource>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The timestamp of the Kafka record.
    Kafka,
}

/// The field that names the metric.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { field = \"name\", prefix = \"plant_\" }"
)]
pub struct MetricField {
    pub field: String,
    #[serde(default)]
    pub prefix: String,
}

/// What happens if a label or value field is missing or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// The record becomes a dead letter.
    DeadLetter,
    /// The point is left out, or the series gets no such label. A record without any of its values
    /// becomes a dead letter.
    #[default]
    Skip,
}

/// One label, or all fields of an object as labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub from: LabelSource,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    Field(String),
    /// Each scalar in the object is a label of its own name; the label's name begins all of them.
    All(String),
    Key,
    Header(String),
    Partition,
    Constant(String),
}

/// Which objects count as the same, and for how long by the timestamps of their Kafka records.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { by = [\"device\", \"seq\"], within = \"5m\" }"
)]
pub struct Dedupe {
    pub by: Vec<Part>,
    #[serde(with = "humantime_text")]
    pub within: Duration,
}

/// A field or the like, as of a label, but without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part(pub Label);

/// One value, or all numbers of an object as values.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueField {
    pub from: ValueSource,
    /// The metric's name behind the prefix.
    pub name: Option<String>,
    pub number: Number,
    /// The numbers of words.
    pub map: BTreeMap<String, f64>,
    pub scale: f64,
    pub offset: f64,
    /// It is a counter, of which only the growth for each second is of interest.
    pub rate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    Field(String),
    All(String),
}

/// Which values count as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Number {
    /// Numbers and booleans; an integer that a 64-bit float cannot hold is refused.
    #[default]
    Exact,
    /// Also texts that are numbers.
    Text,
    /// The same, and an integer becomes the nearest float.
    Round,
}

/// A condition on a field, such as `kind=reading`, that a record must meet to have points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When(pub LabelMatcher);

impl Default for TimeField {
    fn default() -> Self {
        Self {
            field: "ts".to_owned(),
            unit: None,
            format: None,
            zone: None,
            from: None,
            on_missing: None,
        }
    }
}

impl Label {
    pub fn field(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            from: LabelSource::Field(name.clone()),
            name,
        }
    }

    /// The field it reads of the record's value.
    pub fn reads(&self) -> Option<&str> {
        match &self.from {
            LabelSource::Field(field) | LabelSource::All(field) => Some(field),
            LabelSource::Key | LabelSource::Header(_) | LabelSource::Partition | LabelSource::Constant(_) => {
                None
            }
        }
    }
}

impl ValueField {
    pub fn new(from: ValueSource) -> Self {
        Self {
            from,
            name: None,
            number: Number::default(),
            map: BTreeMap::new(),
            scale: 1.0,
            offset: 0.0,
            rate: false,
        }
    }

    pub fn field(name: impl Into<String>) -> Self {
        Self::new(ValueSource::Field(name.into()))
    }

    /// The field it reads.
    pub fn reads(&self) -> &str {
        match &self.from {
            ValueSource::Field(field) | ValueSource::All(field) => field,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelTable {
    field: Option<String>,
    all: Option<String>,
    #[serde(default)]
    key: bool,
    header: Option<String>,
    #[serde(default)]
    partition: bool,
    value: Option<String>,
    r#as: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueTable {
    field: Option<String>,
    all: Option<String>,
    r#as: Option<String>,
    #[serde(default)]
    number: Number,
    #[serde(default)]
    map: BTreeMap<String, f64>,
    #[serde(default = "one")]
    scale: f64,
    #[serde(default)]
    offset: f64,
    #[serde(default)]
    rate: bool,
}

const fn one() -> f64 {
    1.0
}

impl TryFrom<LabelTable> for Label {
    type Error = &'static str;

    fn try_from(table: LabelTable) -> Result<Self, Self::Error> {
        let (field, header) = (table.field.clone(), table.header.clone());
        let sources = [
            table.field.map(LabelSource::Field),
            table.all.map(LabelSource::All),
            table.key.then_some(LabelSource::Key),
            table.header.map(LabelSource::Header),
            table.partition.then_some(LabelSource::Partition),
            table.value.map(LabelSource::Constant),
        ];
        let mut sources = sources.into_iter().flatten();
        let (Some(from), None) = (sources.next(), sources.next()) else {
            return Err("a label has one of field, all, key, header, partition and value");
        };
        let default = match from {
            LabelSource::All(_) => Some(String::new()),
            _ => field.or(header),
        };
        match table.r#as.or(default) {
            Some(name) => Ok(Self { from, name }),
            None => Err("a label that is no field needs a name: as = \"…\""),
        }
    }
}

impl TryFrom<LabelTable> for Part {
    type Error = &'static str;

    fn try_from(mut table: LabelTable) -> Result<Self, Self::Error> {
        if table.all.is_some() || table.value.is_some() || table.r#as.is_some() {
            return Err("a part of by has one of field, key, header and partition");
        }
        table.r#as = Some(String::new());
        Label::try_from(table).map(Self)
    }
}

impl TryFrom<ValueTable> for ValueField {
    type Error = &'static str;

    fn try_from(table: ValueTable) -> Result<Self, Self::Error> {
        let from = match (table.field, table.all) {
            (Some(field), None) => ValueSource::Field(field),
            (None, Some(all)) => ValueSource::All(all),
            _ => return Err("a value has one of field and all"),
        };
        if !(table.scale.is_finite() && table.offset.is_finite() && table.map.values().all(|n| n.is_finite()))
        {
            return Err("the numbers of scale, offset and map must be finite");
        }
        Ok(Self {
            from,
            name: table.r#as,
            number: table.number,
            map: table.map,
            scale: table.scale,
            offset: table.offset,
            rate: table.rate,
        })
    }
}

/// A text, or a table that becomes the same.
struct TextOr<T, Table> {
    text: fn(String) -> T,
    expecting: &'static str,
    table: PhantomData<Table>,
}

impl<'de, T, Table> Visitor<'de> for TextOr<T, Table>
where
    T: TryFrom<Table, Error = &'static str>,
    Table: Deserialize<'de>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.text)(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        T::try_from(table).map_err(Error::custom)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a field's name, or a table such as { field = \"device.id\", as = \"device\" }";
        text_or::<Self, LabelTable, D>(deserializer, Self::field, expecting)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a field's name, or a table such as { key = true }";
        text_or::<Self, LabelTable, D>(deserializer, |name| Self(Label::field(name)), expecting)
    }
}

impl<'de> Deserialize<'de> for ValueField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a field's name, or a table such as { field = \"f\", scale = 0.5, as = \"half\" }";
        text_or::<Self, ValueTable, D>(deserializer, Self::field, expecting)
    }
}

fn text_or<'de, T, Table, D>(
    deserializer: D,
    text: fn(String) -> T,
    expecting: &'static str,
) -> Result<T, D::Error>
where
    T: TryFrom<Table, Error = &'static str>,
    Table: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(TextOr {
        text,
        expecting,
        table: PhantomData::<Table>,
    })
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Some((name, op, value)) = MatchOp::split(&text) else {
            return Err(Error::custom(
                "a condition is field=text, field!=text, field=~regex or field!~regex",
            ));
        };
        let matcher = LabelMatcher::new(name.trim().to_owned(), op, value.trim().to_owned());
        matcher.map(Self).map_err(Error::custom)
    }
}
