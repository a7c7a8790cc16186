//! The progress bars of the commands.

use indicatif::{ProgressBar, ProgressStyle};

/// With a template that indicatif understands; a spinner where the size is not known. Hidden unless `wanted`.
/// A `{wide_bar}` takes what the rest of its line leaves of the terminal.
pub fn bar(wanted: bool, size: Option<u64>, template: &str) -> ProgressBar {
    let bar = match size {
        _ if !wanted => return ProgressBar::hidden(),
        Some(size) => ProgressBar::new(size),
        None => ProgressBar::new_spinner(),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
