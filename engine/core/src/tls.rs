//! TLS 1.3 by rustls and ring: AES-128 first, ALPN `h3`, no tickets (each costs memory and nobody resumes).

use crate::api::{ConnectConfig, EngineError, Identity};
use crate::cert::validity;
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, CipherSuite, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, OnceLock};

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        let mut provider = rustls::crypto::ring::default_provider();
        // The server's order decides. ChaCha20 costs 2 us more a packet where AES has instructions.
        provider.cipher_suites.sort_by_key(|suite| match suite.suite() {
            CipherSuite::TLS13_AES_128_GCM_SHA256 => 0,
            CipherSuite::TLS13_AES_256_GCM_SHA384 => 1,
            _ => 2,
        });
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}

fn failed(code: &'static str, error: impl ToString) -> EngineError {
    EngineError { code, message: error.to_string(), address: None }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, EngineError> {
    let bad = |error: rustls::pki_types::pem::Error| failed("bad_certificate", format!("{}: {error}", path.display()));
    CertificateDer::pem_file_iter(path).map_err(bad)?.collect::<Result<Vec<_>, _>>().map_err(bad)
}

fn roots(path: &Path) -> Result<RootCertStore, EngineError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| failed("bad_certificate", error))?;
    }
    Ok(roots)
}

/// Clients must show a certificate that one of the roots in this PEM file vouches for.
pub(crate) fn clients_of(ca: &Path) -> Result<Arc<dyn ClientCertVerifier>, EngineError> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider())
        .build()
        .map_err(|error| failed("bad_certificate", format!("{}: {error}", ca.display())))
}

/// `clients` None: clients show no certificate.
pub(crate) fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<Arc<QuicServerConfig>, EngineError> {
    let bad = |error: rustls::Error| failed("bad_certificate", error);
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut tls = builder.with_single_cert(chain, key).map_err(bad)?;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    tls.ignore_client_order = true;
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    QuicServerConfig::try_from(tls).map(Arc::new).map_err(|error| failed("bad_certificate", error))
}

/// Trust by hash when hashes are given, else by `roots_pem`, else none.
pub(crate) fn client(config: &ConnectConfig) -> Result<Arc<QuicClientConfig>, EngineError> {
    let bad = |error: rustls::Error| failed("bad_certificate", error);
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?;
    let builder = match (&config.certificate_hashes[..], &config.roots_pem) {
        ([], Some(path)) => builder.with_root_certificates(roots(path)?),
        (hashes, _) => {
            let verifier = ByHash { hashes: hashes.to_vec(), algorithms: provider().signature_verification_algorithms };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut tls = match &config.identity {
        Some(Identity { cert, key }) => {
            let unreadable = |error| failed("bad_certificate", format!("{}: {error}", key.display()));
            let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable)?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(bad)?
        }
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![b"h3".to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    QuicClientConfig::try_from(tls).map(Arc::new).map_err(|error| failed("bad_certificate", error))
}

const MAX_VALIDITY_S: i64 = 14 * 86_400;
/// Clocks differ.
const LEEWAY_S: i64 = 300;

/// `serverCertificateHashes`: the name and the chain do not count, the handshake's signature does. As in browsers the
/// certificate must be valid now, for 14 days at most.
#[derive(Debug)]
struct ByHash {
    hashes: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ByHash {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let hash = ring::digest::digest(&ring::digest::SHA256, end_entity);
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if !self.hashes.iter().any(|known| known == hash.as_ref()) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let (not_before, not_after) = validity(end_entity).ok_or(CertificateError::BadEncoding)?;
        if now + LEEWAY_S < not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if now - LEEWAY_S > not_after {
            return Err(CertificateError::Expired.into());
        }
        if not_after - not_before > MAX_VALIDITY_S {
            let why = std::io::Error::other("trusted by its hash, but valid for more than 14 days");
            return Err(CertificateError::Other(OtherError(Arc::new(why))).into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_certificate_trusted_by_its_hash_must_be_valid_now_and_short_lived() {
        let der = |days: i64| {
            let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
            params.not_before = rcgen::date_time_ymd(2026, 1, 1);
            params.not_after = params.not_before + Duration::from_secs(days as u64 * 86_400);
            let key = rcgen::KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().der().clone()
        };
        let verify = |certificate: &CertificateDer<'_>, now_s: i64| {
            let mut hash = [0; 32];
            hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, certificate).as_ref());
            let algorithms = provider().signature_verification_algorithms;
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s as u64));
            let name = ServerName::try_from("localhost").unwrap();
            let by_hash = ByHash { hashes: vec![[0; 32], hash], algorithms };
            by_hash.verify_server_cert(certificate, &[], &name, &[], now).map(|_| ())
        };
        let (from, fortnight) = (1_767_225_600, der(14));
        let until = from + MAX_VALIDITY_S;
        for now in [from - LEEWAY_S, from, until, until + LEEWAY_S] {
            assert_eq!(verify(&fortnight, now), Ok(()), "at {now}");
        }
        assert_eq!(verify(&fortnight, from - LEEWAY_S - 1), Err(CertificateError::NotValidYet.into()));
        assert_eq!(verify(&fortnight, until + LEEWAY_S + 1), Err(CertificateError::Expired.into()));
        let long = verify(&der(15), from).unwrap_err();
        assert!(matches!(&long, rustls::Error::InvalidCertificate(CertificateError::Other(_))), "{long}");
        assert!(long.to_string().contains("14 days"), "{long}");
        let garbage = CertificateDer::from(vec![1, 2, 3]);
        assert_eq!(verify(&garbage, from), Err(CertificateError::BadEncoding.into()));
    }
}
