//! Self-made P-256 certificates of at most 14 days, the most that `serverCertificateHashes` allows.
//!
//! The life of one: made and published (its hash is told), served a day later, replaced an hour before its end. In a
//! folder, `current.pem` and `next.pem` hold certificate, key and, as text before the PEM blocks, the times.

use super::{Faults, Pair};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const MAX_DAYS: u32 = 14;
/// Clients whose clock is behind by so much still accept a new certificate.
const BACKDATE: u64 = HOUR;
/// Clients whose clock is ahead by so much never see an expired one.
const MARGIN: u64 = HOUR;
/// Browsers compare the whole span with 14 days and count its last second.
const SPAN_SLACK: u64 = 60;
const FIRST_LINE: &str = "hayate certificate 1";

/// A certificate with its times, in seconds since 1970.
struct Made {
    pair: Pair,
    made: u64,
    not_before: u64,
    not_after: u64,
}

pub(super) struct SelfMade {
    names: Vec<String>,
    days: u32,
    dir: Option<PathBuf>,
    current: Made,
    next: Option<Made>,
    faults: Faults,
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How long before its service a certificate is published: a day, or half of what a very short life leaves.
fn lead(days: u32) -> u64 {
    DAY.min((u64::from(days) * DAY - SPAN_SLACK - BACKDATE - MARGIN) / 2)
}

impl Made {
    fn new(names: &[String], days: u32, now: u64) -> Result<(Made, String), String> {
        let not_before = now.saturating_sub(BACKDATE);
        let not_after = not_before + u64::from(days) * DAY - SPAN_SLACK;
        let text = |error: rcgen::Error| error.to_string();
        let names = if names.is_empty() { vec!["localhost".to_string()] } else { names.to_vec() };
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, names[0].as_str());
        let mut params = CertificateParams::new(names).map_err(text)?;
        params.distinguished_name = subject;
        params.not_before = (UNIX_EPOCH + Duration::from_secs(not_before)).into();
        params.not_after = (UNIX_EPOCH + Duration::from_secs(not_after)).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(text)?;
        let certificate = params.self_signed(&key).map_err(text)?;
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let pair = Pair::check(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key))?;
        Ok((Made { pair, made: now, not_before, not_after }, pem))
    }

    fn to_file(&self, names: &[String], pem: &str) -> String {
        let Made { made, not_before, not_after, .. } = self;
        let names = names.join(" ");
        format!("{FIRST_LINE}\nmade {made}\nnot_before {not_before}\nnot_after {not_after}\nnames {names}\n{pem}")
    }

    /// None when the file is of other names.
    fn from_file(text: &str, names: &[String]) -> Result<Option<Made>, String> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err("not a certificate file of this program".to_string());
        }
        let mut field = |name: &str| -> Result<&str, String> {
            let line = lines.next().unwrap_or_default();
            let value = line.strip_prefix(name).ok_or_else(|| format!("no `{name}` line"))?;
            Ok(value.trim_start())
        };
        let time = |value: &str| value.parse::<u64>().map_err(|_| format!("bad time `{value}`"));
        let made = time(field("made")?)?;
        let not_before = time(field("not_before")?)?;
        let not_after = time(field("not_after")?)?;
        if field("names")? != names.join(" ") {
            return Ok(None);
        }
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Some(Made { pair: Pair::check(vec![certificate], key)?, made, not_before, not_after }))
    }

    fn usable(&self, now: u64) -> bool {
        self.not_before <= now && now + SPAN_SLACK < self.not_after
    }
}

impl SelfMade {
    pub(super) fn open(names: &[String], days: u32, dir: Option<&Path>, now: SystemTime) -> Result<SelfMade, String> {
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(format!("a self-made certificate lives 1 to {MAX_DAYS} days, not {days}"));
        }
        let now = seconds(now);
        let mut faults = Faults::default();
        let mut load = |name: &str| {
            let path = dir?.join(name);
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) => {
                    if error.kind() != std::io::ErrorKind::NotFound {
                        faults.add(format!("{}: {error}", path.display()));
                    }
                    return None;
                }
            };
            match Made::from_file(&text, names) {
                Ok(made) => made.filter(|made| made.usable(now)),
                Err(reason) => {
                    faults.add(format!("{}: {reason}", path.display()));
                    None
                }
            }
        };
        let (current, next) = (load("current.pem"), load("next.pem"));
        if let Some(dir) = dir {
            make_private_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        // Without a usable current one, clients may already hold the hash of the next one: it goes first.
        let (current, next) = match (current, next) {
            (Some(current), next) => (current, next),
            (None, Some(next)) => {
                promote_file(dir).map_err(|error| error.to_string())?;
                (next, None)
            }
            (None, None) => {
                let (made, pem) = Made::new(names, days, now)?;
                keep(dir, "current.pem", &made.to_file(names, &pem))?;
                (made, None)
            }
        };
        let mut own = SelfMade { names: names.to_vec(), days, dir: dir.map(Path::to_path_buf), current, next, faults };
        own.step(now);
        Ok(own)
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.current.pair
    }

    pub(super) fn next_hash(&self) -> Option<[u8; 32]> {
        self.next.as_ref().map(|next| next.pair.hash())
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(super) fn poll(&mut self, now: SystemTime) -> bool {
        self.step(seconds(now))
    }

    /// Brings the pair of certificates to `now`, also over a long gap (a suspended machine).
    fn step(&mut self, now: u64) -> bool {
        let mut changed = false;
        let lead = lead(self.days);
        let serve_until = self.current.not_after.saturating_sub(MARGIN);
        if self.next.is_none() && now + lead >= serve_until {
            match Made::new(&self.names, self.days, now) {
                Ok((next, pem)) => {
                    // One that cannot be kept still serves this process.
                    if let Err(reason) = keep(self.dir.as_deref(), "next.pem", &next.to_file(&self.names, &pem)) {
                        self.faults.add(reason);
                    }
                    self.next = Some(next);
                    changed = true;
                }
                Err(reason) => self.faults.add(reason),
            }
        }
        let due = |next: &mut Made| {
            let published_long_enough = now >= next.made.saturating_add(lead);
            now >= serve_until && (published_long_enough || !self.current.usable(now))
        };
        if let Some(next) = self.next.take_if(due) {
            self.current = next;
            if let Err(error) = promote_file(self.dir.as_deref()) {
                self.faults.add(error.to_string());
            }
            // One that itself came to its end while nobody polled gives way at once.
            self.step(now);
            changed = true;
        }
        changed
    }
}

fn keep(dir: Option<&Path>, file: &str, text: &str) -> Result<(), String> {
    let Some(dir) = dir else { return Ok(()) };
    let path = dir.join(file);
    write_private(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn promote_file(dir: Option<&Path>) -> std::io::Result<()> {
    match dir {
        Some(dir) => fs::rename(dir.join("next.pem"), dir.join("current.pem")),
        None => Ok(()),
    }
}

fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Whole or not at all: written beside and renamed. Readable by the owner only, for it holds the key.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let _ = fs::remove_file(&beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
