//! `If-None-Match`: whether the client already has the answer.

use actix_web::HttpRequest;
use actix_web::http::header::IF_NONE_MATCH;

/// A weak comparison, as RFC 9110 requires for GET.
pub(super) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let values = request
        .headers()
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
