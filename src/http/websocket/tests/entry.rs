//! Who may use a connection: credentials that come over it, and what changes while it is open.

use super::*;
use crate::access::{Denied, Principal};
use crate::data::Micros;
use crate::http::session::testing::with_role;

const SOON: Duration = Duration::from_millis(200);

fn short() -> Limits {
    Limits {
        init: SOON,
        grace: SOON,
        ..Limits::default()
    }
}

fn init(token: &str) -> Value {
    json!({"type": "connection_init", "payload": {"token": token}})
}

fn expiring(name: &str, span: Duration) -> Arc<Principal> {
    Arc::new(Principal {
        expires: Some(Micros::now().plus(span)),
        ..(*named(name)).clone()
    })
}

/// The numbers of this operation are without gap or duplicate from here to a few more.
async fn goes_on(client: &mut Client, id: &str, next: &mut i64) {
    let end = *next + 5;
    while *next < end {
        let message = hear(client).await;
        if message["id"] == id {
            assert_eq!(message["payload"]["data"]["points"], *next, "{message}");
            *next += 1;
        }
    }
}

fn points(id: &str, metric: &str) -> Value {
    subscribe(id, &format!("subscription {{ points(metric: \"{metric}\") }}"))
}

#[actix_web::test]
async fn a_credential_in_the_first_message_lets_in_or_closes() {
    let server = Server::start(short());
    let subscribe = points("1", "m");
    for (protocol, messages, heard, code) in [
        (
            "graphql-transport-ws",
            vec![init("b")],
            Some("connection_ack"),
            None,
        ),
        ("graphql-transport-ws", vec![init("nobody")], None, Some(4403)),
        (
            "graphql-transport-ws",
            vec![json!({"type": "connection_init"})],
            None,
            Some(4401),
        ),
        ("graphql-transport-ws", vec![subscribe], None, Some(4401)),
        ("graphql-transport-ws", vec![], None, Some(4408)),
        ("graphql-ws", vec![init("b")], Some("connection_ack"), None),
        (
            "graphql-ws",
            vec![init("nobody")],
            Some("connection_error"),
            Some(4403),
        ),
        (
            "graphql-ws",
            vec![json!({"type": "connection_init"})],
            Some("connection_error"),
            Some(4401),
        ),
        (
            "plain",
            vec![json!({"type": "auth", "token": "b"})],
            Some("authenticated"),
            None,
        ),
        (
            "plain",
            vec![json!({"type": "auth", "token": "nobody"})],
            Some("error"),
            Some(4403),
        ),
        (
            "plain",
            vec![json!({"type": "subscribe", "id": "1"})],
            None,
            Some(4401),
        ),
        ("plain", vec![], None, Some(4401)),
    ] {
        let mut client = server.connect_as(None, protocol).await;
        if protocol == "plain" {
            assert_eq!(hear(&mut client).await["type"], "hello");
        }
        for message in &messages {
            say(&mut client, message.clone()).await;
        }
        if let Some(heard) = heard {
            let message = hear(&mut client).await;
            assert_eq!(message["type"], heard, "{protocol} {messages:?} {message}");
        }
        if let Some(code) = code {
            assert_eq!(
                close_code(&mut client).await,
                Some(code),
                "{protocol} {messages:?}"
            );
        }
    }
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_refusal_says_nothing_that_only_the_server_knows() {
    let server = Server::start(short());
    let mut client = server.connect_as(None, "graphql-ws").await;
    say(&mut client, init("nobody")).await;
    let expected = json!({"type": "connection_error", "payload": {"message": "the credential is not valid"}});
    assert_eq!(hear(&mut client).await, expected);
    let mut client = server.connect_as(None, "plain").await;
    hear(&mut client).await;
    say(&mut client, json!({"type": "auth", "token": "nobody"})).await;
    let expected =
        json!({"type": "error", "code": "UNAUTHENTICATED", "message": "the credential is not valid"});
    assert_eq!(hear(&mut client).await, expected);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn messages_wait_while_a_credential_is_looked_at() {
    let server = Server::start(Limits::default());
    server.doorman.hesitate();
    let mut client = server.connect_as(None, "plain").await;
    hear(&mut client).await;
    say(&mut client, json!({"type": "auth", "token": "b"})).await;
    say(&mut client, json!({"type": "subscribe", "id": "1"})).await;
    say(&mut client, json!({"type": "ping"})).await;
    let early = tokio::time::timeout(SOON, client.next()).await;
    assert!(early.is_err(), "{early:?}");
    server.doorman.answer();
    assert_eq!(hear(&mut client).await["type"], "authenticated");
    // There are no feeds here; the order of the two is not fixed.
    let mut kinds = [hear(&mut client).await, hear(&mut client).await].map(|m| m["type"].to_string());
    kinds.sort();
    assert_eq!(kinds, [r#""error""#, r#""pong""#]);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_credential_is_looked_at_for_the_time_of_the_init_at_most() {
    let server = Server::start(short());
    let mut client = server.ready().await;
    server.doorman.hesitate();
    let mut late = server.connect_as(None, "graphql-transport-ws").await;
    say(&mut late, init("b")).await;
    assert_eq!(close_code(&mut late).await, Some(4408));
    say(&mut client, json!({"type": "ping", "payload": {"token": "a"}})).await;
    let pong = hear(&mut client).await;
    assert_eq!(pong["payload"]["auth"], "refused", "{pong}");
    say(&mut client, subscribe("q", "{ answer }")).await;
    assert_eq!(hear(&mut client).await["payload"]["data"]["answer"], 42);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_new_credential_of_the_same_principal_is_taken_without_a_gap() {
    let server = Server::start(short());
    let mut client = server.ready().await;
    say(&mut client, points("1", "m")).await;
    let mut next = 0;
    goes_on(&mut client, "1", &mut next).await;
    for (token, auth) in [
        ("a:2", "ok"),
        ("b", "refused"),
        ("nobody", "refused"),
        ("a:3", "ok"),
    ] {
        say(
            &mut client,
            json!({"type": "ping", "payload": {"Authorization": format!("Bearer {token}")}}),
        )
        .await;
        loop {
            let message = hear(&mut client).await;
            if message["type"] == "pong" {
                assert_eq!(message["payload"]["auth"], auth, "{token}: {message}");
                break;
            }
            assert_eq!(message["payload"]["data"]["points"], next);
            next += 1;
        }
        goes_on(&mut client, "1", &mut next).await;
    }
    // What has no credential is sent back as before.
    say(&mut client, json!({"type": "complete", "id": "1"})).await;
    say(&mut client, json!({"type": "ping", "payload": {"n": 1}})).await;
    let pong = loop {
        let message = hear(&mut client).await;
        if message["type"] == "pong" {
            break message;
        }
    };
    assert_eq!(pong["payload"], json!({"n": 1}));
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn the_older_protocol_renews_with_another_init() {
    let server = Server::start(Limits::default());
    server
        .doorman
        .says("b", Ok(expiring("b", Duration::from_secs(3_600))));
    let mut client = server.connect_as(None, "graphql-ws").await;
    for (token, heard) in [
        ("b", "connection_ack"),
        ("b:2", "connection_ack"),
        ("a", "connection_error"),
    ] {
        say(&mut client, init(token)).await;
        let message = loop {
            let message = hear(&mut client).await;
            if message["type"] != "ka" {
                break message;
            }
        };
        assert_eq!(message["type"], heard, "{token}");
        assert_eq!(
            message["payload"]["expires"].is_string(),
            heard == "connection_ack"
        );
    }
    say(&mut client, json!({"type": "connection_init"})).await;
    assert_eq!(close_code(&mut client).await, Some(4429));
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn an_expired_credential_has_its_grace_and_a_new_one_ends_it() {
    let server = Server::start(short());
    let began = tokio::time::Instant::now();
    let mut clients = Vec::new();
    for name in ["silent", "renews"] {
        server.doorman.says(name, Ok(expiring(name, SOON)));
        let mut client = server.connect_as(None, "graphql-transport-ws").await;
        say(&mut client, init(name)).await;
        assert!(hear(&mut client).await["payload"]["expires"].is_string());
        say(&mut client, points("1", "m")).await;
        clients.push(client);
    }
    let [silent, renews] = &mut clients[..] else {
        unreachable!()
    };
    let later = expiring("renews", Duration::from_secs(3_600));
    server.doorman.says("renews", Ok(Arc::clone(&later)));
    say(renews, json!({"type": "ping", "payload": {"token": "renews"}})).await;
    assert_eq!(close_code(silent).await, Some(4401));
    assert!(began.elapsed() >= 2 * SOON, "{:?}", began.elapsed());
    let pong = loop {
        let message = hear(renews).await;
        if message["type"] == "pong" {
            break message;
        }
    };
    let expires = later.expires.unwrap().to_string();
    assert_eq!(pong["payload"], json!({"auth": "ok", "expires": expires}));
    let mut next = 0;
    while began.elapsed() < 5 * SOON {
        let message = hear(renews).await;
        next = message["payload"]["data"]["points"].as_i64().unwrap().max(next);
    }
    assert!(next > 0);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn who_is_let_go_is_closed_at_once() {
    let server = Server::start(Limits::default());
    for (denied, code) in [(Denied::Invalid, 4403), (Denied::Unavailable, 1013)] {
        server.doorman.says("a", Ok(named("a")));
        let mut client = server.ready().await;
        say(&mut client, points("1", "m")).await;
        hear(&mut client).await;
        let mut idle = server.connect("plain").await;
        hear(&mut idle).await;
        let at = tokio::time::Instant::now();
        server.doorman.says("a", Err(denied));
        for client in [&mut client, &mut idle] {
            assert_eq!(close_code(client).await, Some(code));
        }
        assert!(at.elapsed() < Duration::from_secs(1));
    }
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_narrower_role_ends_what_it_forbids_and_the_rest_goes_on() {
    let server = Server::start(Limits::default());
    server.doorman.says("a", Ok(with_role("a", &["m", "n"])));
    let mut client = server.ready().await;
    for metric in ["m", "n"] {
        say(&mut client, points(metric, metric)).await;
    }
    let mut m = 0;
    goes_on(&mut client, "m", &mut m).await;
    server.doorman.says("a", Ok(with_role("a", &["m"])));
    let end = loop {
        let message = hear(&mut client).await;
        match message["id"].as_str() {
            Some("m") => {
                assert_eq!(message["payload"]["data"]["points"], m);
                m += 1;
            }
            _ if message["type"] == "error" => break message,
            _ => {}
        }
    };
    assert_eq!(end["id"], "n");
    assert_eq!(end["payload"][0]["extensions"]["code"], "FORBIDDEN");
    goes_on(&mut client, "m", &mut m).await;
    // A wider one changes nothing for what runs; new operations have it.
    server.doorman.says("a", Ok(named("a")));
    goes_on(&mut client, "m", &mut m).await;
    say(&mut client, subscribe("f", "subscription { forever }")).await;
    loop {
        let message = hear(&mut client).await;
        if message["id"] == "f" {
            assert_eq!(message["payload"]["data"]["forever"], 1, "{message}");
            break;
        }
    }
    server.doorman.says("a", Ok(with_role("a", &[])));
    let end = loop {
        let message = hear(&mut client).await;
        if message["type"] == "error" {
            break message;
        }
    };
    assert_eq!(end["id"], "m");
    server.handle.stop(false).await;
}
