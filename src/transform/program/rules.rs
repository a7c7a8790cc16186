//! What a program may not do here: what a replay would give otherwise, and what has no bound.

use vrl::parser::ast::{
    Assignment, AssignmentTarget, Container, Expr, FunctionCall, Literal, Node, Op, Opcode, Predicate,
    Program, QueryTarget, RootExpr,
};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};

use super::functions::{INDEX_MAX, is_bounded};

/// Expressions in each other; what runs them calls itself.
const DEPTH_MAX: usize = 200;
/// Parts of a path, and indexes among them.
const PARTS_MAX: usize = 50;
const INDEXES_MAX: usize = 3;
/// A text may be repeated so often.
const TIMES_MAX: u64 = 64;

const TIME: &str = "gives another time when the record is read again; the time of the record is `%timestamp`";
const RANDOM: &str = "gives another value when the record is read again";
const YEAR: &str = "takes the year from the clock; use `parse_regex` and `parse_timestamp`";
const NETWORK: &str = "asks the network, whose answer may be another when the record is read again";
const ENVIRONMENT: &str = "depends on the machine";
const BACKTRACKING: &str = "may take time without bound; use `parse_regex`";
const NESTING: &str = "has no bound on how deep it nests; use `parse_regex`";
const COMPRESSION: &str = "may make gigabytes of a few bytes; see `compression` of the stream";
const ORDER: &str = "depends on the order of a hash table, which is another in each run";
const GROWTH: &str = "may give far more than it is given";
const LINES: &str = "writes a line for each record; use `abort` or a dead letter";

/// Functions that are refused, and why.
const REFUSED: [(&str, &[&str]); 12] = [
    (TIME, &["now", "uuid_v7"]),
    (
        RANDOM,
        &[
            "random_bool",
            "random_bytes",
            "random_float",
            "random_int",
            "uuid_v4",
        ],
    ),
    (YEAR, &["parse_klog", "parse_linux_authorization", "parse_syslog"]),
    (NETWORK, &["dns_lookup", "http_request", "reverse_dns"]),
    (
        ENVIRONMENT,
        &["encode_proto", "get_env_var", "get_hostname", "get_timezone_name"],
    ),
    (
        ENVIRONMENT,
        &["parse_etld", "parse_proto", "validate_json_schema"],
    ),
    (ORDER, &["parse_cef", "shannon_entropy"]),
    (
        BACKTRACKING,
        &[
            "contains_all",
            "encode_punycode",
            "parse_grok",
            "parse_groks",
            "parse_user_agent",
            "to_regex",
        ],
    ),
    (NESTING, &["parse_ruby_hash", "parse_xml", "unflatten"]),
    (
        COMPRESSION,
        &[
            "decode_gzip",
            "decode_lz4",
            "decode_snappy",
            "decode_zlib",
            "decode_zstd",
        ],
    ),
    (
        GROWTH,
        &[
            "encode_gzip",
            "encode_key_value",
            "encode_logfmt",
            "encode_lz4",
            "encode_snappy",
            "encode_zlib",
            "encode_zstd",
            "flatten",
            "sieve",
            "tag_types_externally",
        ],
    ),
    (LINES, &["log"]),
];

/// Functions that give a number.
const NUMERIC: [&str; 17] = [
    "abs",
    "ceil",
    "float",
    "floor",
    "int",
    "length",
    "mod",
    "parse_duration",
    "parse_float",
    "parse_int",
    "round",
    "strlen",
    "to_float",
    "to_int",
    "to_unix_timestamp",
    "haversine",
    "parse_bytes",
];
const FLOATS: [&str; 5] = [
    "float",
    "parse_duration",
    "parse_float",
    "to_float",
    "parse_bytes",
];

/// What is broken, and where.
pub fn broken(program: &Program) -> Vec<(usize, String)> {
    let mut rules = Rules::default();
    for root in program.iter() {
        if let RootExpr::Expr(expression) = root.inner() {
            rules.expression(expression, 0);
        }
    }
    rules.broken
}

#[derive(Default)]
struct Rules {
    broken: Vec<(usize, String)>,
    /// Within the arguments of a function that are evaluated twice.
    is_argument: bool,
}

impl Rules {
    fn say(&mut self, at: usize, why: impl Into<String>) {
        self.broken.push((at, why.into()));
    }

    fn expression(&mut self, node: &Node<Expr>, depth: usize) {
        let at = node.start();
        if depth > DEPTH_MAX {
            // Once is enough.
            if self.broken.is_empty() {
                self.say(at, format!("expressions are nested deeper than {DEPTH_MAX}"));
            }
            return;
        }
        let depth = depth + 1;
        match node.inner() {
            Expr::Literal(_) | Expr::Variable(_) | Expr::Break(_) => {}
            Expr::Container(container) => self.container(container, depth),
            Expr::IfStatement(statement) => {
                match statement.predicate.inner() {
                    Predicate::One(one) => self.expression(one, depth),
                    Predicate::Many(many) => self.all(many, depth),
                }
                self.all(&statement.if_node.0, depth);
                if let Some(block) = &statement.else_node {
                    self.all(&block.0, depth);
                }
            }
            Expr::Op(op) => {
                let Op(left, code, right) = op.inner();
                if *code.inner() == Opcode::Mul && !is_bounded_product(left, right) {
                    self.say(
                        at,
                        "`*` could repeat a text without bound: write to_float!(…) or to_int!(…) around what is multiplied",
                    );
                }
                self.expression(left, depth);
                self.expression(right, depth);
            }
            Expr::Assignment(assignment) => {
                if self.is_argument {
                    self.say(at, "assign before the call, not in its arguments");
                }
                let expression = match assignment.inner() {
                    Assignment::Single { target, expr, .. } => {
                        self.target(target);
                        expr
                    }
                    Assignment::Infallible { ok, err, expr, .. } => {
                        self.target(ok);
                        self.target(err);
                        expr
                    }
                };
                self.expression(expression, depth);
            }
            Expr::Query(query) => {
                self.path(at, query.path.inner());
                match query.target.inner() {
                    QueryTarget::FunctionCall(call) => self.call(at, call, depth),
                    QueryTarget::Container(container) => self.container(container, depth),
                    QueryTarget::Internal(_) | QueryTarget::External(_) => {}
                }
            }
            Expr::FunctionCall(call) => self.call(at, call, depth),
            Expr::Unary(unary) => {
                let vrl::parser::ast::Unary::Not(not) = unary.inner();
                self.expression(&not.inner().clone().take().1, depth);
            }
            Expr::Abort(abort) => {
                if let Some(message) = &abort.message {
                    self.expression(message, depth);
                }
            }
            Expr::Return(returned) => {
                let is_record =
                    matches!(returned.expr.inner(), Expr::Query(query) if query.path.segments.is_empty());
                if !is_record || !is_of_record(&returned.expr) {
                    self.say(
                        at,
                        "nothing takes what is returned: assign it to `.`, then `return .`",
                    );
                }
            }
        }
    }

    fn all(&mut self, nodes: &[Node<Expr>], depth: usize) {
        for node in nodes {
            self.expression(node, depth);
        }
    }

    fn container(&mut self, container: &Container, depth: usize) {
        match container {
            Container::Group(group) => self.expression(&group.inner().0, depth),
            Container::Block(block) => self.all(&block.inner().0, depth),
            Container::Array(array) => {
                for element in array.inner().clone() {
                    self.expression(&element, depth);
                }
            }
            Container::Object(object) => {
                for (_, value) in object.inner().clone() {
                    self.expression(&value, depth);
                }
            }
        }
    }

    fn call(&mut self, at: usize, call: &FunctionCall, depth: usize) {
        let name = &**call.ident.inner();
        if let Some((why, _)) = REFUSED.iter().find(|(_, refused)| refused.contains(&name)) {
            self.say(at, format!("the function `{name}` {why}"));
        }
        if self.is_argument && is_bounded(name) {
            self.say(
                at,
                format!("assign the outcome of `{name}` first, and call with that"),
            );
        }
        if name == "unnest"
            && !call
                .arguments
                .iter()
                .all(|argument| is_of_record(&argument.inner().expr))
        {
            self.say(at, "`unnest` takes a path of the record, such as `.items`");
        }
        if self.is_argument && name == "del" {
            self.say(at, "call `del` before the call, not in its arguments");
        }
        let outside = self.is_argument;
        self.is_argument |= is_bounded(name);
        for argument in &call.arguments {
            let argument = argument.inner();
            let is_zone = argument
                .ident
                .as_ref()
                .is_some_and(|name| &**name.inner() == "timezone");
            if is_zone && is_local(&argument.expr) {
                self.say(
                    argument.expr.start(),
                    "the local time zone depends on the machine; name a zone",
                );
            }
            self.expression(&argument.expr, depth);
        }
        self.is_argument = outside;
        if let Some(closure) = &call.closure {
            self.all(&closure.block.inner().0, depth);
        }
    }

    fn target(&mut self, target: &Node<AssignmentTarget>) {
        let path: Option<&OwnedValuePath> = match target.inner() {
            AssignmentTarget::Noop => None,
            AssignmentTarget::Query(query) => Some(query.path.inner()),
            AssignmentTarget::Internal(_, path) => path.as_ref(),
            AssignmentTarget::External(path) => path.as_ref().map(|path| &path.path),
        };
        if let Some(path) = path {
            self.path(target.start(), path);
        }
    }

    fn path(&mut self, at: usize, path: &OwnedValuePath) {
        let indexes = path.segments.iter().filter_map(|part| match part {
            OwnedSegment::Index(index) => Some(index.unsigned_abs()),
            OwnedSegment::Field(_) => None,
        });
        let is_far = indexes.clone().any(|index| index > INDEX_MAX);
        if is_far || indexes.count() > INDEXES_MAX || path.segments.len() > PARTS_MAX {
            let most = format!("{PARTS_MAX} parts, {INDEXES_MAX} of them indexes of at most {INDEX_MAX}");
            self.say(at, format!("a path has at most {most}"));
        }
    }
}

fn is_of_record(expression: &Expr) -> bool {
    let Expr::Query(query) = expression else {
        return false;
    };
    *query.target.inner() == QueryTarget::External(PathPrefix::Event)
}

/// A text is repeated only if one factor is a text and the other an integer.
fn is_bounded_product(left: &Node<Expr>, right: &Node<Expr>) -> bool {
    let either = |is: fn(&Expr) -> bool| is(left) || is(right);
    either(is_float) || either(is_small) || (is_number(left) && is_number(right))
}

fn is_float(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(literal) => matches!(literal.inner(), Literal::Float(_)),
        Expr::FunctionCall(call) => FLOATS.contains(&&**call.ident.inner()),
        Expr::Op(op) => *op.1.inner() == Opcode::Div,
        Expr::Container(container) => grouped(container).is_some_and(|inner| is_float(&inner)),
        _ => false,
    }
}

fn is_small(expression: &Expr) -> bool {
    let Expr::Literal(literal) = expression else {
        return false;
    };
    matches!(literal.inner(), Literal::Integer(n) if n.unsigned_abs() <= TIMES_MAX)
}

fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::Literal(literal) => matches!(literal.inner(), Literal::Integer(_) | Literal::Float(_)),
        Expr::FunctionCall(call) => NUMERIC.contains(&&**call.ident.inner()),
        Expr::Op(op) => {
            let Op(left, code, right) = op.inner();
            let both = || is_number(left) && is_number(right);
            match code.inner() {
                Opcode::Sub | Opcode::Div => true,
                Opcode::Add | Opcode::Mul => both(),
                _ => false,
            }
        }
        Expr::Container(container) => grouped(container).is_some_and(|inner| is_number(&inner)),
        _ => false,
    }
}

fn grouped(container: &Container) -> Option<Node<Expr>> {
    match container {
        Container::Group(group) => Some(group.inner().0.clone()),
        _ => None,
    }
}

fn is_local(expression: &Expr) -> bool {
    let Expr::Literal(literal) = expression else {
        return false;
    };
    match literal.inner() {
        Literal::RawString(zone) => zone.is_empty() || zone == "local",
        Literal::String(zone) => zone
            .as_literal_string()
            .is_some_and(|zone| zone.is_empty() || zone == "local"),
        _ => false,
    }
}
