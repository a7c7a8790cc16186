//! `/`: one plain page that says what runs here and how to talk to it. It loads nothing.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HOST};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const STYLE: &str = include_str!("home.css");
const PAGE: &str = include_str!("home.html");

pub(super) async fn page(request: HttpRequest) -> HttpResponse {
    let host = request.headers().get(HOST).and_then(|h| h.to_str().ok());
    let body = PAGE
        .replace("{{style}}", STYLE)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{host}}", &escape(host.unwrap_or("127.0.0.1:8080")));
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy()))
        .body(body)
}

/// Nothing but this very style sheet, by its hash.
fn policy() -> String {
    let hash = STANDARD.encode(openssl::sha::sha256(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
