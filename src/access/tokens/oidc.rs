//! Signing in with OpenID Connect: authorization code with PKCE, state and nonce.
//!
//! What begins a sign-in is held by the browser (a cookie) until the issuer sends it back, so that any
//! node can finish it. The code is of use to that browser alone: only it has the verifier.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::claims::Claims;
use super::issuer_url::{self, Secured};
use crate::data::Micros;

/// What an issuer says of itself is asked again after this time, and after a failure.
const DISCOVERED: Duration = Duration::from_secs(300);
const DISCOVERED_AGAIN: Duration = Duration::from_secs(30);
const ANSWER_MAX: usize = 256 * 1024;
/// The path that the issuer sends browsers back to.
pub const CALLBACK: &str = "/auth/callback";

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// How people sign in.
#[derive(Clone)]
pub struct OidcConfig {
    /// As the issuer writes itself, to the letter.
    pub issuer: String,
    pub algorithms: Vec<Algorithm>,
    pub client_id: String,
    pub client_secret: Option<String>,
    /// Where browsers reach this server.
    pub public_url: Secured,
}

/// Never shows the secret.
impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A sign-in that has begun.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    /// Where the browser goes in the end.
    pub return_to: String,
}

impl Pending {
    /// For a cookie.
    pub fn text(&self) -> Option<String> {
        serde_json::to_vec(self)
            .ok()
            .map(|json| URL_SAFE_NO_PAD.encode(json))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The issuer sent this browser, and not another one, back.
    pub fn has_state(&self, state: &str) -> bool {
        let (own, sent) = (self.state.as_bytes(), state.as_bytes());
        own.len() == sent.len() && openssl::memcmp::eq(own, sent)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Why nobody was signed in. The details are for the log.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("the issuer cannot be reached: {0}")]
    Issuer(String),
    #[error("the issuer does not accept the code: {0}")]
    Code(String),
    #[error("the issuer's ID token is not valid: {0}")]
    Token(String),
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    http: reqwest::Client,
    discovered: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

impl Oidc {
    /// # Errors
    /// In words: the system's TLS cannot be used.
    pub fn new(config: OidcConfig) -> Result<Self, String> {
        Ok(Self {
            http: issuer_url::client().map_err(|error| error.to_string())?,
            config,
            discovered: Mutex::default(),
        })
    }

    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Where the browser goes now, and what it keeps until it comes back.
    ///
    /// # Errors
    /// The issuer cannot be reached.
    pub async fn begin(&self, return_to: &str) -> Result<(String, Pending), OidcError> {
        let client = self.client().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge);
        let (url, state, nonce) = request.url();
        let pending = Pending {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            return_to: return_to.to_owned(),
        };
        Ok((url.into(), pending))
    }

    /// Who has signed in.
    ///
    /// # Errors
    /// The issuer says otherwise, or its answer is not valid.
    pub async fn finish(&self, pending: Pending, code: String) -> Result<Claims, OidcError> {
        let client = self.client().await?;
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OidcError::Issuer(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
        let answer = request.request_async(&|request| self.send(request)).await;
        let answer: CoreTokenResponse = answer.map_err(|error| OidcError::Code(error.to_string()))?;
        let claims = self.claims(&client, &answer, &Nonce::new(pending.nonce));
        if claims.is_err() {
            // The issuer may have new keys.
            self.forget(DISCOVERED_AGAIN);
        }
        claims
    }

    fn claims(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        nonce: &Nonce,
    ) -> Result<Claims, OidcError> {
        let failed = |why: &dyn fmt::Display| OidcError::Token(why.to_string());
        let token = answer.id_token().ok_or_else(|| failed(&"there is none"))?;
        // All asymmetric: a token by the client's secret is not accepted.
        let algorithms = self.config.algorithms.iter().map(|algorithm| named(*algorithm));
        let verifier = client.id_token_verifier().set_allowed_algs(algorithms.flatten());
        let verified = token.claims(&verifier, nonce).map_err(|error| failed(&error))?;
        let all = payload(&token.to_string()).ok_or_else(|| failed(&"it has no claims"))?;
        Ok(Claims {
            issuer: self.config.issuer.as_str().into(),
            subject: verified.subject().as_str().into(),
            expires: Micros(verified.expiration().timestamp_micros()),
            all,
        })
    }

    async fn client(&self) -> Result<Client, OidcError> {
        let failed = |error: &dyn fmt::Display| OidcError::Issuer(error.to_string());
        self.forget(DISCOVERED);
        let known = self
            .discovered
            .lock()
            .as_ref()
            .map(|(_, metadata)| metadata.clone());
        let metadata = match known {
            Some(metadata) => metadata,
            None => {
                let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(|error| failed(&error))?;
                let send = |request| self.send(request);
                let asked = CoreProviderMetadata::discover_async(issuer, &send);
                let metadata = asked.await.map_err(|error| failed(&error))?;
                *self.discovered.lock() = Some((Instant::now(), metadata.clone()));
                metadata
            }
        };
        let callback = self
            .config
            .public_url
            .url()
            .join(CALLBACK)
            .map_err(|error| failed(&error))?;
        let secret = self.config.client_secret.clone().map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.config.client_id.clone()),
            secret,
        );
        Ok(client.set_redirect_uri(RedirectUrl::from_url(callback)))
    }

    /// Forgets what was discovered longer ago than this.
    fn forget(&self, age: Duration) {
        let mut discovered = self.discovered.lock();
        discovered.take_if(|(at, _)| at.elapsed() >= age);
    }

    /// Every URL that the issuer names is held to the same rules as its own.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        Secured::parse(&request.uri().to_string()).map_err(Failed)?;
        let request = request
            .try_into()
            .map_err(|error: reqwest::Error| Failed(error.to_string()))?;
        let answer = self.http.execute(request).await;
        let answer = answer.map_err(|error| Failed(error.to_string()))?;
        let mut response = HttpResponse::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = issuer_url::body(answer, ANSWER_MAX).await.map_err(Failed)?;
        Ok(response)
    }
}

fn named(algorithm: Algorithm) -> Option<CoreJwsSigningAlgorithm> {
    Some(match algorithm {
        Algorithm::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        Algorithm::RS384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        Algorithm::RS512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        Algorithm::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        Algorithm::PS384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        Algorithm::PS512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        Algorithm::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        Algorithm::ES384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        Algorithm::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        _ => return None,
    })
}

/// The claims of a token that was verified.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}
