//! The limits of one request.
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

/// Bytes of a document, and its tokens.
pub const DOCUMENT_MAX: usize = 64 * 1024;
pub const TOKENS_MAX: usize = 6_000;
/// Brackets within each other, fragments spread out.
pub const DEPTH_MAX: usize = 64;
pub const NAME_MAX: usize = 256;
/// Bytes of an alias, and of all aliases of a document: they come back with every row.
pub const ALIAS_MAX: usize = 128;
pub const ALIASES_MAX: usize = 4_096;
/// Arguments of one field or directive, or variables of one operation.
pub const ARGUMENTS_MAX: usize = 128;
pub const OPERATIONS_MAX: usize = 100;
pub const FRAGMENTS_MAX: usize = 100;
/// Fragments that spread one another, in a row.
pub const CHAIN_MAX: usize = 16;
/// Fields and fragments, each as often as it is spread.
pub const SELECTIONS_MAX: usize = 5_000;
/// Bytes of a document with its fragments as often as they are spread and its variables as often as
/// they are used: what is walked to check and execute it.
pub const EXPANDED_MAX: usize = 4 * 1024 * 1024;
/// Bytes of memory for the values of variables that stand at more than one place.
pub const COPIED_MAX: usize = 1024 * 1024;
/// Regular expressions of a request, each as often as it is spread.
pub const EXPRESSIONS_MAX: usize = 50;
/// Objects that an answer about the schema may have, at most.
pub const INTROSPECTED_MAX: usize = 50_000;
/// Brackets of JSON within each other, and its values.
pub const JSON_DEPTH_MAX: usize = 64;
pub const JSON_VALUES_MAX: usize = 250_000;
/// Errors of a request that is not executed, and bytes of the message of each.
pub const ERRORS_MAX: usize = 20;
pub const MESSAGE_MAX: usize = 1_000;

/// The weight of a field that reads every matching series or point, however short its answer.
pub const WHOLE_ANSWER: usize = 100;
/// The weight of five minutes of samples for each field selected in them.
pub const SAMPLES: usize = 3;
/// The weight of a mutation, which waits for Kafka.
pub const MUTATION: usize = 200;

pub const PAGE_DEFAULT: usize = 100;
pub const PAGE_MAX: usize = 10_000;
/// A dead letter carries up to 64 KiB of payload, so its pages are shorter.
pub const DEAD_LETTERS_MAX: usize = 500;
/// Metrics, labels or values of a label that are looked for.
pub const NAMES_MAX: usize = 1_000;
/// Records of Kafka with what becomes of them.
pub const RECORDS_MAX: usize = 100;
pub const REDRIVE_MAX: usize = 1_000;
pub const PUBLISH_MAX: usize = 10_000;
/// Bytes of a cursor, a prefix or a name.
pub const TEXT_MAX: usize = 64 * 1024;
/// Bytes of a text to search for in names and values.
pub const SEARCH_MAX: usize = 256;

/// The weight of a page for each field selected in it: one, and one more for every hundred rows.
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

/// # Errors
/// `BAD_USER_INPUT` for a text of more than `max` bytes.
pub fn short(what: &str, text: &str, max: usize) -> Result<()> {
    if text.len() > max {
        return Err(Code::BadUserInput.error(format!("{what} has more than {max} bytes")));
    }
    Ok(())
}
