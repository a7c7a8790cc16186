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

/// Certificates of clients take both: whose are trusted, and what they may do.
pub(super) fn check_clients(tls: Option<&TlsConfig>, have_a_role: bool, mistakes: &mut Vec<String>) {
    let trusted = tls.is_some_and(|tls| tls.client_ca.is_some());
    match (trusted, have_a_role) {
        (true, false) => mistakes.push(
            "http.tls.client_ca: has no effect without auth.certificates, which says what role the clients have"
                .to_owned(),
        ),
        (false, true) => {
            mistakes.push("auth.certificates: has no effect without http.tls.client_ca".to_owned());
        }
        _ => {}
    }
}
