//! What one request may ask for.
//!
//! Complexity counts fields, and weighs a list by the work behind it: a page by its length, the
//! questions over many series by a flat sum. Rows and statement time are bounded by the store.

use async_graphql::parser::types::Selection;
use async_graphql::{Request, Result};

use super::errors::Code;

/// Fields within fields. The introspection query that tools send has 15, ours need 6.
pub const DEPTH: usize = 15;
pub const COMPLEXITY: usize = 1_000;
/// Directives on one field.
pub const DIRECTIVES: usize = 10;

/// Bytes of an alias, and of all aliases of a document: they come back with every row.
pub const ALIAS_MAX: usize = 128;
pub const ALIASES_MAX: usize = 4_096;

/// The weight of what looks at every series or point that matches, however short the answer.
pub const WHOLE_ANSWER: usize = 100;
/// What five minutes of samples weigh for each field selected in them.
pub const SAMPLES: usize = 3;
/// The weight of a mutation, which waits for Kafka.
pub const MUTATION: usize = 200;

pub const PAGE_DEFAULT: usize = 100;
pub const PAGE_MAX: usize = 10_000;
/// A dead letter carries up to 64 KiB of payload, so its pages are shorter.
pub const LETTERS_MAX: usize = 500;
/// Metrics, labels or values of a label that are looked for.
pub const NAMES_MAX: usize = 1_000;
pub const REDRIVE_MAX: usize = 1_000;
pub const PUBLISH_MAX: usize = 10_000;
/// Bytes of a cursor, a prefix or a name.
pub const TEXT_MAX: usize = 64 * 1024;
/// Bytes of what is searched for in names and values.
pub const SEARCH_MAX: usize = 256;

/// Whether a document keeps to the bounds on aliases; one that does not parse is judged elsewhere.
pub fn names_are_short(request: &mut Request) -> bool {
    let Ok(document) = request.parsed_query() else {
        return true;
    };
    let operations = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set);
    let fragments = document
        .fragments
        .values()
        .map(|fragment| &fragment.node.selection_set);
    let mut sets: Vec<_> = operations.chain(fragments).collect();
    let mut all = 0;
    while let Some(set) = sets.pop() {
        for selection in &set.node.items {
            match &selection.node {
                Selection::Field(field) => {
                    let alias = field.node.alias.as_ref().map_or(0, |alias| alias.node.len());
                    all += alias;
                    if alias > ALIAS_MAX || all > ALIASES_MAX {
                        return false;
                    }
                    sets.push(&field.node.selection_set);
                }
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    true
}

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

/// # Errors
/// `BAD_USER_INPUT` for a text of more than `max` bytes.
pub fn short(what: &str, text: &str, max: usize) -> Result<()> {
    if text.len() > max {
        return Err(Code::BadUserInput.error(format!("{what} has more than {max} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_bounded_one_by_one_and_together_wherever_they_stand() {
        let short = |query: String| names_are_short(&mut Request::new(query));
        let long = "x".repeat(ALIAS_MAX + 1);
        assert!(short("{ a: metrics { b: name } }".to_owned()));
        assert!(!short(format!("{{ {long}: metrics {{ name }} }}")));
        assert!(!short(format!(
            "{{ metrics {{ ... on Metric {{ {long}: name }} }} }}"
        )));
        assert!(!short(format!(
            "{{ metrics {{ ...F }} }} fragment F on Metric {{ {long}: name }}"
        )));
        let many = |n: usize| (0..n).map(|n| format!("a{n:099}: name ")).collect::<String>();
        assert!(short(format!("{{ metrics {{ {} }} }}", many(ALIASES_MAX / 100))));
        assert!(!short(format!(
            "{{ metrics {{ {} }} }}",
            many(ALIASES_MAX / 100 + 1)
        )));
        // What does not parse is refused by who parses.
        assert!(short("{".to_owned()));
    }
}
