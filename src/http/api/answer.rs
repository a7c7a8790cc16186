//! From blocks to a response: the tag that tells whether it has changed, the body that is pulled,
//! the errors.

use std::time::Duration;

use actix_web::body::None as NoBody;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, ETAG, RETRY_AFTER,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream::{self, LocalBoxStream, Stream, StreamExt};
use serde_json::json;

use crate::data::Micros;
use crate::formats::{Block, Encode, EncodeError, Format, TimeText};
use crate::graphql::errors::Code;
use crate::graphql::services::read_error;
use crate::history::HistoryError;
use crate::http::api::memory;
use crate::http::connections::Connection;
use crate::http::error::HttpError;
use crate::http::etag;
use crate::http::worker::Worker;
use crate::store::read::{ReadError, Reader};
use crate::telemetry::Status;

/// Pages of rows until there are no more; dropped when the client is gone.
pub(super) type Blocks = LocalBoxStream<'static, Result<Vec<Block>, HistoryError>>;

/// How the rows are to be written.
pub(super) struct Shape {
    pub format: Format,
    pub times: TimeText,
    pub columns: Vec<String>,
    /// What the answer depends on.
    pub from: Micros,
    pub to: Micros,
}

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Read(#[from] HistoryError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The worker's connections for who asks, unless Postgres is still starting.
pub(super) fn reader<E>(
    request: &HttpRequest,
    worker: &Worker<E>,
    status: &Status,
) -> async_graphql::Result<Reader> {
    match worker.reader(request) {
        Some(reader) if !status.is_without_tables() => Ok(reader),
        _ => Err(Code::Unavailable.error("postgres is starting; try again in a moment")),
    }
}

pub(super) fn not_acceptable() -> HttpResponse {
    let names = Format::ALL.map(Format::media_type).join(", ");
    HttpError::NotAcceptable.respond(&format!("there is only {names}; or say format="))
}

pub(super) async fn respond(
    request: &HttpRequest,
    reader: &Reader,
    shape: Shape,
    blocks: Blocks,
) -> async_graphql::Result<HttpResponse> {
    let version = reader.version(shape.from, shape.to).await.map_err(read_error)?;
    let tag = version.map(|version| tag(request, shape.format, &version));
    let mut response = HttpResponse::Ok();
    // Whoever kept it asks again each time: a correction may come at any moment.
    match &tag {
        Some(tag) => response
            .insert_header((ETAG, tag.clone()))
            .insert_header((CACHE_CONTROL, "private, max-age=0, must-revalidate")),
        None => response.insert_header((CACHE_CONTROL, "private, no-cache")),
    };
    if tag.is_some_and(|tag| etag::is_known(request, &tag)) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    describe(&mut response, request, shape.format);
    if request.method() == Method::HEAD {
        return Ok(response.body(NoBody::new()));
    }
    let encoder = shape
        .format
        .encoder(&shape.columns, shape.times)
        .map_err(encode_error)?;
    let mut blocks = blocks;
    let first = blocks.next().await.transpose().map_err(history_error)?;
    let held = first.as_ref().map_or(0, |page| memory::of(page));
    if let Some(connection) = Connection::of(request)
        && let Err(full) = connection.hold(held.max(memory::PAGE))
    {
        return Ok(full.http_error().respond(full.why()));
    }
    let pages = stream::iter(first.map(Ok)).chain(blocks);
    let blocks = match shape.format.is_text() {
        true => memory::in_parts(pages.boxed_local()),
        false => pages.boxed_local(),
    };
    Ok(response.streaming(bytes(blocks, encoder)))
}

fn bytes(blocks: Blocks, encoder: Box<dyn Encode>) -> impl Stream<Item = Result<Bytes, Broken>> {
    let next = |state: Option<(Blocks, Box<dyn Encode>)>| async move {
        let Some((mut blocks, mut encoder)) = state else {
            return Ok(None);
        };
        match blocks.next().await {
            Some(page) => Ok(Some((encoder.encode(&page?)?, Some((blocks, encoder))))),
            None => Ok(Some((encoder.finish()?, None))),
        }
    };
    stream::try_unfold(Some((blocks, encoder)), next).inspect(|chunk: &Result<Bytes, Broken>| {
        if let Err(error) = chunk {
            tracing::warn!(%error, "an answer broke off, and its connection with it");
        }
    })
}

fn describe(response: &mut HttpResponseBuilder, request: &HttpRequest, format: Format) {
    let more = match format {
        Format::Csv => "; charset=utf-8; header=present",
        _ => "",
    };
    response.content_type(format!("{}{more}", format.media_type()));
    if format == Format::Parquet {
        // Its pages are compressed, and readers seek in it.
        response.insert_header((CONTENT_ENCODING, "identity"));
    }
    if matches!(format, Format::Csv | Format::Arrow | Format::Parquet) {
        let name = request.path().rsplit('/').next().unwrap_or_default();
        let file = format!("attachment; filename=\"{name}.{}\"", format.name());
        response.insert_header((CONTENT_DISPOSITION, file));
    }
}

/// Strong: the same bytes, so it depends on whatever shapes them.
fn tag(request: &HttpRequest, format: Format, version: &str) -> String {
    let encoding = request
        .headers()
        .get(ACCEPT_ENCODING)
        .map_or(&b""[..], |value| value.as_bytes());
    let parts = [
        env!("CARGO_PKG_VERSION").as_bytes(),
        request.path().as_bytes(),
        request.query_string().as_bytes(),
        format.name().as_bytes(),
        encoding,
        version.as_bytes(),
    ];
    let hash = openssl::sha::sha256(&parts.join(&0));
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

pub(super) fn history_error(error: HistoryError) -> async_graphql::Error {
    match error {
        HistoryError::Bad(bad) => Code::BadUserInput.error(bad.to_string()),
        HistoryError::Read(error) => read_error(error),
    }
}

fn encode_error(error: EncodeError) -> async_graphql::Error {
    read_error(ReadError::Other(error.to_string()))
}

const RETRY: Duration = Duration::from_secs(1);

/// The error in the shape of all others, with the status that belongs to its code.
pub(super) fn failed(error: &async_graphql::Error) -> HttpResponse {
    let extension = |name: &str| error.extensions.as_ref().and_then(|all| all.get(name));
    let is = |other: Code| extension("code") == Some(&other.as_str().into());
    let status = if is(Code::BadUserInput) {
        StatusCode::BAD_REQUEST
    } else if is(Code::NotAvailableAtThisAge) {
        StatusCode::GONE
    } else if is(Code::TooManyRows) {
        StatusCode::UNPROCESSABLE_ENTITY
    } else if is(Code::Overloaded) && extension("ownShare") == Some(&true.into()) {
        StatusCode::TOO_MANY_REQUESTS
    } else if is(Code::Unavailable) || is(Code::Overloaded) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if is(Code::QueryTimeout) {
        StatusCode::GATEWAY_TIMEOUT
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let mut response = HttpResponse::build(status);
    if is(Code::Unavailable) || is(Code::Overloaded) {
        response.insert_header((RETRY_AFTER, RETRY.as_secs()));
    }
    response.json(json!({ "errors": [error] }))
}

/// Either is an answer.
pub(super) fn or_failed(answer: async_graphql::Result<HttpResponse>) -> HttpResponse {
    answer.unwrap_or_else(|error| failed(&error))
}

pub(super) type Of<E> = web::Data<Worker<E>>;
