//! What passes the guard, request by request, as browsers and programs send them.

use actix_web::test::TestRequest;

use super::*;

const OWN: &str = "127.0.0.1:8080";

#[test]
fn hosts_are_compared_by_name_with_or_without_the_port() {
    let guard = Guard::new(&["A.example.org".to_owned(), "b:81".to_owned()], &[]);
    for host in [
        "localhost",
        "x.localhost:9",
        "127.9.9.9:1",
        "[::1]:80",
        "[::1]",
        "a.example.org:7",
        "B:81",
    ] {
        assert!(guard.allows_host(host), "{host}");
    }
    for host in [
        "",
        "b",
        "b:82",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "localhost:x",
        "[::2]:80",
    ] {
        assert!(!guard.allows_host(host), "{host}");
    }
}

/// What becomes of a request of these headers, for a server that knows two pages.
fn judged(method: Method, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
    let origins = ["https://app.example", "https://stream.example:443"].map(str::to_owned);
    let guard = Guard::new(&["stream.example".to_owned()], &origins);
    let named = headers.iter().any(|(name, _)| *name == "host");
    let request = TestRequest::with_uri(path).method(method);
    let own = (!named).then_some(("host", OWN));
    let request = headers
        .iter()
        .copied()
        .chain(own)
        .fold(request, |request, header| request.append_header(header));
    guard
        .refusal(&request.to_http_request())
        .map(|answer| answer.status().as_u16())
}

/// `Sec-Fetch-Site`, `-Mode` and `-Dest`.
fn browser(site: &str, mode: &str, dest: &str) -> [(&'static str, String); 3] {
    [
        ("sec-fetch-site", site.to_owned()),
        ("sec-fetch-mode", mode.to_owned()),
        ("sec-fetch-dest", dest.to_owned()),
    ]
}

fn by_browser(path: &str, [site, mode, dest]: [&str; 3], origin: Option<&str>) -> Option<u16> {
    let sent = browser(site, mode, dest);
    let mut headers: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, &**value)).collect();
    headers.extend(origin.map(|origin| ("origin", origin)));
    judged(Method::GET, path, &headers)
}

const QUERY: &str = "/graphql?query=%7Bmetrics%7Bname%7D%7D";
const ANSWERS: [&str; 8] = [
    QUERY,
    "/graphql",
    "/ws",
    "/api/v1/points?from=0",
    "/api/v1/history?from=0",
    "/prometheus/api/v1/query?query=up",
    "/metrics",
    "/readyz",
];

#[test]
fn a_foreign_page_gets_nothing_whatever_it_asks_by() {
    for site in ["cross-site", "same-site", "", "something-new"] {
        for (mode, dest) in [
            ("no-cors", "image"),
            ("no-cors", "script"),
            ("no-cors", "style"),
            ("no-cors", "video"),
            ("no-cors", "object"),
            ("no-cors", "empty"),
            ("cors", "empty"),
            ("cors", "script"),
            ("cors", "font"),
            ("navigate", "iframe"),
            ("navigate", "embed"),
            ("navigate", "document"),
            ("websocket", "websocket"),
            ("websocket", "empty"),
        ] {
            for path in ANSWERS {
                let answer = by_browser(path, [site, mode, dest], None);
                assert_eq!(answer, Some(403), "{site} {mode} {dest} {path}");
                for origin in ["https://evil.example", "null", "http://127.0.0.1:3000"] {
                    let answer = by_browser(path, [site, mode, dest], Some(origin));
                    assert_eq!(answer, Some(403), "{site} {mode} {dest} {path} {origin}");
                }
            }
            let opens = (mode, dest) == ("navigate", "document");
            let page = by_browser("/explore?metric=up", [site, mode, dest], None);
            assert_eq!(page, (!opens).then_some(403), "{site} {mode} {dest}");
            assert_eq!(by_browser(LIVENESS, [site, mode, dest], None), None);
        }
    }
    // One header of the three says that it is a browser.
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
    ] {
        assert_eq!(judged(Method::GET, QUERY, &[header]), Some(403), "{header:?}");
    }
    // No page can add what would ask for leave first, but a program may pretend.
    let headers = [
        ("sec-fetch-site", "cross-site"),
        ("apollo-require-preflight", "true"),
    ];
    assert_eq!(judged(Method::GET, QUERY, &headers), Some(403));
}

#[test]
fn forms_and_preflights_of_foreign_pages_are_refused_with_and_without_an_origin() {
    for method in [Method::POST, Method::OPTIONS, Method::HEAD, Method::PUT] {
        for path in ["/", "/graphql", "/prometheus/api/v1/query", "/api/v1/points"] {
            let mut headers = vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            assert_eq!(
                judged(method.clone(), path, &headers),
                Some(403),
                "{method} {path}"
            );
            headers.push(("origin", "null"));
            assert_eq!(
                judged(method.clone(), path, &headers),
                Some(403),
                "{method} {path}"
            );
            let old = [("origin", "https://evil.example")];
            assert_eq!(judged(method.clone(), path, &old), Some(403), "{method} {path}");
        }
    }
}

#[test]
fn a_browser_that_does_not_say_who_asks_is_judged_by_where_it_comes_from() {
    for (referer, path, expected) in [
        ("https://evil.example/x", QUERY, Some(403)),
        ("https://evil.example/x", "/api/v1/points?from=0", Some(403)),
        ("https://evil.example/x", "/explore", None),
        ("http://127.0.0.1:8080/explore", QUERY, None),
        ("https://app.example/", QUERY, None),
        ("no url", QUERY, None),
    ] {
        let answer = judged(Method::GET, path, &[("referer", referer)]);
        assert_eq!(answer, expected, "{referer} {path}");
    }
}

#[test]
fn our_own_pages_users_known_pages_and_programs_come_in() {
    let own = Some("http://127.0.0.1:8080");
    for path in ANSWERS.iter().chain(&["/", "/explore"]) {
        assert_eq!(judged(Method::GET, path, &[]), None, "{path}");
        for (asked, origin) in [
            // A user who types an address or follows a bookmark.
            (["none", "navigate", "document"], None),
            (["same-origin", "cors", "empty"], None),
            (["same-origin", "cors", "empty"], own),
            (["same-origin", "no-cors", "script"], None),
            (["same-origin", "navigate", "document"], None),
            (["same-origin", "websocket", "websocket"], own),
            (["cross-site", "websocket", "websocket"], own),
            // fetch and EventSource of a known page.
            (["cross-site", "cors", "empty"], Some("https://app.example")),
            (["same-site", "cors", "empty"], Some("https://app.example:443")),
            (
                ["cross-site", "websocket", "websocket"],
                Some("https://APP.example"),
            ),
        ] {
            assert_eq!(
                by_browser(path, asked, origin),
                None,
                "{path} {asked:?} {origin:?}"
            );
        }
        for origin in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.example",
        ] {
            let answer = by_browser(path, ["cross-site", "cors", "empty"], Some(origin));
            assert_eq!(answer, Some(403), "{path} {origin}");
        }
    }
    assert_eq!(judged(Method::POST, "/graphql", &[]), None);
    // `fetch` and `WebSocket` of Node.js.
    for mode in ["cors", "websocket"] {
        let program = [("sec-fetch-mode", mode)];
        assert_eq!(judged(Method::POST, "/graphql", &program), None, "{mode}");
        assert_eq!(judged(Method::GET, QUERY, &program), None, "{mode}");
        let page = [("sec-fetch-mode", mode), ("origin", "https://evil.example")];
        assert_eq!(judged(Method::GET, QUERY, &page), Some(403), "{mode}");
    }
}

#[test]
fn behind_a_proxy_that_speaks_tls_the_plain_page_of_the_same_name_is_foreign() {
    let asked = |host: &'static str, origin: &'static str, site: Option<&'static str>| {
        let mut headers = vec![("host", host), ("origin", origin)];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        judged(Method::POST, "/graphql", &headers)
    };
    for site in [None, Some("cross-site"), Some("same-site"), Some("same-origin")] {
        assert_eq!(
            asked("stream.example", "https://stream.example", site),
            None,
            "{site:?}"
        );
        assert_eq!(
            asked("stream.example", "http://stream.example", site),
            Some(403),
            "{site:?}"
        );
    }
    // Where no origin says so, the browser does, if it says anything.
    let secure = "https://localhost:8443";
    assert_eq!(asked("localhost:8443", secure, Some("same-origin")), None);
    assert_eq!(asked("localhost:8443", secure, None), Some(403));
    assert_eq!(asked("localhost:8443", secure, Some("cross-site")), Some(403));
    assert_eq!(asked("localhost:8443", "http://localhost:8443", None), None);
    assert_eq!(asked("localhost", "http://localhost:80", None), None);
}

#[test]
fn only_one_name_of_ours_is_a_host() {
    for (path, headers) in [
        ("/metrics", vec![("host", "10.1.2.3:80")]),
        ("/readyz", vec![("host", "evil.example")]),
        ("/", vec![("host", "evil.example")]),
        ("/", vec![("host", OWN), ("host", "evil.example")]),
        ("/", vec![("host", OWN), ("host", OWN)]),
        ("http://evil.example/metrics", vec![("host", OWN)]),
    ] {
        assert_eq!(
            judged(Method::GET, path, &headers),
            Some(403),
            "{path} {headers:?}"
        );
    }
    let anywhere = [("host", "10.1.2.3:80")];
    assert_eq!(judged(Method::GET, LIVENESS, &anywhere), None);
    let named = judged(Method::GET, "http://stream.example/metrics", &[("host", OWN)]);
    assert_eq!(named, None);
}

#[test]
fn escapes_that_are_no_utf8_are_refused_on_every_path() {
    for path in [
        "/api/v1/points?metric=%FF&from=0",
        "/api/v1/points?from=0&%C3%28=1",
        "/prometheus/api/v1/query?query=%ff",
        "/prometheus/api/v1/label/%ff/values",
        "/graphql?query=%7B%80%7D",
        "/%FF",
        "/?a=%C3&b=%A9",
    ] {
        assert_eq!(judged(Method::GET, path, &[]), Some(400), "{path}");
    }
    for path in ["/?a=%C3%A9", "/?a=%", "/?a=%zz", "/?a=%00", "/%F0%9F%98%80"] {
        assert_eq!(judged(Method::GET, path, &[]), None, "{path}");
    }
}

#[test]
fn a_path_escapes_only_what_needs_an_escape() {
    for path in ["/m%65trics", "/%67raphql", "/api/v1/p%6Fints", "/a%2Eb", "/a%7e"] {
        assert!(escapes_without_need(path), "{path}");
    }
    for path in [
        "/metrics",
        "/label/%C3%A9/values",
        "/a%2Fb",
        "/a%20b",
        "/a%",
        "/a%4",
        "/a%zz",
    ] {
        assert!(!escapes_without_need(path), "{path}");
    }
}
