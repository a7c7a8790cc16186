//! Why a document is refused.

use async_graphql::{Pos, ServerError};

use crate::data::{OverLimit, Problem};
use crate::graphql::errors::Code;

/// Why a number is refused that would silently become the nearest float.
pub const LOSES_DIGITS: &str = "a whole number of more than 64 bits would lose digits";

/// A number with a fraction or an exponent is meant as a float.
pub(super) fn loses_digits(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    digits.len() > 18
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && number.parse::<i64>().is_err()
        && number.parse::<u64>().is_err()
}

/// The whole request is refused, as by HTTP.
pub fn over_limit(over: OverLimit) -> Vec<ServerError> {
    let error = async_graphql::Error::from(Problem::from(over));
    vec![error.into_server_error(Pos::default())]
}

pub(super) fn refused(code: Code, why: impl Into<String>, pos: Pos) -> Vec<ServerError> {
    vec![error(code, why, pos)]
}

pub(super) fn error(code: Code, why: impl Into<String>, pos: Pos) -> ServerError {
    code.error(why).into_server_error(pos)
}
