//! The embedded site, as it was built.

use actix_web::App;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH};
use actix_web::test::{TestRequest, call_service, init_service, read_body};

use super::site::FILES;
use super::*;

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: impl actix_web::http::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let app = init_service(App::new().configure(routes)).await;
    let mut request = TestRequest::with_uri(path).method(method);
    for header in headers {
        request = request.insert_header(*header);
    }
    let response = call_service(&app, request.to_request()).await;
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: read_body(response).await.to_vec(),
    }
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(Method::GET, path, headers).await
}

#[test]
fn the_table_is_sorted_and_every_file_can_be_unpacked() {
    assert!(FILES.is_sorted_by_key(|file| file.path));
    for file in FILES {
        let plain = file.plain().unwrap();
        assert!(!file.is_gzip || plain.len() > file.bytes.len(), "{}", file.path);
    }
}

#[actix_web::test]
async fn what_is_compressed_is_unpacked_for_those_who_do_not_take_it() {
    let zipped = get("/", &[(ACCEPT_ENCODING.as_str(), "gzip, deflate, br")]).await;
    assert_eq!(zipped.header(CONTENT_ENCODING), "gzip");
    for accepted in ["", "identity", "br", "gzip;q=0, *", "identity, gzip;q=0.5"] {
        let plain = get("/", &[(ACCEPT_ENCODING.as_str(), accepted)]).await;
        assert_eq!(plain.header(CONTENT_ENCODING), "", "{accepted}");
        assert!(plain.body.starts_with(b"<!DOCTYPE html>"), "{accepted}");
        assert_ne!(plain.header(ETAG), zipped.header(ETAG));
    }
    assert!(get("/", &[]).await.body.len() > zipped.body.len());
}

#[actix_web::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let tag = get("/", &[]).await.header(ETAG).to_owned();
    let known = get("/", &[(IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header(CACHE_CONTROL), "no-cache");
    let other = get("/", &[(IF_NONE_MATCH.as_str(), "\"other\"")]).await;
    assert_eq!(other.status, 200);
}

#[actix_web::test]
async fn nothing_but_the_files_of_the_site_can_be_had() {
    for path in [
        "/index.html",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/_next",
        "/_next/static/../../index",
        "//",
        "/site.rs",
    ] {
        assert_eq!(get(path, &[]).await.status, 404, "{path}");
    }
    let page = get("/nothing", &[("accept", "text/html,*/*;q=0.8")]).await;
    assert_eq!(page.status, 404);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let written = ask(Method::POST, "/", &[]).await;
    assert_eq!((written.status, written.header(ALLOW)), (405, "GET, HEAD"));
}
