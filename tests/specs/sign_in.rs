//! Tokens of an issuer, and browsers that are signed in: who is let in, and what a foreign page cannot
//! have a browser do.

use serde_json::{Value, json};

use crate::support::asking::{ask, get, post};
use crate::support::guarded::{Guarded, ROLES};
use crate::support::issuer::{ISSUER, Issuer};
use crate::support::{StreamSync, eventually};
use streamsync::data::Micros;

struct World {
    server: Guarded,
    issuer: Issuer,
}

impl World {
    async fn new() -> Self {
        let issuer = Issuer::new();
        let plan = StreamSync::plan().await.settings(ROLES);
        let server = Guarded::of(plan.settings(&issuer.settings())).await;
        Self { server, issuer }
    }
}

const ME: &str = "{ me { subject name role operations read } }";

#[actix_web::test]
async fn a_token_has_the_role_and_the_series_that_its_claims_say() {
    let world = World::new().await;
    let node = world.server.node().await;
    let bearer = |claims: Value| format!("Bearer {}", world.issuer.token(claims));
    let berlin = bearer(json!({ "role": "site", "site": "berlin\"}" }));
    let (status, answer) = ask(&node, &[("authorization", &berlin)], ME).await;
    assert_eq!(status, 200, "{answer}");
    let me = &answer["data"]["me"];
    assert_eq!(me["subject"], format!("{ISSUER}|ada"));
    assert_eq!(
        (&me["role"], &me["operations"]),
        (&json!("site"), &json!(["READ"]))
    );
    // A claim is a value and nothing else, whatever is in it.
    assert_eq!(me["read"], json!([r#"m{site="berlin\"}"}"#]), "{me}");
    let expired = Micros::now().0 / 1_000_000 - 60;
    for (claims, words) in [
        (json!({ "role": "root" }), "the credential is not valid"),
        (json!({}), "the credential is not valid"),
        (
            json!({ "role": "site", "aud": "other" }),
            "the credential is not valid",
        ),
        (
            json!({ "role": "site", "exp": expired }),
            "the credential has expired",
        ),
    ] {
        let (status, answer) = ask(&node, &[("authorization", &bearer(claims.clone()))], ME).await;
        assert_eq!(
            (status, &answer["errors"][0]["message"]),
            (401, &json!(words)),
            "{claims}"
        );
    }
    let (signed, signature) = berlin.rsplit_once('.').expect("a signature");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{first}{}", &signature[1..]);
    assert_eq!(ask(&node, &[("authorization", &forged)], ME).await.0, 401);
}

/// Cookie and CSRF token of a browser that has signed in with a key.
async fn sign_in(node: &StreamSync, key: &str) -> (String, String) {
    let session = post(
        node,
        "/auth/session",
        &[("origin", &node.url)],
        json!({ "key": key }),
    )
    .await;
    let cookie = session.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{session:?}");
    assert_eq!(session.status, 200, "{session:?}");
    let csrf = session.json["csrf"].as_str().expect("a token").to_owned();
    let pair = cookie.split(';').next().expect("a pair");
    (pair.to_owned(), csrf)
}

async fn opens_socket(node: &StreamSync, headers: &[(&str, &str)]) -> bool {
    let url = node.url.replace("http://", "ws://") + "/graphql";
    let mut request = awc::Client::default().ws(url).protocols(["graphql-transport-ws"]);
    for (name, value) in headers {
        request = request.set_header(*name, *value);
    }
    request.connect().await.is_ok()
}

#[actix_web::test]
async fn a_browser_that_is_signed_in_changes_nothing_for_other_pages_and_is_out_with_its_key() {
    let world = World::new().await;
    let (node, other) = (world.server.node().await, world.server.node().await);
    let key = world.server.key("one", "admin", &[]);
    let nobody = get(&node, "/auth/session", &[]).await;
    let expected = json!({ "controlled": true, "anonymous": false, "oidc": false, "csrf": null, "refresh": null, "principal": null });
    assert_eq!(nobody, (200, expected));
    let wrong = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('0') { "1" } else { "0" }
    );
    let refused = post(&node, "/auth/session", &[], json!({ "key": wrong })).await;
    assert_eq!(refused.status, 401);

    let (cookie, csrf) = sign_in(&node, &key).await;
    let own = ("cookie", cookie.as_str());
    let (_, session) = get(&node, "/auth/session", &[own]).await;
    assert_eq!(session["principal"]["role"], "admin", "{session}");
    assert_eq!(session["csrf"], csrf);
    // By GET the cookie is enough; to change something it is not.
    assert_eq!(
        get(&node, "/graphql?query=%7Bme%7Brole%7D%7D", &[own]).await.0,
        200
    );
    assert_eq!(ask(&node, &[own], ME).await.0, 403);
    assert_eq!(ask(&node, &[own, ("x-csrf-token", "x")], ME).await.0, 403);
    assert_eq!(ask(&node, &[own, ("x-csrf-token", &csrf)], ME).await.0, 200);
    let foreign = ("origin", "https://evil.example.org");
    assert_eq!(
        ask(&node, &[own, ("x-csrf-token", &csrf), foreign], ME).await.0,
        403
    );
    assert!(opens_socket(&node, &[own, ("origin", &node.url)]).await);
    assert!(!opens_socket(&node, &[own]).await, "a page that hides its origin");
    assert!(!opens_socket(&node, &[own, foreign]).await);

    // Signing out ends the session on every node.
    eventually("the other node knows the session", async || {
        let (_, session) = get(&other, "/auth/session", &[own]).await;
        (session["principal"] != Value::Null).then_some(())
    })
    .await;
    let sign_out =
        async |headers: &[(&str, &str)]| post(&node, "/auth/logout", headers, Value::Null).await.status;
    assert_eq!(sign_out(&[own]).await, 403);
    assert_eq!(sign_out(&[own, ("x-csrf-token", &csrf)]).await, 204);
    assert_eq!(
        get(&node, "/graphql?query=%7Bme%7Brole%7D%7D", &[own]).await.0,
        401
    );
    eventually("the other node forgets the session", async || {
        (get(&other, "/graphql?query=%7Bme%7Brole%7D%7D", &[own]).await.0 == 401).then_some(())
    })
    .await;

    // So does revoking the key.
    let (cookie, _) = sign_in(&node, &key).await;
    let own = ("cookie", cookie.as_str());
    assert_eq!(
        get(&node, "/graphql?query=%7Bme%7Brole%7D%7D", &[own]).await.0,
        200
    );
    assert!(world.server.keys(&["revoke", "one"]).status.success());
    eventually("the session ends with its key", async || {
        (get(&node, "/graphql?query=%7Bme%7Brole%7D%7D", &[own]).await.0 == 401).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn issuers_and_limits_are_read_again_at_a_hangup_and_what_is_not_is_told() {
    let world = World::new().await;
    let node = world.server.node().await;
    let bearer = format!("Bearer {}", world.issuer.token(json!({ "role": "admin" })));
    let status = async || ask(&node, &[("authorization", &bearer)], ME).await.0;
    assert_eq!(status().await, 200);
    world.server.reload(ROLES, &[&node]);
    eventually("the issuer is gone", async || {
        (status().await == 401).then_some(())
    })
    .await;
    let limited = format!(
        "[auth.limits]\nrequests_per_second = 1\n{ROLES}{}",
        world.issuer.settings()
    );
    world.server.reload(&limited, &[&node]);
    eventually("the issuer is back, with a limit", async || {
        (status().await == 429).then_some(())
    })
    .await;
    assert!(!node.log().contains("restart"));
    let all = format!("[auth]\ngrace = \"1m\"\n{ROLES}{}", world.issuer.settings());
    world.server.reload(&all, &[&node]);
    eventually("it says what needs a restart", async || {
        let log = node.log();
        let line = log.lines().find(|line| line.contains("at the next start"))?;
        line.contains("auth.grace").then_some(())
    })
    .await;
    assert_eq!((status().await, status().await), (200, 200));
}

#[actix_web::test]
async fn a_valid_credential_does_not_wait_for_those_that_failed_at_its_address() {
    let world = World::new().await;
    let node = world.server.node().await;
    let key = world.server.key("one", "admin", &[]);
    for n in 0..40 {
        let wrong = format!("Bearer ss_{n}_wrong");
        ask(&node, &[("authorization", &wrong)], ME).await;
    }
    let refused = post(&node, "/auth/session", &[], json!({ "key": "ss_a_b" })).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "60"));
    let token = format!("Bearer {}", world.issuer.token(json!({ "role": "admin" })));
    assert_eq!(ask(&node, &[("authorization", &token)], ME).await.0, 200);
    eventually("the key is known", async || {
        (ask(&node, &[("x-api-key", &key)], ME).await.0 == 200).then_some(())
    })
    .await;
    sign_in(&node, &key).await;
}
