//! Streams over a real socket: signs of life, and clients that do not read.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use futures_util::stream;
use tokio::sync::watch;

use super::*;
use crate::access::{Audit, Denied, Principal};
use crate::data::Selector;
use crate::http::connections::{self, Connections};
use crate::http::session::testing::{Doorman, named, with_role};
use crate::http::session::{Found, Settings};
use crate::live::Json;
use crate::telemetry::Metrics;

const PATIENCE: Duration = Duration::from_secs(10);

fn flood() -> BoxStream<'static, Payload> {
    let json = Json::from(format!("{{\"data\":\"{}\"}}", "x".repeat(10_000)));
    let next = move || {
        Payload::Next(Next {
            json: json.clone(),
            cursor: None,
            then: Then::GoOn,
        })
    };
    stream::repeat_with(next).boxed()
}

/// A client that has asked for a stream of this form, and the server's metrics.
async fn client(form: Form, payloads: fn() -> BoxStream<'static, Payload>) -> (TcpStream, Arc<Metrics>) {
    let (socket, metrics, _) = asked_by(None, form, payloads).await;
    (socket, metrics)
}

/// The same for this principal, whose operation has read the metric `m`.
async fn asked_by(
    who: Option<Arc<Principal>>,
    form: Form,
    payloads: fn() -> BoxStream<'static, Payload>,
) -> (TcpStream, Arc<Metrics>, Doorman) {
    let metrics = Arc::new(Metrics::default());
    let settings = Settings {
        limits: Limits {
            beat: Duration::from_millis(50),
            dead_after: Duration::from_millis(400),
            ..Limits::default()
        },
        metrics: Arc::clone(&metrics),
        audit: Audit::log_only(),
        draining: watch::channel(false).1,
    };
    let doorman = Doorman::default();
    let at_the_door = doorman.clone();
    let connections = Connections::new(connections::Limits::default(), Arc::clone(&metrics));
    let server = HttpServer::new(move || {
        let live = Rc::new(LiveConnections::new(settings.clone(), at_the_door.gate()));
        let who = who.clone();
        let answer = move |request: HttpRequest| {
            let (live, who) = (Rc::clone(&live), who.clone());
            async move {
                let standing = live.standing(who, Duration::ZERO);
                let (viewer, usage) = standing.viewer();
                viewer.select(Selector::new(Some("m".to_owned()), Vec::new()));
                respond(&request, form, &live, Asker { standing, usage }, payloads())
            }
        };
        App::new().route("/", web::get().to(answer))
    })
    .on_connect(connections::on_connect(&connections))
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    let socket = TcpStream::connect(address).await.unwrap();
    socket.writable().await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(socket.try_write(request).unwrap(), request.len());
    (socket, metrics, doorman)
}

/// `None` at the end of the connection, in whatever way it ended.
async fn read(socket: &TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        tokio::time::timeout(PATIENCE, socket.readable())
            .await
            .unwrap()
            .ok()?;
        match socket.try_read(&mut bytes) {
            Ok(0) => return None,
            Ok(n) => return Some(bytes[..n].to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

#[actix_web::test]
async fn a_stream_without_news_gives_signs_of_life() {
    for (form, sign) in [(Form::Sse, ":\n\n"), (Form::Multipart, "\r\n\r\n{}\r\n--graphql")] {
        let (socket, _) = client(form, || stream::pending().boxed()).await;
        let mut heard = String::new();
        while heard.matches(sign).count() < 5 {
            let bytes = read(&socket).await.expect("an open stream");
            heard += std::str::from_utf8(&bytes).unwrap();
        }
    }
}

#[actix_web::test]
async fn who_does_not_read_its_stream_is_cut_off() {
    for form in [Form::Sse, Form::Multipart] {
        let (socket, metrics) = client(form, flood).await;
        let labels = crate::telemetry::metrics::owned(&[("transport", form.words().transport)]);
        let live = || metrics.connections.get_or_create(&labels).get();
        let step = Duration::from_millis(10);
        let deadline = Instant::now() + PATIENCE;
        while live() == 0 || socket.readable().await.is_err() {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(step).await;
        }
        while live() > 0 {
            assert!(Instant::now() < deadline, "it was not cut off");
            tokio::time::sleep(step).await;
        }
        // What lay in the socket's buffers, then the end.
        while read(&socket).await.is_some() {}
    }
}

#[actix_web::test]
async fn who_is_let_go_is_told_and_gets_no_more() {
    let narrow = || Ok(with_role("a", &["n"]));
    for (form, end) in [
        (Form::Sse, "event: complete\ndata:\n\n"),
        (Form::Multipart, "--graphql--\r\n"),
    ] {
        let words: [(Found, _); 4] = [
            (Err(Denied::Invalid), "UNAUTHENTICATED"),
            (Err(Denied::Unavailable), "UNAVAILABLE"),
            (narrow(), "FORBIDDEN"),
            (Ok(expired("a")), "UNAUTHENTICATED"),
        ];
        for (found, code) in words {
            let (socket, _, doorman) = asked_by(Some(named("a")), form, || stream::pending().boxed()).await;
            read(&socket).await.expect("an open stream");
            doorman.says("a", found);
            let mut heard = String::new();
            while let Some(bytes) = read(&socket).await {
                heard += std::str::from_utf8(&bytes).unwrap();
                if heard.contains(end) {
                    break;
                }
            }
            assert!(heard.contains(code) && heard.contains(end), "{heard}");
        }
    }
}

fn expired(name: &str) -> Arc<Principal> {
    Arc::new(Principal {
        expires: Some(Micros::now()),
        ..(*named(name)).clone()
    })
}
