//! Trust by roots, and a certificate that changes under a listener.

mod common;
use common::*;
use hayate_core::api::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// A new pair in `dir`, over the old one, valid for so many days from yesterday on.
fn write_pair_of(dir: &Path, days: u64) -> CertificateSource {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = params.not_before + DAY * days as u32;
    let signing = rcgen::KeyPair::generate().unwrap();
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&cert, params.self_signed(&signing).unwrap().pem()).unwrap();
    std::fs::write(&key, signing.serialize_pem()).unwrap();
    CertificateSource::Pem { cert, key }
}

fn write_pair(dir: &Path) -> CertificateSource {
    write_pair_of(dir, 10)
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hayate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn roots_decide_when_no_hash_is_given() {
    let (dir, other) = (folder("roots"), folder("other-roots"));
    let (server, mut client) = (Host::new(IoKind::Auto), Host::new(IoKind::Auto));
    let listen = ListenConfig { certificate: write_pair(&dir), ..listen_config("127.0.0.1:0") };
    let listening = server.engine.listen(listen).unwrap();
    write_pair(&other);
    for (group, (dir, trusted)) in [(&dir, true), (&other, false)].into_iter().enumerate() {
        let mut config = connect_config(&listening, group as u32);
        config.certificate_hashes = Vec::new();
        config.roots_pem = Some(dir.join("cert.pem"));
        let session = client.engine.connect(config).unwrap();
        if trusted {
            client.ready(session);
        } else {
            assert!(matches!(client.closed(session), CloseCause::Certificate { .. }));
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn a_reloaded_certificate_serves_new_sessions_and_keeps_old_ones() {
    let dir = folder("reload");
    let listen = ListenConfig { certificate: write_pair(&dir), ..listen_config("127.0.0.1:0") };
    let (mut server, mut client, _, at_client, mut listening) = pair_with(IoKind::Auto, listen, |_| {});
    let old = listening.hashes.clone();
    write_pair(&dir);
    server.engine.send(Command::ReloadCertificates { endpoint: listening.endpoint });
    listening.hashes = server.until("new hashes", |event| match event {
        Event::CertificateChanged { hashes, .. } => Some(hashes.clone()),
        _ => None,
    });
    assert_ne!(listening.hashes, old);
    let session = client.engine.connect(connect_config(&listening, 7)).unwrap();
    client.ready(session);
    listening.hashes = old;
    let session = client.engine.connect(connect_config(&listening, 8)).unwrap();
    assert!(matches!(client.closed(session), CloseCause::Certificate { .. }));
    assert_eq!(client.stats(StatsOf::Session(at_client))["open"], 1.0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_long_lived_certificate_is_not_trusted_by_its_hash_as_in_browsers() {
    let dir = folder("long");
    let (server, mut client) = (Host::new(IoKind::Auto), Host::new(IoKind::Auto));
    let listen = ListenConfig { certificate: write_pair_of(&dir, 15), ..listen_config("127.0.0.1:0") };
    let listening = server.engine.listen(listen).unwrap();
    let session = client.engine.connect(connect_config(&listening, 1)).unwrap();
    match client.closed(session) {
        CloseCause::Certificate { message } => assert!(message.contains("14 days"), "{message}"),
        other => panic!("{other:?}"),
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn errors_of_calls_come_at_once() {
    let server = Host::new(IoKind::Auto);
    let listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
    let taken = server.engine.listen(listen_config(&listening.addr.to_string())).unwrap_err();
    assert_eq!((taken.code, taken.address), ("bind_failed", Some("127.0.0.1".parse().unwrap())));
    let missing = CertificateSource::Pem { cert: "/nowhere/c.pem".into(), key: "/nowhere/k.pem".into() };
    let listen = ListenConfig { certificate: missing, ..listen_config("127.0.0.1:0") };
    assert_eq!(server.engine.listen(listen).unwrap_err().code, "bad_certificate");
    let mut config = connect_config(&listening, 1);
    config.url = "http://localhost/".into();
    assert_eq!(server.engine.connect(config).unwrap_err().code, "bad_url");
}
