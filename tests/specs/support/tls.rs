//! Certificates made for a test, and a client that speaks TLS over a bare socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::rt::net::TcpStream;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::live::Subscriber;
use super::{PATIENCE, StreamSync};

/// Signs certificates.
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

impl Authority {
    pub fn new() -> Self {
        let key = key();
        let certificate = certificate("a test's authority", None, &key, None);
        Self { certificate, key }
    }

    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().expect("PEM")
    }

    /// For a server on this machine, or a client, of this name.
    pub fn issue(&self, name: &str) -> Issued {
        let key = key();
        let certificate = certificate(name, Some("localhost"), &key, Some(self));
        Issued {
            certificate: certificate.to_pem().expect("PEM"),
            key: key.private_key_to_pem_pkcs8().expect("PEM"),
        }
    }
}

fn certificate(common: &str, alternative: Option<&str>, key: &PKey<Private>, by: Option<&Authority>) -> X509 {
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_nid(Nid::COMMONNAME, common).expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("version 3");
    let mut serial = BigNum::new().expect("a number");
    serial
        .rand(120, openssl::bn::MsbOption::MAYBE_ZERO, false)
        .expect("a number");
    let serial = serial.to_asn1_integer().expect("a serial");
    builder.set_serial_number(&serial).expect("a serial");
    builder.set_subject_name(&name).expect("a subject");
    let issuer = by.map_or(&*name, |by| by.certificate.subject_name());
    builder.set_issuer_name(issuer).expect("an issuer");
    builder.set_pubkey(key).expect("a key");
    let (from, to) = (Asn1Time::days_from_now(0), Asn1Time::days_from_now(30));
    builder.set_not_before(&from.expect("a time")).expect("a time");
    builder.set_not_after(&to.expect("a time")).expect("a time");
    let constraints = match by {
        None => BasicConstraints::new().critical().ca().build(),
        Some(_) => BasicConstraints::new().build(),
    };
    builder
        .append_extension(constraints.expect("an extension"))
        .expect("an extension");
    if let Some(alternative) = alternative {
        let context = builder.x509v3_context(None, None);
        let names = SubjectAlternativeName::new()
            .dns(alternative)
            .ip("127.0.0.1")
            .build(&context)
            .expect("names");
        builder.append_extension(names).expect("names");
    }
    let signer = by.map_or(key, |by| &by.key);
    builder
        .sign(signer, MessageDigest::sha256())
        .expect("a signature");
    builder.build()
}

/// Files of a server, below a directory.
pub struct Files {
    pub directory: tempfile::TempDir,
}

impl Files {
    pub fn of(issued: &Issued) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Self { directory };
        files.put(issued);
        files
    }

    pub fn put(&self, issued: &Issued) {
        std::fs::write(self.path("cert.pem"), &issued.certificate).expect("the certificate is written");
        std::fs::write(self.path("key.pem"), &issued.key).expect("the key is written");
    }

    /// The authorities of clients.
    pub fn put_authorities(&self, authorities: &[&Authority]) {
        let all: Vec<u8> = authorities.iter().flat_map(|one| one.pem()).collect();
        std::fs::write(self.path("clients.pem"), all).expect("the authorities are written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The settings that name them.
    pub fn settings(&self) -> String {
        let text = |path: &Path| path.display().to_string();
        format!(
            "[http.tls]\ncertificate = {:?}\nkey = {:?}\n",
            text(&self.path("cert.pem")),
            text(&self.path("key.pem"))
        )
    }

    /// The same, with the authorities of clients.
    pub fn settings_with_clients(&self) -> String {
        let file = self.path("clients.pem").display().to_string();
        format!("{}client_ca = {file:?}\n", self.settings())
    }
}

/// How clients connect.
#[derive(Clone)]
pub struct Client {
    config: ClientConfig,
}

/// The answer to a request whose connection is not used again.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Client {
    /// Trusts this authority, and shows a certificate if it has one.
    pub fn trusting(authority: &Authority, shown: Option<&Issued>) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(&authority.pem()).expect("a certificate");
        roots.add(certificate).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(shown) => {
                let chain = CertificateDer::from_pem_slice(&shown.certificate).expect("a certificate");
                let key = PrivateKeyDer::from_pem_slice(&shown.key).expect("a key");
                builder
                    .with_client_auth_cert(vec![chain], key)
                    .expect("a certificate")
            }
        };
        Self { config }
    }

    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    pub async fn over(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        timeout(PATIENCE, connector.connect(name, socket))
            .await
            .expect("a handshake in time")
    }

    pub async fn connect(&self, node: &StreamSync) -> std::io::Result<TlsStream<TcpStream>> {
        let address = node.url.trim_start_matches("http://");
        self.over(TcpStream::connect(address).await?).await
    }

    /// The plain WebSocket.
    pub async fn subscriber(&self, node: &StreamSync) -> Subscriber {
        let stream = self.connect(node).await.expect("a TLS connection");
        Subscriber::plain_over(stream).await
    }

    /// `what` is the method and the path; `headers` end in line breaks.
    pub async fn ask(&self, node: &StreamSync, what: &str, headers: &str, body: &str) -> Answer {
        let stream = self.connect(node).await.expect("a TLS connection");
        ask(stream, what, headers, body).await
    }
}

pub async fn ask(mut stream: TlsStream<TcpStream>, what: &str, headers: &str, body: &str) -> Answer {
    let host = match headers.to_ascii_lowercase().contains("host:") {
        true => "",
        false => "host: localhost\r\n",
    };
    let length = body.len();
    let request = format!(
        "{what} HTTP/1.1\r\n{host}connection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").expect("a whole answer");
    let answer = String::from_utf8(answer).expect("a text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
