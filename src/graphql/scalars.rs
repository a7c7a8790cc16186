//! The scalars of the schema: `DateTime`, `Duration`, `Step`, `Long` and `Cursor`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration as Span;

use async_graphql::registry::Registry;
use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::data::time::parse_span;
use crate::data::{self, Micros, Seal};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime(pub Micros);

/// A moment in UTC as RFC 3339, exact to the microsecond: `"2026-01-31T12:00:00.000001Z"`.
/// As input any offset is accepted.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let time = Micros::from_rfc3339(&text(value)?);
        time.map(Self)
            .ok_or_else(|| InputValueError::custom("not an RFC 3339 time, such as \"2026-01-31T12:00:00Z\""))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Span);

/// A length of time with its unit: `"250ms"`, `"15m"`, `"1h 30m"`, `"7d"`. Must be longer than
/// zero.
#[Scalar]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        let span = parse_span(&text(value)?);
        span.map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        const DAY: u64 = 86_400;
        let text = humantime::format_duration(self.0).to_string();
        // `90d`, where humantime has months that are not of whole days.
        let days = self.0.as_secs() / DAY;
        let is_whole = self.0 == Span::from_secs(days * DAY);
        Value::String(if is_whole && text.contains(' ') {
            format!("{days}d")
        } else {
            text
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step(pub String);

/// How long a bucket is: a fixed length such as `"250ms"`, `"15m"`, `"12h"` or `"1d 12h"`, aligned to
/// 1970-01-01T00:00Z; or so many days, weeks from Monday, months or years of `timeZone`, counted from
/// January 1970: `"1d"`, `"2w"`, `"1mo"`, `"1y"`. Up to 100 years.
#[Scalar]
impl ScalarType for Step {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Long(pub i64);

/// A whole number beyond 32 bits, such as a Kafka offset, as a JSON number.
#[Scalar]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => number
                .as_i64()
                .map(Self)
                .ok_or_else(|| InputValueError::custom("not a whole number of 64 bits")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// As the client has it; whose it is shows when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub Arc<str>);

/// The position of a subscriber: opaque, from `PointBatch.cursor`, for `after`.
#[Scalar]
impl ScalarType for Cursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = text(value)?;
        let cursor = Seal::without_tag(&text);
        data::Cursor::decode(cursor).map_err(InputValueError::custom)?;
        Ok(Self(text.into()))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

fn text<T: InputType>(value: Value) -> Result<String, InputValueError<T>> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(InputValueError::expected_type(other)),
    }
}

/// A `Float` of which no digit is lost: of whole numbers those that records may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointValue(pub f64);

impl InputType for PointValue {
    type RawValueType = f64;

    fn type_name() -> Cow<'static, str> {
        f64::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        f64::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        if let Some(Value::Number(number)) = &value {
            let whole = number.as_u64().or(number.as_i64().map(i64::unsigned_abs));
            if whole.is_some_and(|whole| whole > 1 << 53) {
                let why = "a whole number beyond 2^53 would lose digits";
                return Err(InputValueError::custom(why));
            }
        }
        <f64 as InputType>::parse(value)
            .map(Self)
            .map_err(InputValueError::propagate)
    }

    fn to_value(&self) -> Value {
        InputType::to_value(&self.0)
    }

    fn as_raw_value(&self) -> Option<&f64> {
        Some(&self.0)
    }
}
