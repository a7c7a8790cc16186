//! Who did what: recorded, for administrators to read, and never changed.

use serde_json::{Value, json};

use crate::support::asking::{ask, get, post};
use crate::support::guarded::{Guarded, ROLES};
use crate::support::kafka::{point, record};
use crate::support::live::Subscriber;
use crate::support::{StreamSync, command, eventually, seconds_ago, terminal};
use streamsync::data::audit::Action;

const EVENTS: &str = "query($actor: String, $action: String, $first: Int, $after: String) {
    audit(actor: $actor, action: $action, first: $first, after: $after) {
        edges { node { actor role address action target outcome detail } }
        pageInfo { hasNextPage endCursor } } }";

async fn events(node: &StreamSync, variables: Value) -> Vec<Value> {
    let mut answer = node.query(EVENTS, variables).await;
    let edges = answer["audit"]["edges"].take();
    let edges = edges.as_array().cloned().unwrap_or_default();
    edges.into_iter().map(|mut edge| edge["node"].take()).collect()
}

fn detail(event: &Value) -> Value {
    let text = event["detail"].as_str().expect("a text");
    serde_json::from_str(text).expect("JSON")
}

#[actix_web::test]
async fn changes_and_exports_are_recorded_shown_and_kept() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    plan.send_and_read(&[point("m", seconds_ago(100), 1.0), record("{")])
        .await;
    let publish =
        "mutation($s: String!) { publish(stream: $s, points: [{metric: \"m\", value: 1}]) { accepted } }";
    for _ in 0..3 {
        node.query(publish, json!({"s": plan.stream})).await;
    }
    node.query(
        "mutation($s: String!) { resumeStream(stream: $s) { wasPaused } }",
        json!({"s": plan.stream}),
    )
    .await;
    let letters = node
        .query("{ deadLetters { edges { node { id } } } }", json!({}))
        .await;
    let id = &letters["deadLetters"]["edges"][0]["node"]["id"];
    node.query(
        "mutation($ids: [ID!]!) { redriveDeadLetters(ids: $ids) { sent } }",
        json!({"ids": [id]}),
    )
    .await;
    let (status, _) = node
        .get("/api/v1/points?from=0&format=csv&metric=m&label=a%3D")
        .await;
    assert_eq!(status, 200);

    let all = eventually("everything is recorded", async || {
        let all = events(&node, json!({})).await;
        (all.len() >= 4).then_some(all)
    })
    .await;
    let seen: Vec<_> = all
        .iter()
        .rev()
        .map(|event| event["action"].as_str().unwrap_or_default())
        .collect();
    // The same again within a minute is only counted.
    assert_eq!(seen, ["publish", "resume", "redrive", "export"]);
    for event in &all {
        assert_eq!(
            (&event["actor"], &event["role"]),
            (&json!("everyone"), &json!("admin"))
        );
        assert_eq!(
            (&event["address"], &event["outcome"]),
            (&json!("127.0.0.1"), &json!("done"))
        );
    }
    let export = &all[0];
    assert_eq!(export["target"], "/api/v1/points m{a=}");
    assert_eq!(detail(export)["format"], "csv");
    assert!(detail(export)["rows"].as_u64().is_some_and(|rows| rows > 0));
    assert_eq!(detail(&all[3]), json!({"points": 1}));

    // In pages, and of one kind.
    let redrives = events(&node, json!({"action": "redrive"})).await;
    assert_eq!(redrives.len(), 1);
    assert_eq!(
        events(&node, json!({"actor": "key:x"})).await,
        Vec::<Value>::new()
    );
    let page = node.query(EVENTS, json!({"first": 3})).await;
    let after = &page["audit"]["pageInfo"]["endCursor"];
    assert_eq!(events(&node, json!({"first": 3, "after": after})).await.len(), 1);
    let unknown = node.error_code(EVENTS, json!({"action": "thinking"})).await;
    assert_eq!(unknown, "BAD_USER_INPUT");

    // A line of the log for each.
    let log = node.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("audit actor=everyone"))
        .collect();
    assert_eq!(lines.len(), 4, "{log}");
    assert!(
        lines[0].contains(&format!("action=publish on={}", plan.stream)),
        "{}",
        lines[0]
    );

    // What was counted is recorded at the end, at the latest.
    node.stop().await;
    let last = "select action || ' ' || (detail->>'times') || ' ' || (detail->>'points') from audit order by id desc limit 1";
    assert_eq!(plan.database.column(last).await, ["publish 2 2"]);

    let file = plan.file();
    let run = |arguments: &[&str]| {
        let mut command = command();
        terminal::run(command.args(arguments).arg("--config").arg(&file))
    };
    let deleted = run(&["delete-series", "--metric", "m", "--yes"]);
    assert!(deleted.printed().contains("deleted 1 series"));
    let table = run(&["audit", "--last", "1h"]).printed();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(
        table
            .lines()
            .last()
            .is_some_and(|line| line.contains("series.delete  m{}")),
        "{table}"
    );
    let lines = run(&["audit", "--json", "--action", "publish"]).printed();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["detail"]["points"], 2);
    assert!(
        run(&["audit", "--action", "thinking"])
            .complaint()
            .contains("key.create")
    );
}

#[actix_web::test]
async fn keys_roles_sessions_and_denials_are_recorded_with_who_and_without_a_secret() {
    let server = Guarded::of(StreamSync::plan().await.settings(ROLES)).await;
    let (admin, sender) = (server.key("boss", "admin", &[]), server.key("s", "sender", &[]));
    let node = server.node().await;
    let id = |key: &str| key.split('_').nth(1).expect("an id").to_owned();
    let ask = async |key: &str, query: &str| ask(&node, &[("x-api-key", key)], query).await.1;
    let create = r#"mutation { createApiKey(name: "new", role: "sender") { secret } }"#;
    let made = ask(&admin, create).await;
    let made = made["data"]["createApiKey"]["secret"].as_str().expect("a key");
    let rotate = format!(r#"mutation {{ rotateApiKey(id: "{}") {{ secret }} }}"#, id(made));
    let rotated = ask(&admin, &rotate).await;
    let rotated = rotated["data"]["rotateApiKey"]["secret"].as_str().expect("a key");
    assert!(server.keys(&["revoke", "new"]).status.success());

    let session = post(&node, "/auth/session", &[], json!({"key": admin})).await;
    assert_eq!(session.status, 200, "{session:?}");
    let csrf = session.json["csrf"].as_str().expect("a token");
    let cookie = session.header("set-cookie").split(';').next().unwrap_or_default();
    let own = [("cookie", cookie), ("x-csrf-token", csrf)];
    assert_eq!(post(&node, "/auth/logout", &own, json!({})).await.status, 204);

    let points = "/api/v1/points?from=0";
    for (headers, status) in [
        (&[][..], 401),
        (&[("x-api-key", "ss_x_y")], 401),
        (&[("x-api-key", &*sender)], 403),
    ] {
        assert_eq!(get(&node, points, headers).await.0, status);
    }
    let resume = r#"mutation { resumeStream(stream: "x") { wasPaused } }"#;
    let refused = ask(&sender, resume).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    // The same once more is no change.
    let guests = ROLES.replace("weather", "climate");
    server.reload(&guests, &[&node]);
    server.reload(&guests, &[&node]);
    let reload = "mutation { reloadConfiguration { streams atRestart } }";
    assert_eq!(
        ask(&admin, reload).await["data"]["reloadConfiguration"]["streams"],
        json!([])
    );

    // Whoever sits at the terminal has the name that the system gives them.
    let lines = "select distinct action || ' ' || split_part(actor, ':', 1) || ' ' || target || ' ' || outcome from audit order by 1";
    let keys = |action: &str, by: &str, id: &str| format!("{action} {by} {id} done");
    let expected = {
        let mut all = vec![
            "denied key /api/v1/points refused".to_owned(),
            "denied key /graphql refused".to_owned(),
            "denied unknown /api/v1/points refused".to_owned(),
            keys("key.create", "terminal", &id(&admin)),
            keys("key.create", "terminal", &id(&sender)),
            keys("key.create", "key", &id(made)),
            keys("key.rotate", "key", &id(made)),
            keys("key.revoke", "terminal", &id(made)),
            "reload key  done".to_owned(),
            "roles.change streamsync auth done".to_owned(),
            "sign_in key boss done".to_owned(),
            "sign_out key boss done".to_owned(),
        ];
        all.sort();
        all
    };
    let database = &server.plan.database;
    eventually("all is recorded", async || {
        let mut seen = database.column(lines).await;
        seen.sort();
        (seen == expected).then_some(())
    })
    .await;
    let changes = "select count(*)::text from audit where action = 'roles.change'";
    assert_eq!(database.value(changes).await, "1");
    let by = format!(
        "select distinct actor || ' ' || role || ' ' || address from audit where actor = 'key:{}'",
        id(&admin)
    );
    assert_eq!(
        database.column(&by).await,
        [format!("key:{} admin 127.0.0.1", id(&admin))]
    );

    let told = database.column("select audit::text from audit").await.join("\n") + &node.log();
    let of = |key: &str| key.rsplit('_').next().expect("a secret").to_owned();
    let session = cookie.split_once('=').expect("a cookie").1;
    for secret in [
        of(&admin),
        of(&sender),
        of(made),
        of(rotated),
        csrf.into(),
        session.into(),
    ] {
        assert!(secret.len() > 20 && !told.contains(&secret));
    }
}

#[actix_web::test]
async fn credentials_that_are_refused_over_a_websocket_are_recorded_as_those_of_requests_are() {
    let server = Guarded::of(StreamSync::plan().await.settings(ROLES)).await;
    let (reader, other) = (server.key("r", "reader", &[]), server.key("o", "reader", &[]));
    let mut node = server.node().await;
    let secret = "ss_0123456789ab_thisisnotthesecretofanykey";
    let init = |token: &str| json!({"type": "connection_init", "payload": {"token": token}});
    for (token, closed) in [(secret, 4403), ("", 4401)] {
        for protocol in ["graphql-transport-ws", "graphql-ws"] {
            let mut socket = Subscriber::socket(&node, protocol).await;
            match token {
                "" => socket.send(json!({"type": "connection_init"})).await,
                token => socket.send(init(token)).await,
            }
            assert_eq!(socket.closed().await, closed, "{protocol}");
        }
    }
    let mut plain = Subscriber::plain(&node).await;
    plain.send(json!({"type": "auth", "token": secret})).await;
    assert_eq!(plain.closed().await, 4403);
    // Who is let in already is known by then.
    let mut socket = Subscriber::socket(&node, "graphql-transport-ws").await;
    socket.send(init(&reader)).await;
    assert_eq!(socket.frame().await.expect("an answer")["type"], "connection_ack");
    for token in [secret, &other] {
        socket
            .send(json!({"type": "ping", "payload": {"token": token}}))
            .await;
        assert_eq!(socket.frame().await.expect("an answer")["type"], "pong");
    }
    let log = node.log();
    node.terminate().await;

    let id = reader.split('_').nth(1).expect("an id");
    let database = &server.plan.database;
    let recorded = "select actor || ' ' || role || ' ' || target || ' ' || address || ' ' ||
        coalesce(detail->>'times', '1') || ' ' || outcome from audit where action = 'denied' order by 1";
    // The same again within a minute is counted.
    let expected = [
        format!("key:{id} reader /graphql 127.0.0.1 1 refused"),
        format!("key:{id} reader /graphql 127.0.0.1 1 refused"),
        "unknown  /graphql 127.0.0.1 1 refused".to_owned(),
        "unknown  /graphql 127.0.0.1 3 refused".to_owned(),
        "unknown  /ws 127.0.0.1 1 refused".to_owned(),
    ];
    assert_eq!(database.column(recorded).await, expected);
    let whys = "select detail->>'why' from audit where target = '/ws'";
    assert_eq!(database.column(whys).await, ["the credential is not valid"]);
    let told = database.column("select audit::text from audit").await.join("\n") + &log;
    assert!(!told.contains(secret));
}

#[test]
fn every_kind_of_event_is_in_one_of_these_specifications() {
    let text = include_str!("audit.rs");
    // `audit.lost` is specified where Postgres is away, in src/access/audit/tests.rs.
    for action in Action::ALL.into_iter().filter(|action| *action != Action::Lost) {
        let word = action.as_str();
        let named = [format!("\"{word}\""), format!("\"{word} "), format!("{word}  ")];
        assert!(named.iter().any(|named| text.contains(named)), "{word}");
    }
}
