//! What VRL says of a program, in one line with its place.

use vrl::compiler::ExpressionError;
use vrl::diagnostic::{Diagnostic, DiagnosticMessage, Note};

/// Characters that a dead letter tells of a failure, which may quote the record.
const FAILURE_MAX: usize = 300;
/// Characters of it that are looked at, and calls in each other.
const MESSAGE_MAX: usize = 2_000;
const CALLS_MAX: usize = 8;

/// `line 2, column 7: what is wrong`.
pub fn at(source: &str, offset: usize, what: &str) -> String {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}: {what}")
}

/// A mistake, where it is, and what to do.
pub fn mistake(found: &Diagnostic, source: &str) -> (usize, String) {
    let labels = found.labels();
    let place = labels.iter().find(|label| label.primary).or(labels.first());
    let offset = place.map_or(0, |label| label.span.start());
    let labels = labels.iter().map(|label| label.message.clone());
    let notes = found.notes().iter().filter_map(help);
    // VRL explains the ways out at length, and leaves out the shortest.
    let is_unhandled = found.message().starts_with("unhandled");
    let end = is_unhandled.then(|| "or end the name of the function with `!`, for a dead letter".to_owned());
    let mut said = found.message().to_owned();
    for more in labels.chain(notes).chain(end) {
        let between = if said.ends_with(':') { " " } else { "; " };
        said = format!("{said}{between}{more}");
    }
    (offset, at(source, offset, &said))
}

/// What to do instead; other notes point to pages.
fn help(note: &Note) -> Option<String> {
    match note {
        Note::Hint(_) | Note::Basic(_) | Note::Example(_) | Note::CoerceValue => {
            let text = note.to_string();
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        _ => None,
    }
}

/// Why the program failed on a record.
pub fn failure(error: &ExpressionError, source: &str) -> String {
    let message = error.message();
    let labels = error.labels();
    // It may quote the record, which may look like places.
    let mut said: String = message.chars().take(MESSAGE_MAX).collect();
    let mut offset = labels.first().map(|label| label.span.start());
    // The last one is the innermost call.
    for _ in 0..CALLS_MAX {
        let Some((before, inner, after)) = place(&said) else {
            break;
        };
        offset = Some(inner);
        said = format!("{before}{after}");
    }
    let said = match offset {
        Some(offset) => at(source, offset, &said),
        None => said,
    };
    match said.char_indices().nth(FAILURE_MAX) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said,
    }
}

/// Calls say `… at (12:30): …` in bytes.
fn place(message: &str) -> Option<(&str, usize, &str)> {
    let calls = message.split_once("function call error for ")?;
    let quoted = message.len() - calls.1.len();
    let (before, rest) = message.split_at_checked(quoted + calls.1.find(" at (")?)?;
    let (span, after) = rest[" at (".len()..].split_once(')')?;
    let (start, end) = span.split_once(':')?;
    end.parse::<usize>().ok()?;
    Some((before, start.parse().ok()?, after))
}
