//! Documents by chance: such as clients write, such as nobody writes, and both torn apart. The same
//! number gives the same document.

mod extreme;

use std::fmt::Write;

use async_graphql::parser::types::{BaseType, Type};
use serde_json::{Map, Value, json};

use crate::graphql::guard::types::{Field, Inputs, Kind, Types};

pub use self::extreme::extreme;

pub struct Dice(u64);

/// A request.
#[derive(Debug, Default)]
pub struct Asked {
    pub query: String,
    pub variables: Value,
}

struct Writer<'t> {
    types: &'t Types,
    dice: Dice,
    definitions: String,
    variables: Map<String, Value>,
    /// Names of fragments, and the type each is on.
    fragments: Vec<(String, String)>,
    bodies: String,
}

const JUNK: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "$",
    "@",
    "!",
    "=",
    "...",
    "... on",
    "\"",
    "\"\"\"",
    "#",
    "\\",
    "\n",
    "\u{feff}",
    "null",
    "true",
    "-",
    "1e999",
    "0",
    "-0.0e-0",
    "fragment",
    "query",
    "subscription",
    "mutation",
    "on",
    "__typename",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\u{1F600}\"",
    "\"\\u{0}\"",
    "@skip(if: true)",
    "@include(if: $v0)",
    "$v0",
    "é",
    "\u{0}",
    "\u{1f600}",
    "&",
    "|",
    "...F0",
    "fragment F0 on Query { ...F0 }",
    "{ a: b }",
    "[[[[",
    "{a:{b:",
    "__schema { types { fields { type { fields { name } } } } }",
    "18446744073709551616",
    "\"\"",
];

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % most.max(1)
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

pub fn asked(types: &Types, seed: u64) -> Asked {
    let mut dice = Dice::new(seed);
    let mut asked = match dice.below(400) {
        0 => Asked {
            query: extreme(&mut dice),
            ..Asked::default()
        },
        _ => written(types, dice.below(usize::MAX) as u64),
    };
    for _ in 0..[0, 0, 1, 1, 2, 8][dice.below(6)] {
        tear(&mut asked.query, &mut dice);
    }
    asked
}

/// A document that the schema has much of, with fragments, variables and directives.
fn written(types: &Types, seed: u64) -> Asked {
    let mut writer = Writer {
        types,
        dice: Dice::new(seed),
        definitions: String::new(),
        variables: Map::new(),
        fragments: Vec::new(),
        bodies: String::new(),
    };
    let (kind, root) = match writer.dice.below(10) {
        0 => ("mutation", types.mutation.clone()),
        1 | 2 => ("subscription", types.subscription.clone()),
        _ => ("query", Some(types.query.clone())),
    };
    let fields = if kind == "subscription" { 1 } else { 3 };
    let selections = writer.selections(&root.unwrap_or_default(), fields, 0);
    let mut query = match writer.definitions.is_empty() {
        true => format!("{kind} Q {selections}"),
        false => format!("{kind} Q({}) {selections}", writer.definitions),
    };
    query.push_str(&writer.bodies);
    Asked {
        query,
        variables: writer.variables.into(),
    }
}

impl Writer<'_> {
    fn selections(&mut self, on: &str, most: usize, depth: usize) -> String {
        let Some(fields) = self.types.fields(on) else {
            return String::new();
        };
        let mut names: Vec<&String> = fields.keys().collect();
        names.sort_unstable();
        let mut text = String::from("{");
        for _ in 0..=self.dice.below(most) {
            if names.is_empty() || self.dice.chance(5) {
                text.push_str(" __typename");
                continue;
            }
            let name = *self.dice.of(&names);
            let one = self.selection(name, &fields[name], depth);
            match self.dice.below(20) {
                0 => _ = write!(text, " ... {{{one}}}"),
                1 => _ = write!(text, " ... on {on} {{{one}}}"),
                2 => {
                    let fragment = format!("F{}", self.fragments.len());
                    _ = write!(self.bodies, " fragment {fragment} on {on} {{{one}}}");
                    _ = write!(text, " ...{fragment}");
                    self.fragments.push((fragment, on.to_owned()));
                }
                3 if !self.fragments.is_empty() => {
                    let (fragment, _) = self.dice.of(&self.fragments);
                    _ = write!(text, " ...{fragment}{one}");
                }
                _ => text.push_str(&one),
            }
        }
        text + " }"
    }

    fn selection(&mut self, name: &str, field: &Field, depth: usize) -> String {
        let mut text = match self.dice.chance(10) {
            true => format!(" a{}: {name}", self.dice.below(3)),
            false => format!(" {name}"),
        };
        text.push_str(&self.arguments(&field.arguments));
        if self.dice.chance(5) {
            let directive = self.dice.of(&["skip", "include", "nope"]).to_string();
            let value = self.value(&of("Boolean!"), 0);
            _ = write!(text, " @{directive}(if: {value})");
        }
        if self.types.fields(&field.of).is_some() && depth < 6 {
            text.push_str(&self.selections(&field.of, 3, depth + 1));
        }
        text
    }

    fn arguments(&mut self, inputs: &Inputs) -> String {
        let mut names: Vec<&String> = inputs.keys().collect();
        names.sort_unstable();
        let mut given = String::new();
        for name in names {
            let input = &inputs[name];
            if !input.of.nullable && input.default.is_none() || self.dice.chance(30) {
                _ = write!(given, "{name}: {} ", self.value(&input.of, 0));
            }
        }
        match given.is_empty() {
            true => given,
            false => format!("({given})"),
        }
    }

    fn value(&mut self, of: &Type, depth: usize) -> String {
        if self.dice.chance(15) {
            return self.variable(of);
        }
        if self.dice.chance(3) {
            return self
                .dice
                .of(&["null", "7", "\"x\"", "[]", "{}", "[[1]]", "UP", "{a: 1}"])
                .to_string();
        }
        match &of.base {
            BaseType::List(item) => {
                let items = (0..self.dice.below(3)).map(|_| self.value(item, depth + 1));
                format!("[{}]", items.collect::<Vec<_>>().join(" "))
            }
            BaseType::Named(name) => match self.types.kind(name) {
                Some(Kind::Enum(values)) => {
                    let mut values: Vec<&String> = values.iter().collect();
                    values.sort_unstable();
                    self.dice.of(&values).to_string()
                }
                Some(Kind::Input(inputs)) if depth < 5 => {
                    let inner = self.arguments(inputs);
                    format!("{{{}}}", inner.trim_start_matches('(').trim_end_matches(')'))
                }
                _ => self.json(of, depth).to_string(),
            },
        }
    }

    fn variable(&mut self, of: &Type) -> String {
        let name = format!("v{}", self.variables.len());
        let mut declared = of.clone();
        match self.dice.below(8) {
            0 => declared.nullable = !declared.nullable,
            1 => declared.base = BaseType::Named(async_graphql::Name::new("Int")),
            _ => {}
        }
        _ = write!(self.definitions, "${name}: {declared} ");
        if self.dice.chance(20) {
            let default = self.json(of, 0).to_string();
            _ = write!(self.definitions, "= {default} ");
        }
        let value = match self.dice.below(8) {
            0 => Value::Null,
            1 => json!({ "a": [1] }),
            _ => self.json(of, 0),
        };
        self.variables.insert(name.clone(), value);
        if self.dice.chance(10) {
            self.variables.remove(&name);
            // The next has another name.
            self.variables.insert(format!("{name}x"), Value::Null);
        }
        format!("${name}")
    }

    fn json(&mut self, of: &Type, depth: usize) -> Value {
        match &of.base {
            BaseType::List(item) => (0..self.dice.below(3))
                .map(|_| self.json(item, depth + 1))
                .collect(),
            BaseType::Named(name) => match (name.as_str(), self.types.kind(name)) {
                (_, Some(Kind::Enum(values))) => {
                    let mut values: Vec<&String> = values.iter().collect();
                    values.sort_unstable();
                    self.dice.of(&values).as_str().into()
                }
                (_, Some(Kind::Input(inputs))) if depth < 5 => {
                    let mut names: Vec<&String> = inputs.keys().collect();
                    names.sort_unstable();
                    let mut members = Map::new();
                    for name in names {
                        if self.dice.chance(60) {
                            members.insert(name.clone(), self.json(&inputs[name].of, depth + 1));
                        }
                    }
                    members.into()
                }
                ("Int" | "Long", _) => json!(self.dice.below(2_000) as i64 - 100),
                ("Float", _) => json!(self.dice.below(1_000) as f64 / 7.0),
                ("Boolean", _) => json!(self.dice.chance(50)),
                ("Duration" | "Step", _) => self.dice.of(&["15m", "1d", "2w", "x", "0s"]).to_string().into(),
                ("DateTime", _) => self.dice.of(&["2026-01-31T12:00:00Z", "soon"]).to_string().into(),
                _ => self
                    .dice
                    .of(&["a", "", "m{a=\"b\"}", "\u{1f600}", ".*"])
                    .to_string()
                    .into(),
            },
        }
    }
}

fn of(text: &str) -> Type {
    Type::new(text).unwrap()
}

/// Takes something out, puts something in, or has something there more often.
fn tear(text: &mut String, dice: &mut Dice) {
    let mut place = |text: &String| {
        let mut at = dice.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (one, other) = (place(text), place(text));
    let (from, to) = (one.min(other), one.max(other));
    match dice.below(5) {
        0 => text.truncate(to),
        1 => text.replace_range(from..to, ""),
        2 => text.insert_str(from, dice.of::<&str>(JUNK)),
        3 => {
            let times = 1 + dice.below(30);
            let again = text[from..to].repeat(times);
            if again.len() < 80_000 {
                text.insert_str(to, &again);
            }
        }
        _ => text.replace_range(from..to, dice.of::<&str>(JUNK)),
    }
}
