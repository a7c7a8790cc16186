//! Every path that the server answers, except for the pages. A registered path that is not listed here
//! is not served. `tests/specs/viewer_matrix.rs` says for each path which series it may show.

use actix_web::http::Method;

use crate::data::Operation;
use crate::graphql::limits::WHOLE_ANSWER;

/// Who may use a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathAccess {
    /// Everybody, without a credential.
    Public,
    /// Whoever may do this.
    Needs(Operation),
    /// Everybody who was let in: what is asked for says what it needs.
    Asked,
    /// Everybody, and those who may do this see more.
    Details(Operation),
}

use Operation::{Operate, Publish, Read};
use PathAccess::{Asked, Details, Needs, Public};

/// In the form in which they are registered.
pub const PATHS: [(&str, PathAccess); 29] = [
    ("/graphql", Asked),
    ("/ws", Asked),
    ("/stock", Asked),
    // Its POST needs `publish`.
    ("/api/v1/points", Needs(Read)),
    ("/api/v1/history", Needs(Read)),
    ("/api/v1/openapi.json", Public),
    ("/write", Needs(Publish)),
    ("/api/v2/write", Needs(Publish)),
    ("/otlp/v1/metrics", Needs(Publish)),
    ("/ping", Public),
    ("/prometheus/api/v1/write", Needs(Publish)),
    ("/prometheus/api/v1/query", Needs(Read)),
    ("/prometheus/api/v1/query_range", Needs(Read)),
    ("/prometheus/api/v1/series", Needs(Read)),
    ("/prometheus/api/v1/labels", Needs(Read)),
    ("/prometheus/api/v1/label/{name}/values", Needs(Read)),
    ("/prometheus/api/v1/query_exemplars", Needs(Read)),
    ("/prometheus/api/v1/metadata", Needs(Read)),
    ("/prometheus/api/v1/rules", Needs(Read)),
    ("/prometheus/api/v1/alerts", Needs(Read)),
    ("/prometheus/api/v1/status/buildinfo", Needs(Read)),
    // Who is not signed in signs in here.
    ("/auth/session", Public),
    ("/auth/login", Public),
    ("/auth/callback", Public),
    ("/auth/logout", Public),
    ("/livez", Public),
    ("/readyz", Details(Operate)),
    ("/metrics", Needs(Operate)),
    ("/", Public),
];

/// What a request costs of what a principal has for a minute; what is asked of GraphQL is counted there,
/// and new series where they are written.
pub(super) fn cost(registered: Option<&str>, access: PathAccess) -> usize {
    let reads = |path: &str| match path.strip_prefix("/prometheus/api/v1/") {
        Some(rest) => ["query", "series", "label"]
            .iter()
            .any(|begin| rest.starts_with(begin)),
        None => path.starts_with("/api/v1/"),
    };
    match registered {
        Some(path) if access == Needs(Read) && reads(path) => WHOLE_ANSWER,
        _ => 0,
    }
}

/// `registered`: the registered path that the request matches; the pages have none and are public.
/// `None`: the path is not served.
pub(super) fn access(registered: Option<&str>, method: &Method) -> Option<PathAccess> {
    let Some(registered) = registered else {
        return Some(Public);
    };
    if registered == "/api/v1/points" && method == Method::POST {
        return Some(Needs(Publish));
    }
    let found = PATHS.iter().find(|(path, _)| *path == registered);
    found.map(|(_, access)| *access)
}
