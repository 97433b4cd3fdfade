//! The certificates an endpoint serves: PEM files that may change under it, or self-made ones for
//! `serverCertificateHashes`, where the next certificate's hash is published a day before it is served.
//!
//! Time is an argument. Nothing here watches files or sleeps: call `poll` each second or so.

mod authority;
mod pem_files;
mod self_made;
mod validity;

use crate::api::{CertificateSource, EngineError};
pub use authority::{issue, make_authority, PemPair};
use ring::digest;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::time::SystemTime;
pub(crate) use validity::validity;

/// A certificate chain and its key, known to belong together.
struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Pair {
    /// Refuses an empty chain and a key that is not the certificate's.
    fn check(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Pair, String> {
        let provider = rustls::crypto::ring::default_provider();
        rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider)
            .map_err(|error| error.to_string())?;
        Ok(Pair { chain, key })
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        if let Some(leaf) = self.chain.first() {
            hash.copy_from_slice(digest::digest(&digest::SHA256, leaf).as_ref());
        }
        hash
    }
}

enum Source {
    Pem(pem_files::PemFiles),
    SelfMade(self_made::SelfMade),
}

/// What an endpoint serves now, and the hashes that clients may pin.
pub struct CertStore {
    source: Source,
}

fn bad(message: String) -> EngineError {
    EngineError { code: "bad_certificate", message, address: None }
}

impl CertStore {
    /// Fails with `bad_certificate` when there is nothing to serve: unreadable files, a key of another certificate, a
    /// folder that cannot be written, `days` outside 1 to 14.
    pub fn open(source: &CertificateSource, now: SystemTime) -> Result<CertStore, EngineError> {
        let source = match source {
            CertificateSource::Pem { cert, key } => {
                Source::Pem(pem_files::PemFiles::open(cert, key, now).map_err(bad)?)
            }
            CertificateSource::SelfSigned { names, days, dir } => {
                Source::SelfMade(self_made::SelfMade::open(names, *days, dir.as_deref(), now).map_err(bad)?)
            }
        };
        Ok(CertStore { source })
    }

    fn pair(&self) -> &Pair {
        match &self.source {
            Source::Pem(files) => files.pair(),
            Source::SelfMade(own) => own.pair(),
        }
    }

    pub fn current(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let pair = self.pair();
        (pair.chain.clone(), pair.key.clone_key())
    }

    /// SHA-256 of the end-entity certificates, the served one first, then the next one once it is published.
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        let mut hashes = vec![self.pair().hash()];
        if let Source::SelfMade(own) = &self.source {
            hashes.extend(own.next_hash());
        }
        hashes
    }

    /// True when what is served or published changed. Never fails: what cannot be read or made is counted (`faults`),
    /// and the last good certificate stays.
    pub fn poll(&mut self, now: SystemTime) -> bool {
        match &mut self.source {
            Source::Pem(files) => files.poll(now),
            Source::SelfMade(own) => own.poll(now),
        }
    }

    /// How often something could not be read, made or kept, and the last reason.
    pub fn faults(&self) -> (u64, Option<&str>) {
        let faults = match &self.source {
            Source::Pem(files) => files.faults(),
            Source::SelfMade(own) => own.faults(),
        };
        (faults.count, faults.last.as_deref())
    }
}

#[derive(Default)]
struct Faults {
    count: u64,
    last: Option<String>,
}

impl Faults {
    fn add(&mut self, reason: String) {
        self.count += 1;
        self.last = Some(reason);
    }
}

#[cfg(test)]
mod tests;
