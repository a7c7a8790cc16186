//! OpenID Connect: to the issuer, and back.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::answers::{add_cookie, end_former, set_session};
use super::local_path::local_path;
use crate::access::tokens::oidc::{Oidc, OidcError};
use crate::access::tokens::pending::Pending;
use crate::access::{Access, Denied};
use crate::data::Micros;
use crate::data::audit::Action;
use crate::http::audit;
use crate::http::authenticate;
use crate::http::cookies::Cookie;
use crate::http::error::HttpError;

#[derive(Deserialize)]
pub(super) struct Login {
    #[serde(rename = "return")]
    return_to: Option<String>,
}

/// Sends the browser to the issuer.
pub(super) async fn login(
    request: HttpRequest,
    asked: web::Query<Login>,
    access: web::Data<Access>,
) -> HttpResponse {
    let issuers = access.issuers();
    let Some(oidc) = issuers.as_ref().and_then(|issuers| issuers.oidc.as_ref()) else {
        return HttpError::NotFound.respond("signing in with OpenID Connect is not configured here");
    };
    let return_to = local_path(asked.return_to.as_deref().unwrap_or("/"));
    match begun(oidc, return_to, &access).await {
        Ok((url, pending)) => {
            let mut response = go_to(&url);
            let seconds = Pending::LONGEST.as_secs().cast_signed();
            let cookie = pending.and_then(|text| Cookie::Pending.set(request.headers(), &text, seconds));
            add_cookie(&mut response, cookie);
            response
        }
        Err(failure) => failed(&request, &failure),
    }
}

/// Where the browser goes, and what it keeps.
async fn begun(oidc: &Oidc, return_to: &str, access: &Access) -> Result<(String, Option<String>), Failure> {
    let installation = access.installation()?;
    let (url, pending) = oidc.begin(return_to).await?;
    Ok((url, pending.seal(&installation)))
}

/// What the issuer sends the browser back with.
#[derive(Deserialize)]
pub(super) struct Answer {
    code: Option<String>,
    state: Option<String>,
    /// RFC 9207.
    iss: Option<String>,
    error: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the sign-in was not begun in this browser, took longer than ten minutes or was finished before")]
    NotBegun,
    #[error("the issuer refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error("{0}")]
    Denied(#[from] Denied),
}

/// Signs the browser in.
pub(super) async fn finish(
    request: HttpRequest,
    answer: web::Query<Answer>,
    access: web::Data<Access>,
) -> HttpResponse {
    let mut response = match signed_in(&request, answer.into_inner(), &access).await {
        Ok(response) => response,
        Err(failure) => failed(&request, &failure),
    };
    // A code and a state are of use once.
    add_cookie(&mut response, Cookie::Pending.remove(request.headers()));
    response
}

async fn signed_in(request: &HttpRequest, answer: Answer, access: &Access) -> Result<HttpResponse, Failure> {
    let issuers = access.issuers().ok_or(Failure::NotBegun)?;
    let oidc = issuers.oidc.as_ref().ok_or(Failure::NotBegun)?;
    let installation = access.installation()?;
    let open = |text: &str| Pending::open(text, &installation, Micros::now());
    let pending = Cookie::Pending.read(request.headers()).and_then(open);
    let pending = pending.ok_or(Failure::NotBegun)?;
    if !answer.state.is_some_and(|state| pending.has_state(&state)) {
        return Err(Failure::NotBegun);
    }
    if answer.iss.is_some_and(|issuer| issuer != oidc.issuer()) {
        return Err(Failure::Refused("the answer is another issuer's".to_owned()));
    }
    if let Some(error) = answer.error {
        // One line of the log, whatever was sent.
        return Err(Failure::Refused(error.replace(char::is_control, "\u{fffd}")));
    }
    let code = answer.code.ok_or(Failure::NotBegun)?;
    let return_to = local_path(&pending.return_to).to_owned();
    let address = authenticate::address(request);
    access.may_ask_issuer(address)?;
    let told = oidc.finish(pending, code).await?;
    let (principal, id) = access.sign_in_with(address, told).await?;
    audit::signed(request, Action::SignIn, &principal);
    end_former(request.headers(), access).await;
    let mut response = go_to(&return_to);
    set_session(request.headers(), &mut response, &principal, &id);
    Ok(response)
}

fn go_to(url: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, url))
        .finish()
}

/// A page for people. What went wrong in detail is in the log.
fn failed(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    let address = request.peer_addr().map(|peer| peer.ip());
    tracing::warn!(?address, error = %failure, "a sign-in failed");
    let (status, words) = match failure {
        Failure::NotBegun | Failure::Oidc(OidcError::Finished) => (
            StatusCode::BAD_REQUEST,
            "This sign-in was not begun in this browser, took too long or was finished before.",
        ),
        Failure::Oidc(OidcError::Issuer(_)) | Failure::Denied(Denied::Unavailable) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Signing in is not possible at the moment.",
        ),
        Failure::Denied(Denied::OverLimit(_)) => (
            StatusCode::TOO_MANY_REQUESTS,
            "There were too many sign-ins. Wait a moment.",
        ),
        Failure::Refused(_) | Failure::Oidc(_) => (StatusCode::UNAUTHORIZED, "The sign-in failed."),
        Failure::Denied(_) => (
            StatusCode::FORBIDDEN,
            "You are signed in there, but have no role here. Ask whoever runs this server.",
        ),
    };
    let mut response = HttpResponse::build(status);
    if let Failure::Denied(Denied::OverLimit(over)) = failure {
        response.insert_header((header::RETRY_AFTER, over.seconds()));
    }
    response.content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html><html lang=\"en\"><title>StreamSync: sign in</title><p>{words}</p>\
         <p><a href=\"/auth/login\">Try again</a> or <a href=\"/\">go to the first page</a>.</p></html>"
    ))
}
