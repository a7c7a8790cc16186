//! What a request gets that is not allowed, in the shape of its path; and what a client keeps that is let out.

use awc::http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::guarded::Guarded;
use crate::support::kafka::point;
use crate::support::{PATIENCE, StreamSync, eventually, seconds_ago};

const ROLES: &str = r#"
[auth.roles.reader]
operations = ["read"]
read = ["*"]
[auth.roles.sender]
operations = ["publish"]
write = ["*"]
[auth.roles.operator]
operations = ["operate"]
"#;

struct World {
    server: Guarded,
    node: StreamSync,
}

struct Answer {
    status: StatusCode,
    headers: awc::http::header::HeaderMap,
    json: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a text"))
    }

    fn code(&self) -> &str {
        self.json["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_default()
    }
}

impl World {
    async fn start() -> Self {
        let server = Guarded::of(StreamSync::plan().await.settings(ROLES)).await;
        let node = server.node().await;
        Self { server, node }
    }

    /// A key with this role, which has the same name, once the node knows it.
    async fn key(&self, role: &str) -> String {
        let key = self.server.key(role, role, &[]);
        eventually("the key is known", async || {
            (self.get("/readyz", &key).await.status == 200).then_some(())
        })
        .await;
        key
    }

    async fn get(&self, path: &str, key: &str) -> Answer {
        let request = awc::Client::default().get(format!("{}{path}", self.node.url));
        let request = request.timeout(PATIENCE);
        let request = match key {
            "" => request,
            key => request.insert_header(("x-api-key", key)),
        };
        answer(request.send().await.expect("an answer")).await
    }

    async fn post(&self, accept: &str, key: &str, query: &str) -> Answer {
        let request = awc::Client::default().post(format!("{}/graphql", self.node.url));
        let request = request.insert_header(("accept", accept));
        let request = match key {
            "" => request,
            key => request.insert_header(("x-api-key", key)),
        };
        let sent = request.send_json(&json!({"query": query})).await;
        answer(sent.expect("an answer")).await
    }
}

async fn answer<S>(mut response: awc::ClientResponse<S>) -> Answer
where
    S: futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>> + Unpin,
{
    let body = response.body().await.expect("a body");
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        json: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

#[actix_web::test]
async fn a_refusal_has_the_shape_that_clients_of_the_path_expect() {
    let world = World::start().await;
    let (reader, sender) = (world.key("reader").await, world.key("sender").await);
    let points = "/api/v1/points?from=2026-01-01T00:00:00Z";
    let labels = "/prometheus/api/v1/labels";
    let graphql = "application/graphql-response+json";
    for (path, prometheus) in [(points, false), (labels, true)] {
        for (key, status, kind, code) in [
            ("", 401, "unauthorized", "UNAUTHENTICATED"),
            ("ss_none_none", 401, "unauthorized", "UNAUTHENTICATED"),
            (&*sender, 403, "forbidden", "FORBIDDEN"),
        ] {
            let refused = world.get(path, key).await;
            assert_eq!(refused.status, status, "{path} {key}");
            assert_eq!(!refused.header("www-authenticate").is_empty(), status == 401);
            assert!(
                refused
                    .header("vary")
                    .contains("Authorization, Cookie, X-API-Key")
            );
            match prometheus {
                true => {
                    assert_eq!(refused.json["status"], "error");
                    assert_eq!(refused.json["errorType"], kind);
                }
                false => assert_eq!(refused.code(), code),
            }
        }
        let allowed = world.get(path, &reader).await;
        assert_eq!(allowed.status, 200, "{path}");
        assert!(
            allowed
                .header("vary")
                .contains("Authorization, Cookie, X-API-Key")
        );
    }
    let refused = world.post(graphql, "", "{ metrics { name } }").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "UNAUTHENTICATED")
    );
    assert!(refused.header("content-type").starts_with(graphql));
    let resume = r#"mutation { resumeStream(stream: "x") { wasPaused } }"#;
    let refused = world.post(graphql, &reader, resume).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "FORBIDDEN"));
    let refused = world.post("application/json", &reader, resume).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (200, "FORBIDDEN"));
    // The schema is for everybody who was let in.
    let schema = r#"{ __schema { queryType { name } } __type(name: "Series") { name } }"#;
    for (key, status) in [("", 401), (&*reader, 200), (&*sender, 200)] {
        let answer = world.post(graphql, key, schema).await;
        assert_eq!(answer.status, status, "{}", answer.json);
    }
}

#[actix_web::test]
async fn details_of_the_process_are_for_operators() {
    let world = World::start().await;
    let (reader, operator) = (world.key("reader").await, world.key("operator").await);
    for key in ["", &*reader] {
        let ready = world.get("/readyz", key).await;
        assert_eq!((ready.status.as_u16(), ready.json), (200, json!({"ready": true})));
    }
    let ready = world.get("/readyz", &operator).await;
    assert_eq!(ready.json, json!({"ready": true, "missing": [], "degraded": {}}));
    for (key, status) in [("", 401), (&*reader, 403), (&*operator, 200)] {
        assert_eq!(world.get("/metrics", key).await.status, status, "{key}");
    }
    // The router reads these as other paths.
    for path in [
        "/m%65trics",
        "/gr%61phql?query=%7B__typename%7D",
        "/api/v1/p%6fints?from=0",
    ] {
        assert_eq!(world.get(path, "").await.status, 400, "{path}");
    }
}

#[actix_web::test]
async fn a_long_export_is_cut_when_its_key_is_revoked() {
    let world = World::start().await;
    let key = world.key("reader").await;
    world
        .server
        .plan
        .send_and_read(&[point("up", seconds_ago(600), 1.0)])
        .await;
    let many = format!(
        "insert into points (series_id, partition_id, ts, value, \"offset\", recorded_at)
         select s.id, o.partition_id, timestamptz '{}' + n * interval '100 us', n, 0, now()
         from generate_series(1, 400000) n, (select id from series where metric = 'up') s,
              (select partition_id from ingest_offsets where topic = '{}') o",
        seconds_ago(500),
        world.server.plan.stream
    );
    world.server.plan.database.run(&many).await;
    let address = world.node.url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/v1/points?format=ndjson&from={} HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n",
        seconds_ago(3_600)
    );
    socket.write_all(request.as_bytes()).await.expect("it is sent");
    let mut first = vec![0; 4_096];
    socket.read_exact(&mut first).await.expect("the beginning");
    assert!(String::from_utf8_lossy(&first).starts_with("HTTP/1.1 200"));
    assert!(world.server.keys(&["revoke", "reader"]).status.success());
    eventually("the key is refused", async || {
        let answer = world.get("/api/v1/points?from=2026-01-01T00:00:00Z", &key).await;
        (answer.status == 401).then_some(())
    })
    .await;
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the answer looks complete");
    // About 65 bytes a line.
    assert!(rest.len() < 20 << 20, "{} bytes", rest.len());
}

/// Whether the node still lets this key in, and with which series.
async fn read_by(world: &World, key: &str) -> Value {
    world.post("application/json", key, "{ me { read } }").await.json["data"]["me"]["read"].clone()
}

#[actix_web::test]
async fn what_is_being_read_while_its_reader_is_let_out_or_may_no_longer_have_it_is_not_sent() {
    let world = World::start().await;
    let plan = &world.server.plan;
    plan.send_and_read(&[point("up", seconds_ago(600), 1.0)]).await;
    let graphql = "/graphql?query=%7Blatest(selector%3A%7B%7D)%7Bvalue%7D%7D";
    let points = "/api/v1/points?from=2026-01-01T00:00:00Z";
    let prometheus = "/prometheus/api/v1/series?match[]=up";
    let narrower = ROLES.replace("[\"*\"]", "[\"other\"]");
    for (nth, path) in [graphql, points, prometheus].into_iter().enumerate() {
        let (gone, narrowed) = (format!("gone{nth}"), format!("narrowed{nth}"));
        let keys = [&gone, &narrowed].map(|name| world.server.key(name, "reader", &[]));
        for key in &keys {
            eventually("the key is known", async || {
                (read_by(&world, key).await == json!(["*"])).then_some(())
            })
            .await;
            assert_eq!(world.get(path, key).await.status, 200, "{path}");
        }
        let holds = plan.database.client().await;
        holds
            .batch_execute("begin; lock table series in access exclusive mode")
            .await
            .expect("a lock");
        let changes = async {
            eventually("both wait", async || {
                let waiting = "select count(*) from pg_stat_activity where datname = current_database()
                               and wait_event_type = 'Lock'";
                (plan.database.value(waiting).await == "2").then_some(())
            })
            .await;
            assert!(world.server.keys(&["revoke", &gone]).status.success());
            eventually("it is let out", async || {
                read_by(&world, &keys[0]).await.is_null().then_some(())
            })
            .await;
            world.server.reload(&narrower, &[&world.node]);
            eventually("its role is narrower", async || {
                (read_by(&world, &keys[1]).await == json!(["other"])).then_some(())
            })
            .await;
            holds.batch_execute("rollback").await.expect("it is unlocked");
        };
        let (gone, narrowed, ()) =
            tokio::join!(world.get(path, &keys[0]), world.get(path, &keys[1]), changes);
        assert_eq!(gone.status, 401, "{path}: {}", gone.json);
        assert_eq!(narrowed.status, 403, "{path}: {}", narrowed.json);
        world.server.reload(ROLES, &[&world.node]);
    }
}
