//! Who may talk to a server that asks for no password: programs that address it by a known name,
//! and web pages it knows.
//!
//! The Host check stops DNS rebinding (a foreign page whose name suddenly means 127.0.0.1). Pages of
//! foreign origins may open our pages and nothing else, whatever they ask by: an image or a script
//! costs us a query as well, though its page cannot read the answer. Programs that are no browsers
//! send neither an Origin nor the headers of Fetch Metadata.

mod fetch;
mod origin;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use percent_encoding::percent_decode_str;

use self::fetch::Fetch;
pub use self::origin::Origin;
use self::origin::split_port;
use super::error::HttpError;
use super::routes;

/// Whether the process answers, for any host name; it reveals nothing else.
const LIVENESS: &str = "/livez";

/// What is no page. Below those that end in a slash everything is none.
// Not the callback: issuers send browsers there.
const API: [&str; 10] = [
    "/auth/session",
    "/auth/login",
    "/auth/logout",
    "/graphql",
    "/ws",
    "/stock",
    "/metrics",
    "/readyz",
    "/api/",
    "/prometheus/",
];

/// What an answer depends on besides its URL.
const VARY: &str = "Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest";

/// The headers that known pages may send, besides those that need no leave.
const HEADERS: &str = "content-type, accept, authorization, x-api-key, x-csrf-token, last-event-id, if-none-match, \
                       apollo-require-preflight, x-apollo-operation-name, graphql-require-preflight";

const ASKS_PRIVATE: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const UNKNOWN_HOST: &str = "this host name is not allowed here; use 127.0.0.1 or localhost, or start streamsync \
                            with --allowed-host and the name or address, also that by which a probe or \
                            Prometheus comes, such as a pod's";

#[derive(Debug)]
pub struct Guard {
    hosts: Vec<String>,
    origins: Vec<Origin>,
    /// We speak TLS ourselves.
    is_secured: bool,
}

impl Guard {
    /// `hosts`: names, with or without a port, in addition to those of loopback. `origins`: whole
    /// origins (`https://app.example.org`) in addition to our own pages.
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        let tidy = |text: &String| text.trim().trim_end_matches('/').to_ascii_lowercase();
        let origins = origins.iter().map(tidy);
        Self {
            hosts: hosts.iter().map(tidy).collect(),
            origins: origins.filter_map(|origin| Origin::parse(&origin)).collect(),
            is_secured: false,
        }
    }

    /// Our own pages come by https.
    pub fn secured(self, is_secured: bool) -> Self {
        Self { is_secured, ..self }
    }

    /// `host` as in the header: a name or address, perhaps with a port.
    pub fn allows_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        is_loopback(name) || self.hosts.iter().any(|h| *h == host || h == name)
    }

    fn knows(&self, origin: &str) -> bool {
        Origin::parse(origin).is_some_and(|origin| self.origins.contains(&origin))
    }

    /// Whether a request is a web page's that may not use us.
    fn is_foreign(&self, method: &Method, path: &str, headers: &HeaderMap, host: &str) -> bool {
        let fetch = Fetch::of(headers);
        match text(headers, &header::ORIGIN) {
            Some(origin) => !self.knows(origin) && !self.is_own(origin, host, fetch),
            None if fetch.is_browser() => {
                let opens_page = *method == Method::GET && fetch.opens_page() && is_page(path);
                fetch.is_from_elsewhere() && !opens_page
            }
            // Browsers do not tell a plain http server that is not on their machine who asks; some
            // say where the request comes from.
            None => {
                !is_page(path)
                    && text(headers, &header::REFERER).is_some_and(|url| self.is_strange(url, host))
            }
        }
    }

    /// The origin is that of our own pages. Ours is `https` if we speak TLS. Else it is `http`, unless a
    /// proxy in front of us speaks TLS: then `https` is among those that are allowed, or the browser says that it is the same.
    fn is_own(&self, origin: &str, host: &str, fetch: Fetch<'_>) -> bool {
        let (plain, secure) = (Origin::at(false, host), Origin::at(true, host));
        let Some(origin) = Origin::parse(origin) else {
            return false;
        };
        // Not of WebSockets: browsers differ on whether `ws` is another scheme than `http`.
        if fetch.is_from_elsewhere() && !fetch.is_websocket() {
            return false;
        }
        if self.is_secured {
            return secure.as_ref() == Some(&origin);
        }
        let is_secured = secure.as_ref().is_some_and(|own| self.origins.contains(own));
        (plain.as_ref() == Some(&origin) && !is_secured)
            || (secure.as_ref() == Some(&origin) && fetch.is_same_origin())
    }

    /// The URL is that of a page that is neither ours nor known.
    fn is_strange(&self, url: &str, host: &str) -> bool {
        let Some(page) = Origin::of_url(url) else {
            return false;
        };
        let own = Origin::at(true, host).into_iter();
        let mut own = own.chain(Origin::at(false, host).filter(|_| !self.is_secured));
        !self.origins.contains(&page) && !own.any(|own| own == page)
    }

    fn refusal(&self, request: &HttpRequest) -> Option<HttpResponse> {
        if request.path() == LIVENESS {
            return None;
        }
        // The router reads such a path as another one, and whoever looks at the path does not.
        if escapes_without_need(request.path()) {
            return Some(HttpError::BadRequest.respond_to(
                request,
                "the path has a percent-escape of a character that needs none",
            ));
        }
        let Some(host) = self.host(request) else {
            return Some(HttpError::ForbiddenHost.respond_to(request, UNKNOWN_HOST));
        };
        if self.is_foreign(request.method(), request.path(), request.headers(), host) {
            return Some(HttpError::ForbiddenOrigin.respond_to(
                request,
                "web pages of this origin are not allowed here; start streamsync with --allowed-origin",
            ));
        }
        if !is_utf8(request.uri()) {
            return Some(
                HttpError::BadRequest.respond_to(request, "a percent-escape in the URL is not UTF-8"),
            );
        }
        routes::access(request.match_pattern().as_deref(), request.method())
            .is_none()
            .then(|| HttpError::NotFound.respond_to(request, "this path is not in the table of paths"))
    }

    /// The name by which the request addresses us, if it is one of ours.
    fn host<'a>(&self, request: &'a HttpRequest) -> Option<&'a str> {
        let mut named = request.headers().get_all(header::HOST);
        let header = match (named.next(), named.next()) {
            (Some(host), None) => Some(host.to_str().unwrap_or_default()),
            (None, _) => None,
            // Servers differ on which of them counts.
            (Some(_), Some(_)) => return None,
        };
        // A proxy's form of the request line names us as well.
        let authority = request.uri().authority().map(|authority| authority.as_str());
        let mut names = header.into_iter().chain(authority);
        let allowed = names.clone().all(|name| self.allows_host(name));
        names.next().filter(|_| allowed)
    }

    /// Browsers ask this host by https alone from then on. Not for this machine, where other servers
    /// share the name.
    fn is_strict(&self, request: &HttpRequest) -> bool {
        self.is_secured
            && self
                .host(request)
                .is_some_and(|host| !is_loopback(without_port(host)))
    }

    /// The answer to a known page that asks whether it may.
    fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        if request.method() != Method::OPTIONS
            || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            || !self.knows(text(headers, &header::ORIGIN)?)
        {
            return None;
        }
        let mut answer = HttpResponse::NoContent();
        answer
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
        // A page of the public web asks for a server in a private network, or on this machine.
        if headers.contains_key(ASKS_PRIVATE) {
            answer.insert_header((ALLOW_PRIVATE, "true"));
        }
        Some(answer.finish())
    }
}

/// The middleware: refuses, answers preflights, and sets the headers every answer has.
pub(super) async fn check(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(guard) = request.app_data::<web::Data<Guard>>().cloned() else {
        return Err(actix_web::error::ErrorInternalServerError("no guard"));
    };
    if guard.is_secured {
        // As a proxy would say it: cookies go by it.
        request
            .headers_mut()
            .insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
    }
    let headers = AnswerHeaders::of(request.request());
    let early = guard
        .refusal(request.request())
        .or_else(|| guard.preflight(&request));
    let mut response = match early {
        Some(answer) => request.into_response(answer),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    headers.put(response.headers_mut());
    Ok(response)
}

/// The headers that every answer has, also one that is given before the guard is asked.
pub(super) struct AnswerHeaders {
    /// The origin of a known page.
    known: Option<HeaderValue>,
    is_strict: bool,
}

impl AnswerHeaders {
    pub fn of(request: &HttpRequest) -> Self {
        let guard = request.app_data::<web::Data<Guard>>();
        let origin = text(request.headers(), &header::ORIGIN);
        let known = origin.filter(|origin| guard.is_some_and(|guard| guard.knows(origin)));
        Self {
            known: known.and_then(|origin| HeaderValue::from_str(origin).ok()),
            is_strict: guard.is_some_and(|guard| guard.is_strict(request)),
        }
    }

    pub fn put(self, headers: &mut HeaderMap) {
        set_default(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set_default(headers, header::CACHE_CONTROL, "no-store");
        set_default(headers, header::X_FRAME_OPTIONS, "DENY");
        set_default(headers, header::REFERRER_POLICY, "no-referrer");
        set_default(headers, RESOURCE_POLICY, "same-origin");
        set_default(
            headers,
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        );
        if self.is_strict {
            set_default(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
        }
        let vary = match text(headers, &header::VARY) {
            Some(own) => HeaderValue::from_str(&format!("{own}, {VARY}")).ok(),
            None => None,
        };
        headers.insert(header::VARY, vary.unwrap_or(HeaderValue::from_static(VARY)));
        if let Some(origin) = self.known {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // An Origin that is no text is still one: the empty text, which is nobody's.
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// A file of the dashboard, or nothing. The router reads escapes: `/gr%61phql` is `/graphql`.
fn is_page(path: &str) -> bool {
    let mut api = API.iter();
    let is_api = api.any(|api| path == *api || (api.ends_with('/') && path.starts_with(api)));
    !path.contains('%') && !is_api
}

/// A letter, a digit or one of `-._~`, which RFC 3986 calls unreserved.
fn escapes_without_need(path: &str) -> bool {
    let mut parts = path.split('%').skip(1);
    parts.any(|part| {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    })
}

/// The parsers of parameters would put a replacement character for what is not.
fn is_utf8(uri: &Uri) -> bool {
    let decodes = |text: &str| percent_decode_str(text).decode_utf8().is_ok();
    decodes(uri.path()) && uri.query().is_none_or(decodes)
}

/// A `Host` by which only browsers of this machine address us.
pub(super) fn is_loopback_host(host: &str) -> bool {
    is_loopback(without_port(&host.to_ascii_lowercase()))
}

fn without_port(host: &str) -> &str {
    let (name, _) = split_port(host);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    address.unwrap_or(name)
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
