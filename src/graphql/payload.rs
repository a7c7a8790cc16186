//! The messages of an operation for every transport: JSON texts, and what they mean for the
//! connection.

use std::sync::Arc;

use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::errors::Code;
use super::guard::Checked;
use crate::live::Json;

#[derive(Debug)]
pub enum Payload {
    Next(Next),
    /// Parsing, validation, a limit or the start of the operation refused it: no field was
    /// resolved. Always the only message.
    Refused(Vec<ServerError>),
}

#[derive(Debug)]
pub struct Next {
    /// An execution result: `{"data":…}`, with `errors` where there are some.
    pub json: Json,
    /// Where the subscriber stands after this message; it has no characters that need escaping.
    pub cursor: Option<Arc<str>>,
    pub then: Then,
}

/// What follows a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    #[default]
    GoOn,
    /// The operation is over.
    End,
    /// The subscriber did not keep up: its connection closes.
    TooSlow,
    /// The server is about to stop.
    GoAway,
}

/// Executes operations for transports: only those the guard has checked. Others are answered with the
/// guard's errors.
pub trait Operations: Executor {
    /// What the guard says of a request with its data. `session`: what came with the connection.
    fn check(&self, request: Request, session: Option<&Data>) -> Result<Checked, Vec<ServerError>>;

    fn answer(&self, checked: Result<Checked, Vec<ServerError>>) -> impl Future<Output = Response> + Send;

    fn payloads(
        &self,
        checked: Result<Checked, Vec<ServerError>>,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Payload>;
}

impl Payload {
    /// A response of an operation that began.
    pub fn next(response: Response) -> Self {
        let then = then(&response);
        // Only maps with keys that are no strings fail to serialise, and responses have none.
        let json = serde_json::to_string(&response).unwrap_or_default();
        Self::Next(Next {
            json: json.into(),
            cursor: None,
            then,
        })
    }
}

/// Each response by itself, as async-graphql made it. `live`: they are a subscription's.
pub fn plain(responses: BoxStream<'static, Response>, live: bool) -> BoxStream<'static, Payload> {
    let first = stream::iter([true]).chain(stream::repeat(false));
    let payload = move |(response, first)| match first && never_began(&response, live) {
        true => Payload::Refused(response.errors),
        false => Payload::next(response),
    };
    responses.zip(first).map(payload).boxed()
}

/// An error of the request itself has no path: no field was resolved.
pub fn never_executed(response: &Response) -> bool {
    only_errors(response) && response.errors.iter().all(|error| error.path.is_empty())
}

/// A first response that is an error of a subscription's field is as early: the field gives the
/// stream, not its items.
fn never_began(response: &Response, live: bool) -> bool {
    then(response) == Then::GoOn && (never_executed(response) || (live && only_errors(response)))
}

fn only_errors(response: &Response) -> bool {
    response.data == Value::Null && !response.errors.is_empty()
}

fn then(response: &Response) -> Then {
    if has_code(response, Code::SlowClient) {
        Then::TooSlow
    } else if has_code(response, Code::GoingAway) {
        Then::GoAway
    } else {
        Then::GoOn
    }
}

pub fn has_code(response: &Response, code: Code) -> bool {
    let code = Value::from(code.as_str());
    response.errors.iter().any(|error| {
        let extensions = error.extensions.as_ref();
        extensions.and_then(|e| e.get("code")) == Some(&code)
    })
}
