//! Who may ask: what a foreign page or a careless setting must not be able to do.

use std::process::Output;

use awc::http::StatusCode;
use serde_json::{Value, json};

use crate::support::asking;
use crate::support::live::Subscriber;
use crate::support::redis::Redis;
use crate::support::{StreamSync, command, eventually};

const MUTATION: &str =
    r#"mutation { publish(stream: "STREAM", points: [{metric: "m", value: 1}]) { accepted } }"#;

/// A running node and its stream, for requests as a browser would send them.
struct Door {
    node: StreamSync,
    mutation: Value,
}

impl Door {
    async fn with(settings: &str) -> Self {
        let plan = StreamSync::plan().await.settings(settings);
        let node = plan.start().await;
        let mutation = json!({"query": MUTATION.replace("STREAM", &plan.stream)});
        Self { node, mutation }
    }

    fn post(&self, headers: &[(&str, &str)]) -> awc::ClientRequest {
        asking::request(&self.node, "POST", "/graphql", headers)
    }

    /// The status of a mutation sent with these headers.
    async fn mutate(&self, headers: &[(&str, &str)]) -> StatusCode {
        let sent = self.post(headers).send_body(self.mutation.to_string()).await;
        sent.expect("an answer").status()
    }

    async fn websocket(&self, headers: &[(&str, &str)]) -> Result<(), String> {
        let url = self.node.url.replace("http://", "ws://") + "/graphql";
        let mut request = awc::Client::default().ws(url).protocols(["graphql-transport-ws"]);
        for (name, value) in headers {
            request = request.set_header(*name, *value);
        }
        request
            .connect()
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn stored(&self) -> i64 {
        let answer = self
            .node
            .query("{ pipeline { partitions { endOffset } } }", json!({}))
            .await;
        let partitions = answer["pipeline"]["partitions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        partitions.iter().filter_map(|p| p["endOffset"].as_i64()).sum()
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[actix_web::test]
async fn only_json_bodies_by_post_can_change_anything() {
    let door = Door::with("").await;
    assert_eq!(door.mutate(&[JSON]).await, 200);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        assert_eq!(door.mutate(&[("content-type", kind)]).await, 415, "{kind}");
    }
    assert_eq!(door.mutate(&[]).await, 415);
    let text = door.mutation["query"].as_str().expect("a text");
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(door.node.get(&format!("/graphql?query={encoded}")).await.0, 405);
    assert_eq!(
        door.node.get("/graphql?query=%7Bmetrics%7Bname%7D%7D").await.0,
        200
    );
    eventually("the one allowed mutation is stored", async || {
        (door.stored().await == 1).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn foreign_pages_and_foreign_names_are_refused() {
    let door = Door::with("").await;
    let host = door.node.url.replace("http://", "");
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost:1",
        "http://127.0.0.1",
    ] {
        assert_eq!(door.mutate(&[JSON, ("origin", origin)]).await, 403, "{origin}");
        assert!(door.websocket(&[("origin", origin)]).await.is_err(), "{origin}");
    }
    for name in ["evil.example", "127.0.0.1.evil.example", "evil.example:80"] {
        assert_eq!(door.mutate(&[JSON, ("host", name)]).await, 403, "{name}");
        assert!(door.websocket(&[("host", name)]).await.is_err(), "{name}");
    }
    // Our own page, and programs that are no browsers.
    assert_eq!(
        door.mutate(&[JSON, ("origin", &format!("http://{host}"))]).await,
        200
    );
    door.websocket(&[("origin", &format!("http://{host}"))])
        .await
        .expect("our own page");
    door.websocket(&[]).await.expect("a program");
    eventually("what was refused is not stored", async || {
        (door.stored().await == 1).then_some(())
    })
    .await;
}

/// The status of a GET with these headers, beside those of every client.
async fn get(door: &Door, path: &str, headers: &[(&str, &str)]) -> u16 {
    asking::get(&door.node, path, headers).await.0
}

const SITE: &str = "sec-fetch-site";
const MODE: &str = "sec-fetch-mode";
const DEST: &str = "sec-fetch-dest";

#[actix_web::test]
async fn a_foreign_page_can_open_our_pages_and_use_nothing_else_of_a_loopback_server() {
    let door = Door::with("[http]\nallowed_origins = [\"https://app.example\"]").await;
    let query = "/graphql?query=%7Bmetrics%7Bname%7D%7D";
    let answers = [
        query,
        "/api/v1/points?from=0&format=ndjson",
        "/prometheus/api/v1/query?query=up",
        "/metrics",
        "/readyz",
    ];
    for path in answers {
        // A program, a user who types the address, our own page, EventSource of a known page.
        for headers in [
            &[][..],
            &[(SITE, "none"), (MODE, "navigate"), (DEST, "document")],
            &[(SITE, "same-origin"), (MODE, "cors"), (DEST, "empty")],
            &[
                (SITE, "cross-site"),
                (MODE, "cors"),
                (DEST, "empty"),
                ("origin", "https://app.example"),
            ],
        ] {
            assert_eq!(get(&door, path, headers).await, 200, "{path} {headers:?}");
        }
        // An image, a script, a link that is followed, a frame, fetch in both of its modes, a page of
        // another port, and an older browser that only says where it comes from.
        for headers in [
            &[(SITE, "cross-site"), (MODE, "no-cors"), (DEST, "image")][..],
            &[(SITE, "cross-site"), (MODE, "no-cors"), (DEST, "script")],
            &[(SITE, "cross-site"), (MODE, "navigate"), (DEST, "document")],
            &[(SITE, "cross-site"), (MODE, "navigate"), (DEST, "iframe")],
            &[(SITE, "cross-site"), (MODE, "no-cors"), (DEST, "empty")],
            &[
                (SITE, "cross-site"),
                (MODE, "cors"),
                (DEST, "empty"),
                ("origin", "https://evil.example"),
            ],
            &[(SITE, "same-site"), (MODE, "no-cors"), (DEST, "image")],
            &[("referer", "http://evil.example/page")],
            &[("origin", "https://evil.example")],
        ] {
            assert_eq!(get(&door, path, headers).await, 403, "{path} {headers:?}");
        }
    }
    let opened = [(SITE, "cross-site"), (MODE, "navigate"), (DEST, "document")];
    assert_eq!(get(&door, "/", &opened).await, 200);
    // A form, which needs no leave of the browser's.
    let form = [
        ("content-type", "text/plain"),
        (SITE, "cross-site"),
        (MODE, "navigate"),
    ];
    assert_eq!(door.mutate(&form).await, 403);
    assert_eq!(door.stored().await, 0);
}

#[actix_web::test]
async fn only_whether_the_process_lives_is_told_to_whoever_asks_by_whatever_name() {
    let door = Door::with("[http]\nallowed_hosts = [\"10.1.2.3\"]").await;
    for path in ["/metrics", "/readyz", "/"] {
        assert_eq!(get(&door, path, &[("host", "evil.example")]).await, 403, "{path}");
        assert_eq!(
            get(&door, path, &[("host", "10.1.2.4:8080")]).await,
            403,
            "{path}"
        );
        // As an orchestrator or Prometheus comes to a pod.
        assert_eq!(
            get(&door, path, &[("host", "10.1.2.3:8080")]).await,
            200,
            "{path}"
        );
    }
    assert_eq!(get(&door, "/livez", &[("host", "evil.example")]).await, 200);
}

#[actix_web::test]
async fn pages_and_names_that_are_allowed_come_in() {
    let door = Door::with(
        "[http]\nallowed_origins = [\"https://app.example\"]\nallowed_hosts = [\"streams.example\"]",
    )
    .await;
    let known = ("origin", "https://app.example");
    let answer = door
        .post(&[JSON, known])
        .send_body(door.mutation.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers().get("access-control-allow-origin").expect("CORS"),
        known.1
    );
    door.websocket(&[known]).await.expect("a known page");
    assert_eq!(door.mutate(&[JSON, ("host", "streams.example:8080")]).await, 200);
    assert_eq!(
        door.mutate(&[JSON, ("origin", "https://app.example.evil.example")])
            .await,
        403
    );
    assert_eq!(door.mutate(&[JSON, ("host", "other.example")]).await, 403);
}

#[actix_web::test]
async fn flags_and_variables_allow_names_and_pages_too() {
    let plan = StreamSync::plan()
        .await
        .env("STREAMSYNC_ALLOWED_HOSTS", "a.example,b.example")
        .env("STREAMSYNC_ALLOWED_ORIGINS", "https://app.example");
    let node = plan.launch().await;
    let door = Door {
        node,
        mutation: json!({"query": "{ pipeline { ready } }"}),
    };
    for name in ["a.example", "b.example"] {
        assert_eq!(
            door.mutate(&[JSON, ("host", name), ("origin", "https://app.example")])
                .await,
            200
        );
    }
    assert_eq!(door.mutate(&[JSON, ("host", "c.example")]).await, 403);
}

#[actix_web::test]
async fn a_body_over_the_limit_is_refused() {
    let door = Door::with("").await;
    let long = json!({"query": "{ metrics { name } }", "extensions": {"long": "x".repeat(1 << 20)}});
    let answer = door
        .post(&[JSON])
        .send_body(long.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 413);
    let within = json!({"query": "{ metrics { name } }", "extensions": {"long": "x".repeat(1 << 19)}});
    let answer = door
        .post(&[JSON])
        .send_body(within.to_string())
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let output = command()
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(dir.path())
        .output()
        .expect("the command runs");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output, said)
}

#[test]
fn it_does_not_listen_beyond_this_machine_unless_told_so() {
    let (output, said) = run(&["serve", "--listen", "0.0.0.0:0"], &[]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let told: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("--allow-anonymous"))
        .collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains("0.0.0.0:0"), "{said}");
}

const SECRET: &str = "correct-horse-battery";

#[test]
fn commands_that_fail_do_not_tell_passwords() {
    let away = format!("postgres://somebody:{SECRET}@127.0.0.1:1/nothing");
    let broken = format!("postgres://somebody:{SECRET}@[nowhere");
    let redis = format!("redis://:{SECRET}@[nowhere");
    for (arguments, variable, value) in [
        (&["migrate"][..], "DATABASE_URL", &away),
        (&["migrate"], "DATABASE_URL", &broken),
        (
            &["delete-series", "--metric", "m", "--yes"],
            "DATABASE_URL",
            &away,
        ),
        (&["check"], "DATABASE_URL", &broken),
        (&["serve", "--listen", "127.0.0.1:0"], "DATABASE_URL", &broken),
        (&["migrate", "--help"], "DATABASE_URL", &away),
    ] {
        let (_, said) = run(arguments, &[(variable, value), ("RUST_LOG", "trace")]);
        assert!(!said.contains(SECRET), "{arguments:?} {said}");
    }
    let variables = [
        ("DATABASE_URL", &*away),
        ("REDIS_URL", &redis),
        ("RUST_LOG", "trace"),
    ];
    let (output, said) = run(&["serve", "--listen", "127.0.0.1:0"], &variables);
    assert!(!output.status.success() && !said.contains(SECRET), "{said}");
}

#[actix_web::test]
async fn a_node_with_wrong_passwords_does_not_tell_them() {
    let redis = Redis::with_password("right").await;
    let plan = StreamSync::plan()
        .await
        .env("RUST_LOG", "trace")
        .env("REDIS_URL", &redis.url().replace("right", SECRET))
        .env(
            "DATABASE_URL",
            &format!("postgres://somebody:{SECRET}@127.0.0.1:1/nothing"),
        );
    let node = plan.launch().await;
    eventually("both are missed", async || {
        let (_, body) = node.get("/readyz").await;
        (body.contains("redis") && body.contains("postgres")).then_some(())
    })
    .await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    let refused = subscriber.refusal().await;
    let mut told = node
        .response("{ metrics { name } pipeline { missing degraded } }", json!({}))
        .await
        .to_string();
    told.push_str(&refused.1.to_string());
    for path in [
        "/readyz",
        "/metrics",
        "/",
        "/graphql?query=%7Bmetrics%7Bname%7D%7D",
    ] {
        told.push_str(&node.get(path).await.1);
    }
    told.push_str(&node.log());
    assert!(!told.contains(SECRET), "{told}");
}
