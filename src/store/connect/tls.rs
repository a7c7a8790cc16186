//! The TLS settings of a database URL: how the server's certificate is verified, and the client
//! certificate.

use std::path::PathBuf;

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;

/// As libpq understands `sslmode`, `sslrootcert`, `sslcert` and `sslkey`.
#[derive(Clone, Default)]
pub(super) struct Tls {
    verify: Verify,
    mode: Option<String>,
    root_certificate: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Verify {
    #[default]
    Nothing,
    Authority,
    Full,
}

impl Tls {
    /// Takes a setting that is ours; false for one that is not.
    pub fn take(&mut self, name: &str, value: &str) -> bool {
        let file = || Some(PathBuf::from(value));
        match name {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.root_certificate = file(),
            "sslcert" => self.certificate = file(),
            "sslkey" => self.key = file(),
            _ => return false,
        }
        true
    }

    /// Judges all settings together. Returns the `sslmode` for the client, which knows fewer than
    /// libpq.
    pub fn settle(&mut self) -> Result<Option<String>, &'static str> {
        let system = self
            .root_certificate
            .as_ref()
            .is_some_and(|file| file.as_os_str() == "system");
        if system {
            self.root_certificate = None;
        }
        self.verify = match self.mode.as_deref() {
            Some("verify-full") => Verify::Full,
            Some("verify-ca" | "disable") if system => {
                return Err("sslrootcert=system needs sslmode=verify-full");
            }
            Some("verify-ca") => Verify::Authority,
            Some("disable") => Verify::Nothing,
            None if system => Verify::Full,
            Some(_) if system => return Err("sslrootcert=system needs sslmode=verify-full"),
            // Whoever names an authority wants it to be checked.
            _ if self.root_certificate.is_some() => Verify::Authority,
            _ => Verify::Nothing,
        };
        if self.certificate.is_some() != self.key.is_some() {
            return Err("sslcert and sslkey are given together");
        }
        Ok(match self.verify {
            Verify::Nothing => self.mode.clone(),
            Verify::Authority | Verify::Full => Some("require".to_owned()),
        })
    }

    /// Whether somebody between us and the server could pass for it.
    pub fn is_verified(&self) -> bool {
        self.verify != Verify::Nothing
    }

    /// The first of the files that cannot be read, and why.
    pub fn unreadable(&self) -> Option<String> {
        let files = [
            ("sslrootcert", &self.root_certificate),
            ("sslcert", &self.certificate),
            ("sslkey", &self.key),
        ];
        files.into_iter().find_map(|(name, file)| {
            let file = file.as_ref()?;
            let error = std::fs::File::open(file).err()?;
            Some(format!("{name}: cannot read {}: {error}", file.display()))
        })
    }

    pub fn connector(&self) -> Result<MakeTlsConnector, ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        if let Some(file) = &self.root_certificate {
            builder.set_ca_file(file)?;
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            builder.set_certificate_chain_file(certificate)?;
            builder.set_private_key_file(key, SslFiletype::PEM)?;
            builder.check_private_key()?;
        }
        if self.verify == Verify::Nothing {
            builder.set_verify(SslVerifyMode::NONE);
        }
        let mut connector = MakeTlsConnector::new(builder.build());
        let check_name = self.verify == Verify::Full;
        connector.set_callback(move |connection, _| {
            connection.set_verify_hostname(check_name);
            Ok(())
        });
        Ok(connector)
    }
}
