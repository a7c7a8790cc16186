//! The HTTP interface of a schema registry, as Confluent's has it.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, StatusCode, Url};
use serde::Deserialize;

use crate::data::{SchemaId, is_loopback};
use crate::decode::schema::SchemaText;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// Of one answer, and of a schema with all that it refers to.
const BYTES_MAX: usize = 4 << 20;
const REFERENCES_MAX: usize = 200;
const DEPTH_MAX: usize = 32;

/// `[schema_registry]`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// `https://host:8081`; several, with commas between them, are tried one after the other.
    pub url: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    /// A certificate authority in PEM, in addition to the system's.
    pub ca: Option<PathBuf>,
    /// For registries that ask for a client certificate, both in PEM.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

impl fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(|_| "set");
        f.debug_struct("RegistryConfig")
            .field("url", &url)
            .finish_non_exhaustive()
    }
}

impl RegistryConfig {
    /// Whether a server beyond this machine is asked without TLS.
    pub fn is_unverified(&self) -> bool {
        let urls = self.url.iter().flat_map(|urls| urls.split(','));
        let urls = urls.filter_map(|url| Url::parse(url.trim()).ok());
        urls.filter(|url| url.scheme() == "http")
            .any(|url| !url.host_str().is_some_and(is_loopback))
    }
}

/// Why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The registry has none that can be used.
    #[error("{0}")]
    Unknown(String),
    /// It does not answer as it should; asking again may help.
    #[error("{0}")]
    Away(String),
}

/// A schema and what language it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub kind: String,
    pub text: SchemaText,
}

#[derive(Debug)]
pub(super) struct RegistryClient {
    http: Client,
    urls: Vec<Url>,
    login: Option<(String, Option<String>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    schema: String,
    #[serde(default = "avro")]
    schema_type: String,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

#[derive(Deserialize)]
struct Refused {
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// Schemas without a type are Avro.
fn avro() -> String {
    "AVRO".to_owned()
}

impl RegistryClient {
    /// # Errors
    /// `setting: why` of what is wrong with the configuration.
    pub(super) fn new(config: &RegistryConfig) -> Result<Self, String> {
        let mut login = config
            .username
            .clone()
            .map(|user| (user, config.password.clone()));
        let mut urls = Vec::new();
        for text in config.url.as_deref().unwrap_or_default().split(',') {
            let mut url = Url::parse(text.trim()).map_err(|error| format!("url: {error}"))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err("url: must be http or https".to_owned());
            }
            if !url.username().is_empty() {
                let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
                let user = (decoded(url.username()), url.password().map(decoded));
                login = login.or(Some(user));
                // Both can be taken out of every URL that has a host.
                let _ = url.set_username("").and_then(|()| url.set_password(None));
            }
            urls.push(url);
        }
        Ok(Self {
            http: http(config)?,
            urls,
            login,
        })
    }

    pub(super) async fn schema(&self, id: SchemaId) -> Result<Fetched, FetchError> {
        let answer = match id {
            SchemaId::Number(number) => self.get(&["schemas", "ids", &number.to_string()], "").await,
            SchemaId::Guid(_) => self.get(&["schemas", "guids", &id.to_string()], "").await,
        }?;
        let mut references = References::default();
        Box::pin(self.follow(answer.references, 0, &mut references)).await?;
        Ok(Fetched {
            kind: answer.schema_type,
            text: SchemaText {
                text: answer.schema,
                references: references.found,
            },
        })
    }

    /// Those that a schema needs come before it.
    async fn follow(
        &self,
        wanted: Option<Vec<Reference>>,
        depth: usize,
        references: &mut References,
    ) -> Result<(), FetchError> {
        for reference in wanted.unwrap_or_default() {
            if !references.names.insert(reference.name.clone()) {
                continue;
            }
            if depth >= DEPTH_MAX || references.names.len() > REFERENCES_MAX {
                let why = format!("it refers to more than {REFERENCES_MAX} schemas, or {DEPTH_MAX} deep");
                return Err(FetchError::Unknown(why));
            }
            let version = reference.version.to_string();
            // A schema may refer to one that was deleted since.
            let path = ["subjects", &reference.subject, "versions", &version];
            let answer = self.get(&path, "deleted=true").await?;
            Box::pin(self.follow(answer.references, depth + 1, references)).await?;
            references.bytes += answer.schema.len();
            if references.bytes > BYTES_MAX {
                let why = format!("the schemas that it refers to are larger than {BYTES_MAX} bytes");
                return Err(FetchError::Unknown(why));
            }
            references.found.push((reference.name, answer.schema));
        }
        Ok(())
    }

    /// From the first server that answers.
    async fn get(&self, path: &[&str], query: &str) -> Result<Answer, FetchError> {
        let mut away = FetchError::Away("no URL".to_owned());
        for url in &self.urls {
            match self.get_from(url, path, query).await {
                Err(error @ FetchError::Away(_)) => away = error,
                told => return told,
            }
        }
        Err(away)
    }

    /// Returns once a server has answered as a registry does.
    pub(super) async fn answers(&self) -> Result<(), FetchError> {
        let mut away = FetchError::Away("no URL".to_owned());
        for url in &self.urls {
            // Of those that know no types, an error in their own form is as good.
            match self.send(url, &["schemas", "types"], "").await {
                Ok(_) | Err(FetchError::Unknown(_)) => return Ok(()),
                Err(error) => away = error,
            }
        }
        Err(away)
    }

    async fn get_from(&self, base: &Url, path: &[&str], query: &str) -> Result<Answer, FetchError> {
        let body = self.send(base, path, query).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let host = base.host_str().unwrap_or_default();
            FetchError::Away(format!(
                "{host}: the answer is not that of a schema registry: {error}"
            ))
        })
    }

    /// The body of an answer that is a success.
    async fn send(&self, base: &Url, path: &[&str], query: &str) -> Result<Vec<u8>, FetchError> {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query((!query.is_empty()).then_some(query));
        let host = base.host_str().unwrap_or_default();
        let away = |why: &str| FetchError::Away(format!("{host}: {why}"));

        let mut request = self.http.get(url);
        if let Some((user, password)) = &self.login {
            request = request.basic_auth(user, password.as_ref());
        }
        let mut response = request.send().await.map_err(|error| away(&describe(error)))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| away(&describe(error)))? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(FetchError::Unknown(format!(
                    "it is larger than {BYTES_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        // Other servers answer 404 as well.
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) if status == StatusCode::NOT_FOUND && refused.error_code > 40_400 => {
                let message: String = refused.message.chars().take(200).collect();
                Err(FetchError::Unknown(format!("the registry says: {message}")))
            }
            _ => Err(away(&format!("the answer is {status}"))),
        }
    }
}

#[derive(Default)]
struct References {
    names: HashSet<String>,
    found: Vec<(String, String)>,
    bytes: usize,
}

fn http(config: &RegistryConfig) -> Result<Client, String> {
    let read = |setting: &str, path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("{setting}: cannot read {}: {error}", path.display()))
    };
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .user_agent(concat!("streamsync/", env!("CARGO_PKG_VERSION")))
        // A connection belongs to the runtime that opened it.
        .pool_max_idle_per_host(0);
    if let Some(path) = &config.ca {
        let pem = read("ca", path)?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| format!("ca: {error}"))?;
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::from_pkcs8_pem(&read("certificate", certificate)?, &read("key", key)?);
            builder = builder.identity(identity.map_err(|error| format!("certificate: {error}"))?);
        }
        (None, None) => {}
        _ => return Err("certificate: needs key, and key needs certificate".to_owned()),
    }
    builder.build().map_err(|error| format!("url: {error}"))
}

/// With its causes, which say what the first one hides, and without the URL.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
