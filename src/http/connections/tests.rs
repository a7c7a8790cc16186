//! Connections on a real port: how many there may be, what they hold, and when they end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::mpsc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

use super::connection::SEND_BUFFER;
use super::*;
use crate::telemetry::Metrics;

type Client = tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);
const BIG: usize = 8 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            all: 20_000,
            per_client: 1_000,
            memory: 256 << 20,
            idle: Duration::from_secs(40),
            stall: Duration::from_secs(30),
        }
    }
}

struct Server {
    address: std::net::SocketAddr,
    handle: ServerHandle,
    metrics: Arc<Metrics>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let metrics = Arc::new(Metrics::default());
        let connections = Connections::new(limits, Arc::clone(&metrics));
        let big = Bytes::from(vec![b'x'; BIG]);
        let server = HttpServer::new(move || {
            let big = big.clone();
            let endless = || {
                let chunks = stream::repeat_with(|| Ok::<_, Error>(Bytes::from_static(&[b'x'; 50_000])));
                async move { HttpResponse::Ok().streaming(chunks) }
            };
            App::new()
                .wrap(from_fn(watch))
                .route("/", web::get().to(|| async { "ok" }))
                .route("/big", web::get().to(move || std::future::ready(big.clone())))
                .route("/endless", web::get().to(endless))
        })
        .on_connect(on_connect(&connections))
        .workers(1)
        .keep_alive(Duration::from_secs(30))
        .client_request_timeout(Duration::from_secs(30))
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout(0)
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            address,
            handle,
            metrics,
        }
    }

    /// A client that takes little at a time.
    async fn connect(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn ask(&self, path: &str) -> Client {
        let mut client = self.connect().await;
        ask(&mut client, path).await;
        client
    }

    /// The status of an answer to a connection of its own.
    async fn status(&self, path: &str) -> u16 {
        let mut client = self.ask(path).await;
        head(&mut client).await
    }

    fn open(&self) -> i64 {
        self.metrics.open_connections.get()
    }

    async fn until_open(&self, wanted: i64) {
        let reached = async {
            while self.open() != wanted {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = timeout(PATIENCE, reached).await;
        assert!(reached.is_ok(), "{} are open, not {wanted}", self.open());
    }

    fn refused(&self, reason: &str) -> u64 {
        let label = crate::telemetry::metrics::owned(&[("reason", reason)]);
        self.metrics.refused.get_or_create(&label).get()
    }
}

async fn ask(client: &mut Client, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
}

/// Reads the head of an answer; its status.
async fn head(client: &mut Client) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, client.read_u8()).await;
        head.push(byte.expect("an answer in time").expect("a whole head"));
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What still comes, until the connection ends in whatever way.
async fn rest(client: &mut Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ended: io::Result<usize> = timeout(PATIENCE, client.read_to_end(&mut bytes))
        .await
        .expect("an end in time");
    drop(ended);
    bytes
}

#[actix_web::test]
async fn every_connection_of_an_address_counts_whatever_it_does() {
    let server = Server::start(Limits {
        per_client: 3,
        ..Limits::default()
    });
    let silent = server.connect().await;
    let mut idle = server.ask("/").await;
    assert_eq!(head(&mut idle).await, 200);
    let _reads_nothing = server.ask("/endless").await;
    server.until_open(3).await;
    assert_eq!(server.status("/").await, 429);
    assert_eq!(server.refused("connections_per_address"), 1);
    drop(silent);
    server.until_open(2).await;
    assert_eq!(server.status("/").await, 200);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn beyond_all_connections_a_few_are_told_and_the_others_closed_at_once() {
    let server = Server::start(Limits {
        all: 4,
        per_client: 0,
        ..Limits::default()
    });
    let mut admitted = Vec::new();
    for _ in 0..4 {
        admitted.push(server.connect().await);
    }
    server.until_open(4).await;
    assert_eq!(server.status("/").await, 503);
    server.until_open(4).await;
    // Silent ones that fill the doorway, and one more.
    let mut waiting = Vec::new();
    for _ in 0..DOORWAY {
        waiting.push(server.connect().await);
    }
    server.until_open(4 + DOORWAY as i64).await;
    let mut beyond = server.connect().await;
    let told = rest(&mut beyond).await;
    assert!(
        told.starts_with(b"HTTP/1.1 503"),
        "{}",
        String::from_utf8_lossy(&told)
    );
    server.until_open(4 + DOORWAY as i64).await;
    drop((admitted, waiting));
    server.until_open(0).await;
    assert_eq!(server.status("/").await, 200);
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn an_answer_that_nobody_takes_ends_and_one_that_is_read_slowly_does_not() {
    let server = Server::start(Limits {
        stall: Duration::from_secs(2),
        ..Limits::default()
    });
    let mut slow = server.ask("/big").await;
    let mut stalled = [server.ask("/endless").await, server.ask("/big").await];
    // Some bytes now and then are not enough.
    let mut dripping = server.ask("/endless").await;
    let drip = actix_web::rt::spawn(async move {
        while dripping.read_u8().await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
        // Not closed by the client.
        std::future::pending::<()>().await;
    });
    assert_eq!(head(&mut slow).await, 200);
    let mut read = 0;
    let mut piece = vec![0; 256 * 1024];
    while read < BIG {
        sleep(Duration::from_millis(100)).await;
        let more = timeout(PATIENCE, slow.read_exact(&mut piece)).await;
        read += more.expect("more in time").expect("the whole answer");
    }
    server.until_open(1).await;
    for stalled in &mut stalled {
        assert!(rest(stalled).await.len() < BIG);
    }
    drip.abort();
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn little_of_an_answer_waits_in_the_system_and_none_of_it_for_an_acknowledgement() {
    let connections = Connections::new(Limits::default(), Arc::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = Client::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let connection = connections.admit(&stream, Speech::Plain);
    // Linux counts what it needs beside the bytes.
    let size = rustix::net::sockopt::socket_send_buffer_size(connection.socket());
    assert!(size.unwrap() <= 2 * SEND_BUFFER);
    assert!(rustix::net::sockopt::tcp_nodelay(connection.socket()).unwrap());
}

#[actix_web::test]
async fn a_connection_without_a_whole_request_ends_also_after_a_first_one() {
    let server = Server::start(Limits {
        idle: Duration::from_secs(2),
        ..Limits::default()
    });
    let mut drips = Vec::new();
    // A head that does not end, nothing at all, and the body of a request that was answered.
    for (begun, next) in [
        ("GET / HTTP/1.1\r\nhost:", "x"),
        ("", ""),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
            "1\r\nx\r\n",
        ),
    ] {
        let mut client = server.ask("/").await;
        assert_eq!(head(&mut client).await, 200);
        client.write_all(begun.as_bytes()).await.unwrap();
        drips.push(actix_web::rt::spawn(async move {
            while !next.is_empty() && client.write_all(next.as_bytes()).await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
            // Not closed by the client.
            std::future::pending::<()>().await;
        }));
    }
    server.until_open(0).await;
    drips.iter().for_each(|drip| drip.abort());
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn answers_that_wait_to_be_read_share_one_budget() {
    // Of an address: a quarter, which is two of the large ones and a bit.
    let server = Server::start(Limits {
        memory: BIG * 10,
        ..Limits::default()
    });
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut client = server.ask("/big").await;
        assert_eq!(head(&mut client).await, 200);
        waiting.push(client);
    }
    assert_eq!(server.status("/big").await, 429);
    assert_eq!(server.status("/").await, 200);
    assert_eq!(server.refused("memory"), 1);
    let mut bytes = vec![0; BIG];
    waiting[0].read_exact(&mut bytes).await.unwrap();
    assert!(bytes.iter().all(|byte| *byte == b'x'));
    assert_eq!(server.status("/big").await, 200);
    // Kept alive, it is asked again.
    ask(&mut waiting[0], "/").await;
    assert_eq!(head(&mut waiting[0]).await, 200);
    server.handle.stop(false).await;
}

/// The socket of a connection, and whether it was open when the connection's data went.
struct Probe(RawFd, mpsc::Sender<bool>);

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: a closed descriptor gives an error, and no other file is opened here.
        let socket = unsafe { BorrowedFd::borrow_raw(self.0) };
        let _ = self.1.send(rustix::net::getsockname(socket).is_ok());
    }
}

#[actix_web::test]
async fn the_data_of_a_connection_goes_before_its_socket() {
    let (tell, told) = mpsc::channel();
    let server = HttpServer::new(|| {
        let pending = || HttpResponse::Ok().streaming(stream::pending::<Result<Bytes, Error>>());
        App::new()
            .route("/", web::get().to(|| async { "ok" }))
            .route("/pending", web::get().to(move || std::future::ready(pending())))
    })
    .on_connect(move |io, extensions| {
        let stream = io.downcast_ref::<TcpStream>().expect("plain TCP");
        extensions.insert(Probe(stream.as_fd().as_raw_fd(), tell.clone()));
    })
    .workers(1)
    .h1_allow_half_closed(false)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    for path in ["", "/", "/pending"] {
        let mut client = Client::connect(address).await.unwrap();
        if !path.is_empty() {
            ask(&mut client, path).await;
            assert_eq!(head(&mut client).await, 200);
        }
        drop(client);
        // The worker has a thread of its own.
        assert_eq!(told.recv_timeout(PATIENCE), Ok(true), "{path}");
    }
    handle.stop(false).await;
}
