//! `[http.tls]`: HTTPS instead of HTTP.

use std::path::PathBuf;

use serde::Deserialize;

use crate::http::TlsFiles;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The server's certificate and those between it and the authority, in PEM. Loaded again when the
    /// file changes, as the other two.
    pub certificate: Option<PathBuf>,
    /// Its private key in PEM.
    pub key: Option<PathBuf>,
    /// Authorities whose certificates clients may show.
    pub client_ca: Option<PathBuf>,
}

impl TlsConfig {
    /// `None` when one of the two that are needed is missing.
    pub fn files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.certificate.clone()?,
            key: self.key.clone()?,
            client_ca: self.client_ca.clone(),
        })
    }

    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        for (name, file) in [("certificate", &self.certificate), ("key", &self.key)] {
            if file.is_none() {
                mistakes.push(format!("http.tls.{name}: is needed for HTTPS"));
            }
        }
        if let Some(Err(problem)) = self.files().map(|files| files.load()) {
            mistakes.push(format!("http.tls.{problem}"));
        }
    }
}
