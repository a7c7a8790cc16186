//! Signing in with OpenID Connect: authorization code with PKCE, state and nonce.
//!
//! What begins a sign-in is held by the browser (`pending.rs`) until the issuer sends it back. The code is
//! of use to that browser alone: only it has the verifier.

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
    ErrorResponse, HttpRequest, HttpResponse, IssuerUrl, Nonce, NonceVerifier, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, TokenResponse,
};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::claims::Claims;
use super::issuer_url::{self, Secured};
use super::pending::{Finished, Pending};
use crate::data::Micros;

/// What an issuer says of itself is asked again after this time, and sooner when its tokens are not valid
/// or it did not answer.
const DISCOVERED: Duration = Duration::from_secs(300);
const DISCOVERED_AGAIN: Duration = Duration::from_secs(30);
const NOT_DISCOVERED: Duration = Duration::from_secs(5);
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

/// What an issuer tells of who has signed in.
pub struct Told {
    pub claims: Claims,
    /// By which it can be asked again.
    pub refresh: Option<String>,
}

/// Never shows the token.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// Why nobody was signed in. The details are for the log.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("the sign-in was finished before")]
    Finished,
    #[error("the issuer cannot be reached: {0}")]
    Issuer(String),
    #[error("the issuer does not accept the code or the refresh token: {0}")]
    Refused(String),
    #[error("the issuer's ID token is not valid: {0}")]
    Token(String),
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

#[derive(Debug)]
struct Discovered {
    at: Instant,
    found: Result<CoreProviderMetadata, String>,
}

#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    http: reqwest::Client,
    /// One asks, and the others wait for its answer.
    discovered: tokio::sync::Mutex<Option<Discovered>>,
    finished: Mutex<Finished>,
}

impl Oidc {
    /// # Errors
    /// In words: the system's TLS cannot be used.
    pub fn new(config: OidcConfig) -> Result<Self, String> {
        Ok(Self {
            http: issuer_url::client().map_err(|error| error.to_string())?,
            config,
            discovered: tokio::sync::Mutex::default(),
            finished: Mutex::default(),
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
            begun: Micros::now(),
        };
        Ok((url.into(), pending))
    }

    /// Who has signed in. The issuer is asked once for each sign-in.
    ///
    /// # Errors
    /// The issuer says otherwise, or its answer is not valid.
    pub async fn finish(&self, pending: Pending, code: String) -> Result<Told, OidcError> {
        if !self.finished.lock().add(&pending, std::time::Instant::now()) {
            return Err(OidcError::Finished);
        }
        let client = self.client().await?;
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OidcError::Issuer(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
        let answer = request.request_async(&|request| self.send(request)).await;
        self.told(&client, &answer.map_err(refused)?, &Nonce::new(pending.nonce))
            .await
    }

    /// The same person, as the issuer knows them now.
    ///
    /// # Errors
    /// The issuer says otherwise, or its answer is not valid.
    pub async fn refresh(&self, token: &str) -> Result<Told, OidcError> {
        let client = self.client().await?;
        let token = RefreshToken::new(token.to_owned());
        let request = client
            .exchange_refresh_token(&token)
            .map_err(|error| OidcError::Issuer(error.to_string()))?;
        let answer = request.request_async(&|request| self.send(request)).await;
        // A nonce is for the first token of a sign-in.
        let no_nonce = |_: Option<&Nonce>| Ok(());
        self.told(&client, &answer.map_err(refused)?, no_nonce).await
    }

    async fn told(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        nonce: impl NonceVerifier,
    ) -> Result<Told, OidcError> {
        let claims = self.claims(client, answer, nonce);
        if claims.is_err() {
            // The issuer may have new keys.
            let mut discovered = self.discovered.lock().await;
            discovered.take_if(|discovered| discovered.at.elapsed() >= DISCOVERED_AGAIN);
        }
        let refresh = answer.refresh_token().map(|token| token.secret().clone());
        claims.map(|claims| Told { claims, refresh })
    }

    fn claims(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        nonce: impl NonceVerifier,
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
        let metadata = self.discover().await.map_err(|error| failed(&error))?;
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

    async fn discover(&self) -> Result<CoreProviderMetadata, String> {
        let mut discovered = self.discovered.lock().await;
        let age = |found: &Result<_, _>| if found.is_ok() { DISCOVERED } else { NOT_DISCOVERED };
        if let Some(Discovered { at, found }) = &*discovered
            && at.elapsed() < age(found)
        {
            return found.clone();
        }
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(|error| error.to_string())?;
        let send = |request| self.send(request);
        let found = CoreProviderMetadata::discover_async(issuer, &send).await;
        let found = found.map_err(|error| error.to_string());
        *discovered = Some(Discovered {
            at: Instant::now(),
            found: found.clone(),
        });
        found
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

fn refused<E, R>(error: RequestTokenError<E, R>) -> OidcError
where
    E: std::error::Error + 'static,
    R: ErrorResponse + 'static,
{
    match error {
        RequestTokenError::ServerResponse(_) => OidcError::Refused(error.to_string()),
        _ => OidcError::Issuer(error.to_string()),
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
