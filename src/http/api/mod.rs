//! `/api/v1`: points and history by plain HTTP, for scripts and notebooks.
//!
//! An answer of any size is streamed in pages, as fast as the client reads. Errors before the first
//! byte have a status. A later error closes the connection, so that nobody takes a cut answer for a
//! whole one.

mod answer;
mod history;
mod memory;
mod params;
mod points;
#[cfg(test)]
mod tests;

use std::future::ready;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_ENCODING, HeaderValue, VARY};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, guard, web};

use super::connections::Connection;
use super::error::HttpError;
use super::write::post_points;
use crate::graphql::Operations;

const OPENAPI: &str = include_str!("openapi.json");

pub(super) fn routes<E: Operations>(app: &mut web::ServiceConfig) {
    let points = resource("/api/v1/points", points::get::<E>).route(web::post().to(post_points::<E>));
    let others = [
        resource("/api/v1/history", history::get::<E>),
        resource("/api/v1/openapi.json", openapi),
    ];
    app.service(finished(points, "GET, HEAD, POST, OPTIONS"));
    for resource in others {
        app.service(finished(resource, "GET, HEAD, OPTIONS"));
    }
}

/// Each is a resource of its own, not part of a scope: other paths below `/api` belong to others.
fn resource<F, Args>(path: &str, get: F) -> Resource
where
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: FromRequest + 'static,
{
    let reads = guard::Any(guard::Get()).or(guard::Head());
    web::resource(path).route(web::route().guard(reads).to(get))
}

/// With compressed answers, and one to other methods.
fn finished(resource: Resource, allowed: &'static str) -> impl HttpServiceFactory + 'static {
    resource
        .default_service(web::to(move |request| ready(other_method(&request, allowed))))
        .wrap(Compress::default())
        .wrap(from_fn(tidy))
}

/// Reserves a page of memory for the answer. Removes the mark that keeps `Compress` from compressing
/// an answer twice.
async fn tidy(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let held = Connection::of(request.request()).map_or(Ok(()), |connection| connection.hold(memory::PAGE));
    if let Err(full) = held {
        return Ok(request.into_response(full.http_error().respond(full.why())));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers_mut();
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding == "identity")
    {
        headers.remove(CONTENT_ENCODING);
    }
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    Ok(response)
}

async fn openapi() -> impl Responder {
    HttpResponse::Ok().content_type("application/json").body(OPENAPI)
}

fn other_method(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let mut response = if request.method() == actix_web::http::Method::OPTIONS {
        HttpResponse::NoContent().finish()
    } else {
        HttpError::MethodNotAllowed.respond(&format!("use {}", allowed.trim_end_matches(", OPTIONS")))
    };
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
