//! Messages that are not complete: what they may take, and for how long.

use actix_http::ws::Item;
use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    /// A connection after its handshake, for frames that no client would send.
    async fn raw(&self) -> TcpStream {
        let address = self.url.trim_start_matches("ws://").trim_end_matches('/');
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        socket
    }

    fn refused(&self, reason: &str) -> u64 {
        let label = crate::telemetry::metrics::owned(&[("reason", reason)]);
        self.metrics.refused.get_or_create(&label).get()
    }
}

/// The head of a frame whose mask changes nothing; `first` has the kind and whether it is the last.
fn frame_head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(0x80 | length as u8),
        _ => {
            head.push(0x80 | 127);
            head.extend(length.to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}

/// The code of the close frame that comes before a connection ends, or `None` when none comes soon.
async fn raw_close_code(reads: &mut (impl AsyncRead + Unpin), patience: Duration) -> Option<u16> {
    let patience = tokio::time::Instant::now() + patience;
    loop {
        let mut head = [0; 2];
        let read = reads.read_exact(&mut head);
        tokio::time::timeout_at(patience, read).await.ok()?.ok()?;
        let mut payload = vec![0; usize::from(head[1])];
        reads.read_exact(&mut payload).await.ok()?;
        if head[0] == 0x88 {
            return Some(u16::from_be_bytes([payload[0], payload[1]]));
        }
    }
}

#[actix_web::test]
async fn a_message_in_many_frames_is_bounded_as_a_whole() {
    let limits = Limits {
        message: 2_000,
        ..Limits::default()
    };
    let server = Server::start(limits);
    let mut client = server.connect("graphql-transport-ws").await;
    let part = Bytes::from(vec![b' '; 900]);
    for item in [
        Item::FirstText(part.clone()),
        Item::Continue(part.clone()),
        Item::Continue(part),
    ] {
        client.send(Message::Continuation(item)).await.unwrap();
    }
    assert_eq!(close_code(&mut client).await, Some(1009));
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_message_in_parts_and_the_frame_that_is_coming_in_have_one_bound() {
    let server = Server::start(Limits {
        message: 2_000,
        ..Limits::default()
    });
    for begun in [1_200, 400] {
        let mut client = server.raw().await;
        client.write_all(&frame_head(0x01, 1_500)).await.unwrap();
        client.write_all(&[0; 1_500]).await.unwrap();
        client.write_all(&frame_head(0x80, begun)).await.unwrap();
        client.write_all(&[0; 10]).await.unwrap();
        let patience = if begun == 400 {
            Duration::from_millis(500)
        } else {
            PATIENCE
        };
        let code = raw_close_code(&mut client, patience).await;
        // What would not fit is refused by its head alone.
        assert_eq!(code, (begun == 1_200).then_some(1009), "{begun}");
    }
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn a_message_must_be_complete_in_time_however_often_a_byte_comes() {
    let server = Server::start(Limits {
        complete: Duration::from_millis(300),
        ..Limits::default()
    });
    // In one frame; in parts, with pings between them; the head alone.
    for begun in [
        frame_head(0x81, 1_000),
        frame_head(0x01, 4),
        frame_head(0x81, 1_000)[..1].to_vec(),
    ] {
        let mut client = server.raw().await;
        client.write_all(&begun).await.unwrap();
        let (mut reads, mut writes) = client.into_split();
        let drip = actix_web::rt::spawn(async move {
            let in_parts = begun[0] == 0x01;
            if in_parts && writes.write_all(&[0; 4]).await.is_err() {
                return;
            }
            let next = if in_parts { frame_head(0x89, 0) } else { vec![0] };
            while begun.len() > 1 && writes.write_all(&next).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // Not closed by the client.
            std::future::pending::<()>().await;
        });
        assert_eq!(raw_close_code(&mut reads, PATIENCE).await, Some(1008));
        drip.abort();
    }
    // One that is alive and complete each time stays.
    let mut client = server.ready().await;
    for _ in 0..12 {
        say(&mut client, json!({"type": "ping"})).await;
        assert_eq!(hear(&mut client).await["type"], "pong");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn unfinished_messages_of_all_connections_share_one_budget() {
    let memory = connections::Limits {
        memory: 4 << 20,
        ..connections::Limits::default()
    };
    // A client has a quarter of it: three messages of 256 KiB and what belongs to them.
    let server = Server::within(Limits::default(), memory);
    let mut begun = Vec::new();
    for nth in 0..4 {
        let mut client = server.raw().await;
        client.write_all(&frame_head(0x81, 200_000)).await.unwrap();
        client.write_all(&[0; 100_000]).await.unwrap();
        if nth < 3 {
            begun.push(client);
        } else {
            assert_eq!(raw_close_code(&mut client, PATIENCE).await, Some(1013));
        }
    }
    assert_eq!(server.refused("memory"), 1);
    begun.clear();
    while server.metrics.open_connections.get() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What they held is free again.
    let mut client = server.ready().await;
    let long = json!({"type": "pong", "payload": {"x": "x".repeat(200_000)}});
    say(&mut client, long).await;
    say(&mut client, json!({"type": "ping"})).await;
    assert_eq!(hear(&mut client).await["type"], "pong");
    server.handle.stop(false).await;
}

#[actix_web::test]
async fn operations_with_large_variables_share_the_same_budget() {
    let memory = connections::Limits {
        memory: 18 << 20,
        ..connections::Limits::default()
    };
    let server = Server::within(Limits::default(), memory);
    let mut client = server.ready().await;
    // Some 20,000 values, which take 2 MB: a client has 4.7, and needs some for what comes in.
    let large = |id: &str| {
        let mut message = subscribe(id, "subscription { forever }");
        message["payload"]["variables"] = json!({"x": vec![0; 20_000]});
        message
    };
    for id in ["1", "2"] {
        say(&mut client, large(id)).await;
        assert_eq!(hear(&mut client).await["type"], "next", "{id}");
    }
    say(&mut client, large("3")).await;
    let refused = hear(&mut client).await;
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "OVERLOADED");
    // One that ends makes room, and a small one always has some.
    say(&mut client, subscribe("small", "subscription { forever }")).await;
    assert_eq!(hear(&mut client).await["id"], "small");
    say(&mut client, json!({"id": "1", "type": "complete"})).await;
    say(&mut client, large("3")).await;
    assert_eq!(hear(&mut client).await["type"], "next");
    server.handle.stop(false).await;
}
