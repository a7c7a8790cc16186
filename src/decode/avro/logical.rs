//! Logical types: what a schema says of them, and their values.
//!
//! As the specification says, one that is unknown or does not fit its type is ignored.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::node::{DURATION, Node, UUID};
use crate::data::{Micros, Object, TimeUnit, Value};

/// A longer decimal stays bytes: its digits would take time that grows faster than its length.
const DECIMAL_MAX: usize = 1_024;
/// Zeros that are written out; beyond them a decimal has an exponent.
const ZEROS_MAX: i64 = 64;

/// Nine digits at a time.
const GROUP: u64 = 1_000_000_000;

/// The node of a type with attributes; `None` if they say nothing more about it.
pub(super) fn of(attributes: &Map<String, Json>, node: &Node) -> Option<Node> {
    let name = attributes.get("logicalType")?.as_str()?;
    Some(match (name, node) {
        ("date", Node::Int) => Node::Date,
        ("timestamp-millis", Node::Long) => Node::Timestamp(TimeUnit::Ms),
        ("timestamp-micros", Node::Long) => Node::Timestamp(TimeUnit::Us),
        ("timestamp-nanos", Node::Long) => Node::Timestamp(TimeUnit::Ns),
        ("local-timestamp-millis", Node::Long) => Node::LocalTimestamp(TimeUnit::Ms),
        ("local-timestamp-micros", Node::Long) => Node::LocalTimestamp(TimeUnit::Us),
        ("local-timestamp-nanos", Node::Long) => Node::LocalTimestamp(TimeUnit::Ns),
        ("decimal", Node::Bytes) => Node::Decimal(scale(attributes, u64::MAX)?),
        ("decimal", Node::Fixed(size)) => Node::FixedDecimal {
            size: *size,
            scale: scale(attributes, digits_of(*size))?,
        },
        ("big-decimal", Node::Bytes) => Node::BigDecimal,
        ("duration", Node::Fixed(DURATION)) => Node::Duration,
        ("uuid", Node::Fixed(UUID)) => Node::Uuid,
        _ => return None,
    })
}

/// At most the precision, which must be there.
fn scale(attributes: &Map<String, Json>, precision_max: u64) -> Option<i64> {
    let precision = attributes.get("precision")?.as_u64()?;
    let scale = match attributes.get("scale") {
        Some(scale) => scale.as_u64()?,
        None => 0,
    };
    let is_valid = (1..=precision_max).contains(&precision) && scale <= precision;
    i64::try_from(scale).ok().filter(|_| is_valid)
}

/// As many digits as every signed number of so many bytes may have.
fn digits_of(size: usize) -> u64 {
    let bits = (size as f64).mul_add(8.0, -1.0);
    (bits * std::f64::consts::LOG10_2) as u64
}

pub(super) fn date(days: i32) -> Value<'static> {
    let seconds = i64::from(days) * 86_400;
    Micros::from_epoch(seconds, TimeUnit::S).map_or(Value::Int(days.into()), Value::Time)
}

/// A time that 64 bits of microseconds do not hold, such as the largest long for "never", stays a number.
pub(super) fn timestamp(count: i64, unit: TimeUnit) -> Value<'static> {
    Micros::from_epoch(count, unit).map_or(Value::Int(count), Value::Time)
}

/// Without an offset, so that the stream's zone applies.
pub(super) fn local_timestamp(count: i64, unit: TimeUnit) -> Value<'static> {
    let time = Micros::from_epoch(count, unit);
    match time.filter(|time| (Micros::FIRST..=Micros::LAST).contains(time)) {
        Some(time) => Value::Text(time.to_string().trim_end_matches('Z').to_owned().into()),
        None => Value::Int(count),
    }
}

/// Three unsigned numbers, least byte first.
pub(super) fn duration(bytes: &[u8]) -> Value<'static> {
    let names = ["months", "days", "milliseconds"];
    let (counts, _) = bytes.as_chunks();
    let fields = names.into_iter().zip(counts).map(|(name, count)| {
        let count = u32::from_le_bytes(*count);
        (name.into(), Value::Int(count.into()))
    });
    Value::Object(Object(fields.collect()))
}

pub(super) fn uuid(bytes: &[u8]) -> Value<'static> {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([byte >> 4, byte & 0xf].map(|half| char::from(b"0123456789abcdef"[usize::from(half)])));
    }
    Value::Text(text.into())
}

/// The exact number: an integer, or a text of digits, since a double would not keep them. Equal numbers
/// are written alike, so no zeros end a fraction.
pub(super) fn decimal(unscaled: &[u8], scale: i64) -> Value<'_> {
    if unscaled.len() > DECIMAL_MAX {
        return Value::Bytes(unscaled.into());
    }
    let all = digits(unscaled);
    let (sign, all) = match all.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", &*all),
    };
    let digits = all.trim_end_matches('0');
    if digits.is_empty() {
        return Value::Int(0);
    }
    // The number is `digits` times ten to the power of this.
    let exponent = (all.len() - digits.len()) as i64 - scale;
    // How many of the digits stand before the point.
    let before = digits.len() as i64 + exponent;
    Value::Untyped(Cow::Owned(match exponent {
        0..=ZEROS_MAX => return integer(format!("{sign}{digits}{}", zeros(exponent))),
        ..0 if before > 0 => {
            let (whole, fraction) = digits.split_at(before as usize);
            format!("{sign}{whole}.{fraction}")
        }
        ..0 if before >= -ZEROS_MAX => format!("{sign}0.{}{digits}", zeros(-before)),
        _ => format!("{sign}{digits}e{exponent}"),
    }))
}

fn zeros(count: i64) -> String {
    "0".repeat(count as usize)
}

fn integer(digits: String) -> Value<'static> {
    match digits.parse() {
        Ok(number) => Value::Int(number),
        Err(_) => Value::BigInt(digits.into()),
    }
}

/// Of a signed number, greatest byte first.
fn digits(unscaled: &[u8]) -> String {
    let is_negative = unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
    let sign = if is_negative { 0xff } else { 0 };
    if let Some(missing) = 16_usize.checked_sub(unscaled.len()) {
        let mut bytes = [sign; 16];
        bytes[missing..].copy_from_slice(unscaled);
        return i128::from_be_bytes(bytes).to_string();
    }
    // Without its sign, in words of 32 bits, the least first.
    let mut words: Vec<u32> = unscaled.rchunks(4).map(|bytes| word(bytes, sign)).collect();
    if is_negative {
        let mut carry = true;
        for word in &mut words {
            (*word, carry) = (!*word).overflowing_add(carry.into());
        }
        words.extend(carry.then_some(1));
    }
    let mut groups = Vec::new();
    while !words.is_empty() {
        groups.push(divide(&mut words));
        words.truncate(
            words
                .iter()
                .rposition(|word| *word != 0)
                .map_or(0, |last| last + 1),
        );
    }
    let groups = groups.iter().rev().map(|group| format!("{group:09}"));
    let digits: String = groups.collect();
    let minus = if is_negative { "-" } else { "" };
    format!("{minus}{}", digits.trim_start_matches('0'))
}

fn word(bytes: &[u8], sign: u8) -> u32 {
    let mut word = [sign; 4];
    word[4 - bytes.len()..].copy_from_slice(bytes);
    u32::from_be_bytes(word)
}

/// By a milliard; gives the remainder.
fn divide(words: &mut [u32]) -> u32 {
    let mut remainder = 0;
    for word in words.iter_mut().rev() {
        let part = (remainder << 32) | u64::from(*word);
        *word = (part / GROUP) as u32;
        remainder = part % GROUP;
    }
    remainder as u32
}
