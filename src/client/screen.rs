//! What a command knows of the terminal that it writes to.

use std::env;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

/// Of a terminal that does not tell its width.
const USUAL: usize = 80;

/// By default that of a pipe or a file, in which nothing is cut and nothing has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// In characters; `None`: any number.
    pub width: Option<usize>,
    pub colours: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Heading,
    /// What repeats from line to line.
    Quiet,
    Warning,
}

impl Screen {
    pub fn of(output: &(impl IsTerminal + AsFd)) -> Self {
        if !output.is_terminal() {
            return Self::default();
        }
        let told = tcgetwinsize(output).map_or(0, |size| usize::from(size.ws_col));
        // https://no-color.org: set to anything but nothing.
        let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: Some(if told == 0 { USUAL } else { told }),
            colours: !is_refused && !is_dumb,
        }
    }

    pub fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Heading => 1,
            Style::Quiet => 2,
            Style::Warning => 33,
        };
        match self.colours && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_neither_a_width_nor_colours() {
        let screen = Screen::of(&tempfile::tempfile().unwrap());
        assert_eq!(screen, Screen::default());
        assert_eq!(screen.paint(Style::Heading, "ts"), "ts");
        let colours = Screen {
            colours: true,
            ..screen
        };
        assert_eq!(colours.paint(Style::Heading, "ts"), "\x1b[1mts\x1b[0m");
    }
}
