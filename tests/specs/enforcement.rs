//! What a request gets that is not allowed, in the shape of its path; and what a client keeps that is let out.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::asking::{self, Answer};
use crate::support::guarded::{Guarded, ROLES};
use crate::support::kafka::point;
use crate::support::terminal::streamsync;
use crate::support::{PATIENCE, StreamSync, eventually, free_port, seconds_ago};

struct World {
    server: Guarded,
    node: StreamSync,
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
        self.answer("GET", path, "*/*", key, Value::Null).await
    }

    async fn post(&self, accept: &str, key: &str, query: &str) -> Answer {
        let body = json!({"query": query});
        self.answer("POST", "/graphql", accept, key, body).await
    }

    async fn answer(&self, method: &str, path: &str, accept: &str, key: &str, body: Value) -> Answer {
        let headers = [("accept", accept), ("x-api-key", key)];
        let shown = if key.is_empty() { 1 } else { 2 };
        asking::answer(asking::request(&self.node, method, path, &headers[..shown]), body).await
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
    assert_eq!((refused.status, refused.code()), (401, "UNAUTHENTICATED"));
    assert!(refused.header("content-type").starts_with(graphql));
    let resume = r#"mutation { resumeStream(stream: "x") { wasPaused } }"#;
    let refused = world.post(graphql, &reader, resume).await;
    assert_eq!((refused.status, refused.code()), (403, "FORBIDDEN"));
    let refused = world.post("application/json", &reader, resume).await;
    assert_eq!((refused.status, refused.code()), (200, "FORBIDDEN"));
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
        assert_eq!((ready.status, ready.json), (200, json!({"ready": true})));
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
async fn probes_without_a_credential_are_beyond_this_machine_only_where_that_is_said() {
    let port = free_port();
    let listen = format!("[http]\noperations_listen = \"0.0.0.0:{port}\"");
    let plan = StreamSync::plan().await.settings(&listen);
    let file = plan.file();
    for command in ["check", "serve"] {
        let refused = streamsync(&[command, "--config", file.to_str().expect("a path")]).complaint();
        assert!(
            refused.contains("0.0.0.0") && refused.contains("add operations_unprotected = true"),
            "{refused}"
        );
    }
    let plan = plan.settings("operations_unprotected = true").settings(ROLES);
    let node = plan.start().await;
    let get = async |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answered = awc::Client::default().get(url).timeout(PATIENCE).send().await;
        let mut answered = answered.expect("an answer");
        let body = answered.body().await.expect("a body");
        (
            answered.status().as_u16(),
            String::from_utf8_lossy(&body).into_owned(),
        )
    };
    let details = json!({"ready": true, "missing": [], "degraded": {}});
    let (status, ready) = get("/readyz").await;
    assert_eq!((status, serde_json::from_str(&ready).ok()), (200, Some(details)));
    assert_eq!(get("/livez").await.0, 200);
    let (status, metrics) = get("/metrics").await;
    assert!(
        status == 200 && metrics.contains("streamsync_"),
        "{status} {metrics}"
    );
    // Nothing else is there, and where everything else is nothing is open.
    for path in [
        "/graphql?query=%7B__typename%7D",
        "/api/v1/points?from=0",
        "/auth/session",
        "/",
    ] {
        assert_eq!(get(path).await.0, 404, "{path}");
    }
    assert_eq!(node.get("/metrics").await.0, 401);
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
                // Beside them rollups may wait for it.
                let waiting = "select count(*) from pg_stat_activity where datname = current_database()
                               and wait_event_type = 'Lock' and query not like '%max(id)%'";
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
