//! Plain JSON for clients without GraphQL, as docs/websocket.md describes it.

use std::sync::Arc;

use async_graphql::ServerError;
use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};

use super::super::frames;
use super::messages::ServerMessage;
use crate::actors::hub::SubscribeError;
use crate::data::meter::Subscribed;
use crate::data::{Code, Meter, Operation, Problem, Viewer};
use crate::feed::{Feed, FeedError, Feeds};
use crate::graphql::{Next, Payload, Then};
use crate::http::session::Limits;
use crate::live::{BatchField, Json, PointField, Shape};

mod read;
mod subscribe;

pub use read::parse;
pub use subscribe::Subscribe;

/// The version of the protocol; the greeting has it.
const PROTOCOL: u32 = 1;

pub fn write(message: &ServerMessage<'_>) -> Option<String> {
    let message = match *message {
        ServerMessage::Hello(limits) => hello(limits),
        ServerMessage::Pong(None) => json!({ "type": "pong" }),
        ServerMessage::Pong(Some(payload)) => json!({ "type": "pong", "payload": payload }),
        ServerMessage::Stopped(id) => json!({ "type": "unsubscribed", "id": id }),
        ServerMessage::Complete(id) => json!({ "type": "complete", "id": id }),
        ServerMessage::Error(id, errors) => refused(id, errors),
        ServerMessage::Duplicate(id) => {
            let why = "a subscription with this id is active";
            error(Some(id), Code::DuplicateId.as_str(), why)
        }
        ServerMessage::Unknown(id) => error(Some(id), Code::NotFound.as_str(), "no subscription has this id"),
        ServerMessage::Wrong(id, why) => error(id, Code::BadMessage.as_str(), why),
        ServerMessage::Admitted { expires, .. } => {
            let mut told = json!({ "type": "authenticated" });
            if let Some(expires) = expires {
                told["expires"] = expires.to_string().into();
            }
            told
        }
        ServerMessage::Refused { why, .. } => error(None, Code::Unauthenticated.as_str(), why),
        ServerMessage::KeepAlive => return None,
    };
    Some(message.to_string())
}

/// The messages of a subscription as they are sent.
pub fn payloads(
    id: &str,
    asked: Subscribe,
    feeds: Option<Feeds>,
    viewer: Viewer,
) -> BoxStream<'static, Payload> {
    let id = id.to_owned();
    let opening = async move {
        match open(&id, asked, feeds, &viewer).await {
            Ok((feed, shape, begun)) => {
                let subscribed = json!({ "type": "subscribed", "id": id }).to_string();
                let points = feed.map(move |batch| {
                    // It counts for as long as somebody listens.
                    let _ = &begun;
                    match batch {
                        Ok(batch) => {
                            let cursor = viewer.seal().text(&batch.cursor);
                            Payload::Next(Next {
                                json: shape.write(&cursor, batch.is_backfill(), &batch.selected),
                                cursor: Some(cursor),
                                then: Then::GoOn,
                            })
                        }
                        Err(error) => failed(&id, error),
                    }
                });
                stream::iter([message(subscribed.into(), Then::GoOn)])
                    .chain(points)
                    .boxed()
            }
            Err(problem) => stream::iter([failed(&id, problem)]).boxed(),
        }
    };
    stream::once(opening).flatten().boxed()
}

async fn open(
    id: &str,
    asked: Subscribe,
    feeds: Option<Feeds>,
    viewer: &Viewer,
) -> Result<(Feed, Shape, Option<Subscribed>), Problem> {
    viewer.may(Operation::Read)?;
    let feeds = feeds.ok_or(FeedError::from(SubscribeError::Unavailable))?;
    let begin = |meter: &Arc<Meter>| {
        meter.request()?;
        meter.subscribe()
    };
    let begun = viewer.meter().map(begin).transpose()?;
    let shape = feeds.shapes.shape("", points(id), "");
    let feeds = match viewer.client() {
        Some(client) => feeds.for_client(client),
        None => feeds,
    };
    Ok((feeds.open(asked.into_request(viewer)?).await?, shape, begun))
}

/// The fields of a message with points.
fn points(id: &str) -> Vec<(String, BatchField)> {
    let point = [
        ("series", PointField::Key),
        ("ts", PointField::Ts),
        ("value", PointField::Value),
    ];
    let point = point.map(|(name, field)| (name.to_owned(), field));
    let message = [
        ("type", BatchField::Text("points".to_owned())),
        ("id", BatchField::Text(id.to_owned())),
        ("cursor", BatchField::Cursor),
        ("conflated", BatchField::Conflated),
        ("points", BatchField::Points(point.into())),
    ];
    message.map(|(name, field)| (name.to_owned(), field)).into()
}

/// Writes a message as a frame.
pub fn next(json: &Json, out: &mut BytesMut) {
    frames::text_head(out, json.len());
    json.write(out);
}

fn message(json: Json, then: Then) -> Payload {
    Payload::Next(Next {
        json,
        cursor: None,
        then,
    })
}

fn failed(id: &str, why: impl Into<Problem>) -> Payload {
    let Problem {
        code,
        message: why,
        extensions,
    } = why.into();
    let mut told = error(Some(id), code.as_str(), &why);
    for (name, value) in extensions {
        told[name] = value;
    }
    let then = match code {
        Code::SlowClient => Then::TooSlow,
        Code::GoingAway => Then::GoAway,
        _ => Then::End,
    };
    message(told.to_string().into(), then)
}

/// An error that is not the subscription's own: before it began, or when it is no longer allowed.
fn refused(id: &str, errors: &[ServerError]) -> Value {
    let first = errors.first();
    let extensions = first.and_then(|first| first.extensions.as_ref());
    let extension = |name| match extensions.and_then(|extensions| extensions.get(name)) {
        Some(async_graphql::Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let code = extension("code").unwrap_or(Code::Internal.as_str());
    let mut told = error(Some(id), code, first.map_or("", |first| &first.message));
    if let Some(cursor) = extension("cursor") {
        told["cursor"] = cursor.into();
    }
    told
}

fn hello(limits: &Limits) -> Value {
    json!({
        "type": "hello",
        "protocol": PROTOCOL,
        "version": env!("CARGO_PKG_VERSION"),
        "limits": {
            "messageBytes": limits.message,
            "subscriptions": limits.operations,
            "deadAfterMs": limits.dead_after.as_millis() as u64,
        },
    })
}

fn error(id: Option<&str>, code: &str, message: &str) -> Value {
    match id {
        Some(id) => json!({ "type": "error", "id": id, "code": code, "message": message }),
        None => json!({ "type": "error", "code": code, "message": message }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Cursor, Micros, Positions, Series, Stored, StoredPoint, StoredSeries};
    use crate::live::{Page, Selected, Shapes};

    fn sent(payload: Payload) -> (String, Then) {
        let Payload::Next(next) = payload else {
            panic!("{payload:?}");
        };
        let mut text = Vec::new();
        next.json.write(&mut text);
        (String::from_utf8(text).unwrap(), next.then)
    }

    #[test]
    fn points_are_one_message_with_the_id_of_their_subscription() {
        let stored = Stored {
            ranges: Vec::new(),
            series: vec![StoredSeries {
                id: 1,
                series: Arc::new(Series::new("m", [("site", "a")])),
            }],
            points: vec![StoredPoint {
                series: 0,
                ts: Micros(0),
                value: 1.5,
                partition_id: 1,
                offset: 0,
            }],
        };
        let shape = Shapes::default().shape("", points("a\"b"), "");
        let json = shape.write(
            "c",
            false,
            &Selected::folded(Page::new(Arc::new(stored)), 2, vec![2]),
        );
        let expected = r#"{"type":"points","id":"a\"b","cursor":"c","conflated":2,"points":[{"series":"m{site=\"a\"}","ts":"1970-01-01T00:00:00.000000Z","value":1.5}]}"#;
        assert_eq!(sent(message(json, Then::GoOn)).0, expected);
        let json = shape.write("c", false, &Selected::default());
        let expected = r#"{"type":"points","id":"a\"b","cursor":"c","conflated":0,"points":[]}"#;
        assert_eq!(sent(message(json, Then::GoOn)).0, expected);
    }

    #[test]
    fn an_error_becomes_one_with_what_its_code_carries() {
        let earliest = Cursor::at(Positions::from([(1, 5)])).encode();
        let told = earliest.clone();
        let (text, then) = sent(failed("1", FeedError::ResumeGap { earliest }));
        let error: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "type": "error",
            "id": "1",
            "code": "RESUME_GAP",
            "message": "points after this cursor are missing here; earliestCursor can be continued",
            "earliestCursor": told,
        });
        assert_eq!((error, then), (expected, Then::End));
        let (text, then) = sent(failed("1", FeedError::Overloaded));
        assert!(text.contains(r#""retryAfter":1"#), "{text}");
        assert_eq!(then, Then::End);
        assert_eq!(sent(failed("1", FeedError::SlowClient)).1, Then::TooSlow);
        assert_eq!(sent(failed("1", FeedError::GOING_AWAY)).1, Then::GoAway);
    }
}
