//! Parses PromQL within bounds.

use promql_parser::parser::{self, Expr};

use super::PromqlError;
use super::text::normalized;

const TEXT_MAX_BYTES: usize = 16 * 1024;
/// The parser compiles each of them.
const PATTERNS_MAX: usize = 32;
/// Nesting costs stack when the expression is parsed, visited and dropped.
const OPERATORS_MAX: usize = 100;

const SUPPORTED: &str = "supported are selectors with offset; rate, irate, increase, delta, \
    avg_over_time, min_over_time, max_over_time, sum_over_time, count_over_time, stddev_over_time, \
    quantile_over_time, first_over_time and last_over_time of them; sum, avg, min, max and count by \
    or without labels; and + - * / % ^ with a number";

pub(super) fn parsed(text: &str) -> Result<Expr, PromqlError> {
    let patterns = text.matches("=~").count() + text.matches("!~").count();
    if text.len() > TEXT_MAX_BYTES || patterns > PATTERNS_MAX || operators(text) > OPERATORS_MAX {
        return Err(PromqlError::Refused(format!(
            "an expression may have {TEXT_MAX_BYTES} bytes, {PATTERNS_MAX} regular expressions and \
             {OPERATORS_MAX} operators and brackets"
        )));
    }
    // The parser panics on durations of more seconds than there are, such as `up[1e300]`.
    std::panic::catch_unwind(|| parser::parse(&normalized(text)))
        .unwrap_or_else(|_| Err("a duration is too long".to_owned()))
        .map_err(|why| PromqlError::Refused(format!("parse error: {why}")))
}

/// Counts everything outside of strings and comments by which an expression may nest, and some more.
fn operators(text: &str) -> usize {
    let (mut count, mut word) = (0, String::new());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
            continue;
        }
        count += usize::from(["and", "or", "unless", "atan2"].contains(&word.as_str()));
        word.clear();
        match c {
            '#' => rest.by_ref().take_while(|c| *c != '\n').for_each(drop),
            '`' => rest.by_ref().take_while(|c| *c != '`').for_each(drop),
            '"' | '\'' => {
                while let Some(inner) = rest.next().filter(|inner| *inner != c) {
                    if inner == '\\' {
                        rest.next();
                    }
                }
            }
            _ => count += usize::from("([{+-*/%^=<>!".contains(c)),
        }
    }
    count
}

pub(super) fn unsupported(expr: &Expr) -> PromqlError {
    let mut text = expr.to_string();
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push('…');
    }
    PromqlError::Refused(format!("unsupported expression '{text}': {SUPPORTED}"))
}
