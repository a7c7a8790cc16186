//! Numbers as people read them.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};

/// With commas.
pub fn count(n: usize) -> String {
    HumanCount(n as u64).to_string()
}

/// So many of something.
pub fn counted(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(n))
}

pub fn bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

pub fn millis(span: Duration) -> String {
    let millis = span.as_secs_f64() * 1e3;
    let digits = if millis < 10.0 { 1 } else { 0 };
    format!("{millis:.digits$} ms")
}
