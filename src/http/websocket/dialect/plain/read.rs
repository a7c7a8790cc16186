//! Reads messages from clients of `/ws` by hand, so that errors use the words of the protocol.

use serde_json::{Map, Value};

use super::super::messages::{Asked, ClientMessage, Wrong};
use super::subscribe::Subscribe;
use crate::access::Credential;
use crate::data::MatchOp;
use crate::data::selection::Condition;
use crate::graphql::guard;
use crate::http::request;
use crate::live::{Fold, Overflow};

/// The first is the default.
const FOLDS: &[(&str, Fold)] = &[
    ("newest", Fold::Newest),
    ("min", Fold::Min),
    ("max", Fold::Max),
    ("mean", Fold::Mean),
];
const POLICIES: &[(&str, Overflow)] = &[("close", Overflow::Close), ("conflate", Overflow::Conflate)];

/// The members of an object that have not been read yet. The ones left at the end are mistakes.
struct Members(Map<String, Value>);

pub fn parse(text: &str) -> Result<ClientMessage, Wrong> {
    let value = guard::json::parse(text.as_bytes()).map_err(|why| Wrong::Say(None, why))?;
    let Value::Object(members) = value else {
        return Err(Wrong::Say(None, "a message must be a JSON object".to_owned()));
    };
    let mut members = Members(members);
    let id = members.0.get("id").and_then(Value::as_str).map(str::to_owned);
    message(&mut members).map_err(|why| Wrong::Say(id.filter(|id| !id.is_empty()), why))
}

fn message(members: &mut Members) -> Result<ClientMessage, String> {
    let message = match members.text("type")?.ok_or("'type' is missing")?.as_str() {
        "subscribe" => {
            let id = members.id()?;
            let asked = Asked::Points(Box::new(subscription(members)?));
            ClientMessage::Subscribe { id, asked }
        }
        "unsubscribe" => ClientMessage::Complete { id: members.id()? },
        "auth" => {
            let token = members.text("token")?.ok_or("'token' is missing")?;
            ClientMessage::Auth(Credential::of(&token))
        }
        "ping" => ClientMessage::Ping(members.0.remove("payload")),
        "pong" => {
            members.0.remove("payload");
            ClientMessage::Pong
        }
        other => return Err(format!("'{}' is no type of a message", short(other))),
    };
    members.end()?;
    Ok(message)
}

fn subscription(members: &mut Members) -> Result<Subscribe, String> {
    let (metric, labels) = match members.0.remove("selector") {
        None | Some(Value::Null) => (None, Vec::new()),
        Some(Value::Object(given)) => selector(Members(given))?,
        Some(_) => return Err("'selector' must be an object".to_owned()),
    };
    Ok(Subscribe {
        metric,
        labels,
        after: members.text("after")?,
        backfill: members.text("backfill")?,
        every: members.text("every")?,
        fold: members.word("fold", FOLDS)?,
        overflow: members.word("onOverflow", POLICIES)?,
    })
}

fn selector(mut given: Members) -> Result<(Option<String>, Vec<Condition>), String> {
    let metric = given.text("metric")?;
    let labels = match given.0.remove("labels") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(labels)) => labels
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(value) => Ok(Condition {
                    name,
                    op: MatchOp::Equal,
                    value,
                }),
                _ => Err(format!("the label '{}' must be a text", short(&name))),
            })
            .collect::<Result<_, _>>()?,
        Some(Value::Array(matchers)) => matchers.into_iter().map(matcher).collect::<Result<_, _>>()?,
        Some(_) => {
            return Err("'labels' must be an object of texts, or a list of matchers".to_owned());
        }
    };
    given.end().map_err(|why| format!("{why} of 'selector'"))?;
    Ok((metric, labels))
}

fn matcher(given: Value) -> Result<Condition, String> {
    let Value::Object(given) = given else {
        return Err("a matcher of 'labels' must be an object with 'name', 'op' and 'value'".to_owned());
    };
    let mut given = Members(given);
    let name = given.text("name")?.ok_or("'name' of a matcher is missing")?;
    let value = given.text("value")?.ok_or("'value' of a matcher is missing")?;
    let op = match given.text("op")?.as_deref() {
        None | Some("=") => MatchOp::Equal,
        Some("!=") => MatchOp::NotEqual,
        Some("=~") => MatchOp::Matches,
        Some("!~") => MatchOp::NotMatches,
        Some(other) => return Err(format!("op '{}' is none of =, !=, =~, !~", short(other))),
    };
    given.end().map_err(|why| format!("{why} of a matcher"))?;
    Ok(Condition { name, op, value })
}

impl Members {
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        request::text(&mut self.0, name)
    }

    /// One of these words, in any case.
    fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<T, String> {
        let Some(text) = self.text(name)? else {
            return Ok(words[0].1);
        };
        let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        found.map(|(_, meant)| *meant).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            format!("{name} '{}' is none of {}", short(&text), words.join(", "))
        })
    }

    fn id(&mut self) -> Result<String, String> {
        let id = self.text("id")?.ok_or("'id' is missing")?;
        match id.is_empty() {
            true => Err("the id is empty".to_owned()),
            false => Ok(id),
        }
    }

    fn end(&self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("'{}' is no member", short(name))),
            None => Ok(()),
        }
    }
}

/// The beginning of a client's text, for an error.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Cursor, Selector, Viewer};

    fn refused(text: &str) -> (Option<String>, String) {
        match parse(text) {
            Err(Wrong::Say(id, why)) => (id, why),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn labels_are_a_map_or_a_list_of_matchers() {
        let request = |labels: &str| {
            let text = format!(
                r#"{{"type":"subscribe","id":"1","selector":{{"metric":"m","labels":{labels}}},"onOverflow":"conflate"}}"#
            );
            match parse(&text) {
                Ok(ClientMessage::Subscribe {
                    asked: Asked::Points(asked),
                    ..
                }) => asked.into_request(&Viewer::everyone()).unwrap(),
                other => panic!("{other:?}"),
            }
        };
        let map = request(r#"{"site":"a"}"#);
        let list = request(r#"[{"name":"site","value":"a"}]"#);
        let expected = Selector::of(Some("m"), &[("site", MatchOp::Equal, "a")]);
        assert_eq!(map.scoped.selector(), &expected);
        assert_eq!(list.scoped, map.scoped);
        assert_eq!(map.overflow, Overflow::Conflate);
    }

    #[test]
    fn texts_that_cannot_be_used_are_refused_when_it_begins() {
        for (members, why) in [
            (
                r#""after":"no cursor""#,
                r#"Failed to parse "Cursor": not a cursor of this server"#,
            ),
            (
                r#""every":"0s""#,
                r#"Failed to parse "Duration": must be longer than zero"#,
            ),
            (
                r#""after":"eyJwIjp7fX0","backfill":"1m""#,
                "give either after or backfill",
            ),
        ] {
            let text = format!(r#"{{"type":"subscribe","id":"1",{members}}}"#);
            let Ok(ClientMessage::Subscribe {
                asked: Asked::Points(asked),
                ..
            }) = parse(&text)
            else {
                panic!("{text}");
            };
            assert_eq!(
                asked.into_request(&Viewer::everyone()).unwrap_err().to_string(),
                why
            );
        }
    }

    #[test]
    fn a_cursor_of_somebody_else_is_refused_as_one_that_is_none() {
        let (a, b) = (Viewer::sealed("key:a"), Viewer::sealed("key:b"));
        let after = a.seal().close(Cursor::default().encode());
        let request = |viewer: &Viewer| {
            let text = format!(r#"{{"type":"subscribe","id":"1","after":"{after}"}}"#);
            match parse(&text) {
                Ok(ClientMessage::Subscribe {
                    asked: Asked::Points(asked),
                    ..
                }) => asked.into_request(viewer),
                other => panic!("{other:?}"),
            }
        };
        assert!(request(&a).is_ok());
        for other in [b, Viewer::everyone()] {
            assert_eq!(
                request(&other).unwrap_err().to_string(),
                r#"Failed to parse "Cursor": not a cursor of this server"#
            );
        }
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        for (text, word) in [
            (r#"{"type":"subscribe","id":"7","form":"now"}"#, "form"),
            (r#"{"type":"publish","id":"7"}"#, "publish"),
            (
                r#"{"type":"subscribe","id":"7","fold":"sum"}"#,
                "newest, min, max, mean",
            ),
            (
                r#"{"type":"subscribe","id":"7","selector":{"label":{}}}"#,
                "'label' is no member of 'selector'",
            ),
            (
                r#"{"type":"subscribe","id":"7","selector":{"labels":[{"name":"a","op":"~","value":"b"}]}}"#,
                "'~'",
            ),
        ] {
            let (id, why) = refused(text);
            assert_eq!(id.as_deref(), Some("7"));
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_words_of_the_protocol() {
        for text in [
            "",
            "[]",
            "7",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","id":7}"#,
            r#"{"type":"subscribe","id":""}"#,
            r#"{"type":"unsubscribe"}"#,
            r#"{"type":"subscribe","id":"1","selector":[]}"#,
            r#"{"type":"subscribe","id":"1","selector":{"metric":1}}"#,
            r#"{"type":"subscribe","id":"1","selector":{"labels":1}}"#,
            r#"{"type":"subscribe","id":"1","selector":{"labels":[1]}}"#,
            r#"{"type":"subscribe","id":"1","selector":{"labels":{"a":1}}}"#,
            r#"{"type":"subscribe","id":"1","selector":{"labels":[{"name":"a"}]}}"#,
            r#"{"type":"subscribe","id":"1","after":1}"#,
            r#"{"type":"ping","id":"1","payloads":1}"#,
        ] {
            let (_, why) = refused(text);
            for word in [
                "enum", "struct", "variant", "expected", "untagged", "sequence", "map",
            ] {
                assert!(
                    !why.contains(word) || why.starts_with("not JSON"),
                    "{text}: {why}"
                );
            }
        }
    }
}
