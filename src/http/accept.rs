//! Which of the two media types of GraphQL over HTTP the client wants.

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: status 200 whenever the request was understood as JSON.
    Json,
    /// `application/graphql-response+json`: the status tells what became of the request.
    GraphQl,
}

impl Media {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
        }
    }

    /// The wanted type; JSON when the client does not say; `None` when it wants neither.
    pub fn wanted(request: &HttpRequest) -> Option<Self> {
        let lines: Vec<_> = request
            .headers()
            .get_all(ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .collect();
        Self::among(&lines.join(","))
    }

    fn among(accept: &str) -> Option<Self> {
        if accept.trim().is_empty() {
            return Some(Self::Json);
        }
        let json = weight(accept, "application/json");
        let graphql = weight(accept, "application/graphql-response+json");
        match (json, graphql) {
            (None, None) => None,
            (Some(json), Some(graphql)) if graphql > json => Some(Self::GraphQl),
            (Some(json), Some(graphql)) if graphql == json && first_named(accept) => Some(Self::GraphQl),
            (Some(_), _) => Some(Self::Json),
            (None, Some(_)) => Some(Self::GraphQl),
        }
    }
}

/// How much `wanted` is liked, from the most specific range that covers it; `None` for not at all.
fn weight(accept: &str, wanted: &str) -> Option<u32> {
    let ranges = accept.split(',').filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let specificity = match range.as_str() {
            "*/*" => 0,
            "application/*" => 1,
            name if name == wanted => 2,
            _ => return None,
        };
        let quality: f32 = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(Some(1.0), |q| q.trim().parse().ok())?;
        Some((specificity, quality))
    });
    let (_, quality) = ranges.max_by_key(|(specificity, _)| *specificity)?;
    // Thousandths, as RFC 9110 has no more digits.
    let thousandths = (quality.clamp(0.0, 1.0) * 1_000.0).round() as u32;
    (thousandths > 0).then_some(thousandths)
}

/// Among equals the one named first counts, and a named one counts more than a wildcard.
fn first_named(accept: &str) -> bool {
    let accept = accept.to_ascii_lowercase();
    let at = |name| accept.find(name);
    match (at("application/graphql-response+json"), at("application/json")) {
        (Some(graphql), Some(json)) => graphql < json,
        (graphql, _) => graphql.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::Media;

    #[test]
    fn the_media_type_follows_what_the_client_likes_best() {
        let cases = [
            ("", Some(Media::Json)),
            ("*/*", Some(Media::Json)),
            ("application/*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/json; charset=utf-8", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::GraphQl)),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(Media::GraphQl),
            ),
            (
                "application/json, application/graphql-response+json",
                Some(Media::Json),
            ),
            ("application/graphql-response+json, */*", Some(Media::GraphQl)),
            (
                "application/graphql-response+json;q=0.1, application/json;q=0.9",
                Some(Media::Json),
            ),
            ("application/json;q=0, */*", Some(Media::GraphQl)),
            ("text/html", None),
            ("*/*;q=0", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(Media::among(accept), expected, "{accept}");
        }
    }
}
