//! Turns PromQL's text into a selector and the stages after it.

use std::time::Duration;

use promql_parser::label::Labels as Names;
use promql_parser::parser::token::{
    T_ADD, T_AVG, T_COUNT, T_DIV, T_MAX, T_MIN, T_MOD, T_MUL, T_POW, T_SUB, T_SUM, TokenType,
};
use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr, LabelModifier};

use super::PromqlError;
use super::parse::{parsed, unsupported};
use super::selection::Selection;
use super::windows::Function;
use crate::history::Across;

#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    pub(super) source: Source,
    pub(super) stages: Vec<Stage>,
}

/// The type of an expression's value at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Scalar,
    Vector,
    /// The points of a window; only at one instant and without stages.
    Matrix,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Number(f64),
    Instant(Selection),
    Window(Selection, Duration, Function),
    Points(Selection, Duration),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    Arithmetic {
        op: Arithmetic,
        number: f64,
        number_first: bool,
    },
    Across {
        op: Across,
        group: Group,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Group {
    By(Vec<String>),
    Without(Vec<String>),
}

impl Expression {
    pub fn parse(text: &str) -> Result<Self, PromqlError> {
        Self::of(&parsed(text)?)
    }

    pub fn kind(&self) -> Kind {
        match self.source {
            Source::Number(_) => Kind::Scalar,
            Source::Points(..) => Kind::Matrix,
            Source::Instant(_) | Source::Window(..) => Kind::Vector,
        }
    }

    fn of(expr: &Expr) -> Result<Self, PromqlError> {
        let alone = |source| Self {
            source,
            stages: Vec::new(),
        };
        let expression = match expr {
            Expr::NumberLiteral(literal) => Some(alone(Source::Number(literal.val))),
            Expr::Paren(paren) => Some(Self::of(&paren.expr)?),
            Expr::VectorSelector(vector) => Some(alone(Source::Instant(Selection::of(vector)?))),
            Expr::MatrixSelector(matrix) => {
                Some(alone(Source::Points(Selection::of(&matrix.vs)?, matrix.range)))
            }
            Expr::Call(call) => windowed(call)?.map(alone),
            Expr::Unary(unary) => Self::of(&unary.expr)?.with_number(Arithmetic::Mul, -1.0, true),
            Expr::Binary(binary) => Self::arithmetic(binary)?,
            Expr::Aggregate(aggregate) => match across(aggregate) {
                Some(stage) => Self::of(&aggregate.expr)?.followed_by(stage),
                None => None,
            },
            Expr::Subquery(_) | Expr::StringLiteral(_) | Expr::Extension(_) => None,
        };
        expression.ok_or_else(|| unsupported(expr))
    }

    fn arithmetic(binary: &BinaryExpr) -> Result<Option<Self>, PromqlError> {
        let Some(op) = Arithmetic::of(binary.op) else {
            return Ok(None);
        };
        let (left, right) = (Self::of(&binary.lhs)?, Self::of(&binary.rhs)?);
        Ok(match (&left.source, &right.source) {
            (_, &Source::Number(number)) => left.with_number(op, number, false),
            (&Source::Number(number), _) => right.with_number(op, number, true),
            _ => None,
        })
    }

    fn with_number(mut self, op: Arithmetic, number: f64, number_first: bool) -> Option<Self> {
        if let Source::Number(own) = &mut self.source {
            *own = op.apply(number, *own, number_first);
            return Some(self);
        }
        self.followed_by(Stage::Arithmetic {
            op,
            number,
            number_first,
        })
    }

    fn followed_by(mut self, stage: Stage) -> Option<Self> {
        if self.kind() != Kind::Vector {
            return None;
        }
        self.stages.push(stage);
        Some(self)
    }
}

impl Arithmetic {
    fn of(op: TokenType) -> Option<Self> {
        Some(match op.id() {
            T_ADD => Self::Add,
            T_SUB => Self::Sub,
            T_MUL => Self::Mul,
            T_DIV => Self::Div,
            T_MOD => Self::Mod,
            T_POW => Self::Pow,
            _ => return None,
        })
    }

    pub(super) fn apply(self, number: f64, value: f64, number_first: bool) -> f64 {
        let (left, right) = if number_first {
            (number, value)
        } else {
            (value, number)
        };
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mul => left * right,
            Self::Div => left / right,
            Self::Mod => left % right,
            Self::Pow => left.powf(right),
        }
    }
}

/// `None`: an unsupported function.
fn windowed(call: &Call) -> Result<Option<Source>, PromqlError> {
    let args: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    let (function, of) = match args[..] {
        [of] => (Function::from_name(call.func.name), of),
        [phi, of] if call.func.name == "quantile_over_time" => match Expression::of(phi) {
            Ok(Expression {
                source: Source::Number(phi),
                ..
            }) => (Some(Function::Quantile(phi)), of),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(function) = function else {
        return Ok(None);
    };
    Ok(match Expression::of(of)?.source {
        Source::Points(selection, range) => Some(Source::Window(selection, range, function)),
        _ => None,
    })
}

fn across(aggregate: &AggregateExpr) -> Option<Stage> {
    let op = match aggregate.op.id() {
        T_SUM => Across::Sum,
        T_AVG => Across::Avg,
        T_MIN => Across::Min,
        T_MAX => Across::Max,
        T_COUNT => Across::Count,
        _ => return None,
    };
    let names = |names: &Names| names.labels.clone();
    let group = match &aggregate.modifier {
        None => Group::By(Vec::new()),
        Some(LabelModifier::Include(of)) => Group::By(names(of)),
        Some(LabelModifier::Exclude(of)) => Group::Without(names(of)),
    };
    Some(Stage::Across { op, group })
}
