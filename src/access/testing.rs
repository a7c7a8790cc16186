//! An issuer for tests: keys, a key set behind a URL that counts who reads it, and tokens.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::tokens::TrustedIssuer;
use super::tokens::jwks::KeySource;
use crate::data::Micros;

pub const AUDIENCE: &str = "streamsync";

/// A key pair: what signs, and its public half as a JSON Web Key.
pub struct Pair {
    pub algorithm: Algorithm,
    pub id: &'static str,
    pub signing: EncodingKey,
    pub public: Value,
}

pub fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Pair {
    pub fn rsa(id: &'static str, algorithm: Algorithm, bits: u32) -> Self {
        let key = Rsa::generate(bits).unwrap();
        let public = json!({
            "kty": "RSA", "kid": id, "use": "sig", "alg": format!("{algorithm:?}"),
            "n": text(key.n().to_vec()), "e": text(key.e().to_vec()),
        });
        let signing = EncodingKey::from_rsa_der(&key.private_key_to_der().unwrap());
        Self {
            algorithm,
            id,
            signing,
            public,
        }
    }

    pub fn p256(id: &'static str) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let (mut x, mut y) = (
            openssl::bn::BigNum::new().unwrap(),
            openssl::bn::BigNum::new().unwrap(),
        );
        let mut context = BigNumContext::new().unwrap();
        let point = key.public_key();
        point
            .affine_coordinates(&group, &mut x, &mut y, &mut context)
            .unwrap();
        let public = json!({
            "kty": "EC", "kid": id, "crv": "P-256",
            "x": text(x.to_vec_padded(32).unwrap()), "y": text(y.to_vec_padded(32).unwrap()),
        });
        let pkcs8 = PKey::from_ec_key(key).unwrap().private_key_to_pkcs8().unwrap();
        let signing = EncodingKey::from_ec_der(&pkcs8);
        Self {
            algorithm: Algorithm::ES256,
            id,
            signing,
            public,
        }
    }

    pub fn ed25519(id: &'static str) -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let public = json!({
            "kty": "OKP", "kid": id, "crv": "Ed25519", "x": text(key.raw_public_key().unwrap()),
        });
        let signing = EncodingKey::from_ed_der(&key.private_key_to_pkcs8().unwrap());
        Self {
            algorithm: Algorithm::EdDSA,
            id,
            signing,
            public,
        }
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.id.to_owned()),
            ..Header::new(self.algorithm)
        };
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

/// A key set at a URL of this machine.
pub struct TestIssuer {
    pub issuer: String,
    keys: Arc<Mutex<Value>>,
    pub reads: Arc<AtomicUsize>,
}

impl TestIssuer {
    pub fn start(keys: &[&Pair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let started = Self {
            issuer,
            keys: Arc::default(),
            reads: Arc::default(),
        };
        started.publish(keys);
        let (keys, reads) = (Arc::clone(&started.keys), Arc::clone(&started.reads));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or_default() == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                reads.fetch_add(1, Ordering::SeqCst);
                let body = keys.lock().to_string();
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
                );
            }
        });
        started
    }

    pub fn publish(&self, keys: &[&Pair]) {
        let keys: Vec<_> = keys.iter().map(|pair| &pair.public).collect();
        *self.keys.lock() = json!({ "keys": keys });
    }

    pub fn trusted(&self, algorithms: &[Algorithm]) -> TrustedIssuer {
        TrustedIssuer {
            issuer: self.issuer.clone(),
            audience: AUDIENCE.to_owned(),
            algorithms: algorithms.to_vec(),
            keys: KeySource::parse(&format!("{}/jwks", self.issuer)).unwrap(),
        }
    }

    /// Good for five minutes.
    pub fn claims(&self) -> Value {
        let now = Micros::now().0 / 1_000_000;
        json!({ "iss": self.issuer, "aud": AUDIENCE, "sub": "ada", "exp": now + 300, "site": "berlin" })
    }

    pub fn claims_with(&self, member: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[member] = value;
        claims
    }

    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}
