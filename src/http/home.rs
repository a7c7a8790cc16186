//! `/` without the dashboard: one plain page that says what runs here and how to talk to it. It loads nothing.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HOST};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error;

const STYLE: &str = include_str!("home.css");
const PAGE: &str = include_str!("home.html");

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/", web::get().to(page))
        .default_service(web::to(error::nothing_here));
}

async fn page(request: HttpRequest) -> HttpResponse {
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

/// Allows only this style sheet, by its hash.
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

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};

    use super::*;

    #[actix_web::test]
    async fn the_page_loads_nothing_and_names_this_server() {
        let app = init_service(App::new().configure(routes)).await;
        let request = TestRequest::get().uri("/").insert_header((HOST, "node:81"));
        let page = call_service(&app, request.to_request()).await;
        let policy = page.headers().get(CONTENT_SECURITY_POLICY).cloned().unwrap();
        assert!(
            policy
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'; style-src 'sha256-")
        );
        let text = read_body(page).await;
        let text = str::from_utf8(&text).unwrap();
        assert!(text.contains("curl http://node:81/graphql"));
        assert!(!text.contains("{{") && !text.contains("<script"));
    }
}
