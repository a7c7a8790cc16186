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

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_ENCODING, HeaderValue, VARY};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{Error, Handler, HttpRequest, HttpResponse, Responder, guard, web};

use super::connections::Connection;
use super::error::HttpError;
use crate::graphql::Operations;

const ALLOWED: &str = "GET, HEAD, OPTIONS";
const OPENAPI: &str = include_str!("openapi.json");

pub(super) fn routes<E: Operations>(app: &mut web::ServiceConfig) {
    resource(app, "/api/v1/points", points::get::<E>);
    resource(app, "/api/v1/history", history::get::<E>);
    resource(app, "/api/v1/openapi.json", openapi);
}

/// Each is a resource of its own, not part of a scope: other paths below `/api` belong to others.
fn resource<F, Args>(app: &mut web::ServiceConfig, path: &str, get: F)
where
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: actix_web::FromRequest + 'static,
{
    let reads = guard::Any(guard::Get()).or(guard::Head());
    let resource = web::resource(path)
        .route(web::route().guard(reads).to(get))
        .default_service(web::to(other_method))
        .wrap(Compress::default())
        .wrap(from_fn(tidy));
    app.service(resource);
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

async fn other_method(request: HttpRequest) -> HttpResponse {
    let mut response = if request.method() == actix_web::http::Method::OPTIONS {
        HttpResponse::NoContent().finish()
    } else {
        HttpError::MethodNotAllowed.respond("use GET")
    };
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(ALLOWED));
    response
}
