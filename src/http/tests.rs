//! The server on a real port with a small schema: GraphQL over HTTP, the guard, health.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::rt;
use async_graphql::{Context, Data, EmptySubscription, Object, Schema};
use serde_json::{Value, json};

use super::*;
use crate::access::{Access, Audit};
use crate::graphql::Api;

mod remote_write;
mod scopes;

struct Query;
struct Mutation;

#[Object]
impl Query {
    async fn echo(&self, text: Option<String>) -> String {
        text.unwrap_or_default()
    }

    async fn worker(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(ctx.data::<&'static str>()?.to_string())
    }

    async fn fails(&self) -> async_graphql::Result<String> {
        Err("no".into())
    }
}

#[Object]
impl Mutation {
    async fn write(&self) -> bool {
        true
    }
}

fn writes() -> Writes {
    let settings = WriteSettings {
        stream: None,
        body_bytes: 1 << 20,
    };
    Writes::new(crate::graphql::tests::services(), settings)
}

fn settings() -> session::Settings {
    session::Settings {
        limits: session::Limits::default(),
        metrics: Arc::default(),
        audit: Audit::log_only(),
        draining: tokio::sync::watch::channel(false).1,
    }
}

struct Running {
    handle: ServerHandle,
    url: String,
    status: Arc<Status>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Running {
    fn start() -> Self {
        Self::with(HttpConfig::default())
    }

    fn with(config: HttpConfig) -> Self {
        let status = Arc::<Status>::default();
        let parts = Parts {
            schema: Api::of(Schema::new(Query, Mutation, EmptySubscription)),
            per_worker: Arc::new(|| PerWorker {
                data: Rc::new(|_| {
                    let mut data = Data::default();
                    data.insert("a worker's own");
                    data
                }),
                reader: None,
                feeds: None,
            }),
            live: settings(),
            writes: writes(),
            access: Access::open(),
            metrics: Arc::default(),
            status: Arc::clone(&status),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = HttpConfig { workers: 1, ..config };
        let (server, handle, address) = serve(listener, config, parts).unwrap();
        rt::spawn(server);
        Self {
            handle,
            url: format!("http://{address}"),
            status,
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Answer {
        let url = format!("{}{path}", self.url);
        let mut request = awc::Client::new().request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let mut response = request.send_body(body.into()).await.unwrap();
        let bytes = response.body().await.unwrap();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn post(&self, accept: &str, query: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        let body = json!({ "query": query }).to_string();
        self.send("POST", "/graphql", &headers, body).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    async fn stop(self) {
        self.handle.stop(true).await;
    }
}

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

#[actix_web::test]
async fn the_status_of_an_answer_follows_its_media_type() {
    let server = Running::start();
    for (accept, query, status, has_data) in [
        (JSON, "{ echo(text: \"é\") }", 200, true),
        (GRAPHQL, "{ echo }", 200, true),
        (JSON, "{ fails }", 200, true),
        (GRAPHQL, "{ fails }", 200, true),
        (JSON, "{ nothing }", 200, false),
        (GRAPHQL, "{ nothing }", 400, false),
        (GRAPHQL, "{", 400, false),
    ] {
        let answer = server.post(accept, query).await;
        assert_eq!(answer.status, status, "{accept} {query} {}", answer.text);
        let content_type = format!("{accept}; charset=utf-8");
        assert_eq!(answer.header(header::CONTENT_TYPE), content_type);
        assert_eq!(answer.json().get("data").is_some(), has_data, "{query}");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
    let neither = server.post("text/html", "{ echo }").await;
    assert_eq!(
        (neither.status.as_u16(), &*neither.code()),
        (406, "NOT_ACCEPTABLE")
    );
    server.stop().await;
}

#[actix_web::test]
async fn queries_may_come_in_the_url_but_mutations_may_not() {
    let server = Running::start();
    let path = "/graphql?query=query%20A(%24t%3AString)%7Becho(text%3A%24t)%7D%20query%20B%7Bfails%7D\
                &operationName=A&variables=%7B%22t%22%3A%22hi%22%7D&extensions=null";
    let answer = server.get(path, &[]).await;
    assert_eq!(answer.json(), json!({ "data": { "echo": "hi" } }));

    let answer = server.get("/graphql?query=mutation%7Bwrite%7D", &[]).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header(header::ALLOW), "POST");
    assert_eq!(answer.code(), "METHOD_NOT_ALLOWED");

    for path in ["/graphql", "/graphql?query=%7Becho%7D&variables=3"] {
        let answer = server.get(path, &[]).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "BAD_REQUEST"));
    }
    let answer = server.send("DELETE", "/graphql", &[], "").await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header(header::ALLOW), "GET, POST");
    server.stop().await;
}

#[actix_web::test]
async fn a_body_that_is_no_small_json_object_is_refused() {
    let server = Running::start();
    let json = [("content-type", "application/json; charset=UTF-8")];
    let large = json!({ "query": " ".repeat(1024 * 1024) }).to_string();
    for (headers, body, status, code) in [
        (&json[..], "{".to_owned(), 400, "BAD_REQUEST"),
        (&json, "[{\"query\": \"{echo}\"}]".to_owned(), 400, "BAD_REQUEST"),
        (&json, "{\"query\": 1}".to_owned(), 400, "BAD_REQUEST"),
        (
            &json,
            "{\"query\": \"{echo}\", \"variables\": []}".to_owned(),
            400,
            "BAD_REQUEST",
        ),
        (&json, large, 413, "PAYLOAD_TOO_LARGE"),
        (
            &[],
            "{\"query\": \"{echo}\"}".to_owned(),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            &[("content-type", "text/plain")],
            "{\"query\": \"{echo}\"}".to_owned(),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            &[("content-type", "application/json; charset=latin1")],
            "{\"query\": \"{echo}\"}".to_owned(),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ] {
        let answer = server.send("POST", "/graphql", headers, body).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code));
    }
    server.stop().await;
}

#[actix_web::test]
async fn the_data_of_a_worker_reaches_its_requests() {
    let server = Running::start();
    let answer = server.post(JSON, "{ worker }").await;
    assert_eq!(answer.json()["data"]["worker"], "a worker's own");
    server.stop().await;
}

#[actix_web::test]
async fn foreign_pages_and_foreign_names_are_refused() {
    let server = Running::with(HttpConfig {
        allowed_hosts: vec!["stream.example.org".to_owned()],
        allowed_origins: vec!["https://app.example.org".to_owned()],
        ..HttpConfig::default()
    });
    let own = server.url.clone();
    let write = json!({ "query": "mutation { write }" }).to_string();
    for (host, origin, expected) in [
        ("localhost:1", None, ""),
        ("stream.example.org", None, ""),
        ("evil.example.org", None, "FORBIDDEN_HOST"),
        (&own[7..], Some(&*own), ""),
        ("localhost:1", Some("https://app.example.org"), ""),
        ("localhost:1", Some("http://localhost:2"), "FORBIDDEN_ORIGIN"),
        (
            "localhost:1",
            Some("https://evil.example.org"),
            "FORBIDDEN_ORIGIN",
        ),
        ("localhost:1", Some("null"), "FORBIDDEN_ORIGIN"),
    ] {
        let mut headers = vec![("content-type", JSON), ("host", host)];
        headers.extend(origin.map(|o| ("origin", o)));
        let answer = server.send("POST", "/graphql", &headers, write.clone()).await;
        assert_eq!(answer.code(), expected, "{host} {origin:?}");
        let status = if expected.is_empty() { 200 } else { 403 };
        assert_eq!(answer.status, status, "{host} {origin:?}");
        let known = origin == Some("https://app.example.org");
        let cors = answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(!cors.is_empty(), known, "{origin:?}");
    }
    let upgrade = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("origin", "https://evil.example.org"),
    ];
    assert_eq!(server.get("/graphql", &upgrade).await.code(), "FORBIDDEN_ORIGIN");
    assert_eq!(server.get("/livez", &[("host", "10.1.2.3:80")]).await.status, 200);
    server.stop().await;
}

#[actix_web::test]
async fn only_known_pages_get_an_answer_to_a_preflight() {
    let server = Running::with(HttpConfig {
        allowed_origins: vec!["https://app.example.org/".to_owned()],
        ..HttpConfig::default()
    });
    let ask = async |origin| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        server.send("OPTIONS", "/graphql", &headers, "").await
    };
    let known = ask("https://app.example.org").await;
    assert_eq!(known.status, 204);
    assert_eq!(
        known.header(header::ACCESS_CONTROL_ALLOW_ORIGIN),
        "https://app.example.org"
    );
    let foreign = ask("https://evil.example.org").await;
    assert_eq!(foreign.status, 403);
    assert_eq!(foreign.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "");
    server.stop().await;
}

#[actix_web::test]
async fn readiness_says_what_is_missing() {
    let server = Running::start();
    assert_eq!(server.get("/livez", &[]).await.status, 200);
    server.status.trouble("kafka", "no broker answers");
    server
        .status
        .update(|s| s.degraded.insert("redis", "connection refused".to_owned()));
    let answer = server.get("/readyz", &[]).await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json(),
        json!({
            "ready": false,
            "missing": ["kafka: no broker answers"],
            "degraded": { "redis": "connection refused" },
        })
    );
    server.status.well("kafka");
    let answer = server.get("/readyz", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["ready"]),
        (200, &json!(true))
    );

    let metrics = server.get("/metrics", &[]).await;
    assert!(metrics.text.ends_with("# EOF\n"));
    assert!(
        metrics
            .header(header::CONTENT_TYPE)
            .starts_with("application/openmetrics-text")
    );
    server.stop().await;
}

#[actix_web::test]
async fn programs_are_told_where_the_api_is() {
    let server = Running::start();
    for accept in ["*/*", JSON] {
        let answer = server.get("/other", &[("accept", accept)]).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (404, "NOT_FOUND"));
        assert!(answer.text.contains("/graphql"));
    }
    server.stop().await;
}

#[actix_web::test]
async fn probes_and_metrics_have_a_listener_of_their_own_that_answers_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let status = Arc::<Status>::default();
    status.expect("postgres");
    rt::spawn(serve_operations(listener, &[], &Arc::default(), &status).unwrap());
    let get = async |path: &str, host: &str| {
        let request = awc::Client::new().get(format!("{url}{path}"));
        let mut answer = request.insert_header((header::HOST, host)).send().await.unwrap();
        (
            answer.status(),
            String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap(),
        )
    };
    let (ready, details) = get("/readyz", "localhost").await;
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    assert!(details.contains("postgres: starting"), "{details}");
    assert_eq!(get("/livez", "localhost").await.0, StatusCode::OK);
    assert!(get("/metrics", "localhost").await.1.contains("streamsync_"));
    assert_eq!(get("/graphql", "localhost").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get("/metrics", "evil.example").await.0, StatusCode::FORBIDDEN);
}
