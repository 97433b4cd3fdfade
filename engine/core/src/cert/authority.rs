//! A certificate authority of a cluster: relays on both ends of a trunk show certificates that it issued.
//!
//! Its own certificate is nothing but name and key, so with both any later certificate can be issued; none is read back.

use super::bad;
use crate::api::EngineError;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::time::{Duration, SystemTime};

const DAY_S: u64 = 24 * 3600;
/// Peers whose clock is behind by so much still accept a new certificate.
const BACKDATE: Duration = Duration::from_secs(3600);
/// Ten years and a little.
const MAX_DAYS: u32 = 3660;

/// PEM texts.
#[derive(Clone, Debug)]
pub struct PemPair {
    pub cert: String,
    pub key: String,
}

fn text(error: rcgen::Error) -> EngineError {
    bad(error.to_string())
}

fn params(common_name: &str, names: Vec<String>, days: u32, now: SystemTime) -> Result<CertificateParams, EngineError> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(bad(format!("a certificate of a cluster lives 1 to {MAX_DAYS} days, not {days}")));
    }
    let mut params = CertificateParams::new(names).map_err(text)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + Duration::from_secs(u64::from(days) * DAY_S)).into();
    Ok(params)
}

fn authority(name: &str, days: u32, now: SystemTime) -> Result<CertificateParams, EngineError> {
    let mut params = params(name, Vec::new(), days, now)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn generate() -> Result<KeyPair, EngineError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(text)
}

/// A new authority (P-256). Fails with `bad_certificate` for `days` outside 1 to 3660.
pub fn make_authority(name: &str, days: u32, now: SystemTime) -> Result<PemPair, EngineError> {
    let key = generate()?;
    let certificate = authority(name, days, now)?.self_signed(&key).map_err(text)?;
    Ok(PemPair { cert: certificate.pem(), key: key.serialize_pem() })
}

/// A new pair for both ends of a connection, which the authority of this name and key (PEM) vouches for. `names`: DNS names
/// or addresses, at least one. Fails with `bad_certificate`.
pub fn issue(
    authority_name: &str,
    authority_key: &str,
    names: &[String],
    days: u32,
    now: SystemTime,
) -> Result<PemPair, EngineError> {
    let Some(first) = names.first() else { return Err(bad("a certificate bears a name".into())) };
    let issuer_key = KeyPair::from_pem(authority_key).map_err(text)?;
    let issuer = Issuer::new(authority(authority_name, days, now)?, issuer_key);
    let mut params = params(first, names.to_vec(), days, now)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = generate()?;
    let certificate = params.signed_by(&key, &issuer).map_err(text)?;
    Ok(PemPair { cert: certificate.pem(), key: key.serialize_pem() })
}
