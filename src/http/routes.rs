//! Every path that the server answers, but for the pages. What is registered and does not stand here is
//! not served, and `tests/specs/viewer_matrix.rs` says of each which series it may give out.

/// In the form in which they are registered.
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

/// `registered`: what a request's path leads to, if to anything but the pages.
pub(super) fn is_served(registered: Option<&str>) -> bool {
    registered.is_none_or(|path| PATHS.contains(&path))
}
