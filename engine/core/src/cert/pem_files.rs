//! A certificate chain and key from PEM files, read again when a file changes.

use super::{Faults, Pair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file system's time stamps are coarse: a file this young may change again under the same stamp.
const YOUNG: Duration = Duration::from_secs(2);
/// No certificate chain is larger; a path that points at something else must not fill the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

pub(super) struct PemFiles {
    cert: PathBuf,
    key: PathBuf,
    pair: Pair,
    /// Of the files as last read, good or bad; None: read them again at the next poll.
    stamps: Option<[Stamp; 2]>,
    text: [Vec<u8>; 2],
    faults: Faults,
}

fn stamp(path: &Path) -> Result<Stamp, String> {
    let meta = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if meta.len() > MAX_FILE_BYTES {
        return Err(format!("{}: larger than {MAX_FILE_BYTES} bytes", path.display()));
    }
    Ok(Stamp { modified: meta.modified().ok(), bytes: meta.len() })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn parse(text: &[Vec<u8>; 2]) -> Result<Pair, String> {
    let chain = CertificateDer::pem_slice_iter(&text[0])
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("certificate: {error}"))?;
    if chain.is_empty() {
        return Err("no certificate in the file".to_string());
    }
    let key = PrivateKeyDer::from_pem_slice(&text[1]).map_err(|error| format!("private key: {error}"))?;
    Pair::check(chain, key)
}

impl PemFiles {
    pub(super) fn open(cert: &Path, key: &Path, now: SystemTime) -> Result<PemFiles, String> {
        let stamps = [stamp(cert)?, stamp(key)?];
        let text = [read(cert)?, read(key)?];
        let pair = parse(&text)?;
        let stamps = settled(&stamps, now).then_some(stamps);
        Ok(PemFiles { cert: cert.into(), key: key.into(), pair, stamps, text, faults: Faults::default() })
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.pair
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(super) fn poll(&mut self, now: SystemTime) -> bool {
        match self.reread(now) {
            Ok(changed) => changed,
            Err(reason) => {
                self.faults.add(reason);
                false
            }
        }
    }

    fn reread(&mut self, now: SystemTime) -> Result<bool, String> {
        let stamps = [stamp(&self.cert)?, stamp(&self.key)?];
        if self.stamps == Some(stamps) {
            return Ok(false);
        }
        let text = [read(&self.cert)?, read(&self.key)?];
        self.stamps = settled(&stamps, now).then_some(stamps);
        if text == self.text {
            return Ok(false);
        }
        // Kept even when bad, so that one bad file is one fault and not one each second.
        self.text = text;
        let pair = parse(&self.text)?;
        let changed = pair.chain != self.pair.chain;
        self.pair = pair;
        Ok(changed)
    }
}

/// Whether the stamps are old enough to tell any later change.
fn settled(stamps: &[Stamp; 2], now: SystemTime) -> bool {
    stamps.iter().all(|stamp| {
        let age = stamp.modified.and_then(|modified| now.duration_since(modified).ok());
        age.is_some_and(|age| age > YOUNG)
    })
}
