//! Who asks: the credential of a request becomes a principal before any handler runs.

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};

use super::connections::Connection;
use super::cookies::Cookie;
use super::routes::{self, PathAccess};
use super::still_allowed::StillAllowed;
use super::{refusal, websocket};
use crate::access::{Access, Certificate, Credential, Denied, Principal, SessionId};
use crate::data::{ClientKey, OverLimit, Viewer};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// The headers by which somebody says who they are.
const CREDENTIALS: &str = "Authorization, Cookie, X-API-Key";

/// Lets through who may use the path. A WebSocket may say who it is later.
pub(super) async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let registered = request.match_pattern();
    let path = match routes::access(registered.as_deref(), request.method()) {
        None | Some(PathAccess::Public) => return Ok(next.call(request).await?.map_into_boxed_body()),
        Some(path) => path,
    };
    let credential = shown(request.request());
    if let Some(Credential::Session(session)) = &credential
        && !is_by_own_page(request.request(), session)
    {
        let response = forged(request.request());
        return Ok(request.into_response(response));
    }
    let Some(access) = request.app_data::<web::Data<Access>>().cloned() else {
        let response = refusal::denied(request.request(), Denied::Unavailable);
        return Ok(request.into_response(response));
    };
    let address = address(request.request());
    // Changes while it is looked at who asks count as later ones.
    let changes = access.changes();
    let found = access.admit(address, credential.as_ref()).await;
    let later = websocket::is_asked(request.request()) && credential.is_none();
    let refused = match (found, path) {
        (Ok(principal), _) => {
            let principal = StillAllowed::begin(request.request(), &access, changes, principal);
            enter(request.request(), &principal, path, registered.as_deref())
        }
        (Err(Denied::Missing), PathAccess::Details(_)) => None,
        (Err(Denied::Missing), _) if later => None,
        (Err(denied), _) => Some(refusal::denied(request.request(), denied)),
    };
    let mut response = match refused {
        Some(response) => request.into_response(response),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    // What was read while its reader was let out is not sent. GraphQL looks itself.
    if let PathAccess::Needs(_) = path
        && let Some(refused) = StillAllowed::refusal(response.request())
    {
        response = response.into_response(refused);
    }
    if access.is_controlled() {
        vary_by_credential(response.headers_mut());
    }
    Ok(response)
}

/// `Some`: why the request goes no further.
fn enter(
    request: &HttpRequest,
    principal: &Principal,
    path: PathAccess,
    registered: Option<&str>,
) -> Option<HttpResponse> {
    if let PathAccess::Needs(operation) = path
        && let Err(problem) = principal.viewer.may(operation)
    {
        return Some(refusal::forbidden(request, &problem.message));
    }
    if let Some(connection) = Connection::of(request) {
        connection.meter_by(principal.viewer.meter());
    }
    let over = count(principal, registered, path).err()?;
    Some(refusal::limited(request, &over.into()))
}

/// No cache gives the answer to somebody else.
fn vary_by_credential(headers: &mut HeaderMap) {
    let own = headers.get(header::VARY).and_then(|value| value.to_str().ok());
    let all = own.map(|own| format!("{own}, {CREDENTIALS}"));
    let all = all.and_then(|all| HeaderValue::from_str(&all).ok());
    headers.insert(header::VARY, all.unwrap_or(HeaderValue::from_static(CREDENTIALS)));
}

/// Counts the request, and what it costs unless the guard of GraphQL will tell.
fn count(principal: &Principal, registered: Option<&str>, path: PathAccess) -> Result<(), OverLimit> {
    let Some(meter) = principal.viewer.meter() else {
        return Ok(());
    };
    meter.request()?;
    meter.cost(routes::cost(registered, path))
}

/// Who asks; `None` where nobody was let in yet.
pub(super) fn principal(request: &HttpRequest) -> Option<Arc<Principal>> {
    request.extensions().get::<Arc<Principal>>().cloned()
}

pub(super) fn address(request: &HttpRequest) -> ClientKey {
    let peer = request.peer_addr();
    peer.map_or(ClientKey::UNKNOWN, |peer| peer.ip().into())
}

/// What the principal may see; nothing without one.
pub(super) fn viewer(request: &HttpRequest) -> Viewer {
    principal(request).map_or_else(Viewer::nobody, |principal| principal.viewer.clone())
}

/// A browser sends the cookie whoever makes it ask. Who changes anything shows the session's CSRF
/// token, and who opens a WebSocket an origin, which the guard has found to be known.
fn is_by_own_page(request: &HttpRequest, session: &str) -> bool {
    let headers = request.headers();
    if websocket::is_asked(request) {
        return headers.contains_key(header::ORIGIN);
    }
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || SessionId::parse(session).is_some_and(|session| has_csrf_token(headers, &session))
}

pub(super) fn has_csrf_token(headers: &HeaderMap, session: &SessionId) -> bool {
    let token = headers.get(CSRF_TOKEN).and_then(|value| value.to_str().ok());
    token.is_some_and(|token| session.has_csrf_token(token))
}

pub(super) fn forged(request: &HttpRequest) -> HttpResponse {
    let why = "with the session cookie, send the csrf of /auth/session as X-CSRF-Token";
    refusal::forbidden(request, why)
}

/// What the headers show wins over what the connection has shown.
fn shown(request: &HttpRequest) -> Option<Credential> {
    let certificate = || request.conn_data::<Certificate>().cloned();
    credential(request.headers()).or_else(|| certificate().map(Credential::Certificate))
}

pub(super) fn credential(headers: &HeaderMap) -> Option<Credential> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return Some(Credential::of_authorization(value.to_str().unwrap_or_default()));
    }
    if let Some(key) = headers.get(API_KEY) {
        return Some(Credential::of(key.to_str().unwrap_or_default()));
    }
    let session = Cookie::Session.read(headers)?;
    Some(Credential::Session(session.to_owned()))
}
