//! Answers to requests that are not let in, in the shape that clients of the path expect.

use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};

use super::accept::{Accepted, Media};
use super::audit;
use super::error::HttpError;
use crate::access::Denied;
use crate::data::Problem;

/// The request has no credential, or not a valid one.
pub(super) fn denied(request: &HttpRequest, denied: Denied) -> HttpResponse {
    let error = match denied {
        Denied::Missing | Denied::Invalid | Denied::Expired => HttpError::Unauthenticated,
        Denied::TooMany(_) | Denied::OverLimit(_) => {
            audit::denied(request, &denied.to_string());
            return limited(request, &denied.into());
        }
        Denied::Unavailable => HttpError::Unavailable,
    };
    respond(request, error, &denied.to_string())
}

/// The role does not allow it.
pub(super) fn forbidden(request: &HttpRequest, why: &str) -> HttpResponse {
    respond(request, HttpError::Forbidden, why)
}

/// It is more than a limit allows.
pub(super) fn limited(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    HttpError::limited(request, media(request).content_type(), problem)
}

/// Says how to sign in.
pub(super) fn challenge(response: &mut HttpResponse) {
    let challenge = HeaderValue::from_static("Bearer realm=\"streamsync\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
}

fn respond(request: &HttpRequest, error: HttpError, why: &str) -> HttpResponse {
    if matches!(error, HttpError::Unauthenticated | HttpError::Forbidden) {
        audit::denied(request, why);
    }
    let mut response = match request.match_pattern().as_deref() {
        Some("/graphql") => error.respond_as(media(request).content_type(), why),
        _ => error.respond_to(request, why),
    };
    if error == HttpError::Unauthenticated {
        challenge(&mut response);
    }
    response
}

/// JSON, unless a client of GraphQL wants its own type.
fn media(request: &HttpRequest) -> Media {
    let is_graphql = request.match_pattern().as_deref() == Some("/graphql");
    let wanted = is_graphql.then(|| Accepted::of(request.headers()).media);
    wanted.flatten().unwrap_or(Media::Json)
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::num::NonZeroU32;

    use actix_web::dev::ServiceResponse;
    use actix_web::{App, test, web};
    use serde_json::Value;

    use super::*;
    use crate::data::{Allowance, ClientKey, Meter, OverLimit};

    type Refuse = fn(&HttpRequest) -> HttpResponse;

    fn over_limit() -> OverLimit {
        let allowance = Allowance {
            cost_per_minute: NonZeroU32::new(6),
            ..Allowance::default()
        };
        let meter = Meter::new(ClientKey::UNKNOWN, allowance, std::sync::Arc::new(|_| {}));
        meter.cost(6).unwrap();
        meter.cost(1).unwrap_err()
    }

    async fn asked(path: &str, accept: &str, refuse: Refuse) -> ServiceResponse {
        let handler = move |request: HttpRequest| ready(refuse(&request));
        let app = test::init_service(App::new().route(path, web::get().to(handler))).await;
        let request = test::TestRequest::with_uri(path).insert_header(("accept", accept));
        test::call_service(&app, request.to_request()).await
    }

    const JSON: &str = "application/json; charset=utf-8";
    const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";

    #[actix_web::test]
    async fn every_refusal_has_the_shape_of_its_path_and_says_when_to_come_back() {
        let refusals: [(Refuse, u16, &str, &str, Option<&str>); 11] = [
            (
                |r| denied(r, Denied::Missing),
                401,
                "UNAUTHENTICATED",
                "unauthorized",
                None,
            ),
            (
                |r| denied(r, Denied::Invalid),
                401,
                "UNAUTHENTICATED",
                "unauthorized",
                None,
            ),
            (
                |r| denied(r, Denied::Expired),
                401,
                "UNAUTHENTICATED",
                "unauthorized",
                None,
            ),
            (|r| forbidden(r, "no"), 403, "FORBIDDEN", "forbidden", None),
            (
                |r| HttpError::ForbiddenHost.respond_to(r, "no"),
                403,
                "FORBIDDEN_HOST",
                "forbidden",
                None,
            ),
            (
                |r| HttpError::ForbiddenOrigin.respond_to(r, "no"),
                403,
                "FORBIDDEN_ORIGIN",
                "forbidden",
                None,
            ),
            (
                |r| denied(r, Denied::TooMany(7)),
                429,
                "OVERLOADED",
                "unavailable",
                Some("7"),
            ),
            (
                |r| limited(r, &over_limit().into()),
                429,
                "OVERLOADED",
                "unavailable",
                Some("10"),
            ),
            (
                |r| HttpError::TooManyConnections.respond_to(r, "no"),
                429,
                "TOO_MANY_CONNECTIONS",
                "unavailable",
                Some("1"),
            ),
            (
                |r| HttpError::Overloaded.respond_to(r, "no"),
                503,
                "OVERLOADED",
                "unavailable",
                Some("1"),
            ),
            (
                |r| denied(r, Denied::Unavailable),
                503,
                "UNAVAILABLE",
                "unavailable",
                Some("1"),
            ),
        ];
        for (refuse, status, code, kind, retry) in refusals {
            for (path, accept, content_type) in [
                ("/graphql", "application/json", JSON),
                ("/graphql", "application/graphql-response+json", GRAPHQL),
                ("/graphql", "text/event-stream", JSON),
                ("/api/v1/points", "application/graphql-response+json", JSON),
                ("/metrics", "*/*", JSON),
                ("/prometheus/api/v1/query", "*/*", "application/json"),
            ] {
                let answer = asked(path, accept, refuse).await;
                let at = format!("{code} at {path} for {accept}");
                assert_eq!(answer.status(), status, "{at}");
                let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
                assert_eq!(header("retry-after"), retry, "{at}");
                assert_eq!(header("www-authenticate").is_some(), status == 401, "{at}");
                // Connections and origins are refused in plain JSON, whatever a client of GraphQL prefers.
                let sent = header("content-type").unwrap_or_default();
                assert!([content_type, JSON].contains(&sent), "{at}: {sent}");
                let body: Value = test::read_body_json(answer).await;
                match path.starts_with("/prometheus/") {
                    true => {
                        assert_eq!(
                            (&body["status"], &body["errorType"]),
                            (&"error".into(), &kind.into()),
                            "{at}"
                        );
                        assert!(body["error"].is_string() && body["errors"].is_null(), "{at}");
                    }
                    false => {
                        let error = &body["errors"][0];
                        assert_eq!(error["extensions"]["code"], code, "{at}");
                        assert!(error["message"].is_string() && body["status"].is_null(), "{at}");
                    }
                }
            }
        }
    }
}
