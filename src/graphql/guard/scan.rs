//! What a document would cost, told from its tokens alone: nothing is parsed before this has passed.
//!
//! Fragments are counted as often as they are spread, by adding up each one once, the last of a
//! chain first. The text is gone through once; no step recurses.

use std::collections::HashMap;

use super::tokens::{Token, Tokens, Unreadable};
use crate::graphql::limits::{
    ALIAS_MAX, ALIASES_MAX, ARGUMENTS_MAX, CHAIN_MAX, DEPTH_MAX, DOCUMENT_MAX, EXPANDED_MAX, FRAGMENTS_MAX,
    NAME_MAX, OPERATIONS_MAX, SELECTIONS_MAX, TOKENS_MAX,
};

/// Bytes of the variables that come with a document, by name.
pub type Sizes<'a> = HashMap<&'a str, usize>;

/// An operation or a fragment.
#[derive(Default)]
struct Definition<'a> {
    at: usize,
    /// Of a fragment.
    name: Option<&'a str>,
    /// Of the spreads in it: which fragment, and within how many braces.
    spreads: Vec<(&'a str, usize)>,
    own: Cost,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    selections: usize,
    /// Of the text, and of the variables in it.
    bytes: usize,
    /// Braces within braces.
    depth: usize,
    /// Fragments that spread the next.
    chain: usize,
}

struct Scan<'a> {
    definitions: Vec<Definition<'a>>,
    state: State,
    /// What is open, and what was counted in it.
    open: Vec<(u8, usize)>,
    /// How many of those are no braces of selections.
    in_arguments: usize,
    before: Before<'a>,
    aliases: usize,
    sizes: &'a Sizes<'a>,
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

/// The token before, where it matters.
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

/// Judges the document, and gives it as `parse_query` can read it if that is not as it came.
///
/// # Errors
/// Why it is not parsed.
pub fn scan<'a>(text: &'a str, sizes: &'a Sizes<'a>) -> Result<Option<String>, Unreadable> {
    if text.len() > DOCUMENT_MAX {
        return Err(refuse(
            format!("the document has more than {DOCUMENT_MAX} bytes"),
            0,
        ));
    }
    let mut tokens = Tokens::new(text);
    let mut scan = Scan {
        definitions: Vec::new(),
        state: State::Top,
        open: Vec::new(),
        in_arguments: 0,
        before: Before::Other,
        aliases: 0,
        sizes,
    };
    let mut count = 0;
    while let Some((token, at)) = tokens.next()? {
        count += 1;
        if count > TOKENS_MAX {
            return Err(refuse(
                format!("the document has more than {TOKENS_MAX} tokens"),
                at,
            ));
        }
        scan.take(token, at)?;
    }
    if scan.state != State::Top {
        return Err(refuse("the document breaks off", text.len()));
    }
    judge(&scan.definitions)?;
    Ok(tokens.rewritten())
}

impl<'a> Scan<'a> {
    fn take(&mut self, token: Token<'a>, at: usize) -> Result<(), Unreadable> {
        if let Token::Name(name) = token
            && name.len() > NAME_MAX
        {
            return Err(refuse(format!("a name is longer than {NAME_MAX} bytes"), at));
        }
        match self.state {
            State::Top => self.begin(token, at)?,
            State::FragmentName => match token {
                Token::Name(name) if name != "on" => {
                    self.current().name = Some(name);
                    self.state = State::Head;
                }
                _ => return Err(refuse("a fragment needs a name", at)),
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
                return Err(refuse(what, at));
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
            Token::Name(name) => self.name(name, before, selecting),
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

    fn name(&mut self, name: &'a str, before: Before<'a>, selecting: bool) {
        match before {
            Before::Spread if name == "on" => self.before = Before::On,
            Before::Spread => {
                let depth = self.open.len();
                self.current().spreads.push((name, depth));
            }
            // The values of variables count where they are used.
            Before::Dollar => {
                let bytes = self.sizes.get(name).copied().unwrap_or_default();
                self.current().own.bytes += bytes;
            }
            Before::On | Before::At => {}
            _ if selecting => {
                // A name behind an alias was counted with it.
                if !matches!(before, Before::Colon) {
                    self.current().own.selections += 1;
                }
                self.before = Before::Name(name);
            }
            _ => {}
        }
    }

    fn colon(&mut self, before: Before<'a>, selecting: bool, at: usize) -> Result<(), Unreadable> {
        if selecting && let Before::Name(alias) = before {
            self.aliases += alias.len();
            if alias.len() > ALIAS_MAX || self.aliases > ALIASES_MAX {
                let what = format!(
                    "an alias is longer than {ALIAS_MAX} bytes, or all are longer than {ALIASES_MAX}"
                );
                return Err(refuse(what, at));
            }
        }
        if let Some((b'(', arguments)) = self.open.last_mut() {
            *arguments += 1;
            if *arguments > ARGUMENTS_MAX {
                let what = format!("more than {ARGUMENTS_MAX} arguments or variables at one place");
                return Err(refuse(what, at));
            }
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8, at: usize) -> Result<(), Unreadable> {
        if self.open.len() >= DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} brackets within each other");
            return Err(refuse(what, at));
        }
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
        let opened = match bracket {
            b'}' => b'{',
            b']' => b'[',
            _ => b'(',
        };
        if self.open.pop().is_none_or(|(open, _)| open != opened) {
            return Err(refuse(format!("unexpected {}", char::from(bracket)), at));
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

fn judge(definitions: &[Definition<'_>]) -> Result<(), Unreadable> {
    let fragments = definitions.iter().filter(|d| d.name.is_some()).count();
    if fragments > FRAGMENTS_MAX {
        return Err(refuse(
            format!("the document has more than {FRAGMENTS_MAX} fragments"),
            0,
        ));
    }
    if definitions.len() - fragments > OPERATIONS_MAX {
        return Err(refuse(
            format!("the document has more than {OPERATIONS_MAX} operations"),
            0,
        ));
    }
    let named = definitions.iter().enumerate();
    let named: HashMap<&str, usize> = named.filter_map(|(at, d)| Some((d.name?, at))).collect();
    let mut costs = Costs {
        definitions,
        named: &named,
        known: vec![Progress::Unknown; definitions.len()],
    };
    let mut all = Cost::default();
    for (at, definition) in definitions.iter().enumerate() {
        if definition.name.is_none() {
            let cost = costs.of(at)?;
            all.selections = all.selections.saturating_add(cost.selections);
            all.bytes = all.bytes.saturating_add(cost.bytes);
            if cost.depth > DEPTH_MAX {
                let what = format!("with its fragments more than {DEPTH_MAX} brackets are within each other");
                return Err(refuse(what, definition.at));
            }
        }
    }
    // What no operation reached: in a circle, or not used.
    for (at, definition) in definitions.iter().enumerate() {
        if let (Some(name), Progress::Unknown) = (definition.name, costs.known[at]) {
            costs.of(at)?;
            return Err(refuse(format!("fragment \"{name}\" is not used"), definition.at));
        }
    }
    if all.selections > SELECTIONS_MAX {
        let what = format!(
            "more than {SELECTIONS_MAX} fields and fragments are selected, each as often as it is spread"
        );
        return Err(refuse(what, 0));
    }
    if all.bytes > EXPANDED_MAX {
        let what =
            format!("with its fragments and variables the document has more than {EXPANDED_MAX} bytes");
        return Err(refuse(what, 0));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Progress {
    Unknown,
    /// It waits for what it spreads.
    Waiting,
    Known(Cost),
}

struct Costs<'a> {
    definitions: &'a [Definition<'a>],
    named: &'a HashMap<&'a str, usize>,
    known: Vec<Progress>,
}

impl Costs<'_> {
    fn of(&mut self, wanted: usize) -> Result<Cost, Unreadable> {
        // Whose turn it is, and which of its spreads comes next.
        let mut waiting = vec![(wanted, 0)];
        self.known[wanted] = Progress::Waiting;
        let mut last = Cost::default();
        while let Some((at, next)) = waiting.last_mut() {
            let definition = &self.definitions[*at];
            let Some(&(name, _)) = definition.spreads.get(*next) else {
                last = self.add_up(definition)?;
                self.known[*at] = Progress::Known(last);
                waiting.pop();
                continue;
            };
            *next += 1;
            // One that does not exist costs nothing; validation tells of it.
            let Some(&spread) = self.named.get(name) else {
                continue;
            };
            match self.known[spread] {
                Progress::Known(_) => {}
                Progress::Unknown => {
                    self.known[spread] = Progress::Waiting;
                    waiting.push((spread, 0));
                }
                Progress::Waiting => {
                    let what = format!("fragment \"{name}\" spreads itself");
                    return Err(refuse(what, self.definitions[spread].at));
                }
            }
        }
        Ok(last)
    }

    fn add_up(&self, definition: &Definition<'_>) -> Result<Cost, Unreadable> {
        let mut sum = definition.own;
        for (name, depth) in &definition.spreads {
            let spread = self.named.get(name).map(|at| self.known[*at]);
            if let Some(Progress::Known(cost)) = spread {
                sum.selections = sum.selections.saturating_add(cost.selections);
                sum.bytes = sum.bytes.saturating_add(cost.bytes);
                sum.depth = sum.depth.max(depth + cost.depth);
                sum.chain = sum.chain.max(cost.chain);
            }
        }
        sum.chain += usize::from(definition.name.is_some());
        if sum.chain > CHAIN_MAX {
            let what = format!("more than {CHAIN_MAX} fragments spread one another");
            return Err(refuse(what, definition.at));
        }
        Ok(sum)
    }
}

fn refuse(what: impl Into<String>, at: usize) -> Unreadable {
    let what = what.into();
    Unreadable { what, at }
}
