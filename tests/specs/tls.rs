//! HTTPS: what is spoken, what a certificate's files may be, and that the limits of a connection hold.

use std::time::{Duration, Instant};

use actix_web::rt::net::TcpStream;
use openssl::x509::X509;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::support::streamed::Streamed;
use crate::support::tls::{Authority, Client, Files, ask};
use crate::support::{PATIENCE, StreamSync, command, eventually, terminal};

/// Not the address by which the others ask.
const OTHER: [u8; 4] = [127, 0, 0, 2];

async fn ready(node: &StreamSync, client: &Client) {
    eventually("the node is ready", async || {
        let answer = client.ask(node, "GET /readyz", "", "").await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// The common name of the certificate that the node shows.
async fn shown(node: &StreamSync, client: &Client) -> String {
    let stream = client.connect(node).await.expect("a TLS connection");
    let chain = stream.get_ref().1.peer_certificates().expect("a certificate");
    let certificate = X509::from_der(&chain[0]).expect("a certificate");
    let mut names = certificate.subject_name().entries();
    let name = names.next().expect("a name").data().to_string();
    name.expect("a text")
}

#[actix_web::test]
async fn https_is_http_1_on_its_own_origin_and_new_files_replace_the_certificate() {
    let authority = Authority::new();
    let files = Files::of(&authority.issue("first"));
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nallowed_hosts = [\"stream.example\"]")
        .settings(&files.settings());
    let node = plan.launch().await;
    let client = Client::trusting(&authority, None);
    ready(&node, &client).await;
    assert!(node.log().contains("url=\"https://127.0.0.1:") || node.log().contains("url=https://127.0.0.1:"));

    // Nothing but HTTP/1 is agreed on.
    let both = client.clone().offering(&["h2", "http/1.1"]);
    let stream = both.connect(&node).await.expect("a TLS connection");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let h2 = client.clone().offering(&["h2"]).connect(&node).await;
    assert!(h2.is_err());

    // Whoever begins without TLS is told.
    let (status, text) = node.get("/livez").await;
    assert_eq!(status, 400);
    assert!(text.contains("https"), "{text}");

    // Our own pages come by https.
    let query = json!({"query": "{ pipeline { ready } }"}).to_string();
    for (origin, expected) in [
        ("https://stream.example", 200),
        ("http://stream.example", 403),
        ("https://other.example", 403),
    ] {
        let headers = format!("host: stream.example\r\norigin: {origin}\r\n");
        let answer = client.ask(&node, "POST /graphql", &headers, &query).await;
        assert_eq!(answer.status, expected, "{origin}");
        assert!(
            answer.head.contains("strict-transport-security: max-age="),
            "{}",
            answer.head
        );
    }
    let local = client.ask(&node, "GET /livez", "", "").await;
    assert!(!local.head.contains("strict-transport-security"));

    // A file that cannot be used replaces nothing.
    assert_eq!(shown(&node, &client).await, "first");
    let second = authority.issue("second");
    std::fs::write(files.path("cert.pem"), &second.certificate).expect("it is written");
    eventually("the bad files are told of", async || {
        node.log().contains("cannot be used").then_some(())
    })
    .await;
    assert_eq!(shown(&node, &client).await, "first");
    files.put(&second);
    eventually("the new certificate is shown", async || {
        (shown(&node, &client).await == "second").then_some(())
    })
    .await;
}

#[actix_web::test]
async fn the_limits_of_a_connection_hold_before_the_handshake_and_for_a_stuck_reader() {
    let authority = Authority::new();
    let files = Files::of(&authority.issue("server"));
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nstall_timeout = \"2s\"\nconnections_per_address = 3")
        .settings(&files.settings());
    let node = plan.launch().await;
    let client = Client::trusting(&authority, None);
    ready(&node, &client).await;
    let metric = async |name: &str, label: &str| {
        let answer = client.ask(&node, "GET /metrics", "", "").await;
        crate::support::metrics::sum(&answer.body, name, label)
    };

    let begun = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(Streamed::connect_from(&node, OTHER).await);
    }
    eventually("those without a handshake count", async || {
        let open = metric("streamsync_open_connections", "").await;
        (open >= 4.0).then_some(())
    })
    .await;
    let fourth = Streamed::connect_from(&node, OTHER).await;
    let fourth = client.over(fourth).await.expect("a TLS connection");
    let refused = ask(fourth, "GET /livez", "", "").await;
    assert_eq!(refused.status, 429);
    assert!(refused.body.contains("TOO_MANY_CONNECTIONS"));
    for socket in &mut silent {
        let end = timeout(PATIENCE, socket.read_u8()).await.expect("an end in time");
        assert!(end.is_err());
    }
    assert!(begun.elapsed() >= Duration::from_secs(5));
    assert!(metric("streamsync_refused_connections_total", "handshake").await >= 3.0);

    let at = plan.send_wide().await;
    let path = format!("/api/v1/points?format=ndjson&from={}", at.0 / 1_000_000);
    let socket: TcpStream = Streamed::connect_from(&node, OTHER).await;
    let mut stuck = client.over(socket).await.expect("a TLS connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stuck.write_all(request.as_bytes()).await.expect("it is sent");
    eventually("the stuck reader is cut off", async || {
        // By our clock or by that of the system, whichever is first.
        let open = metric("streamsync_open_connections", "").await;
        (open <= 1.0).then_some(())
    })
    .await;
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stuck.read_to_end(&mut rest)).await;
    assert!(ended.is_ok() && rest.len() < 10_000 * 1_000);
    // One that reads gets everything.
    let whole = client.ask(&node, &format!("GET {path}"), "", "").await;
    assert!(whole.body.len() > 10_000 * 1_000);
}

#[actix_web::test]
async fn check_says_which_file_cannot_be_used_and_where_it_is_named() {
    let authority = Authority::new();
    let (one, other) = (authority.issue("one"), authority.issue("other"));
    let files = Files::of(&one);
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("streamsync.toml");
    let check = |settings: &str| {
        std::fs::write(&config, settings).expect("the configuration is written");
        terminal::run(command().arg("check").arg("--config").arg(&config))
    };
    let printed = check(&files.settings()).printed();
    assert!(printed.contains("(HTTPS)"), "{printed}");

    std::fs::write(files.path("key.pem"), &other.key).expect("it is written");
    let said = check(&files.settings()).complaint();
    assert!(
        said.contains("line 3: http.tls.key: ") && said.contains("is not the key of"),
        "{said}"
    );
    std::fs::write(files.path("key.pem"), "nothing").expect("it is written");
    let said = check(&files.settings()).complaint();
    assert!(
        said.contains("line 3: http.tls.key: ") && said.contains("no private key"),
        "{said}"
    );
    std::fs::remove_file(files.path("cert.pem")).expect("it is removed");
    let said = check(&files.settings()).complaint();
    assert!(
        said.contains("line 2: http.tls.certificate: cannot read"),
        "{said}"
    );
    let said = check("[http.tls]\nkey = \"k\"\n").complaint();
    assert!(said.contains("http.tls.certificate: is needed"), "{said}");
}
