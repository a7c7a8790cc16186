//! API keys and roles: who is let in, what they may do, and when that changes.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::asking::ask;
use crate::support::guarded::{Guarded, ROLES};
use crate::support::kafka::labelled_point;
use crate::support::{StreamSync, command, eventually, seconds_ago};

/// What everybody is told whose credential is not valid.
const INVALID: &str = "the credential is not valid";

struct World {
    server: Guarded,
    admin: String,
}

impl World {
    async fn new() -> Self {
        let server = Guarded::of(StreamSync::plan().await.settings(ROLES)).await;
        let admin = server.key("boss", "admin", &[]);
        Self { server, admin }
    }
}

async fn ask_with(node: &StreamSync, key: &str, query: &str) -> (u16, Value) {
    ask(node, &[("x-api-key", key)], query).await
}

const ME: &str = "{ me { subject name role operations read write streams expires } }";

fn id(key: &str) -> &str {
    key.split('_').nth(1).expect("an id")
}

#[actix_web::test]
async fn a_key_lets_in_by_each_header_and_what_is_no_key_is_refused_in_the_same_words() {
    let world = World::new().await;
    let key = world.server.key("panel", "berlin", &["--expires", "30d"]);
    let soon = world.server.key("soon", "berlin", &["--expires", "1s"]);
    let revoked = world.server.key("gone", "berlin", &[]);
    assert!(world.server.keys(&["revoke", "gone"]).status.success());
    let node = world.server.node().await;
    world
        .server
        .plan
        .send_and_read(&[
            labelled_point("m_a", &[("site", "berlin")], seconds_ago(5), 1.0),
            labelled_point("m_b", &[("site", "paris")], seconds_ago(5), 1.0),
        ])
        .await;

    let bearer = format!("Bearer {key}");
    let basic = format!("Basic {}", STANDARD.encode(format!("grafana:{key}")));
    for header in [
        ("authorization", &*bearer),
        ("authorization", &basic),
        ("x-api-key", &key),
    ] {
        let (status, answer) = ask(&node, &[header], "{ metrics { name } }").await;
        assert_eq!(status, 200);
        assert_eq!(answer["data"]["metrics"], json!([{"name": "m_a"}]), "{answer}");
    }
    let (_, answer) = ask_with(&node, &key, ME).await;
    let me = &answer["data"]["me"];
    assert_eq!(me["subject"], format!("key:{}", id(&key)));
    assert_eq!((&me["name"], &me["role"]), (&json!("panel"), &json!("berlin")));
    assert_eq!(me["operations"], json!(["READ"]));
    assert_eq!(me["read"], json!([r#"m_*{site="berlin"}"#]));
    assert!(me["expires"].is_string() && me["write"] == json!([]) && me["streams"] == json!([]));
    let (_, answer) = ask_with(&node, &key, "{ apiKeys { id } }").await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{answer}");

    let last = if key.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &key[..key.len() - 1]);
    let unknown = key.replace(id(&key), "0123456789ab");
    let mut words = Vec::new();
    for refused in [&*wrong, &unknown, &soon, &revoked, "a.b.c"] {
        let refused = async || Some(ask_with(&node, refused, ME).await).filter(|(status, _)| *status == 401);
        words.push(eventually("it is refused", refused).await.1);
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].to_string().contains(INVALID), "{words:?}");
    let (status, _) = ask(&node, &[], ME).await;
    assert_eq!(status, 401);

    let listed = String::from_utf8(world.server.keys(&["list"]).stdout).expect("a text");
    for (name, state) in [("panel", "in use"), ("soon", "expired"), ("gone", "revoked")] {
        let line = listed.lines().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.contains(state)), "{listed}");
    }
    for secret in [&key, &soon, &revoked, &wrong, &world.admin] {
        let secret = secret.rsplit('_').next().expect("a secret");
        assert!(!node.log().contains(secret) && !listed.contains(secret));
    }
}

#[actix_web::test]
async fn what_is_changed_holds_on_every_node_within_a_second() {
    let world = World::new().await;
    let (one, other) = (world.server.node().await, world.server.node().await);
    let create = r#"mutation { createApiKey(name: "new", role: "berlin") { secret key { id createdBy } } }"#;
    let (_, made) = ask_with(&one, &world.admin, create).await;
    let made = &made["data"]["createApiKey"];
    let key = made["secret"].as_str().expect("a key").to_owned();
    assert_eq!(made["key"]["createdBy"], format!("key:{}", id(&world.admin)));
    // At once where it was made.
    assert_eq!(ask_with(&one, &key, ME).await.0, 200);
    let becomes = async |key: &str, status: u16, query: &str| {
        let since = Instant::now();
        eventually("the other node knows", async || {
            let found = ask_with(&other, key, query).await.0;
            // A node that was asked too often before it knew says 429 to what is not valid.
            (found == status || (status, found) == (401, 429)).then_some(())
        })
        .await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    };
    becomes(&key, 200, ME).await;

    let rotate = format!(r#"mutation {{ rotateApiKey(id: "{}") {{ secret }} }}"#, id(&key));
    let (_, rotated) = ask_with(&one, &world.admin, &rotate).await;
    let new = rotated["data"]["rotateApiKey"]["secret"]
        .as_str()
        .expect("a key")
        .to_owned();
    assert_eq!(ask_with(&one, &key, ME).await.0, 401);
    becomes(&key, 401, ME).await;
    becomes(&new, 200, ME).await;

    assert!(world.server.keys(&["revoke", id(&new)]).status.success());
    becomes(&new, 401, ME).await;
    let revoke = format!(r#"mutation {{ revokeApiKey(id: "{}") {{ id }} }}"#, id(&new));
    let (_, answer) = ask_with(&one, &world.admin, &revoke).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
}

#[actix_web::test]
async fn roles_are_read_again_at_a_hangup_and_bad_ones_replace_nothing() {
    let world = World::new().await;
    let key = world.server.key("panel", "berlin", &[]);
    let node = world.server.node().await;
    assert_eq!(ask(&node, &[], ME).await.0, 401);
    let other = ROLES.replace("berlin\"}", "paris\"}");
    world
        .server
        .reload(&format!("[auth]\nanonymous = \"guest\"\n{other}"), &[&node]);
    let guest = eventually("a guest is let in", async || {
        let (status, answer) = ask(&node, &[], ME).await;
        (status == 200).then_some(answer)
    })
    .await;
    let guest = &guest["data"]["me"];
    assert_eq!(
        (&guest["subject"], &guest["read"]),
        (&json!("anonymous"), &json!(["weather"]))
    );
    let (_, answer) = ask_with(&node, &key, ME).await;
    assert_eq!(answer["data"]["me"]["read"], json!([r#"m_*{site="paris"}"#]));

    world.server.reload("[auth]\nanonymous = \"nobody\"", &[&node]);
    eventually("it says why", async || {
        node.log().contains("there is no role 'nobody'").then_some(())
    })
    .await;
    assert_eq!(ask(&node, &[], ME).await.0, 200);
    assert_eq!(ask_with(&node, &key, ME).await.0, 200);
}

#[actix_web::test]
async fn access_control_stays_until_a_restart_and_takes_up_roles_that_are_put_back() {
    let world = World::new().await;
    let key = world.server.key("panel", "berlin", &[]);
    let node = world.server.node().await;
    let waits = |log: &str| log.matches("take effect at the next start").count();
    for times in 1..=2 {
        world.server.reload("", &[&node]);
        eventually("it waits for a restart", async || {
            (waits(&node.log()) == times).then_some(())
        })
        .await;
        assert_eq!(ask(&node, &[], ME).await.0, 401);
    }
    let other = ROLES.replace("berlin\"}", "paris\"}");
    world.server.reload(&other, &[&node]);
    eventually("the other role holds", async || {
        let (_, answer) = ask_with(&node, &key, ME).await;
        (answer["data"]["me"]["read"] == json!([r#"m_*{site="paris"}"#])).then_some(())
    })
    .await;
    assert_eq!(waits(&node.log()), 2);
}

#[actix_web::test]
async fn roles_that_are_wrong_are_told_before_anything_starts() {
    let plan = StreamSync::plan().await;
    let plan = plan.settings("[auth.roles.r]\noperations = [\"read\"]\nread = [\"sum(m)\"]");
    let file = plan.file();
    let checked = command()
        .arg("check")
        .arg("--config")
        .arg(&file)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(
        !checked.status.success()
            && said.contains("line 3: auth.roles.r.read: 'sum(m)' is no series selector"),
        "{said}"
    );
    let world = World::new().await;
    for (arguments, why) in [
        (["create", "x", "--role", "nobody"], "there is no role 'nobody'"),
        (["create", "boss", "--role", "admin"], "another key has this name"),
    ] {
        let refused = world.server.keys(&arguments);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(why), "{said}");
    }
}
