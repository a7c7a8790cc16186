//! What answers do to the cookies of a browser.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::access::{Access, Principal, SessionId};
use crate::data::Micros;
use crate::http::cookies::Cookie;

/// A session that the browser had before.
pub(super) async fn end_former(request: &HeaderMap, access: &Access) {
    if let Some(id) = Cookie::Session.read(request).and_then(SessionId::parse) {
        // It ends by itself if it cannot be ended now.
        let _ = access.sign_out(&id).await;
    }
}

/// The browser keeps the session for as long as it lasts.
pub(super) fn set_session(
    request: &HeaderMap,
    response: &mut HttpResponse,
    principal: &Principal,
    id: &SessionId,
) {
    let left = principal
        .expires
        .map_or(0, |until| (until.0 - Micros::now().0) / 1_000_000);
    add_cookie(response, Cookie::Session.set(request, &id.text(), left.max(1)));
}

pub(super) fn add_cookie(response: &mut HttpResponse, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
