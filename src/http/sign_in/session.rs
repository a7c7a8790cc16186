//! The session of a browser: who is signed in, signing in with an API key, signing out.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, rt, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{add_cookie, end_former, set_session};
use crate::access::{Access, Credential, Denied, Principal, SessionId};
use crate::data::Streams;
use crate::data::audit::Action;
use crate::http::audit;
use crate::http::authenticate;
use crate::http::body;
use crate::http::cookies::Cookie;
use crate::http::error::HttpError;
use crate::http::graphql::is_json;
use crate::http::refusal;

const BODY_MAX: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is signed in, and how one can sign in here.
pub(super) async fn show(request: HttpRequest, access: web::Data<Access>) -> HttpResponse {
    let headers = request.headers();
    let credential = authenticate::credential(headers);
    let found = access
        .admit(authenticate::address(&request), credential.as_ref())
        .await;
    let session = match &credential {
        Some(Credential::Session(text)) if found.is_ok() => SessionId::parse(text),
        _ => None,
    };
    let (principal, is_over) = match found {
        Ok(principal) => (Some(principal), false),
        Err(Denied::Missing | Denied::Invalid | Denied::Expired | Denied::TooMany(_)) => {
            (access.authenticate(None).await.ok(), credential.is_some())
        }
        Err(denied) => return refusal::denied(&request, denied),
    };
    let mut response = HttpResponse::Ok().json(shown(&access, principal.as_deref(), session.as_ref()));
    if is_over && Cookie::Session.read(headers).is_some() {
        add_cookie(&mut response, Cookie::Session.remove(headers));
    }
    response
}

#[derive(Deserialize)]
struct SignIn {
    key: String,
}

/// With an API key.
pub(super) async fn begin(
    request: HttpRequest,
    body: web::Payload,
    access: web::Data<Access>,
) -> HttpResponse {
    if !is_json(&request) {
        let why = "the body must be JSON: send it with content-type application/json";
        return HttpError::UnsupportedMediaType.respond(why);
    }
    let body = match body::read(&request, body, BODY_MAX, BODY_TIMEOUT).await {
        Ok(body) => body,
        Err(error) => return error.http_error().respond(&error.to_string()),
    };
    let Ok(SignIn { key }) = serde_json::from_slice(&body) else {
        return HttpError::BadRequest.respond("send {\"key\": \"ss_…\"}");
    };
    if !access.is_controlled() {
        return HttpError::BadRequest.respond("there is no access control here: everybody is let in");
    }
    match access
        .sign_in(authenticate::address(&request), &Credential::of(&key))
        .await
    {
        Ok((principal, id)) => {
            audit::signed(&request, Action::SignIn, &principal);
            end_former(request.headers(), &access).await;
            let shown = shown(&access, Some(&principal), Some(&id));
            let mut response = HttpResponse::Ok().json(shown);
            set_session(request.headers(), &mut response, &principal, &id);
            response
        }
        Err(denied) => refusal::denied(&request, denied),
    }
}

/// The session goes on, if its issuer says so.
pub(super) async fn go_on(request: HttpRequest, access: web::Data<Access>) -> HttpResponse {
    let Some(id) = Cookie::Session.read(request.headers()).and_then(SessionId::parse) else {
        return refusal::denied(&request, Denied::Missing);
    };
    if !authenticate::has_csrf_token(request.headers(), &id) {
        return authenticate::forged(&request);
    }
    // Not broken off by a browser that goes away: the issuer may take the token once.
    let (address, session, here) = (authenticate::address(&request), id.clone(), access.clone());
    let going_on = rt::spawn(async move { here.go_on(address, &session).await });
    match going_on.await.unwrap_or(Err(Denied::Unavailable)) {
        Ok(principal) => {
            let shown = shown(&access, Some(&principal), Some(&id));
            let mut response = HttpResponse::Ok().json(shown);
            set_session(request.headers(), &mut response, &principal, &id);
            response
        }
        Err(denied) => refusal::denied(&request, denied),
    }
}

/// Signs the browser out.
pub(super) async fn end(request: HttpRequest, access: web::Data<Access>) -> HttpResponse {
    let id = Cookie::Session.read(request.headers()).and_then(SessionId::parse);
    if let Some(id) = &id {
        if !authenticate::has_csrf_token(request.headers(), id) {
            return authenticate::forged(&request);
        }
        match access.sign_out(id).await {
            Ok(Some(principal)) => audit::signed(&request, Action::SignOut, &principal),
            Ok(None) => {}
            Err(denied) => return refusal::denied(&request, denied),
        }
    }
    let mut response = HttpResponse::new(StatusCode::NO_CONTENT);
    add_cookie(&mut response, Cookie::Session.remove(request.headers()));
    response
}

fn shown(access: &Access, principal: Option<&Principal>, session: Option<&SessionId>) -> Value {
    // Where there is no access control nobody is anybody.
    let principal = principal.filter(|_| access.is_controlled()).map(|principal| {
        let grant = principal.viewer.grant();
        let streams = match &grant.streams {
            Streams::All => vec!["*"],
            Streams::Named(names) => names.iter().map(String::as_str).collect(),
        };
        json!({
            "subject": principal.viewer.subject(),
            "name": principal.name,
            "role": principal.role,
            "operations": grant.operations,
            "streams": streams,
            "expires": principal.expires.map(|until| until.to_string()),
        })
    });
    json!({
        "controlled": access.is_controlled(),
        "anonymous": access.lets_anonymous_in(),
        "oidc": access.issuers().is_some_and(|issuers| issuers.oidc.is_some()),
        "csrf": session.map(SessionId::csrf_token),
        "refresh": session.and_then(|session| access.refreshes_from(session)).map(|from| from.to_string()),
        "principal": principal,
    })
}
