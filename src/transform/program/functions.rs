//! The functions that programs may call. Each call counts. Some functions give far more than they are given;
//! those are asked beforehand how much.

use std::fmt;

use vrl::compiler::function::closure::Definition;
use vrl::compiler::function::{ArgumentList, Compiled, Example, FunctionCompileContext};
use vrl::compiler::prelude::Resolved;
use vrl::compiler::state::{TypeInfo, TypeState};
use vrl::compiler::{Context, Expression, Function, Parameter};
use vrl::path::OwnedTargetPath;
use vrl::value::Value;

use super::budget::{charge_call, too_much};

/// Bytes that a call may make, and elements that it may skip to.
const GROWTH_MAX: usize = 16 << 20;
pub const INDEX_MAX: usize = 10_000;
/// Parts of a path, each of which nests deeper.
const PATH_MAX: usize = 4;
/// Bytes of a text that a function may go through more than once for each of them.
const TEXT_BYTES: usize = 64 << 10;
const DIGITS_MAX: u64 = 1_000;

/// What decides how much a call gives, or takes.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// The sizes of two arguments, multiplied.
    Product,
    /// The lengths of texts.
    Texts,
    /// The record for each element.
    Records,
    /// The parts of a path, and the indexes among them.
    Path,
    /// The size of a number.
    Digits,
    /// Nothing, but the time zone of the machine is none.
    Zone,
}

type Bound = (&'static str, Growth, &'static [&'static str]);

/// By which arguments.
const BOUNDED: [Bound; 16] = [
    ("format_number", Growth::Digits, &["scale"]),
    ("format_timestamp", Growth::Zone, &["timezone"]),
    ("join", Growth::Product, &["value", "separator"]),
    ("parse_key_value", Growth::Texts, &["value"]),
    ("parse_logfmt", Growth::Texts, &["value"]),
    ("parse_regex_all", Growth::Texts, &["value"]),
    ("parse_timestamp", Growth::Zone, &["timezone"]),
    ("parse_yaml", Growth::Texts, &["value"]),
    ("redact", Growth::Texts, &["value"]),
    ("remove", Growth::Path, &["path"]),
    ("replace", Growth::Texts, &["value", "with"]),
    ("replace_with", Growth::Texts, &["value"]),
    ("set", Growth::Path, &["path"]),
    ("split", Growth::Texts, &["value"]),
    ("truncate", Growth::Texts, &["suffix"]),
    ("unnest", Growth::Records, &["path"]),
];

/// Its arguments are evaluated twice.
pub fn is_bounded(name: &str) -> bool {
    BOUNDED.iter().any(|(bounded, ..)| *bounded == name)
}

pub fn all() -> Vec<Box<dyn Function>> {
    let charged = |function: Box<dyn Function>| -> Box<dyn Function> {
        let bound = BOUNDED.iter().find(|(name, ..)| *name == function.identifier());
        Box::new(Charged(function, bound))
    };
    vrl::stdlib::all().into_iter().map(charged).collect()
}

#[derive(Debug)]
struct Charged(Box<dyn Function>, Option<&'static Bound>);

impl Function for Charged {
    fn identifier(&self) -> &'static str {
        self.0.identifier()
    }

    fn usage(&self) -> &'static str {
        self.0.usage()
    }

    fn category(&self) -> &'static str {
        self.0.category()
    }

    fn return_kind(&self) -> u16 {
        self.0.return_kind()
    }

    fn pure(&self) -> bool {
        self.0.pure()
    }

    fn examples(&self) -> &'static [Example] {
        self.0.examples()
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.0.parameters()
    }

    fn closure(&self) -> Option<Definition> {
        self.0.closure()
    }

    fn compile(
        &self,
        state: &TypeState,
        context: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        let bound = self.1.map(|(_, growth, names)| {
            let asked = names.iter().filter_map(|name| arguments.optional(name));
            (*growth, asked.collect())
        });
        let call = self.0.compile(state, context, arguments)?;
        let name = self.0.identifier();
        Ok(Box::new(Call { name, call, bound }))
    }
}

#[derive(Clone)]
struct Call {
    name: &'static str,
    call: Box<dyn Expression>,
    bound: Option<(Growth, Vec<Box<dyn Expression>>)>,
}

impl Expression for Call {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        charge_call(ctx)?;
        if let Some((growth, asked)) = &self.bound {
            let mut product: usize = 1;
            for argument in asked {
                let value = argument.resolve(ctx)?;
                let is_bounded = match growth {
                    Growth::Product => {
                        product = product.saturating_mul(weight(&value).max(1));
                        product <= GROWTH_MAX
                    }
                    Growth::Texts => {
                        product = product.saturating_mul(length(&value).max(1));
                        length(&value) <= TEXT_BYTES && product <= GROWTH_MAX
                    }
                    Growth::Records => elements(&value).saturating_mul(record(ctx)) <= GROWTH_MAX,
                    Growth::Path => is_near(&value),
                    Growth::Digits => value.as_integer().is_none_or(|n| n.unsigned_abs() <= DIGITS_MAX),
                    Growth::Zone if matches!(value.to_str_lossy().as_deref(), Some("" | "local")) => {
                        return Err("the local time zone depends on the machine; name a zone".into());
                    }
                    Growth::Zone => true,
                };
                if !is_bounded {
                    return Err(too_much(self.name));
                }
            }
        }
        self.call.resolve(ctx)
    }

    fn resolve_constant(&self, state: &TypeState) -> Option<Value> {
        self.call.resolve_constant(state)
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        self.call.type_info(state)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

/// About what it takes in bytes. A small object takes a whole node of a tree.
fn weight(value: &Value) -> usize {
    const NODE: usize = 800;
    const FIELDS: usize = 11;
    const ITEM: usize = 40;
    match value {
        Value::Array(items) => items.iter().map(|item| ITEM + weight(item)).sum(),
        Value::Object(fields) => {
            let nodes = fields.len().div_ceil(FIELDS) * NODE;
            let fields = fields.iter().map(|(name, value)| name.len() + weight(value));
            nodes + fields.sum::<usize>()
        }
        text => length(text),
    }
}

fn length(text: &Value) -> usize {
    match text {
        Value::Bytes(bytes) => bytes.len(),
        Value::String(text) => text.len(),
        _ => 0,
    }
}

fn elements(value: &Value) -> usize {
    value.as_array().map_or(0, |elements| elements.len())
}

fn record(ctx: &Context<'_>) -> usize {
    let record = ctx.target().target_get(&OwnedTargetPath::event_root());
    record.ok().flatten().map_or(0, weight)
}

fn is_near(path: &Value) -> bool {
    let Some(parts) = path.as_array() else { return true };
    let is_near = |part: &Value| {
        part.as_integer()
            .is_none_or(|at| at.unsigned_abs() <= INDEX_MAX as u64)
    };
    parts.len() <= PATH_MAX && parts.iter().all(is_near)
}
