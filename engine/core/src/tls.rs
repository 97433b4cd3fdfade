//! TLS 1.3 by rustls and ring: AES-128 first, ALPN `h3`, no tickets (each costs memory and nobody resumes).

use crate::api::{ConnectConfig, EngineError};
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CipherSuite, DigitallySignedStruct, RootCertStore, SignatureScheme};
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

pub(crate) fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<QuicServerConfig>, EngineError> {
    let bad = |error: rustls::Error| failed("bad_certificate", error);
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(bad)?;
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
    let mut tls = match (&config.certificate_hashes[..], &config.roots_pem) {
        ([], Some(path)) => {
            let mut roots = RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(path).map_err(|e| failed("bad_certificate", e))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| failed("bad_certificate", e))?;
                roots.add(certificate).map_err(bad)?;
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        (hashes, _) => {
            let verifier = ByHash { hashes: hashes.to_vec(), algorithms: provider().signature_verification_algorithms };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
    };
    tls.alpn_protocols = vec![b"h3".to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    QuicClientConfig::try_from(tls).map(Arc::new).map_err(|error| failed("bad_certificate", error))
}

/// `serverCertificateHashes`: the name and the chain do not count, the handshake's signature does.
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
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let hash = ring::digest::digest(&ring::digest::SHA256, end_entity);
        if self.hashes.iter().any(|known| known == hash.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
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
