//! `Accept`: the media type or the stream that a client prefers.

use std::cmp::Reverse;

use actix_web::http::header::{ACCEPT, HeaderMap};

use super::streamed::Form;

/// The ranges of media types in the client's order. The parser is lenient: clients send weights such as
/// `.2`, which actix does not accept.
pub(super) struct Accept(Vec<Range>);

#[derive(Debug)]
struct Range {
    name: String,
    /// In thousandths, as RFC 9110 has no more digits.
    quality: u32,
    /// The parameter of Apollo's multipart protocol for subscriptions.
    subscription_spec: Option<String>,
}

impl Accept {
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT).filter_map(|line| line.to_str().ok());
        let entries = lines.flat_map(|line| line.split(','));
        let entries: Vec<_> = entries.filter(|entry| !entry.trim().is_empty()).collect();
        match entries.is_empty() {
            true => Self(Range::of("*/*").into_iter().collect()),
            false => Self(entries.into_iter().filter_map(Range::of).collect()),
        }
    }

    /// The client's preference; of equal ones what it names first, then what is offered first.
    pub fn best<T: Copy>(&self, offered: &[(T, &str)]) -> Option<T> {
        let liked = offered.iter().rev().filter_map(|(offer, name)| {
            let named = self.0.iter().position(|range| range.name == *name);
            Some((*offer, self.quality(name)?, named.map(Reverse)))
        });
        let best = liked.max_by_key(|(_, quality, named)| (*quality, *named));
        best.map(|(offer, ..)| offer)
    }

    /// By the most specific range that covers it; `None` if it is not accepted.
    fn quality(&self, wanted: &str) -> Option<u32> {
        let ranges = self.0.iter().filter_map(|range| {
            let specificity = match range.name.strip_suffix('*') {
                _ if range.name == wanted => 2,
                Some("*/") => 0,
                Some(all) if all.ends_with('/') && wanted.starts_with(all) => 1,
                _ => return None,
            };
            Some((specificity, range.quality))
        });
        let (_, quality) = ranges.max_by_key(|(specificity, _)| *specificity)?;
        (quality > 0).then_some(quality)
    }

    /// Only a client that names a stream gets one.
    fn stream(&self, form: Form) -> Option<u32> {
        let is_named = |range: &&Range| match form {
            Form::Sse => range.name == "text/event-stream",
            Form::Multipart => {
                range.name == "multipart/mixed" && range.subscription_spec.as_deref() == Some("1.0")
            }
        };
        let quality = self.0.iter().filter(is_named).map(|range| range.quality).max();
        quality.filter(|quality| *quality > 0)
    }
}

impl Range {
    fn of(entry: &str) -> Option<Self> {
        let entry = entry.to_ascii_lowercase();
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next()?.to_owned();
        let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let value = |wanted: &str| {
            let mut parameters = parameters.iter();
            let found = parameters.find(|(name, _)| name.trim() == wanted);
            found.map(|(_, value)| value.trim().trim_matches('"'))
        };
        let quality: f32 = value("q").map_or(Some(1.0), |q| q.parse().ok())?;
        Some(Self {
            name,
            quality: (quality.clamp(0.0, 1.0) * 1_000.0).round() as u32,
            subscription_spec: value("subscriptionspec").map(str::to_owned),
        })
    }
}

/// The media types for GraphQL that the client prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub media: Option<Media>,
    pub form: Option<Form>,
    /// It prefers the stream, for queries as well.
    prefers_form: bool,
}

/// How one operation is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Single(Media),
    Stream(Form),
}

impl Accepted {
    pub fn of(headers: &HeaderMap) -> Self {
        let accept = Accept::of(headers);
        let (sse, multipart) = (accept.stream(Form::Sse), accept.stream(Form::Multipart));
        let form = match multipart > sse {
            true => Some(Form::Multipart),
            false => sse.map(|_| Form::Sse),
        };
        let single = Media::ALL.map(|(_, name)| accept.quality(name));
        Self {
            media: accept.best(&Media::ALL),
            form,
            prefers_form: sse.max(multipart) > single.into_iter().max().flatten(),
        }
    }

    /// `None` if it accepts nothing that is available.
    pub fn choice(self, is_subscription: bool) -> Option<Choice> {
        let single = self.media.map(Choice::Single);
        let stream = self.form.map(Choice::Stream);
        match is_subscription || self.prefers_form {
            true => stream.or(single),
            false => single.or(stream),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: status 200 whenever the request was understood as JSON.
    Json,
    /// `application/graphql-response+json`: the status tells what became of the request.
    GraphQl,
}

impl Media {
    const ALL: [(Self, &str); 2] = [
        (Self::Json, "application/json"),
        (Self::GraphQl, "application/graphql-response+json"),
    ];

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Accepted::of(&headers)
    }

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
            ("json", None),
            ("*/*;q=0", None),
            (
                "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
                Some(Media::Json),
            ),
            (
                "application/json;q=0.8500, application/graphql-response+json;q=1.5;",
                Some(Media::GraphQl),
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(accepted(accept).media, expected, "{accept}");
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
            let accepted = accepted(accept);
            assert_eq!(accepted.choice(true), subscription, "{accept}");
            assert_eq!(accepted.choice(false), query, "{accept}");
        }
    }
}
