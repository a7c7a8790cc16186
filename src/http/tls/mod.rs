//! HTTPS: a listener of its own, since a connection has to count before its handshake is over.

mod client;
mod files;
mod reload;
mod stream;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{AppConfig, Extensions, Response, Server, Service, ServiceFactory, fn_service};
use actix_web::rt::net::TcpStream;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use self::files::{TlsFiles, TlsProblem};
use self::reload::Reloading;
use self::stream::TlsStream;
use super::config::{DISCONNECT, HttpConfig};
use super::connections::{self, Connections};
use crate::access::Access;

/// Every handshake begins with this byte; a request of plain HTTP begins with a letter.
const HANDSHAKE: u8 = 0x16;

const SPEAKS_TLS: &str = "this address speaks TLS: its URL begins with https\n";

/// What each worker needs to let clients in.
#[derive(Clone)]
struct Door {
    files: Arc<Reloading>,
    connections: Arc<Connections>,
    /// For a handshake.
    patience: Duration,
}

/// As [`HttpServer`](actix_web::HttpServer) does it for plain HTTP, with the same limits.
///
/// # Errors
/// The certificate cannot be used, or the listener cannot.
pub(super) fn listen<F, I, S, B>(
    app: F,
    listener: TcpListener,
    files: &TlsFiles,
    config: &HttpConfig,
    connections: &Arc<Connections>,
    access: &Access,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let door = Door {
        files: Reloading::start(files.clone(), access.clone()).map_err(io::Error::other)?,
        connections: Arc::clone(connections),
        patience: config.request_timeout,
    };
    let times = (config.keep_alive, config.request_timeout);
    let server = Server::build();
    let stopping = server.graceful_shutdown_signal();
    let server = server
        .workers(config.workers.max(1))
        .max_concurrent_connections(config.connections_per_worker())
        .shutdown_timeout(config.shutdown_timeout.as_secs())
        .disable_signals()
        .listen("https", listener, move || {
            let stopping = stopping.clone();
            let (door, (keep_alive, request_timeout)) = (door.clone(), times);
            let app = app().into_factory();
            let app = app.map_err(|error| Response::<BoxBody>::from(error.into().error_response()));
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(keep_alive)
                .client_request_timeout(request_timeout)
                .client_disconnect_timeout(DISCONNECT)
                .h1_allow_half_closed(false)
                .on_connect_ext(|stream: &TlsStream, data: &mut Extensions| stream.introduce(data))
                .h1(map_config(app, |()| AppConfig::default()))
                .map_err(drop);
            fn_service(move |socket: TcpStream| {
                let door = door.clone();
                // Only the handshake's state is kept while it waits.
                Box::pin(async move { door.open(socket).await.ok_or(()) })
            })
            .and_then(http)
        })?;
    Ok(server.run())
}

impl Door {
    /// `None` for a client that is turned away, or does not speak TLS as we do, or in time.
    async fn open(&self, socket: TcpStream) -> Option<(TlsStream, Option<SocketAddr>)> {
        let peer = socket.peer_addr().ok();
        let connection = connections::admit_before_tls(&self.connections, &socket)?;
        let handshake = async {
            let mut first = [0];
            if socket.peek(&mut first).await.ok()? == 1 && first[0] != HANDSHAKE {
                tell(socket).await;
                return None;
            }
            let files = self.files.current();
            let acceptor = TlsAcceptor::from(Arc::clone(&files.server));
            match acceptor.accept(socket).await {
                Ok(stream) => {
                    let shown = stream.get_ref().1.peer_certificates();
                    let certificate = shown.and_then(|chain| client::of(chain, files, &self.files));
                    Some((stream, certificate))
                }
                Err(error) => {
                    tracing::debug!(%error, ?peer, "a TLS handshake failed");
                    None
                }
            }
        };
        match timeout(self.patience, handshake).await.ok().flatten() {
            Some((stream, certificate)) => Some((TlsStream::new(stream, connection, certificate), peer)),
            None => {
                self.connections.refused("handshake");
                None
            }
        }
    }
}

async fn tell(mut socket: TcpStream) {
    let length = SPEAKS_TLS.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\
         content-length: {length}\r\n\r\n{SPEAKS_TLS}"
    );
    // Whether it arrives is up to the client.
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}
