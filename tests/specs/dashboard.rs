//! The dashboard that the program carries: what a browser is sent, and what it is allowed to do with it.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use openssl::sha::sha256;
use serde_json::Value;

use crate::support::{StreamSync, unique};

const PAGES: [&str; 6] = [
    "/",
    "/explore",
    "/streams",
    "/records",
    "/dead-letters",
    "/playground",
];
const NAVIGATION: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// A running node, asked as a browser or a program would.
struct Site(StreamSync);

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Site {
    async fn open() -> Self {
        Self(StreamSync::plan().await.start().await)
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let method = method.parse().expect("a method");
        let url = format!("{}{path}", self.0.url);
        let request = awc::Client::default().request(method, url);
        let add = |request: awc::ClientRequest, header: &(&str, &str)| request.insert_header(*header);
        let mut response = headers.iter().fold(request, add).send().await.expect("an answer");
        let text = |value: &awc::http::header::HeaderValue| value.to_str().expect("text").to_owned();
        Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: response.body().limit(16 << 20).await.expect("a body").to_vec(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// The texts of the script elements that load nothing.
fn inline_scripts(html: &str) -> Vec<&str> {
    let elements = html.split("<script").skip(1);
    elements
        .filter_map(|element| element.split_once("</script>")?.0.split_once('>'))
        .filter(|(attributes, _)| !attributes.contains(" src="))
        .map(|(_, text)| text)
        .collect()
}

/// The URLs below `/_next/static/` that a page names.
fn assets(html: &str) -> Vec<&str> {
    let named = html.split(['"', '\'', '\\']);
    named.filter(|text| text.starts_with("/_next/static/")).collect()
}

fn directive<'a>(policy: &'a str, name: &str) -> Vec<&'a str> {
    let all = policy.split(';').map(|part| part.split_whitespace());
    let mut found = all.filter_map(|mut words| (words.next() == Some(name)).then(|| words.collect()));
    found.next().unwrap_or_default()
}

#[actix_web::test]
async fn each_page_may_run_the_scripts_it_came_with_and_nothing_else() {
    let site = Site::open().await;
    for path in PAGES {
        let page = site.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");

        let policy = page.header("content-security-policy");
        let hash = |text: &&str| format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())));
        let mut expected: Vec<String> = inline_scripts(page.text()).iter().map(hash).collect();
        assert!(!expected.is_empty(), "{path}");
        expected.push("'self'".to_owned());
        expected.sort();
        expected.dedup();
        let mut scripts = directive(policy, "script-src");
        scripts.sort_unstable();
        assert_eq!(scripts, expected, "{path}");

        let styles = match path {
            "/playground" => vec!["'self'", "'unsafe-inline'"],
            _ => vec!["'self'"],
        };
        assert_eq!(directive(policy, "style-src"), styles, "{path}");
        for (name, allowed) in [
            ("default-src", "'none'"),
            ("connect-src", "'self'"),
            ("base-uri", "'none'"),
            ("form-action", "'none'"),
            ("frame-ancestors", "'none'"),
        ] {
            assert_eq!(directive(policy, name), [allowed], "{path} {name}");
        }
    }
}

#[actix_web::test]
async fn what_a_page_names_is_there_and_kept_for_ever() {
    let site = Site::open().await;
    for path in PAGES {
        let page = site.get(path).await;
        let assets = assets(page.text());
        assert!(assets.len() > 3, "{path}: {assets:?}");
        for asset in assets {
            let answer = site.get(asset).await;
            assert_eq!(answer.status, 200, "{path}: {asset}");
            let kept = answer.header("cache-control");
            assert_eq!(kept, "public, max-age=31536000, immutable", "{asset}");
            assert!(!answer.body.is_empty() && !answer.header("content-type").is_empty());
        }
        // What the browser loads when a link is followed. Next.js takes it for HTML unless it is text.
        let next = if path == "/" { "/index" } else { path };
        let payload = site.get(&format!("{next}.txt?_rsc=1")).await;
        assert_eq!(payload.status, 200, "{path}");
        assert!(payload.header("content-type").starts_with("text/plain"));
        assert_eq!(payload.header("cache-control"), "no-cache");
    }
}

#[actix_web::test]
async fn it_is_sent_compressed_or_plain_and_only_when_it_has_changed() {
    let site = Site::open().await;
    let plain = site.get("/").await;
    assert_eq!(plain.header("content-encoding"), "");
    let zipped = site.ask("GET", "/", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.header("vary").starts_with("Accept-Encoding, "));
    let mut unpacked = Vec::new();
    let mut reader = GzDecoder::new(&*zipped.body);
    reader.read_to_end(&mut unpacked).expect("gzip");
    assert!(unpacked == plain.body);

    let head = site.ask("HEAD", "/", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), plain.body.len().to_string());

    assert_eq!(plain.header("cache-control"), "no-cache");
    for page in [plain, zipped] {
        let encoding = page.header("content-encoding");
        let known = [
            ("if-none-match", page.header("etag")),
            ("accept-encoding", encoding),
        ];
        let again = site.ask("GET", "/", &known).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), page.header("etag"));
    }
}

#[actix_web::test]
async fn an_unknown_path_is_a_page_for_browsers_and_json_for_programs() {
    let site = Site::open().await;
    let unknown = format!("/{}", unique("nothing"));
    let page = site.ask("GET", &unknown, &[NAVIGATION]).await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("There is no such page"));
    assert!(!directive(page.header("content-security-policy"), "script-src").is_empty());
    for program in [
        site.get(&unknown).await,
        site.ask("GET", &unknown, &[("accept", "*/*")]).await,
        site.ask("POST", &unknown, &[NAVIGATION]).await,
    ] {
        assert_eq!(program.status, 404);
        assert_eq!(program.json()["errors"][0]["extensions"]["code"], "NOT_FOUND");
    }
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/_next/static",
        "/index.html",
    ] {
        assert_eq!(site.get(path).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn the_api_answers_beside_it_and_the_guard_stands_before_it() {
    let site = Site::open().await;
    let ready = site.ask("GET", "/readyz", &[NAVIGATION]).await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &Value::Bool(true)));
    let asked = "/graphql?query=%7Bmetrics%7Bname%7D%7D";
    assert!(site.get(asked).await.json()["data"]["metrics"].is_array());
    assert!(site.get("/api/v1/openapi.json").await.json()["openapi"].is_string());
    for path in ["/", "/explore", "/licences.txt"] {
        let foreign = site
            .ask("GET", path, &[("host", "evil.example"), NAVIGATION])
            .await;
        assert_eq!(foreign.status, 403, "{path}");
    }
    let licences = site.get("/licences.txt").await;
    assert!(licences.text().contains("Permission is hereby granted"));
    let written = site.ask("POST", "/", &[]).await;
    assert_eq!((written.status, written.header("allow")), (405, "GET, HEAD"));
}
