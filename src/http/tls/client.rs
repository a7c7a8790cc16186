//! Whom a verified client certificate names, and whether it would still be verified.

use std::sync::Arc;

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::x509::X509;
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

use super::files::Loaded;
use super::reload::Reloading;
use crate::access::{Authority, Certificate};
use crate::data::Micros;

const DAY: i64 = 86_400;

/// A chain that a client has shown.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    /// By which files it was verified last, and whether they trust it.
    verified: Mutex<(Arc<Loaded>, bool)>,
    files: Arc<Reloading>,
}

impl Authority for Shown {
    fn is_trusted(&self) -> bool {
        let now = self.files.current();
        let mut verified = self.verified.lock();
        if !Arc::ptr_eq(&verified.0, &now) {
            let is_trusted = now.trusts(&self.chain);
            *verified = (now, is_trusted);
        }
        verified.1
    }
}

/// Of a chain that `by` has verified.
pub(super) fn of(
    chain: &[CertificateDer<'static>],
    by: Arc<Loaded>,
    files: &Arc<Reloading>,
) -> Option<Certificate> {
    let (name, expires) = read(chain.first()?)?;
    let shown = Shown {
        chain: chain.to_vec(),
        verified: Mutex::new((by, true)),
        files: Arc::clone(files),
    };
    Certificate::new(&name, expires, Arc::new(shown))
}

/// By its common name, else by its first alternative name, until when. `None` for one without a name.
fn read(certificate: &CertificateDer<'_>) -> Option<(String, Micros)> {
    let certificate = X509::from_der(certificate).ok()?;
    let mut common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
    let common = common.next().and_then(|entry| entry.data().to_string().ok());
    let alternative = || {
        let names = certificate.subject_alt_names()?;
        let name = names
            .iter()
            .find_map(|name| name.dnsname().or_else(|| name.uri()).or_else(|| name.email()));
        name.map(str::to_owned)
    };
    let name = common.filter(|name| !name.is_empty()).or_else(alternative)?;
    Some((name, micros(certificate.not_after())?))
}

fn micros(time: &Asn1TimeRef) -> Option<Micros> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    let seconds = i64::from(since.days) * DAY + i64::from(since.secs);
    Some(Micros(seconds.checked_mul(1_000_000)?))
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Integer;
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::x509::X509NameBuilder;
    use openssl::x509::extension::SubjectAlternativeName;

    use super::*;

    fn certificate(common: Option<&str>, alternative: Option<&str>) -> CertificateDer<'static> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        if let Some(common) = common {
            name.append_entry_by_nid(Nid::COMMONNAME, common).unwrap();
        }
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = Asn1Integer::from_bn(&BigNum::from_u32(1).unwrap()).unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
        builder
            .set_not_after(&Asn1Time::from_unix(2_000_000_000).unwrap())
            .unwrap();
        if let Some(alternative) = alternative {
            let context = builder.x509v3_context(None, None);
            let names = SubjectAlternativeName::new()
                .uri(alternative)
                .build(&context)
                .unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        builder.build().to_der().unwrap().into()
    }

    #[test]
    fn a_certificate_names_its_owner_by_common_or_alternative_name_and_ends() {
        let spiffe = "spiffe://example.org/press";
        let (name, expires) = read(&certificate(Some("press-7"), Some(spiffe))).unwrap();
        assert_eq!((&*name, expires), ("press-7", Micros(2_000_000_000_000_000)));
        assert_eq!(read(&certificate(None, Some(spiffe))).unwrap().0, spiffe);
        assert!(read(&certificate(None, None)).is_none());
    }
}
