//! Errors a client can act on: each carries a code in `extensions.code`.

use async_graphql::{Error, ErrorExtensionValues, Response, ServerError, Value};

use super::limits::{ERRORS_MAX, MESSAGE_MAX};
use crate::access::Ended;
pub use crate::data::Code;
use crate::data::Problem;
use crate::store::read::ReadError;

/// The error a client sees.
pub fn read_error(error: ReadError) -> Error {
    Problem::from(error).into()
}

pub fn overloaded(why: &str) -> Error {
    Problem::overloaded(why).into()
}

impl Code {
    pub fn error(self, message: impl Into<String>) -> Error {
        Problem::new(self, message).into()
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        for (name, value) in problem.extensions {
            extensions.set(name, Value::from_json(value).unwrap_or_default());
        }
        Self {
            extensions: Some(extensions),
            ..Self::new(problem.message)
        }
    }
}

/// An error of a request as a whole, without a place in its document.
pub fn of_request(why: impl Into<String>, code: Code) -> ServerError {
    let mut error = ServerError::new(why, None);
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", code.as_str());
    error
}

/// The end of an operation that its viewer's role does not allow any longer. `cursor`: how far it came.
pub fn forbidden(cursor: Option<&str>) -> ServerError {
    ended(Ended::Forbidden.into(), cursor)
}

/// The end of an operation that could have gone on, from outside. `cursor`: how far it came.
pub fn ended(problem: Problem, cursor: Option<&str>) -> ServerError {
    let mut error = of_request(problem.message, problem.code);
    if let (Some(extensions), Some(cursor)) = (&mut error.extensions, cursor) {
        extensions.set("cursor", cursor);
    }
    error
}

/// Gives a code to the errors that async-graphql raised by itself: with a path they are about an
/// argument, without one about the whole document. (An extension could do the same, but would cost
/// every field of every row.) Only the first errors of a document that was not executed are
/// returned.
pub fn complete(response: &mut Response) {
    let executed = response.errors.iter().any(|error| !error.path.is_empty());
    if !executed {
        response.errors.truncate(ERRORS_MAX);
    }
    response.errors.iter_mut().for_each(complete_one);
}

/// The response to a request that is not executed.
pub fn refused(errors: Vec<ServerError>) -> Response {
    let mut response = Response::from_errors(errors);
    complete(&mut response);
    response
}

fn complete_one(error: &mut ServerError) {
    if error.message.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX)
            .rev()
            .find(|at| error.message.is_char_boundary(*at));
        error.message.truncate(end.unwrap_or_default());
        error.message.push('…');
    }
    let code = match error.path.is_empty() {
        true => Code::GraphqlValidationFailed,
        false => Code::BadUserInput,
    };
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if extensions.get("code").is_none() {
        extensions.set("code", code.as_str());
    }
}
