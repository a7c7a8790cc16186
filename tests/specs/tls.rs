//! HTTPS: what is spoken, what a certificate's files may be, who comes in with one, and that the limits of a
//! connection hold.

use std::path::Path;
use std::time::{Duration, Instant};

use actix_web::rt::net::TcpStream;
use openssl::x509::X509;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::support::live::Subscriber;
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
    // A socket is closed before it is counted.
    eventually("all of them count as refused", async || {
        let refused = metric("streamsync_refused_connections_total", "handshake").await;
        (refused >= 3.0).then_some(())
    })
    .await;

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

/// Whether the health check of the image finds the node alive.
fn is_healthy(address: &str, config: &Path) -> bool {
    let image = concat!(env!("CARGO_MANIFEST_DIR"), "/Dockerfile");
    let image = std::fs::read_to_string(image).expect("the Dockerfile");
    let check = image.lines().find(|line| line.starts_with("HEALTHCHECK"));
    let words = check
        .and_then(|line| line.split_once("CMD "))
        .expect("its command")
        .1;
    let words: Vec<String> = serde_json::from_str(words).expect("a list");
    assert_eq!(words[0], "streamsync");
    let checked = terminal::run(
        command()
            .args(&words[1..])
            .env("STREAMSYNC_LISTEN", address)
            .env("STREAMSYNC_CONFIG", config),
    );
    assert!([Some(0), Some(1)].contains(&checked.code), "{}", checked.err);
    checked.code == Some(0)
}

#[actix_web::test]
async fn the_health_check_of_the_image_asks_with_tls_and_without_and_ignores_mistakes_made_since() {
    let authority = Authority::new();
    let files = Files::of(&authority.issue("stream.example"));
    for settings in [files.settings(), String::new()] {
        let plan = StreamSync::plan().await.settings(&settings);
        plan.topics().await;
        let config = plan.file();
        let node = plan.launch_from(&config).await;
        let address = node.url.trim_start_matches("http://").to_owned();
        assert!(is_healthy(&address, &config), "{settings}");
        let text = std::fs::read_to_string(&config).expect("the configuration");
        std::fs::write(&config, format!("{text}\nnothing = 1\n")).expect("it is written");
        assert!(is_healthy(&address, &config), "{settings}");
        node.kill().await;
        assert!(!is_healthy(&address, &config), "{settings}");
    }
}

/// Sends a wide backfill to whoever reads nothing of it.
#[actix_web::test]
async fn a_websocket_whose_reader_is_stuck_is_cut_off_under_tls_as_well() {
    let authority = Authority::new();
    let files = Files::of(&authority.issue("server"));
    // The system and the clock of answers would have more patience.
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nstall_timeout = \"10min\"")
        .settings(&files.settings());
    let node = plan.launch().await;
    let client = Client::trusting(&authority, None);
    ready(&node, &client).await;
    plan.send_wide().await;

    let socket = Streamed::connect_from(&node, OTHER).await;
    let stream = client.over(socket).await.expect("a TLS connection");
    let mut stuck = Subscriber::plain_over(stream).await;
    stuck
        .send(json!({"type": "subscribe", "id": "1", "backfill": "1d"}))
        .await;
    let open = async || {
        let answer = client.ask(&node, "GET /metrics", "", "").await;
        crate::support::metrics::sum(&answer.body, "streamsync_open_connections", "")
    };
    assert!(open().await >= 2.0);
    eventually("the stuck reader is cut off", async || {
        (open().await <= 1.0).then_some(())
    })
    .await;
}

/// Who the node takes this client for, over a connection that stays open.
async fn me(stream: &mut TlsStream<TcpStream>) -> (u16, Value) {
    let body = json!({"query": "{ me { subject role } }"}).to_string();
    let length = body.len();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    loop {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await;
        assert_ne!(read.expect("an answer in time").expect("an answer"), 0);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(mut body) = serde_json::from_str::<Value>(body)
        {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return (status.expect("a status"), body["data"]["me"].take());
        }
    }
}

/// Whether the node ends the handshake of a client.
async fn is_turned_away(node: &StreamSync, client: &Client) -> bool {
    // With TLS 1.3 a client hears of it after it has sent its request.
    let asked = async {
        let mut stream = client.connect(node).await?;
        stream
            .write_all(b"GET /livez HTTP/1.0\r\nhost: localhost\r\n\r\n")
            .await?;
        stream.read_u8().await
    };
    timeout(PATIENCE, asked).await.expect("an end in time").is_err()
}

#[actix_web::test]
async fn a_client_certificate_gives_a_role_until_its_authority_is_removed() {
    let (ours, next, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let files = Files::of(&ours.issue("server"));
    files.put_authorities(&[&ours]);
    let plan = StreamSync::plan()
        .await
        .settings(&files.settings_with_clients())
        .settings(
            "[auth]\ncertificates = { role = \"press\" }\n[auth.roles.press]\n\
             operations = [\"publish\", \"read\"]\nread = [\"*\"]\nwrite = [\"made\"]\nstreams = [\"*\"]",
        );
    let node = plan.launch().await;
    let showing = |authority: &Authority, name| Client::trusting(&ours, Some(&authority.issue(name)));
    let (press, newer) = (showing(&ours, "press-7"), showing(&next, "press-8"));
    let nobody = Client::trusting(&ours, None);
    ready(&node, &nobody).await;
    let publish = async |client: &Client, headers: &str, metric: &str| {
        let query = "mutation($s: String!, $m: String!) { publish(stream: $s, points: [{metric: $m, value: 1}]) { accepted } }";
        let variables = json!({"s": plan.stream, "m": metric});
        let body = json!({"query": query, "variables": variables}).to_string();
        let answer = client.ask(&node, "POST /graphql", headers, &body).await;
        let code = serde_json::from_str::<Value>(&answer.body).expect("JSON");
        let code = code["errors"][0]["extensions"]["code"].as_str().unwrap_or("ok");
        (answer.status, code.to_owned())
    };
    let text = |status: u16, code: &str| (status, code.to_owned());

    let mut kept = press.connect(&node).await.expect("a TLS connection");
    let as_press = json!({"subject": "cert:press-7", "role": "press"});
    eventually("the certificate lets in", async || {
        (me(&mut kept).await == (200, as_press.clone())).then_some(())
    })
    .await;
    assert_eq!(publish(&press, "", "made").await, text(200, "ok"));
    assert_eq!(publish(&press, "", "other").await, text(200, "FORBIDDEN"));
    assert_eq!(publish(&nobody, "", "made").await, text(401, "UNAUTHENTICATED"));
    // What a request says counts, and not what its connection has shown.
    let wrong = "x-api-key: ss_none_none\r\n";
    assert_eq!(publish(&press, wrong, "made").await, text(401, "UNAUTHENTICATED"));
    for unknown in [&showing(&stranger, "press-7"), &newer] {
        assert!(is_turned_away(&node, unknown).await);
    }

    // Another authority beside the first changes nothing for its clients.
    let mut old = press.subscriber(&node).await;
    assert_eq!(old.frame().await.expect("hello")["type"], "hello");
    files.put_authorities(&[&ours, &next]);
    eventually("the second authority is trusted", async || {
        (!is_turned_away(&node, &newer).await).then_some(())
    })
    .await;
    assert_eq!(me(&mut kept).await, (200, as_press));
    let mut new = newer.subscriber(&node).await;
    assert_eq!(new.frame().await.expect("hello")["type"], "hello");
    for socket in [&mut old, &mut new] {
        socket.send(json!({"type": "ping"})).await;
        assert_eq!(socket.frame().await.expect("pong")["type"], "pong");
    }

    // Without the first its clients are out, also those that are connected.
    files.put_authorities(&[&next]);
    assert_eq!(old.frame().await, Err(4403));
    assert_eq!(me(&mut kept).await, (401, Value::Null));
    assert!(is_turned_away(&node, &press).await);
    new.send(json!({"type": "ping"})).await;
    assert_eq!(new.frame().await.expect("pong")["type"], "pong");
    assert_eq!(publish(&newer, "", "made").await, text(200, "ok"));
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
    files.put(&one);
    let role = "[auth.roles.press]\noperations = [\"publish\"]\nwrite = [\"*\"]\n";
    let certificates = |role: &str| format!("[auth]\ncertificates = {{ role = {role:?} }}\n");
    let whole = format!("{}{}{role}", files.settings_with_clients(), certificates("press"));
    let said = check(&whole).complaint();
    assert!(said.contains("line 4: http.tls.client_ca: cannot read"), "{said}");
    std::fs::write(files.path("clients.pem"), "nothing").expect("it is written");
    let said = check(&whole).complaint();
    assert!(
        said.contains("line 4: http.tls.client_ca: ") && said.contains("has no certificate"),
        "{said}"
    );
    files.put_authorities(&[&authority]);
    check(&whole).printed();
    let said = check(&whole.replace("\"press\"", "\"pres\"")).complaint();
    assert!(
        said.contains("line 6: auth.certificates.role: there is no role 'pres'"),
        "{said}"
    );
    let said = check(&format!("{}{role}", files.settings_with_clients())).complaint();
    assert!(
        said.contains("line 4: http.tls.client_ca: has no effect without auth.certificates"),
        "{said}"
    );
    let said = check(&format!("{}{}{role}", files.settings(), certificates("press"))).complaint();
    assert!(
        said.contains("line 5: auth.certificates: has no effect without http.tls.client_ca"),
        "{said}"
    );
    let said = check("[http.tls]\nkey = \"k\"\n").complaint();
    assert!(said.contains("http.tls.certificate: is needed"), "{said}");
}
