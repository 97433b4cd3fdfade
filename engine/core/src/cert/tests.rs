use super::*;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const START: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A folder of its own for each test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("hayate-cert-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn own(days: u32, dir: Option<&Folder>) -> CertificateSource {
    CertificateSource::SelfSigned {
        names: vec!["localhost".into(), "127.0.0.1".into()],
        days,
        dir: dir.map(|dir| dir.0.clone()),
    }
}

/// Seconds between notBefore and notAfter, read from the DER: two UTCTime values in a row.
fn validity(der: &[u8]) -> (String, String) {
    let times: Vec<String> = der
        .windows(15)
        .filter(|w| w[0] == 0x17 && w[1] == 13 && w[14] == b'Z')
        .map(|w| String::from_utf8_lossy(&w[2..14]).into_owned())
        .collect();
    (times[0].clone(), times[1].clone())
}

#[test]
fn a_self_made_certificate_lives_at_most_14_days_and_is_p256() {
    let store = CertStore::open(&own(14, None), at(START)).unwrap();
    let (chain, key) = store.current();
    // 2027-01-15 08:00:00, an hour earlier, and 14 days less a minute after that.
    assert_eq!(validity(&chain[0]), ("270115070000".into(), "270129065900".into()));
    let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    assert!(chain[0].windows(p256.len()).any(|w| w == p256));
    assert!(rustls::crypto::ring::sign::any_ecdsa_type(&key).is_ok());
    let hash = ring::digest::digest(&ring::digest::SHA256, &chain[0]);
    assert_eq!(store.hashes(), vec![<[u8; 32]>::try_from(hash.as_ref()).unwrap()]);
}

#[test]
fn the_next_hash_is_published_a_day_before_it_is_served_through_a_whole_life() {
    let mut store = CertStore::open(&own(14, None), at(START)).unwrap();
    let mut published = vec![(store.hashes()[0], START)];
    let mut served = vec![(store.hashes()[0], START)];
    for hour in 1..24 * 60 {
        let now = START + hour * HOUR;
        let before = (store.hashes(), store.current().0);
        let changed = store.poll(at(now));
        assert_eq!(changed, before != (store.hashes(), store.current().0));
        for hash in store.hashes() {
            if !published.iter().any(|p| p.0 == hash) {
                published.push((hash, now));
            }
        }
        let current = store.hashes()[0];
        if served.last().unwrap().0 != current {
            served.push((current, now));
        }
    }
    assert_eq!(served.len(), 5, "60 days of certificates that serve 13 days each");
    for (hash, since) in &served[1..] {
        let told = published.iter().find(|p| p.0 == *hash).unwrap().1;
        assert!(since - told >= DAY, "told {told}, served {since}");
    }
    // Each was still valid for the margin when its service ended.
    let life = 14 * DAY - HOUR - 60;
    for pair in served.windows(2) {
        let made = published.iter().find(|p| p.0 == pair[0].0).unwrap().1;
        assert!(pair[1].1 <= made + life - HOUR + HOUR, "served past its end");
    }
    assert_eq!(store.faults().0, 0);
}

#[test]
fn a_gap_of_any_length_ends_with_a_valid_certificate() {
    for gap_days in [12, 13, 14, 27, 28, 100] {
        let mut store = CertStore::open(&own(14, None), at(START)).unwrap();
        let now = START + gap_days * DAY;
        store.poll(at(now));
        let (_, end) = validity(&store.current().0[0]);
        let fresh = CertStore::open(&own(14, None), at(now - 13 * DAY)).unwrap();
        let (_, oldest_end) = validity(&fresh.current().0[0]);
        assert!(end >= oldest_end, "after {gap_days} days: {end} {oldest_end}");
    }
}

#[test]
fn short_lives_overlap_too_and_others_are_refused() {
    let mut store = CertStore::open(&own(1, None), at(START)).unwrap();
    for hour in 1..100 {
        let before = store.hashes();
        store.poll(at(START + hour * HOUR));
        assert!(before.contains(&store.hashes()[0]), "a hash was served before it was published");
    }
    for days in [0, 15] {
        assert_eq!(CertStore::open(&own(days, None), at(START)).err().unwrap().code, "bad_certificate");
    }
}

#[test]
fn a_restart_keeps_both_hashes_and_the_files_are_private() {
    let folder = Folder::new("restart");
    let mut store = CertStore::open(&own(14, Some(&folder)), at(START)).unwrap();
    assert!(store.poll(at(START + 12 * DAY + 23 * HOUR)));
    let hashes = store.hashes();
    assert_eq!(hashes.len(), 2);
    drop(store);
    let mut store = CertStore::open(&own(14, Some(&folder)), at(START + 12 * DAY + 23 * HOUR + 5)).unwrap();
    assert_eq!(store.hashes(), hashes);
    #[cfg(unix)]
    for file in ["current.pem", "next.pem"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(folder.0.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Served at last, in memory and in the folder.
    assert!(store.poll(at(START + 13 * DAY + 23 * HOUR + 1800)));
    assert_eq!(store.hashes(), hashes[1..]);
    let store = CertStore::open(&own(14, Some(&folder)), at(START + 14 * DAY)).unwrap();
    assert_eq!(store.hashes(), hashes[1..]);
}

#[test]
fn a_restart_after_the_end_serves_the_one_whose_hash_was_published() {
    let folder = Folder::new("late");
    let mut store = CertStore::open(&own(14, Some(&folder)), at(START)).unwrap();
    store.poll(at(START + 13 * DAY));
    let next = store.hashes()[1];
    let store = CertStore::open(&own(14, Some(&folder)), at(START + 20 * DAY)).unwrap();
    assert_eq!(store.hashes()[0], next);
    assert_eq!(store.faults().0, 0);
}

#[test]
fn other_names_or_a_broken_file_give_a_new_certificate() {
    let folder = Folder::new("broken");
    let first = CertStore::open(&own(14, Some(&folder)), at(START)).unwrap().hashes();
    fs::write(folder.0.join("current.pem"), "hayate certificate 1\nmade x\n").unwrap();
    let store = CertStore::open(&own(14, Some(&folder)), at(START)).unwrap();
    assert_ne!(store.hashes(), first);
    assert_eq!(store.faults().0, 1);
    assert!(store.faults().1.unwrap().contains("bad time `x`"));
    let second = store.hashes();
    let names = vec!["relay.example".to_string()];
    let source = CertificateSource::SelfSigned { names, days: 14, dir: Some(folder.0.clone()) };
    assert_ne!(CertStore::open(&source, at(START)).unwrap().hashes(), second);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let folder = Folder::new("unwritable");
    fs::write(folder.0.join("file"), "").unwrap();
    let dir = Some(folder.0.join("file"));
    let source = CertificateSource::SelfSigned { names: vec![], days: 14, dir };
    assert_eq!(CertStore::open(&source, at(START)).err().unwrap().code, "bad_certificate");
}

fn write_pem(folder: &Folder, name: &str, blocks: &str) -> PathBuf {
    let path = folder.0.join(name);
    fs::write(&path, blocks).unwrap();
    path
}

/// PEM text of a fresh certificate and its key.
fn fresh_pem() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["a".into()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn pem_files_are_read_again_when_they_change_and_a_bad_one_keeps_the_last_good_pair() {
    let folder = Folder::new("pem");
    let (a, b) = (fresh_pem(), fresh_pem());
    let cert = write_pem(&folder, "cert.pem", &a.0);
    let key = write_pem(&folder, "key.pem", &a.1);
    let source = CertificateSource::Pem { cert: cert.clone(), key: key.clone() };
    // The file system's clock is real, so `now` is a real one as well.
    let mut now = SystemTime::now();
    let mut store = CertStore::open(&source, now).unwrap();
    let first = store.hashes();
    assert!(!store.poll(now));

    // Only the certificate is new yet: the key is not its own.
    fs::write(&cert, &b.0).unwrap();
    assert!(!store.poll(now));
    assert_eq!((store.hashes(), store.faults().0), (first.clone(), 1));
    now += Duration::from_secs(60);
    assert!(!store.poll(now));
    assert_eq!(store.faults().0, 1, "the same bad file is one fault");

    fs::write(&key, &b.1).unwrap();
    fs::File::options().append(true).open(&key).unwrap().set_modified(now).unwrap();
    assert!(store.poll(now));
    assert_ne!(store.hashes(), first);
    let expected = CertificateDer::from_pem_slice(b.0.as_bytes()).unwrap();
    assert_eq!(store.current().0, vec![expected]);

    fs::write(&cert, "garbage").unwrap();
    fs::remove_file(&key).unwrap();
    now += Duration::from_secs(60);
    assert!(!store.poll(now));
    assert_eq!(store.faults().0, 2);
    assert_eq!(store.current().0.len(), 1);
}

#[test]
fn a_change_under_an_unchanged_time_stamp_is_seen_while_the_file_is_young() {
    let folder = Folder::new("young");
    let (a, b) = (fresh_pem(), fresh_pem());
    let both = |pem: &(String, String)| format!("{:9999}\n{}{}", "padding", pem.0, pem.1);
    let path = write_pem(&folder, "both.pem", &both(&a));
    let stamp = fs::metadata(&path).unwrap().modified().unwrap();
    let source = CertificateSource::Pem { cert: path.clone(), key: path.clone() };
    let mut store = CertStore::open(&source, stamp).unwrap();
    let mut text = both(&b);
    // Equal length, equal stamp.
    let length = both(&a).len();
    while text.len() > length {
        text.remove(8);
    }
    while text.len() < length {
        text.insert(8, ' ');
    }
    fs::write(&path, text).unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(stamp).unwrap();
    assert!(store.poll(stamp + Duration::from_secs(5)));
}

#[test]
fn unusable_pem_files_are_typed_errors() {
    let folder = Folder::new("bad");
    let (a, b) = (fresh_pem(), fresh_pem());
    let good = write_pem(&folder, "a.pem", &a.0);
    let missing = folder.0.join("missing.pem");
    let other = write_pem(&folder, "b.key", &b.1);
    let empty = write_pem(&folder, "empty.pem", "");
    for (cert, key) in [(&good, &missing), (&missing, &other), (&good, &other), (&empty, &other), (&good, &empty)] {
        let source = CertificateSource::Pem { cert: cert.clone(), key: key.clone() };
        let error = CertStore::open(&source, at(START)).err().unwrap();
        assert_eq!(error.code, "bad_certificate");
        assert!(!error.message.is_empty());
    }
}
