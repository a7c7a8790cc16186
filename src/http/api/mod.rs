//! `/api/v1`: points and history by plain HTTP, for scripts and notebooks.
//!
//! An answer of any size is streamed in pages that the client's own pace pulls. What is wrong is
//! said before the first byte, with a status; what goes wrong later breaks the connection, so that
//! a whole answer is never mistaken for a cut one.

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
use actix_web::{Error, Handler, HttpRequest, HttpResponse, Resource, Responder, guard, web};

use super::connections::Connection;
use super::error::HttpError;
use crate::graphql::Operations;

const ALLOWED: &str = "GET, HEAD, OPTIONS";
const OPENAPI: &str = include_str!("openapi.json");

pub(super) fn routes<E: Operations>(app: &mut web::ServiceConfig) {
    app.service(resource("/api/v1/points", points::get::<E>))
        .service(resource("/api/v1/history", history::get::<E>))
        .service(resource("/api/v1/openapi.json", openapi));
}

/// A resource each and no scope: what else is below `/api` belongs to others.
fn resource<F, Args>(
    path: &str,
    get: F,
) -> Resource<
    impl actix_web::dev::ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
>
where
    F: Handler<Args>,
    F::Output: Responder + 'static,
    Args: actix_web::FromRequest + 'static,
{
    let reads = guard::Any(guard::Get()).or(guard::Head());
    web::resource(path)
        .route(web::route().guard(reads).to(get))
        .default_service(web::to(other_method))
        .wrap(Compress::default())
        .wrap(from_fn(tidy))
}

/// Keeps a page of memory for the answer. What is compressed already was marked so that nobody does it
/// again; that mark is for us alone.
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
