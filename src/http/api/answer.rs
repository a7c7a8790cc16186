//! Turns blocks into a response: its ETag, its streamed body, its errors.

use actix_web::body::None as NoBody;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, ETAG, RETRY_AFTER,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::json;

use crate::data::{Code, Micros, Problem, Scope, Viewer};
use crate::formats::{Encode, EncodeError, Format, TimeText};
use crate::history::HistoryError;
use crate::http::api::memory::{self, Blocks};
use crate::http::audit;
use crate::http::connections::Connection;
use crate::http::error::{HttpError, status_of};
use crate::http::etag;
use crate::http::still_allowed::StillAllowed;
use crate::http::worker::Worker;
use crate::store::read::{ReadError, Reader};
use crate::telemetry::Status;

pub(super) type Result<T, E = Problem> = std::result::Result<T, E>;

pub(super) struct Shape {
    pub format: Format,
    pub times: TimeText,
    pub columns: Vec<String>,
    /// The span whose points the answer depends on.
    pub from: Micros,
    pub to: Micros,
}

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Read(#[from] HistoryError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("the client is no longer allowed to have it")]
    NoLongerAllowed,
}

/// The worker's reader for the client, and its viewer; unless Postgres is still starting.
pub(super) fn reader<E>(
    request: &HttpRequest,
    worker: &Worker<E>,
    status: &Status,
) -> Result<(Reader, Viewer)> {
    match worker.reader(request) {
        Some(asker) if !status.is_without_tables() => Ok(asker),
        _ => Err(Problem::new(
            Code::Unavailable,
            "postgres is starting; try again in a moment",
        )),
    }
}

pub(super) fn not_acceptable() -> HttpResponse {
    let names = Format::ALL.map(Format::media_type).join(", ");
    HttpError::NotAcceptable.respond(&format!("available are {names}; or set format="))
}

pub(super) async fn respond(
    request: &HttpRequest,
    (reader, viewer): (&Reader, &Viewer),
    shape: Shape,
    blocks: Blocks,
) -> Result<HttpResponse> {
    let version = reader.version(shape.from, shape.to).await?;
    let tag = version.map(|version| tag(request, shape.format, &viewer.scope(), &version));
    let mut response = HttpResponse::Ok();
    // A cached answer is checked each time, since a correction may come at any moment.
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
        .map_err(|error| ReadError::Other(error.to_string()))?;
    let mut blocks = blocks;
    let first = blocks.next().await.transpose()?;
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
    let export = audit::Export::of(request, shape.format.name());
    let bytes = while_allowed(StillAllowed::of(request), bytes(blocks, encoder, export));
    Ok(response.streaming(bytes))
}

/// A long answer ends, and not as if it were complete, when its client is let out.
fn while_allowed(
    mut allowed: Option<StillAllowed>,
    bytes: impl Stream<Item = Result<Bytes, Broken>>,
) -> impl Stream<Item = Result<Bytes, Broken>> {
    bytes.map(
        move |chunk| match allowed.as_mut().map_or(Ok(()), StillAllowed::check) {
            Ok(()) => chunk,
            Err(_) => Err(Broken::NoLongerAllowed),
        },
    )
}

fn bytes(
    blocks: Blocks,
    encoder: Box<dyn Encode>,
    export: audit::Export,
) -> impl Stream<Item = Result<Bytes, Broken>> {
    let next = |state: Option<(Blocks, Box<dyn Encode>, audit::Export)>| async move {
        let Some((mut blocks, mut encoder, mut export)) = state else {
            return Ok(None);
        };
        match blocks.next().await {
            Some(page) => {
                let page = page?;
                export.sent(page.iter().map(|block| block.line.len()).sum());
                Ok(Some((encoder.encode(&page)?, Some((blocks, encoder, export)))))
            }
            None => {
                let end = encoder.finish()?;
                export.ended();
                Ok(Some((end, None)))
            }
        }
    };
    stream::try_unfold(Some((blocks, encoder, export)), next).inspect(|chunk: &Result<Bytes, Broken>| {
        if let Err(error) = chunk {
            tracing::warn!(%error, "a response failed; its connection is closed");
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
        // Parquet's pages are compressed, and readers seek in the file.
        response.insert_header((CONTENT_ENCODING, "identity"));
    }
    if matches!(format, Format::Csv | Format::Arrow | Format::Parquet) {
        let name = request.path().rsplit('/').next().unwrap_or_default();
        let file = format!("attachment; filename=\"{name}.{}\"", format.name());
        response.insert_header((CONTENT_DISPOSITION, file));
    }
}

/// A strong ETag: it depends on everything that changes the bytes.
pub(super) fn tag(request: &HttpRequest, format: Format, scope: &Scope, version: &str) -> String {
    let encoding = request
        .headers()
        .get(ACCEPT_ENCODING)
        .map_or(&b""[..], |value| value.as_bytes());
    // Viewers with different scopes see different answers.
    let scope = format!("{scope:?}");
    let parts = [
        env!("CARGO_PKG_VERSION").as_bytes(),
        request.path().as_bytes(),
        request.query_string().as_bytes(),
        format.name().as_bytes(),
        encoding,
        scope.as_bytes(),
        version.as_bytes(),
    ];
    let hash = openssl::sha::sha256(&parts.join(&0));
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// The error in GraphQL's shape, with the status of its code.
pub(super) fn failed(problem: &Problem) -> HttpResponse {
    let mut response = HttpResponse::build(status_of(problem));
    if matches!(problem.code, Code::Unavailable | Code::Overloaded) {
        response.insert_header((RETRY_AFTER, Problem::RETRY_AFTER));
    }
    response.json(json!({ "errors": [problem] }))
}

pub(super) fn or_failed(answer: Result<HttpResponse>) -> HttpResponse {
    answer.unwrap_or_else(|problem| failed(&problem))
}

pub(super) type Of<E> = web::Data<Worker<E>>;
