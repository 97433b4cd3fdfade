use crate::api::{CertificateSource, EngineError};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::time::SystemTime;

pub struct CertStore {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl CertStore {
    pub fn open(_source: &CertificateSource, _now: SystemTime) -> Result<CertStore, EngineError> {
        Err(EngineError { code: "bad_certificate", message: String::new(), address: None })
    }
    pub fn current(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        Vec::new()
    }
    pub fn poll(&mut self, _now: SystemTime) -> bool {
        false
    }
}
