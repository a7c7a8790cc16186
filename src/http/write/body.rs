//! The body of a request that writes, within bounds as it is sent and decompressed.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use actix_web::web::{self, Bytes};

use crate::data::{Problem, Reason};
use crate::decode::{Compression, snappy_block};
use crate::http::body;
use crate::http::error::HttpError;
use crate::http::worker::Worker;

/// As it was sent.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    coding: Coding,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
enum Coding {
    Any(Compression),
    /// A block of snappy and nothing else.
    SnappyBlock,
}

/// At most `most` bytes.
pub(super) async fn read<E>(
    request: &HttpRequest,
    worker: &Worker<E>,
    payload: web::Payload,
    most: usize,
) -> Result<Body, Problem> {
    let coding = match text(request, &CONTENT_ENCODING).to_ascii_lowercase().as_str() {
        "" | "identity" => Compression::None,
        "gzip" | "x-gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        "snappy" => Compression::Snappy,
        _ => {
            let why = "Content-Encoding must be gzip, zstd, snappy or identity";
            return Err(HttpError::UnsupportedMediaType.problem(why));
        }
    };
    sent(request, worker, payload, most, Coding::Any(coding)).await
}

/// The same of a path on which every body is a block of snappy, whether the request says so or not.
pub(super) async fn read_snappy<E>(
    request: &HttpRequest,
    worker: &Worker<E>,
    payload: web::Payload,
    most: usize,
) -> Result<Body, Problem> {
    if !["", "snappy"].contains(&&*text(request, &CONTENT_ENCODING).to_ascii_lowercase()) {
        return Err(HttpError::UnsupportedMediaType.problem("Content-Encoding must be snappy"));
    }
    sent(request, worker, payload, most, Coding::SnappyBlock).await
}

async fn sent<E>(
    request: &HttpRequest,
    worker: &Worker<E>,
    payload: web::Payload,
    most: usize,
    coding: Coding,
) -> Result<Body, Problem> {
    let declared = text(request, &CONTENT_LENGTH).parse::<usize>();
    if declared.is_ok_and(|length| length > most) {
        return Err(too_large(most));
    }
    let read = body::read(request, payload, most, worker.body_timeout).await;
    let bytes = read.map_err(|error| error.http_error().problem(&error.to_string()))?;
    Ok(Body { bytes, coding, most })
}

impl Body {
    pub fn open(&self) -> Result<Cow<'_, [u8]>, Problem> {
        let opened = match self.coding {
            Coding::Any(coding) => coding.open(&self.bytes, self.most),
            Coding::SnappyBlock => snappy_block(&self.bytes, self.most).map(Cow::Owned),
        };
        opened.map_err(|error| match error.reason {
            Reason::RecordTooLarge => too_large(self.most),
            _ => HttpError::BadRequest.problem(&error.detail),
        })
    }
}

fn too_large(most: usize) -> Problem {
    let why = format!("the body has more than {most} bytes, decompressed; send fewer points at once");
    HttpError::PayloadTooLarge.problem(&why)
}

/// Without its parameters, in small letters.
pub(super) fn media_type(request: &HttpRequest) -> String {
    let essence = text(request, &CONTENT_TYPE).split(';').next();
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

/// What is no text is refused like any other unknown value.
fn text<'r>(request: &'r HttpRequest, header: &HeaderName) -> &'r str {
    let value = request.headers().get(header);
    value.map_or("", |value| value.to_str().unwrap_or("?"))
}
