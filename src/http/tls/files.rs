//! From the files of `[http.tls]` to a configuration of TLS, with a reason for each file that will not do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Our limits of connections are those of HTTP/1: nothing else may be agreed on.
const PROTOCOL: &[u8] = b"http/1.1";
/// More is no certificate and no key.
const LARGEST: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate and those between it and the authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM, without a passphrase.
    pub key: PathBuf,
    /// The authorities whose certificates clients may show.
    pub client_ca: Option<PathBuf>,
}

/// What the files say.
#[derive(Debug)]
pub struct Loaded {
    pub(super) server: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// One of the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct TlsProblem {
    pub setting: &'static str,
    pub why: String,
}

/// When each file was last written, and what tells it from another in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(std::time::SystemTime, u64, u64)>>);

impl TlsFiles {
    /// Reads all files and builds a configuration.
    ///
    /// # Errors
    /// The first setting whose file cannot be read or does not fit the others.
    pub fn load(&self) -> Result<Loaded, TlsProblem> {
        let chain = certificates("certificate", &self.certificate)?;
        let key = key(&self.key)?;
        // Named here and not installed for the process: others in it bring their own.
        let provider = Arc::new(crypto::ring::default_provider());
        let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| problem("certificate", error.to_string()))?;
        let clients = self.client_ca.as_deref().map(|file| verifier(file, provider));
        let clients = clients.transpose()?;
        let versions = match &clients {
            None => versions.with_no_client_auth(),
            Some(verifier) => versions.with_client_cert_verifier(Arc::clone(verifier)),
        };
        let mut config = versions
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => problem(
                    "key",
                    format!(
                        "{} is not the key of the certificate {}",
                        self.key.display(),
                        self.certificate.display()
                    ),
                ),
                rustls::Error::General(_) => refused("key", &self.key, &error),
                error => refused("certificate", &self.certificate, &error),
            })?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Loaded {
            server: Arc::new(config),
            clients,
        })
    }

    pub(super) fn stamp(&self) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let of = |file: &PathBuf| {
            let data = fs::metadata(file).ok()?;
            Some((data.modified().ok()?, data.ino(), data.len()))
        };
        Stamp(files.into_iter().flatten().map(of).collect())
    }

    /// Whether everybody on this machine may read the key.
    pub(super) fn is_key_open(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(&self.key).is_ok_and(|data| data.mode() & 0o004 != 0)
    }
}

impl Loaded {
    /// Whether a client with this chain would be let in now.
    pub(super) fn trusts(&self, chain: &[CertificateDer<'_>]) -> bool {
        let (Some(clients), Some((own, between))) = (&self.clients, chain.split_first()) else {
            return false;
        };
        clients.verify_client_cert(own, between, UnixTime::now()).is_ok()
    }
}

fn verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsProblem> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("client_ca", file)? {
        let add = roots.add(authority);
        add.map_err(|error| refused("client_ca", file, &error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        // Whoever has none may still have a key or a token.
        .allow_unauthenticated()
        .build()
        .map_err(|error| problem("client_ca", error.to_string()))
}

fn certificates(setting: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let text = read(setting, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            let why = format!("{} has no certificate in PEM", file.display());
            Err(problem(setting, why))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(refused(setting, file, &error)),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsProblem> {
    let text = read("key", file)?;
    let encrypted = |text: &[u8]| String::from_utf8_lossy(text).contains("ENCRYPTED");
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        _ if encrypted(&text) => problem(
            "key",
            format!(
                "{} is encrypted: a key without a passphrase is needed",
                file.display()
            ),
        ),
        pem::Error::NoItemsFound => problem("key", format!("{} has no private key in PEM", file.display())),
        error => refused("key", file, &error),
    })
}

fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, TlsProblem> {
    let cannot = |error: io::Error| problem(setting, format!("cannot read {}: {error}", file.display()));
    let length = fs::metadata(file).map_err(cannot)?.len();
    if length > LARGEST {
        return Err(problem(setting, format!("{} is too large", file.display())));
    }
    fs::read(file).map_err(cannot)
}

fn problem(setting: &'static str, why: String) -> TlsProblem {
    TlsProblem { setting, why }
}

fn refused(setting: &'static str, file: &Path, error: &dyn std::error::Error) -> TlsProblem {
    problem(setting, format!("{} cannot be used: {error}", file.display()))
}
