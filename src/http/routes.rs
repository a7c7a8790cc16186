//! Every path that the server answers, except for the pages. A registered path that is not listed here
//! is not served. `tests/specs/viewer_matrix.rs` says for each path which series it may show.

pub const PATHS: [&str; 20] = [
    "/graphql",
    "/ws",
    "/stock",
    "/api/v1/points",
    "/api/v1/history",
    "/api/v1/openapi.json",
    "/prometheus/api/v1/query",
    "/prometheus/api/v1/query_range",
    "/prometheus/api/v1/series",
    "/prometheus/api/v1/labels",
    "/prometheus/api/v1/label/{name}/values",
    "/prometheus/api/v1/query_exemplars",
    "/prometheus/api/v1/metadata",
    "/prometheus/api/v1/rules",
    "/prometheus/api/v1/alerts",
    "/prometheus/api/v1/status/buildinfo",
    "/livez",
    "/readyz",
    "/metrics",
    "/",
];

/// `registered`: the registered path that the request matches, if it is not for the pages.
pub(super) fn is_served(registered: Option<&str>) -> bool {
    registered.is_none_or(|path| PATHS.contains(&path))
}
