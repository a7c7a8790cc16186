//! An issuer of tokens whose keys are in a file.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use openssl::pkey::{PKey, Private};
use serde_json::{Value, json};
use streamsync::data::Micros;

pub const ISSUER: &str = "https://id.example.org/realms/main";

pub struct Issuer {
    signing: PKey<Private>,
    keys: tempfile::TempPath,
}

impl Issuer {
    pub fn new() -> Self {
        let signing = PKey::generate_ed25519().expect("a key");
        let x = text(&signing.raw_public_key().expect("its public half"));
        let keys = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] });
        std::fs::write(&keys, set.to_string()).expect("the keys are written");
        Self { signing, keys }
    }

    /// Lets in who has its tokens, with the role of their claim `role`.
    pub fn settings(&self) -> String {
        format!(
            "[[auth.issuer]]\nissuer = {ISSUER:?}\naudience = \"streamsync\"\nalgorithms = [\"EdDSA\"]\n\
             jwks = {:?}\nrole = \"{{{{ claims.role }}}}\"\n",
            self.keys.display().to_string()
        )
    }

    /// Good for five minutes, unless the claims say something else.
    pub fn token(&self, claims: Value) -> String {
        let mut all = json!({
            "iss": ISSUER, "aud": "streamsync", "sub": "ada", "exp": Micros::now().0 / 1_000_000 + 300,
        });
        for (name, value) in claims.as_object().expect("claims") {
            all[name] = value.clone();
        }
        let header = Header {
            kid: Some("k".to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let key = self.signing.private_key_to_pkcs8().expect("a key");
        jsonwebtoken::encode(&header, &all, &EncodingKey::from_ed_der(&key)).expect("a token")
    }
}

fn text(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
