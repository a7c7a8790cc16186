//! The protocols over a real socket: close codes, order of messages, and stuck peers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::ws::{CloseCode, Frame, Message, ProtocolError};
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use async_graphql::{Context, EmptyMutation, Object, Schema, Subscription};
use futures_util::{Sink, SinkExt, Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::access::Audit;
use crate::data::{Selector, Viewer};
use crate::graphql::Api;
use crate::graphql::errors::Code;
use crate::http::connections::{self, Connections};
use crate::http::session::testing::{Doorman, named};
use crate::http::session::{Limits, LiveConnections, Settings};
use crate::telemetry::Metrics;

mod entry;
mod unfinished;

struct Query;

#[Object]
impl Query {
    async fn answer(&self) -> i32 {
        42
    }
}

struct Subscriptions;

#[Subscription]
impl Subscriptions {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(0..to)
    }

    async fn forever(&self) -> impl Stream<Item = i32> {
        stream::iter([1]).chain(stream::pending())
    }

    /// A number every few milliseconds, for whoever may read the metric.
    async fn points(&self, ctx: &Context<'_>, metric: String) -> impl Stream<Item = i32> {
        let viewer = ctx.data::<Viewer>().unwrap();
        viewer.select(Selector::new(Some(metric), Vec::new()));
        stream::iter(0..).then(|n| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            n
        })
    }

    async fn flood(&self) -> impl Stream<Item = String> {
        stream::repeat_with(|| "x".repeat(10_000))
    }

    async fn fails(&self, code: String) -> impl Stream<Item = async_graphql::Result<i32>> {
        let error = if code == "SLOW_CLIENT" {
            Code::SlowClient
        } else {
            Code::GoingAway
        };
        stream::iter([Ok(1), Err(error.error("the end"))])
    }
}

type TestSchema = Api<Query, EmptyMutation, Subscriptions>;
type Client = Box<dyn Wire>;

trait Wire: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin {}

impl<T> Wire for T where
    T: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin
{
}

struct Server {
    url: String,
    handle: ServerHandle,
    metrics: Arc<Metrics>,
    draining: watch::Sender<bool>,
    doorman: Doorman,
}

impl Server {
    fn start(limits: Limits) -> Self {
        Self::within(limits, connections::Limits::default())
    }

    fn within(limits: Limits, memory: connections::Limits) -> Self {
        let metrics = Arc::new(Metrics::default());
        let draining = watch::Sender::new(false);
        let settings = Settings {
            limits,
            metrics: Arc::clone(&metrics),
            audit: Audit::log_only(),
            draining: draining.subscribe(),
        };
        let schema = Api::of(Schema::new(Query, EmptyMutation, Subscriptions));
        let doorman = Doorman::default();
        let at_the_door = doorman.clone();
        let connections = Connections::new(memory, Arc::clone(&metrics));
        let server = HttpServer::new(move || {
            let live = Rc::new(LiveConnections::new(settings.clone(), at_the_door.gate()));
            let schema = schema.clone();
            let answer = move |req: HttpRequest, payload: web::Payload| {
                let (schema, live): (TestSchema, _) = (schema.clone(), live.clone());
                let speech = match req.path() {
                    "/ws" => Speech::Plain(None),
                    _ => Speech::GraphQl,
                };
                let name = req.headers().get("name").and_then(|name| name.to_str().ok());
                let who = name.map(named);
                async move { upgrade(&req, payload, speech, schema, Data::default(), who, &live) }
            };
            App::new()
                .wrap(from_fn(connections::watch))
                .default_service(web::get().to(answer))
        })
        .on_connect(connections::on_connect(&connections))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("ws://{}/", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            url,
            handle,
            metrics,
            draining,
            doorman,
        }
    }

    /// For whom the request already let in.
    async fn connect(&self, protocol: &str) -> Client {
        self.connect_as(Some("a"), protocol).await
    }

    async fn connect_as(&self, name: Option<&str>, protocol: &str) -> Client {
        let client = awc::Client::new();
        let mut request = match protocol {
            "plain" => client.ws(format!("{}ws", self.url)),
            _ => client.ws(&self.url).protocols([protocol]),
        };
        if let Some(name) = name {
            request = request.header("name", name);
        }
        Box::new(request.connect().await.unwrap().1)
    }

    async fn ready(&self) -> Client {
        let mut client = self.connect("graphql-transport-ws").await;
        say(&mut client, json!({"type": "connection_init"})).await;
        assert_eq!(hear(&mut client).await["type"], "connection_ack");
        client
    }

    fn closed(&self, code: u16) -> u64 {
        let label = crate::telemetry::metrics::owned(&[("code", &code.to_string())]);
        self.metrics.closed.get_or_create(&label).get()
    }
}

async fn say(client: &mut Client, message: Value) {
    let text = message.to_string();
    client.send(Message::Text(text.into())).await.unwrap();
}

async fn frame(client: &mut Client) -> Option<Frame> {
    let patience = Duration::from_secs(10);
    let frame = tokio::time::timeout(patience, client.next()).await;
    frame.expect("a frame in time").and_then(Result::ok)
}

async fn hear(client: &mut Client) -> Value {
    loop {
        match frame(client).await.expect("an open connection") {
            Frame::Text(text) => return serde_json::from_slice(&text).unwrap(),
            Frame::Ping(_) | Frame::Pong(_) => {}
            other => panic!("not a text: {other:?}"),
        }
    }
}

async fn close_code(client: &mut Client) -> Option<u16> {
    while let Some(frame) = frame(client).await {
        if let Frame::Close(reason) = frame {
            return reason.map(|reason| reason.code.into());
        }
    }
    None
}

fn subscribe(id: &str, query: &str) -> Value {
    json!({"id": id, "type": "subscribe", "payload": {"query": query}})
}

#[actix_web::test]
async fn each_breach_of_the_protocol_has_its_close_code() {
    let limits = Limits {
        init: Duration::from_millis(100),
        message: 2_000,
        ..Limits::default()
    };
    let server = Server::start(limits);
    let init = json!({"type": "connection_init"});
    let forever = subscribe("1", "subscription { forever }");
    for (code, messages) in [
        (4400, vec![json!({"type": "nonsense"})]),
        (4400, vec![json!({"type": "subscribe", "id": "1"})]),
        (4401, vec![forever.clone()]),
        (
            4403,
            vec![json!({"type": "connection_init", "payload": {"token": "nobody"}})],
        ),
        (4408, vec![]),
        (4409, vec![init.clone(), forever.clone(), forever]),
        (4429, vec![init.clone(), init.clone()]),
        (
            1009,
            vec![json!({"type": "ping", "payload": {"x": "x".repeat(3_000)}})],
        ),
    ] {
        let mut client = server.connect("graphql-transport-ws").await;
        for message in messages {
            say(&mut client, message).await;
        }
        assert_eq!(close_code(&mut client).await, Some(code));
    }
    assert_eq!(server.closed(4400), 2);
    let mut other = server.connect("graphql-ws-2").await;
    assert_eq!(close_code(&mut other).await, Some(4406));
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn operations_answer_as_the_protocol_says() {
    let server = Server::start(Limits {
        operations: 2,
        ..Limits::default()
    });
    let mut client = server.ready().await;
    say(&mut client, json!({"type": "ping", "payload": {"n": 1}})).await;
    let pong = json!({"type": "pong", "payload": {"n": 1}});
    assert_eq!(hear(&mut client).await, pong);

    say(&mut client, subscribe("q", "{ answer }")).await;
    assert_eq!(hear(&mut client).await["payload"]["data"]["answer"], 42);
    assert_eq!(hear(&mut client).await, json!({"type": "complete", "id": "q"}));

    say(&mut client, subscribe("bad", "{ nothing }")).await;
    let refused = hear(&mut client).await;
    assert_eq!(
        (&refused["type"], &refused["id"]),
        (&json!("error"), &json!("bad"))
    );
    assert!(refused["payload"][0]["message"].is_string());

    // Completed by the client: no echo, and the id is free again at once.
    say(&mut client, subscribe("s", "subscription { forever }")).await;
    assert_eq!(hear(&mut client).await["payload"]["data"]["forever"], 1);
    say(&mut client, json!({"id": "s", "type": "complete"})).await;
    say(&mut client, subscribe("s", "subscription { count(to: 1) }")).await;
    assert_eq!(hear(&mut client).await["payload"]["data"]["count"], 0);
    assert_eq!(hear(&mut client).await, json!({"type": "complete", "id": "s"}));

    for id in ["a", "b", "c"] {
        say(&mut client, subscribe(id, "subscription { forever }")).await;
    }
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(hear(&mut client).await["type"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    assert_eq!(kinds, ["error", "next", "next"]);
    client
        .send(Message::Close(Some(CloseCode::Normal.into())))
        .await
        .unwrap();
    assert_eq!(close_code(&mut client).await, Some(1000));
    assert!(frame(&mut client).await.is_none(), "the socket closes as well");
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn operations_take_turns() {
    let server = Server::start(Limits::default());
    let mut client = server.ready().await;
    say(&mut client, subscribe("flood", "subscription { flood }")).await;
    say(&mut client, subscribe("few", "subscription { count(to: 3) }")).await;
    let mut floods = 0;
    loop {
        let message = hear(&mut client).await;
        match message["id"].as_str() {
            Some("few") if message["type"] == "complete" => break,
            Some("flood") => floods += 1,
            _ => {}
        }
        assert!(floods < 2_000);
    }
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn the_older_protocol_works_from_init_to_terminate() {
    let server = Server::start(Limits::default());
    let mut client = server.connect("graphql-ws").await;
    say(&mut client, json!({"type": "connection_init", "payload": {}})).await;
    assert_eq!(hear(&mut client).await["type"], "connection_ack");
    assert_eq!(hear(&mut client).await["type"], "ka");
    let start = |id: &str, query: &str| json!({"id": id, "type": "start", "payload": {"query": query}});
    say(&mut client, start("1", "subscription { count(to: 1) }")).await;
    let data = json!({"type": "data", "id": "1", "payload": {"data": {"count": 0}}});
    assert_eq!(hear(&mut client).await, data);
    assert_eq!(hear(&mut client).await, json!({"type": "complete", "id": "1"}));
    say(&mut client, start("2", "{ nothing }")).await;
    let refused = hear(&mut client).await;
    assert_eq!(refused["type"], "error");
    assert!(refused["payload"]["message"].is_string());
    say(&mut client, start("3", "subscription { forever }")).await;
    assert_eq!(hear(&mut client).await["id"], "3");
    say(&mut client, json!({"id": "3", "type": "stop"})).await;
    say(&mut client, json!({"type": "connection_terminate"})).await;
    assert_eq!(close_code(&mut client).await, Some(1000));
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn slow_and_drained_subscribers_get_their_error_and_then_the_close_code() {
    let server = Server::start(Limits::default());
    for (code, close) in [("SLOW_CLIENT", 1013), ("GOING_AWAY", 1001)] {
        let mut client = server.ready().await;
        let query = format!("subscription {{ fails(code: \"{code}\") }}");
        say(&mut client, subscribe("1", &query)).await;
        assert_eq!(hear(&mut client).await["payload"]["data"]["fails"], 1);
        let last = hear(&mut client).await;
        assert_eq!(last["payload"]["errors"][0]["extensions"]["code"], code);
        assert_eq!(close_code(&mut client).await, Some(close));
    }
    let mut idle = server.ready().await;
    server.draining.send_replace(true);
    assert_eq!(close_code(&mut idle).await, Some(1001));
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_stalled_client_is_cut_off_and_the_others_go_on() {
    let limits = Limits {
        beat: Duration::from_millis(100),
        // Long enough for one who answers on a busy machine.
        dead_after: Duration::from_secs(3),
        ..Limits::default()
    };
    let server = Server::start(limits);
    let mut stalled = server.ready().await;
    say(&mut stalled, subscribe("1", "subscription { flood }")).await;
    let mut lively = server.ready().await;
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while server.metrics.open_connections.get() > 1 {
        assert!(tokio::time::Instant::now() < until);
        say(&mut lively, subscribe("q", "{ answer }")).await;
        assert_eq!(hear(&mut lively).await["payload"]["data"]["answer"], 42);
        assert_eq!(hear(&mut lively).await["type"], "complete");
    }
    // What lay in the socket's buffers comes, then the end without a close frame.
    assert_eq!(close_code(&mut stalled).await, None);
    server.handle.stop(false).await;
}
