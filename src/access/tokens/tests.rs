//! What is accepted, and above all what is not.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::json;

use super::*;
use crate::access::testing::{Pair, TestIssuer, text};

fn tokens(issuer: &TestIssuer, algorithms: &[Algorithm]) -> Tokens {
    Tokens::new(vec![issuer.trusted(algorithms)]).unwrap()
}

fn now() -> i64 {
    Micros::now().0 / 1_000_000
}

/// A token of any header, claims and signature.
fn assembled(header: &Value, claims: &Value, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
    let message = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
    let signature = text(sign(&message));
    format!("{message}.{signature}")
}

#[tokio::test]
async fn a_token_of_each_kind_of_key_is_accepted_and_says_who_it_is() {
    let pairs = [
        Pair::rsa("rs", Algorithm::RS256, 2048),
        Pair::rsa("ps", Algorithm::PS384, 2048),
        Pair::p256("es"),
        Pair::ed25519("ed"),
    ];
    let issuer = TestIssuer::start(&pairs.each_ref());
    let tokens = tokens(&issuer, &ALGORITHMS.map(|(_, algorithm)| algorithm));
    for pair in &pairs {
        let token = pair.sign(&issuer.claims());
        let claims = tokens.verify(&token).await.unwrap();
        assert_eq!((&*claims.issuer, &*claims.subject), (&*issuer.issuer, "ada"));
        assert_eq!(claims.all["site"], "berlin");
        assert!(claims.expires > Micros::now());
        let again = tokens.verify(&token).await.unwrap();
        assert!(Arc::ptr_eq(&claims, &again), "it is remembered");
    }
    assert_eq!(issuer.reads(), 1);
}

#[tokio::test]
async fn an_audience_may_be_one_of_several() {
    let pair = Pair::p256("k");
    let issuer = TestIssuer::start(&[&pair]);
    let tokens = tokens(&issuer, &[Algorithm::ES256]);
    let several = issuer.claims_with("aud", json!(["account", "streamsync"]));
    assert!(tokens.verify(&pair.sign(&several)).await.is_ok());
}

#[tokio::test]
async fn a_token_with_anything_wrong_is_refused_with_the_same_words() {
    let pair = Pair::rsa("k", Algorithm::RS256, 2048);
    let other = Pair::rsa("k", Algorithm::RS256, 2048);
    let issuer = TestIssuer::start(&[&pair]);
    let tokens = tokens(&issuer, &[Algorithm::RS256]);
    let good = pair.sign(&issuer.claims());
    assert!(tokens.verify(&good).await.is_ok());

    let with = |member: &str, value: Value| pair.sign(&issuer.claims_with(member, value));
    let without = |member: &str| {
        let mut claims = issuer.claims();
        claims.as_object_mut().unwrap().remove(member);
        pair.sign(&claims)
    };
    let parts: Vec<&str> = good.split('.').collect();
    let admin = text(issuer.claims_with("role", json!("admin")).to_string());
    let twice = issuer.claims().to_string().replacen('{', "{\"sub\":\"eve\",", 1);
    for (what, token) in [
        ("empty", String::new()),
        ("no token", "abc".to_owned()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("changed claims", format!("{}.{admin}.{}", parts[0], parts[2])),
        ("another key", other.sign(&issuer.claims())),
        ("wrong issuer", with("iss", json!("https://evil.example.org"))),
        ("issuer in a list", with("iss", json!([issuer.issuer]))),
        (
            "issuer with a slash",
            with("iss", json!(format!("{}/", issuer.issuer))),
        ),
        ("wrong audience", with("aud", json!("another"))),
        ("wrong audiences", with("aud", json!(["another", "streamsync2"]))),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
        ("no subject", without("sub")),
        ("empty subject", with("sub", json!(""))),
        ("subject that is no text", with("sub", json!(7))),
        ("long subject", with("sub", json!("x".repeat(SUBJECT_MAX + 1)))),
        ("subject with a line break", with("sub", json!("a\nb"))),
        ("no expiry", without("exp")),
        ("expiry that is a text", with("exp", json!("9999999999"))),
        ("not yet valid", with("nbf", json!(now() + 120))),
        ("huge", with("x", json!("x".repeat(TOKEN_MAX)))),
        (
            "a member twice",
            assembled_raw(&json!({ "alg": "RS256", "kid": "k" }), &twice, &pair),
        ),
        (
            "a critical header",
            assembled_raw(
                &json!({ "alg": "RS256", "kid": "k", "crit": ["x"], "x": 1 }),
                &issuer.claims().to_string(),
                &pair,
            ),
        ),
    ] {
        let denied = tokens.verify(&token).await;
        assert_eq!(denied, Err(Denied::Invalid), "{what}");
    }
    let expired = tokens.verify(&with("exp", json!(now() - 120))).await;
    assert_eq!(expired, Err(Denied::Expired));
    let expired_and_forged = other.sign(&issuer.claims_with("exp", json!(now() - 120)));
    assert_eq!(tokens.verify(&expired_and_forged).await, Err(Denied::Invalid));
}

/// A right signature under a header and claims of any kind.
fn assembled_raw(header: &Value, claims: &str, pair: &Pair) -> String {
    let message = format!("{}.{}", text(header.to_string()), text(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &pair.signing, pair.algorithm).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn clocks_may_differ_a_little() {
    let pair = Pair::p256("k");
    let issuer = TestIssuer::start(&[&pair]);
    let tokens = tokens(&issuer, &[Algorithm::ES256]);
    for (member, seconds) in [("exp", -10), ("nbf", 10)] {
        let claims = issuer.claims_with(member, json!(now() + seconds));
        assert!(tokens.verify(&pair.sign(&claims)).await.is_ok(), "{member}");
    }
}

#[tokio::test]
async fn a_token_does_not_choose_its_algorithm() {
    let rsa = Rsa::generate(2048).unwrap();
    let public =
        json!({ "kty": "RSA", "kid": "k", "n": text(rsa.n().to_vec()), "e": text(rsa.e().to_vec()) });
    let pair = Pair {
        public,
        ..Pair::rsa("k", Algorithm::RS256, 2048)
    };
    let issuer = TestIssuer::start(&[&pair]);
    let tokens = tokens(&issuer, &[Algorithm::RS256]);
    let claims = issuer.claims();
    for alg in ["none", "None", "NONE", ""] {
        let unsigned = assembled(&json!({ "alg": alg, "typ": "JWT" }), &claims, |_| Vec::new());
        assert_eq!(tokens.verify(&unsigned).await, Err(Denied::Invalid), "{alg}");
    }
    // The public key as a secret, in each form that a library might take it.
    let hmac = |secret: &[u8], message: &str| {
        let key = PKey::hmac(secret).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        signer.update(message.as_bytes()).unwrap();
        signer.sign_to_vec().unwrap()
    };
    for secret in [
        rsa.public_key_to_pem().unwrap(),
        rsa.public_key_to_pem_pkcs1().unwrap(),
        rsa.public_key_to_der().unwrap(),
        rsa.n().to_vec(),
        text(rsa.n().to_vec()).into_bytes(),
    ] {
        let header = json!({ "alg": "HS256", "kid": "k" });
        let confused = assembled(&header, &claims, |message| hmac(&secret, message));
        assert_eq!(tokens.verify(&confused).await, Err(Denied::Invalid));
    }
    // An algorithm that the key could do, but the issuer does not use.
    let signing = jsonwebtoken::EncodingKey::from_rsa_der(&rsa.private_key_to_der().unwrap());
    for (algorithm, expected) in [
        (Algorithm::RS256, true),
        (Algorithm::RS512, false),
        (Algorithm::PS256, false),
    ] {
        let signing = Pair {
            algorithm,
            signing: signing.clone(),
            id: "k",
            public: json!(null),
        };
        assert_eq!(
            tokens.verify(&signing.sign(&claims)).await.is_ok(),
            expected,
            "{algorithm:?}"
        );
    }
}

#[tokio::test]
async fn keys_that_are_not_for_signatures_are_not_used() {
    let pair = Pair::p256("k");
    let mut secret = Pair::p256("k");
    secret.public = json!({ "kty": "oct", "kid": "k", "alg": "HS256", "k": text("secret") });
    let short = Pair::rsa("short", Algorithm::RS256, 1024);
    let changed = |member: &str, value: Value| {
        let mut public = pair.public.clone();
        public[member] = value;
        Pair {
            public,
            algorithm: pair.algorithm,
            id: pair.id,
            signing: pair.signing.clone(),
        }
    };
    for (what, published, signer) in [
        ("for encryption", changed("use", json!("enc")), &pair),
        ("to encrypt", changed("key_ops", json!(["encrypt"])), &pair),
        ("for another algorithm", changed("alg", json!("ES384")), &pair),
        ("another id", changed("kid", json!("l")), &pair),
        ("a secret", secret, &pair),
        (
            "short",
            Pair {
                public: short.public.clone(),
                ..Pair::p256("x")
            },
            &short,
        ),
    ] {
        let issuer = TestIssuer::start(&[&published]);
        let tokens = tokens(&issuer, &ALGORITHMS.map(|(_, algorithm)| algorithm));
        let denied = tokens.verify(&signer.sign(&issuer.claims())).await;
        assert_eq!(denied, Err(Denied::Invalid), "{what}");
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_is_of_the_only_key() {
    let (one, two) = (Pair::p256("one"), Pair::p256("two"));
    let nameless = |issuer: &TestIssuer| {
        let header = jsonwebtoken::Header::new(Algorithm::ES256);
        jsonwebtoken::encode(&header, &issuer.claims(), &one.signing).unwrap()
    };
    let issuer = TestIssuer::start(&[&one]);
    assert!(
        tokens(&issuer, &[Algorithm::ES256])
            .verify(&nameless(&issuer))
            .await
            .is_ok()
    );
    let issuer = TestIssuer::start(&[&one, &two]);
    let denied = tokens(&issuer, &[Algorithm::ES256])
        .verify(&nameless(&issuer))
        .await;
    assert_eq!(denied, Err(Denied::Invalid));
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_ask_the_issuer_again_and_again() {
    let (known, unknown) = (Pair::p256("known"), Pair::p256("unknown"));
    let issuer = TestIssuer::start(&[&known]);
    let tokens = tokens(&issuer, &[Algorithm::ES256]);
    assert!(tokens.verify(&known.sign(&issuer.claims())).await.is_ok());
    let forged = unknown.sign(&issuer.claims());
    let together = futures_util::future::join_all((0..20).map(|_| tokens.verify(&forged)));
    assert!(
        together
            .await
            .iter()
            .all(|denied| *denied == Err(Denied::Invalid))
    );
    // The first read was less than a minute ago.
    assert_eq!(issuer.reads(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_the_tokens_of_a_withdrawn_one_end() {
    let (old, new) = (Pair::p256("old"), Pair::p256("new"));
    let issuer = TestIssuer::start(&[&old]);
    let tokens = tokens(&issuer, &[Algorithm::ES256]);
    let token = old.sign(&issuer.claims());
    assert!(tokens.verify(&token).await.is_ok());
    issuer.publish(&[&new]);
    tokens.issuers[0].keys.forget_last_try();
    assert!(tokens.verify(&new.sign(&issuer.claims())).await.is_ok());
    assert_eq!(issuer.reads(), 2);
    assert_eq!(
        tokens.verify(&token).await,
        Err(Denied::Invalid),
        "although it was remembered"
    );
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_let_in() {
    let pair = Pair::p256("k");
    let issuer = TestIssuer::start(&[&pair]);
    let token = pair.sign(&issuer.claims());
    let trusted = |keys: &str| TrustedIssuer {
        keys: KeySource::parse(keys).unwrap(),
        ..issuer.trusted(&[Algorithm::ES256])
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let file = path.to_str().unwrap();
    for (keys, text) in [
        ("http://127.0.0.1:1/jwks", None),
        (file, None),
        (file, Some("[]".to_owned())),
        (file, Some(" ".repeat(300_000))),
    ] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let tokens = Tokens::new(vec![trusted(keys)]).unwrap();
        assert_eq!(tokens.verify(&token).await, Err(Denied::Unavailable), "{keys}");
    }
    std::fs::write(&path, json!({ "keys": ["?", {}, pair.public] }).to_string()).unwrap();
    let tokens = Tokens::new(vec![trusted(file)]).unwrap();
    assert!(
        tokens.verify(&token).await.is_ok(),
        "what cannot be read is passed over"
    );
}
