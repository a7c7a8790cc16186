//! The credential in the payload of a message.

use serde_json::{Map, Value};

use crate::access::Credential;

type ByName = fn(&str) -> Credential;

/// The members of a payload that have a credential, in any case, and of `headers` in it. These are what
/// clients of graphql-ws and Apollo send.
const MEMBERS: [(&str, ByName); 4] = [
    ("authorization", of_authorization),
    ("token", Credential::of),
    ("apikey", Credential::of),
    ("x-api-key", Credential::of),
];

/// `None`: there is none. Several must be the same one.
pub fn of_payload(payload: &Value) -> Option<Credential> {
    let members = payload.as_object()?;
    let headers = members
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("headers"));
    let headers = headers.and_then(|(_, headers)| headers.as_object());
    let mut found = headers.into_iter().chain([members]).flat_map(of_members);
    let first = found.next()?;
    match found.all(|other| other == first) {
        true => Some(first),
        false => Some(Credential::Malformed),
    }
}

fn of_members(members: &Map<String, Value>) -> impl Iterator<Item = Credential> {
    members.iter().filter_map(|(name, value)| {
        let (_, read) = MEMBERS
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))?;
        match value {
            // A client that is not signed in.
            Value::Null => None,
            Value::String(text) => Some(read(text)),
            _ => Some(Credential::Malformed),
        }
    })
}

/// Some clients leave `Bearer` out.
fn of_authorization(text: &str) -> Credential {
    match text.trim().contains(' ') {
        true => Credential::of_authorization(text),
        false => Credential::of(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_has_its_credential_where_clients_put_it() {
        let token = Credential::Token("a.b.c".to_owned());
        for payload in [
            json!({"Authorization": "Bearer a.b.c"}),
            json!({"authorization": "a.b.c"}),
            json!({"token": "a.b.c", "other": 1}),
            json!({"apiKey": "a.b.c"}),
            json!({"headers": {"Authorization": "bearer a.b.c"}}),
            json!({"headers": {"X-API-Key": "a.b.c"}, "token": "a.b.c"}),
            json!({"Authorization": "Basic eDphLmIuYw=="}),
        ] {
            assert_eq!(of_payload(&payload), Some(token.clone()), "{payload}");
        }
        for payload in [
            json!({}),
            json!(null),
            json!({"token": null}),
            json!({"headers": {"accept": "x"}}),
        ] {
            assert_eq!(of_payload(&payload), None, "{payload}");
        }
    }

    #[test]
    fn what_is_unclear_is_no_credential_that_anybody_has() {
        for payload in [
            json!({"token": "a.b.c", "apiKey": "ss_a_b"}),
            json!({"token": "a.b.c", "headers": {"authorization": "Bearer d.e.f"}}),
            json!({"token": 7}),
            json!({"token": ""}),
            json!({"Authorization": "Digest a.b.c"}),
        ] {
            assert_eq!(of_payload(&payload), Some(Credential::Malformed), "{payload}");
        }
    }
}
