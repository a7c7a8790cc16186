//! Reads the body of a request within bounds of size, time and the clients' memory.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::rt::time::timeout;
use actix_web::web::{self, Bytes, BytesMut};
use futures_util::StreamExt;

use super::connections::{Connection, Full};
use super::error::HttpError;

/// A body is counted in steps of this many bytes.
const STEP: usize = 64 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body ended early")]
    BrokeOff,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body took too long")]
    TooSlow,
    #[error("{}", .0.why())]
    Overloaded(Full),
}

impl BodyError {
    pub const fn http_error(self) -> HttpError {
        match self {
            Self::BrokeOff => HttpError::BadRequest,
            Self::TooLarge(_) => HttpError::PayloadTooLarge,
            Self::TooSlow => HttpError::BodyTimeout,
            Self::Overloaded(full) => full.http_error(),
        }
    }
}

/// At most `most` bytes, within `patience`.
pub(super) async fn read(
    request: &HttpRequest,
    body: web::Payload,
    most: usize,
    patience: Duration,
) -> Result<Bytes, BodyError> {
    let reading = whole(Connection::of(request), body, most);
    timeout(patience, reading)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn whole(
    connection: Option<std::rc::Rc<Connection>>,
    mut body: web::Payload,
    most: usize,
) -> Result<Bytes, BodyError> {
    let (mut whole, mut counted) = (BytesMut::new(), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| BodyError::BrokeOff)?;
        let size = whole.len() + chunk.len();
        if size > most {
            return Err(BodyError::TooLarge(most));
        }
        if let Some(connection) = connection.as_ref().filter(|_| size > counted) {
            counted = match counted {
                0 => size,
                _ => size.next_multiple_of(STEP),
            };
            connection.hold(counted).map_err(BodyError::Overloaded)?;
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}
