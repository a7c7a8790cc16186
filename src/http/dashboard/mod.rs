//! The dashboard: a static site in the program, under all paths that have no other handler.
//!
//! The files are compressed and sent as they are. Clients that do not accept gzip get them unpacked.

mod policy;
mod site;
#[cfg(test)]
mod tests;

use actix_web::body::None as NoBody;
use actix_web::http::header::{
    ACCEPT, ALLOW, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, ETAG, Encoding, Header, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use self::site::File;
use super::error::{self, HttpError};
use super::etag;

const NOT_FOUND: &str = "/404";

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.default_service(web::to(answer));
}

async fn answer(request: HttpRequest) -> HttpResponse {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match site::find(request.path()) {
        Some(file) if reads => send(&request, file, StatusCode::OK),
        Some(_) => other_method(),
        None if reads && is_browser(&request) => match site::find(NOT_FOUND) {
            Some(page) => send(&request, page, StatusCode::NOT_FOUND),
            None => error::nothing_here().await,
        },
        None => error::nothing_here().await,
    }
}

fn send(request: &HttpRequest, file: &'static File, status: StatusCode) -> HttpResponse {
    let zipped = file.is_gzip && takes_gzip(request);
    let tag = format!("\"{}{}\"", file.tag, if zipped { "-gzip" } else { "" });
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CACHE_CONTROL, keep(file)))
        .insert_header((ETAG, tag.clone()))
        .insert_header((VARY, "Accept-Encoding"));
    policy::describe(&mut response, file);
    if status == StatusCode::OK && etag::is_known(request, &tag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(file.content_type);
    if zipped {
        return response
            .insert_header((CONTENT_ENCODING, "gzip"))
            .body(Bytes::from_static(file.bytes));
    }
    match file.plain() {
        Ok(plain) => response.body(plain),
        Err(error) => {
            tracing::error!(%error, path = file.path, "an embedded file of the dashboard is corrupt");
            HttpResponse::InternalServerError().body(NoBody::new())
        }
    }
}

/// A page is checked each time, since it names the files that belong to it.
fn keep(file: &File) -> &'static str {
    if file.is_immutable() {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .ok()
        .filter(|accepted| !accepted.is_empty())
        .and_then(|accepted| accepted.negotiate(offered.iter()))
        .is_some_and(|chosen| chosen == Encoding::gzip())
}

/// Programs accept anything or JSON; a browser that follows a link names HTML.
fn is_browser(request: &HttpRequest) -> bool {
    let mut accepted = request
        .headers()
        .get_all(ACCEPT)
        .filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/html"))
}

fn other_method() -> HttpResponse {
    let mut response = HttpError::MethodNotAllowed.respond("use GET or HEAD");
    let allowed = actix_web::http::header::HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(ALLOW, allowed);
    response
}
