//! Messages from clients of `/ws`, read by hand: what is wrong is said in words of the protocol.

use async_graphql::{Request, Variables};
use serde_json::{Map, Value, json};

use super::super::{ClientMessage, Wrong};
use crate::graphql::guard;

const DOCUMENT: &str = "subscription($selector: SeriesSelector!, $after: Cursor, $backfill: Duration, \
    $every: Duration, $fold: Fold, $onOverflow: OverflowPolicy) { points(selector: $selector, \
    after: $after, backfill: $backfill, every: $every, fold: $fold, onOverflow: $onOverflow) { \
    cursor conflated points { series: key ts value } } }";

const FOLDS: &[&str] = &["newest", "min", "max", "mean"];
const POLICIES: &[&str] = &["close", "conflate"];

/// The members of an object that have not been read yet: what is left is a mistake that would go
/// unnoticed.
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
            let request = Box::new(subscription(members)?);
            ClientMessage::Subscribe { id, request }
        }
        "unsubscribe" => ClientMessage::Complete { id: members.id()? },
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

fn subscription(members: &mut Members) -> Result<Request, String> {
    let selector = match members.0.remove("selector") {
        None | Some(Value::Null) => json!({}),
        Some(Value::Object(given)) => selector(Members(given))?,
        Some(_) => return Err("'selector' must be an object".to_owned()),
    };
    let mut variables = Map::from_iter([("selector".to_owned(), selector)]);
    for name in ["after", "backfill", "every"] {
        if let Some(text) = members.text(name)? {
            variables.insert(name.to_owned(), text.into());
        }
    }
    for (name, words) in [("fold", FOLDS), ("onOverflow", POLICIES)] {
        if let Some(text) = members.text(name)? {
            let word = text.to_ascii_lowercase();
            if !words.contains(&word.as_str()) {
                return Err(format!(
                    "{name} '{}' is none of {}",
                    short(&text),
                    words.join(", ")
                ));
            }
            variables.insert(name.to_owned(), word.to_ascii_uppercase().into());
        }
    }
    Ok(Request::new(DOCUMENT).variables(Variables::from_json(variables.into())))
}

fn selector(mut given: Members) -> Result<Value, String> {
    let metric = given.text("metric")?;
    let labels: Vec<Value> = match given.0.remove("labels") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(labels)) => labels
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(_) => Ok(json!({ "name": name, "op": "EQUAL", "value": value })),
                _ => Err(format!("the label '{}' must be a text", short(&name))),
            })
            .collect::<Result<_, _>>()?,
        Some(Value::Array(matchers)) => matchers.into_iter().map(matcher).collect::<Result<_, _>>()?,
        Some(_) => {
            return Err("'labels' must be an object of texts, or a list of matchers".to_owned());
        }
    };
    given.end().map_err(|why| format!("{why} of 'selector'"))?;
    Ok(json!({ "metric": metric, "labels": labels }))
}

fn matcher(given: Value) -> Result<Value, String> {
    let Value::Object(given) = given else {
        return Err("a matcher of 'labels' must be an object with 'name', 'op' and 'value'".to_owned());
    };
    let mut given = Members(given);
    let name = given.text("name")?.ok_or("'name' of a matcher is missing")?;
    let value = given.text("value")?.ok_or("'value' of a matcher is missing")?;
    let op = match given.text("op")?.as_deref() {
        None | Some("=") => "EQUAL",
        Some("!=") => "NOT_EQUAL",
        Some("=~") => "MATCHES",
        Some("!~") => "NOT_MATCHES",
        Some(other) => return Err(format!("op '{}' is none of =, !=, =~, !~", short(other))),
    };
    given.end().map_err(|why| format!("{why} of a matcher"))?;
    Ok(json!({ "name": name, "op": op, "value": value }))
}

impl Members {
    /// Null is as good as nothing.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("'{name}' must be a text")),
        }
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

/// What a client wrote, for an answer.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Option<String>, String) {
        match parse(text) {
            Err(Wrong::Say(id, why)) => (id, why),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn labels_are_a_map_or_a_list_of_matchers() {
        let variables = |labels: &str| {
            let text = format!(
                r#"{{"type":"subscribe","id":"1","selector":{{"metric":"m","labels":{labels}}},"onOverflow":"conflate"}}"#
            );
            match parse(&text) {
                Ok(ClientMessage::Subscribe { request, .. }) => {
                    serde_json::to_value(&request.variables).unwrap()
                }
                other => panic!("{other:?}"),
            }
        };
        let map = variables(r#"{"site":"a"}"#);
        let list = variables(r#"[{"name":"site","value":"a"}]"#);
        let expected = json!([{"name": "site", "op": "EQUAL", "value": "a"}]);
        assert_eq!(map["selector"]["labels"], expected);
        assert_eq!(list, map);
        assert_eq!(map["onOverflow"], "CONFLATE");
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
