//! Who may talk to a server that asks for no password: programs that address it by a known name,
//! and web pages it knows.
//!
//! The Host check stops DNS rebinding (a foreign page whose name suddenly means 127.0.0.1); the
//! Origin check stops foreign pages from writing and from subscribing. Programs that are no browsers
//! send no Origin.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use super::accept::Accepted;
use super::api;
use super::graphql::is_websocket;
use super::refusal::Refusal;

/// Probes address a node by whatever name or number they have; these tell nothing that is secret.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

#[derive(Debug)]
pub struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    /// `hosts`: names, with or without a port, in addition to those of loopback. `origins`: whole
    /// origins (`https://app.example.org`) in addition to our own pages.
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        let tidy = |text: &String| text.trim().trim_end_matches('/').to_ascii_lowercase();
        Self {
            hosts: hosts.iter().map(tidy).collect(),
            origins: origins.iter().map(tidy).collect(),
        }
    }

    /// `host` as in the header: a name or address, perhaps with a port.
    pub fn allows_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        is_loopback(name) || self.hosts.iter().any(|h| *h == host || h == name)
    }

    /// Our own page (it has our host and port) or one we know.
    pub fn allows_origin(&self, origin: &str, host: &str) -> bool {
        let same = origin
            .split_once("://")
            .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        same || self.knows_origin(origin)
    }

    fn knows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|o| o.eq_ignore_ascii_case(origin))
    }

    fn refusal(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        if PROBES.contains(&request.path()) {
            return None;
        }
        let host = host(request);
        if !self.allows_host(host) {
            return Some(Refusal::ForbiddenHost.respond(
                "this host name is not allowed here; use 127.0.0.1 or localhost, or start streamsync with --allowed-host",
            ));
        }
        let origin = text(request.headers(), &header::ORIGIN)?;
        // What lives on, or has no bound, costs more than an answer that the page's browser would
        // throw away.
        let lives_on = is_websocket(request.request())
            || Accepted::of(request.headers()).form.is_some()
            || request.path().starts_with(api::PREFIX);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD) && !lives_on;
        if reads || self.allows_origin(origin, host) {
            return None;
        }
        Some(
            Refusal::ForbiddenOrigin.respond(
                "web pages of this origin are not allowed here; start streamsync with --allowed-origin",
            ),
        )
    }

    /// The answer to a known page that asks whether it may.
    fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        if request.method() != Method::OPTIONS
            || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            || !self.knows_origin(text(headers, &header::ORIGIN)?)
        {
            return None;
        }
        let answer = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
            .insert_header((
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "content-type, accept, last-event-id, if-none-match",
            ))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
            .finish();
        Some(answer)
    }
}

/// The middleware: refuses, answers preflights, and sets the headers every answer has.
pub(super) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(guard) = request.app_data::<web::Data<Guard>>().cloned() else {
        return Err(actix_web::error::ErrorInternalServerError("no guard"));
    };
    let known = text(request.headers(), &header::ORIGIN)
        .filter(|origin| guard.knows_origin(origin))
        .and_then(|origin| HeaderValue::from_str(origin).ok());
    let early = guard.refusal(&request).or_else(|| guard.preflight(&request));
    let mut response = match early {
        Some(answer) => request.into_response(answer),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let headers = response.headers_mut();
    set_default(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_default(headers, header::CACHE_CONTROL, "no-store");
    set_default(headers, header::X_FRAME_OPTIONS, "DENY");
    set_default(headers, header::REFERRER_POLICY, "no-referrer");
    set_default(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    if !guard.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = known {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn host(request: &ServiceRequest) -> &str {
    text(request.headers(), &header::HOST)
        .or_else(|| request.uri().authority().map(|a| a.as_str()))
        .unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // An Origin that is no text is still one: the empty text, which is nobody's.
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_by_name_with_or_without_the_port() {
        let guard = Guard::new(&["A.example.org".to_owned(), "b:81".to_owned()], &[]);
        for host in [
            "localhost",
            "x.localhost:9",
            "127.9.9.9:1",
            "[::1]:80",
            "a.example.org:7",
            "B:81",
        ] {
            assert!(guard.allows_host(host), "{host}");
        }
        for host in [
            "",
            "b",
            "b:82",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "[::2]:80",
        ] {
            assert!(!guard.allows_host(host), "{host}");
        }
    }
}
