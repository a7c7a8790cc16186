//! Signing in to the dashboard, with an API key or with OpenID Connect, and signing out.
//!
//! A browser that is signed in has a cookie that no script can read. What it changes needs the
//! session's CSRF token as well, which `GET /auth/session` tells to our own pages.

mod answers;
mod callback;
mod local_path;
mod session;

use actix_web::web;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    let session = web::resource("/auth/session")
        .route(web::get().to(session::show))
        .route(web::post().to(session::begin))
        .route(web::put().to(session::go_on));
    app.service(session)
        .route("/auth/login", web::get().to(callback::login))
        .route(
            crate::access::tokens::oidc::CALLBACK,
            web::get().to(callback::finish),
        )
        .route("/auth/logout", web::post().to(session::end));
}
