//! Streams over a real socket: signs of life, and clients that do not read.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use futures_util::stream;
use tokio::sync::watch;

use super::*;
use crate::http::connections::{self, Connections};
use crate::http::session::Settings;
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
    let metrics = Arc::new(Metrics::default());
    let settings = Settings {
        limits: Limits {
            beat: Duration::from_millis(50),
            dead_after: Duration::from_millis(400),
            ..Limits::default()
        },
        metrics: Arc::clone(&metrics),
        draining: watch::channel(false).1,
        on_init: None,
    };
    let connections = Connections::new(connections::Limits::default(), Arc::clone(&metrics));
    let server = HttpServer::new(move || {
        let live = Rc::new(LiveConnections::new(settings.clone()));
        let answer = move |request: HttpRequest| {
            let live = Rc::clone(&live);
            async move { respond(&request, form, &live, payloads()) }
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
    (socket, metrics)
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
