//! What one request may ask for.
//!
//! Complexity counts fields, and weighs a list by the work behind it: a page by its length, the
//! questions over many series by a flat sum. Rows and statement time are bounded by the store.

use async_graphql::Result;

use super::errors::Code;

/// Fields within fields. The introspection query that tools send has 15, ours need 6.
pub const DEPTH: usize = 15;
pub const COMPLEXITY: usize = 1_000;
/// Directives on one field.
pub const DIRECTIVES: usize = 10;

/// The weight of `latest` and `history`, whose answers are bounded by the row limit alone.
pub const WHOLE_ANSWER: usize = 100;
/// The weight of a mutation, which waits for Kafka.
pub const MUTATION: usize = 200;

pub const PAGE_DEFAULT: usize = 100;
pub const PAGE_MAX: usize = 10_000;
/// A dead letter carries up to 64 KiB of payload, so its pages are shorter.
pub const LETTERS_MAX: usize = 500;
pub const REDRIVE_MAX: usize = 1_000;
pub const PUBLISH_MAX: usize = 10_000;
/// Bytes of a cursor, a prefix or a name.
pub const TEXT_MAX: usize = 64 * 1024;

/// What a page weighs for each field selected in it: one, and one more for every hundred rows.
pub fn page_weight(first: Option<i32>) -> usize {
    let first = first.and_then(|n| usize::try_from(n).ok());
    1 + first.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX) / 100
}

/// # Errors
/// `BAD_USER_INPUT` outside `1..=max`.
pub fn page(first: Option<i32>, max: usize) -> Result<usize> {
    let Some(first) = first else {
        return Ok(PAGE_DEFAULT.min(max));
    };
    match usize::try_from(first) {
        Ok(first) if (1..=max).contains(&first) => Ok(first),
        _ => Err(Code::BadUserInput.error(format!("first must be between 1 and {max}"))),
    }
}

/// # Errors
/// `BAD_USER_INPUT` for more than `max` elements.
pub fn at_most(what: &str, given: usize, max: usize) -> Result<()> {
    if given > max {
        return Err(Code::BadUserInput.error(format!("more than {max} {what} at once")));
    }
    Ok(())
}
