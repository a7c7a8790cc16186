//! What a client accepts: one of the two media types of GraphQL over HTTP, or a stream.

use actix_web::http::header::{ACCEPT, HeaderMap};

use super::streamed::Form;

/// What the client accepts at its best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub media: Option<Media>,
    pub form: Option<Form>,
    /// It likes the stream better, also for what is no stream.
    prefers_form: bool,
}

/// What becomes of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Single(Media),
    Stream(Form),
}

impl Accepted {
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        let lines: Vec<_> = lines.collect();
        Self::among(&lines.join(","))
    }

    /// `None` when it accepts nothing we have.
    pub fn choice(self, is_subscription: bool) -> Option<Choice> {
        let single = self.media.map(Choice::Single);
        let stream = self.form.map(Choice::Stream);
        match is_subscription || self.prefers_form {
            true => stream.or(single),
            false => single.or(stream),
        }
    }

    /// Streams are for those who name them.
    fn among(accept: &str) -> Self {
        let media = Media::among(accept);
        let most = |form| accept.split(',').filter_map(|entry| named(entry, form)).max();
        let (sse, multipart) = (most(Form::Sse), most(Form::Multipart));
        let form = match (sse, multipart) {
            (None, None) => None,
            (sse, multipart) if multipart > sse => Some(Form::Multipart),
            _ => Some(Form::Sse),
        };
        let single =
            weight(accept, "application/json").max(weight(accept, "application/graphql-response+json"));
        Self {
            media,
            form,
            prefers_form: sse.max(multipart) > single,
        }
    }
}

/// How much this entry likes a form of streams, if it names it.
fn named(entry: &str, form: Form) -> Option<u32> {
    let entry = entry.to_ascii_lowercase();
    let mut parts = entry.split(';').map(str::trim);
    let range = parts.next()?;
    let is_named = match form {
        Form::Sse => range == "text/event-stream",
        Form::Multipart => {
            let spec = parts
                .clone()
                .find_map(|part| part.strip_prefix("subscriptionspec="));
            range == "multipart/mixed" && spec.is_some_and(|spec| spec.trim_matches('"') == "1.0")
        }
    };
    is_named
        .then(|| quality(parts))
        .flatten()
        .filter(|weight| *weight > 0)
}

/// The `q` among the parameters, in thousandths, as RFC 9110 has no more digits.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Option<u32> {
    let quality: f32 = parameters
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .map_or(Some(1.0), |q| q.trim().parse().ok())?;
    Some((quality.clamp(0.0, 1.0) * 1_000.0).round() as u32)
}

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

    /// JSON when the client does not say.
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
pub(super) fn weight(accept: &str, wanted: &str) -> Option<u32> {
    let ranges = accept.split(',').filter_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let specificity = match range.as_str() {
            "*/*" => 0,
            name if name == wanted => 2,
            name if name
                .strip_suffix('*')
                .is_some_and(|all| all.ends_with('/') && wanted.starts_with(all)) =>
            {
                1
            }
            _ => return None,
        };
        Some((specificity, quality(parts)?))
    });
    let (_, weight) = ranges.max_by_key(|(specificity, _)| *specificity)?;
    (weight > 0).then_some(weight)
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
    use super::*;

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

    #[test]
    fn a_subscription_is_streamed_to_those_who_name_a_stream() {
        let (sse, multipart) = (Choice::Stream(Form::Sse), Choice::Stream(Form::Multipart));
        let json = Choice::Single(Media::Json);
        let graphql = Choice::Single(Media::GraphQl);
        let cases = [
            // (accept, for a subscription, for a query)
            ("", Some(json), Some(json)),
            ("*/*", Some(json), Some(json)),
            ("text/event-stream", Some(sse), Some(sse)),
            ("text/event-stream, */*;q=0.1", Some(sse), Some(sse)),
            ("application/json, text/event-stream", Some(sse), Some(json)),
            ("text/event-stream;q=0, application/json", Some(json), Some(json)),
            ("multipart/mixed", None, None),
            (
                "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\",application/json",
                Some(multipart),
                Some(json),
            ),
            (
                "multipart/mixed;boundary=graphql;subscriptionSpec=1.0",
                Some(multipart),
                Some(multipart),
            ),
            (
                "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
                Some(sse),
                Some(graphql),
            ),
        ];
        for (accept, subscription, query) in cases {
            let accepted = Accepted::among(accept);
            assert_eq!(accepted.choice(true), subscription, "{accept}");
            assert_eq!(accepted.choice(false), query, "{accept}");
        }
    }
}
