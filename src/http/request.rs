//! A GraphQL request as clients send it: JSON in a body or a message, or the parameters of a URL.

use actix_web::web;
use async_graphql::{Request, Variables};
use serde_json::{Map, Value};

use crate::graphql::guard::documents::{DOCUMENT_ID, PERSISTED_QUERY};
use crate::graphql::guard::json;

/// Bounded and parsed.
///
/// # Errors
/// Why it is not a request, as a message for the client.
pub(super) fn from_body(body: &[u8]) -> Result<Request, String> {
    from_json(json::parse(body).map_err(|why| format!("the body is refused: {why}"))?)
}

/// Unknown members are ignored, as "GraphQL over HTTP" requires.
///
/// # Errors
/// As [`from_body`].
pub(super) fn from_json(value: Value) -> Result<Request, String> {
    let mut members = match value {
        Value::Object(members) => members,
        Value::Array(_) => {
            return Err("a GraphQL request is one JSON object; lists are not supported".to_owned());
        }
        _ => return Err("a GraphQL request is a JSON object".to_owned()),
    };
    let named = named(&mut members)?;
    let query = match text(&mut members, "query")? {
        None if named.is_empty() => return Err("a GraphQL request needs the member 'query'".to_owned()),
        query => query.unwrap_or_default(),
    };
    let mut request = Request::new(query);
    request.extensions.extend(named);
    request.operation_name = text(&mut members, "operationName")?;
    if let Some(variables) = object(&mut members, "variables")? {
        request = request.variables(Variables::from_json(variables.into()));
    }
    Ok(request)
}

/// What names a document: a persisted query or an id, as extensions of the request. Of the other extensions
/// only the type is checked.
fn named(members: &mut Map<String, Value>) -> Result<Vec<(String, async_graphql::Value)>, String> {
    let extensions = object(members, "extensions")?;
    let persisted = extensions.and_then(|mut extensions| extensions.remove(PERSISTED_QUERY));
    let id = text(members, DOCUMENT_ID)?.map(Value::String);
    let named = [(PERSISTED_QUERY, persisted), (DOCUMENT_ID, id)];
    let given = named.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_null())?;
        let value = async_graphql::Value::from_json(value).ok()?;
        Some((name.to_owned(), value))
    });
    Ok(given.collect())
}

/// From a URL, where the maps are JSON texts.
///
/// # Errors
/// As [`from_body`].
pub(super) fn from_url(query: &str) -> Result<Request, String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| "the parameters of the URL cannot be read".to_owned())?
        .into_inner();
    let mut members = Map::new();
    for (name, text) in pairs {
        let value = match name.as_str() {
            "query" | "operationName" | DOCUMENT_ID => Value::from(text),
            "variables" | "extensions" => {
                json::parse(text.as_bytes()).map_err(|why| format!("parameter '{name}' is refused: {why}"))?
            }
            _ => continue,
        };
        if members.insert(name.clone(), value).is_some() {
            return Err(format!("parameter '{name}' is given twice"));
        }
    }
    from_json(members.into())
}

/// The request may do without its document.
pub(super) fn names_document(payload: &Value) -> bool {
    let persisted = payload.get("extensions").and_then(|e| e.get(PERSISTED_QUERY));
    let named = [payload.get(DOCUMENT_ID), persisted];
    named.into_iter().flatten().any(|named| !named.is_null())
}

pub(super) fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("'{name}' must be a text")),
    }
}

fn object(members: &mut Map<String, Value>, name: &str) -> Result<Option<Map<String, Value>>, String> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(format!("'{name}' must be a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_of_more_than_64_bits_is_refused_in_a_body_and_in_a_parameter() {
        let variables = |number: &str| format!("{{\"v\":{{\"points\":[{{\"value\":{number}}}]}}}}");
        for number in ["18446744073709551616", "-9223372036854775809", "1e20"] {
            let variables = variables(number);
            let body = format!("{{\"query\":\"{{a}}\",\"variables\":{variables}}}");
            let url = format!("query={{a}}&variables={variables}");
            let lost = |read: Result<Request, String>| read.is_err_and(|why| why.contains("lose digits"));
            assert_eq!(lost(from_body(body.as_bytes())), number != "1e20", "{number}");
            assert_eq!(lost(from_url(&url)), number != "1e20", "{number}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_plain_words() {
        for (body, words) in [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[]", "lists"),
            ("7", "JSON object"),
            ("{}", "'query'"),
            (r#"{"query":7}"#, "'query' must be a text"),
            (
                r#"{"query":"{a}","variables":[]}"#,
                "'variables' must be a JSON object",
            ),
            (
                r#"{"query":"{a}","operationName":{}}"#,
                "'operationName' must be a text",
            ),
        ] {
            let why = from_body(body.as_bytes()).unwrap_err();
            assert!(why.contains(words), "{body}: {why}");
        }
        let nulls = r#"{"query":"{a}","operationName":null,"variables":null,"extensions":null,"more":1}"#;
        assert!(from_body(nulls.as_bytes()).is_ok());
    }

    #[test]
    fn a_url_has_the_same_members_once() {
        let request = from_url("query=%7Ba%7D&variables=%7B%22x%22%3A1%7D&more=1").unwrap();
        assert_eq!((request.query.as_str(), request.variables.len()), ("{a}", 1));
        assert!(from_url("query=a&query=b").is_err());
        assert!(from_url("variables=%7B%7D").is_err());
        let deep = format!("query=a&variables={}", "%5B".repeat(1_000));
        assert!(from_url(&deep).unwrap_err().contains("brackets"));
    }
}
