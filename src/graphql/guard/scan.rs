//! The cost of a document, computed from its tokens alone: nothing is parsed before this check.
//!
//! It reads the text once; no step recurses.

use std::collections::HashMap;

use super::costs::{self, Definition};
use super::tokens::{Token, Tokens, Unreadable, at_most, unreadable};
use crate::graphql::limits::{
    ALIAS_MAX, ALIASES_MAX, ARGUMENTS_MAX, DEPTH_MAX, DOCUMENT_MAX, NAME_MAX, TOKENS_MAX,
};

/// Bytes of the variables that come with a document, by name.
pub type Sizes<'a> = HashMap<&'a str, usize>;

struct Scan<'a> {
    definitions: Vec<Definition<'a>>,
    state: State,
    /// Open brackets, and how many arguments were counted in each.
    open: Vec<(u8, usize)>,
    /// How many of them are not braces of selections.
    in_arguments: usize,
    before: Before<'a>,
    aliases: usize,
    /// The variable whose definition this is, and where that begins.
    defined: Option<(&'a str, usize)>,
    /// Bytes of the definitions of variables, by name: of the longest where operations share a name.
    defaults: HashMap<&'a str, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between definitions.
    Top,
    FragmentName,
    /// Before the selections of a definition.
    Head,
    Body,
}

/// The previous token, where it matters.
#[derive(Clone, Copy)]
enum Before<'a> {
    Name(&'a str),
    Spread,
    /// `... on`
    On,
    Colon,
    At,
    Dollar,
    Other,
}

/// Checks the document. Returns a text for `parse_query` if that differs from the given one.
///
/// # Errors
/// Why it is not parsed.
pub fn scan(text: &str, sizes: &Sizes<'_>) -> Result<Option<String>, Unreadable> {
    at_most(text.len(), DOCUMENT_MAX, 0, |most| {
        format!("the document has more than {most} bytes")
    })?;
    let mut tokens = Tokens::new(text);
    let mut scan = Scan {
        definitions: Vec::new(),
        state: State::Top,
        open: Vec::new(),
        in_arguments: 0,
        before: Before::Other,
        aliases: 0,
        defined: None,
        defaults: HashMap::new(),
    };
    let mut count = 0;
    while let Some((token, at)) = tokens.next()? {
        count += 1;
        at_most(count, TOKENS_MAX, at, |most| {
            format!("the document has more than {most} tokens")
        })?;
        scan.take(token, at)?;
    }
    if scan.state != State::Top {
        return Err(unreadable("the document breaks off", text.len()));
    }
    // The values of variables count where they are used: the given ones, else the defaults.
    let defaults = &scan.defaults;
    for definition in &mut scan.definitions {
        let sizes = definition.uses.iter().map(|name| {
            let size = sizes.get(name).or_else(|| defaults.get(name));
            size.copied().unwrap_or_default()
        });
        definition.own.bytes += sizes.sum::<usize>();
    }
    costs::judge(&scan.definitions)?;
    Ok(tokens.rewritten())
}

impl<'a> Scan<'a> {
    fn take(&mut self, token: Token<'a>, at: usize) -> Result<(), Unreadable> {
        if let Token::Name(name) = token {
            at_most(name.len(), NAME_MAX, at, |most| {
                format!("a name is longer than {most} bytes")
            })?;
        }
        match self.state {
            State::Top => self.begin(token, at)?,
            State::FragmentName => match token {
                Token::Name(name) if name != "on" => {
                    self.current().name = Some(name);
                    self.state = State::Head;
                }
                _ => return Err(unreadable("a fragment needs a name", at)),
            },
            State::Head | State::Body => self.inside(token, at)?,
        }
        Ok(())
    }

    fn begin(&mut self, token: Token<'a>, at: usize) -> Result<(), Unreadable> {
        self.state = match token {
            Token::Open(b'{') => State::Body,
            Token::Name("query" | "mutation" | "subscription") => State::Head,
            Token::Name("fragment") => State::FragmentName,
            _ => {
                let what = "expected {, query, mutation, subscription or fragment";
                return Err(unreadable(what, at));
            }
        };
        self.before = Before::Other;
        self.definitions.push(Definition {
            at,
            ..Definition::default()
        });
        if self.state == State::Body {
            self.open(b'{', at)?;
        }
        Ok(())
    }

    fn inside(&mut self, token: Token<'a>, at: usize) -> Result<(), Unreadable> {
        let selecting = self.state == State::Body && self.in_arguments == 0;
        let before = std::mem::replace(&mut self.before, Before::Other);
        match token {
            Token::Open(bracket) => {
                if bracket == b'{' && self.open.is_empty() {
                    self.state = State::Body;
                }
                self.open(bracket, at)?;
            }
            Token::Close(bracket) => self.close(bracket, at)?,
            Token::Spread => {
                self.before = Before::Spread;
                self.current().own.selections += 1;
            }
            Token::Name(name) => self.name(name, at, before, selecting),
            Token::Mark(mark) => {
                self.before = match mark {
                    b':' => Before::Colon,
                    b'@' => Before::At,
                    b'$' => Before::Dollar,
                    _ => Before::Other,
                };
                if mark == b':' {
                    self.colon(before, selecting, at)?;
                }
            }
            Token::Value => {}
        }
        Ok(())
    }

    fn name(&mut self, name: &'a str, at: usize, before: Before<'a>, selecting: bool) {
        match before {
            Before::Spread if name == "on" => self.before = Before::On,
            Before::Spread => {
                let depth = self.open.len();
                self.current().spreads.push((name, depth));
            }
            Before::Dollar if self.in_definitions() => self.define(Some((name, at)), at),
            Before::Dollar => self.current().uses.push(name),
            Before::On | Before::At => {}
            _ if selecting => {
                // The name after an alias was counted with the alias.
                if !matches!(before, Before::Colon) {
                    self.current().own.selections += 1;
                }
                self.before = Before::Name(name);
            }
            _ => {}
        }
    }

    /// In the brackets after the name of an operation.
    fn in_definitions(&self) -> bool {
        self.state == State::Head && self.open.len() == 1
    }

    /// Goes on to the definition of the next variable, if there is one.
    fn define(&mut self, next: Option<(&'a str, usize)>, at: usize) {
        if let Some((name, from)) = std::mem::replace(&mut self.defined, next) {
            let bytes = self.defaults.entry(name).or_default();
            *bytes = (*bytes).max(at - from);
        }
    }

    fn colon(&mut self, before: Before<'a>, selecting: bool, at: usize) -> Result<(), Unreadable> {
        if selecting && let Before::Name(alias) = before {
            self.aliases += alias.len();
            if alias.len() > ALIAS_MAX || self.aliases > ALIASES_MAX {
                let what = format!(
                    "an alias is longer than {ALIAS_MAX} bytes, or all are longer than {ALIASES_MAX}"
                );
                return Err(unreadable(what, at));
            }
        }
        if let Some((b'(', arguments)) = self.open.last_mut() {
            *arguments += 1;
            at_most(*arguments, ARGUMENTS_MAX, at, |most| {
                format!("more than {most} arguments or variables at one place")
            })?;
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8, at: usize) -> Result<(), Unreadable> {
        at_most(self.open.len() + 1, DEPTH_MAX, at, |most| {
            format!("more than {most} brackets within each other")
        })?;
        self.open.push((bracket, 0));
        if bracket != b'{' || self.in_arguments > 0 {
            self.in_arguments += 1;
        }
        let depth = self.open.len();
        let own = &mut self.current().own;
        own.depth = own.depth.max(depth);
        Ok(())
    }

    fn close(&mut self, bracket: u8, at: usize) -> Result<(), Unreadable> {
        if self.in_definitions() {
            self.define(None, at);
        }
        let opened = match bracket {
            b'}' => b'{',
            b']' => b'[',
            _ => b'(',
        };
        if self.open.pop().is_none_or(|(open, _)| open != opened) {
            return Err(unreadable(format!("unexpected {}", char::from(bracket)), at));
        }
        self.in_arguments = self.in_arguments.saturating_sub(1);
        if self.open.is_empty() && self.state == State::Body {
            self.state = State::Top;
            let definition = self.current();
            definition.own.bytes += at + 1 - definition.at;
        }
        Ok(())
    }

    fn current(&mut self) -> &mut Definition<'a> {
        if self.definitions.is_empty() {
            self.definitions.push(Definition::default());
        }
        let last = self.definitions.len() - 1;
        &mut self.definitions[last]
    }
}
