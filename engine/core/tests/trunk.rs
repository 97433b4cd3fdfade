//! Sessions between two relays: each shows the other a certificate of their authority, and their rooms share datagrams.

mod common;
use common::*;
use hayate_core::api::*;
use hayate_core::cert::{issue, make_authority, PemPair};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const NAME: &str = "test cluster";

struct Keys {
    dir: PathBuf,
    authority: PemPair,
}

impl Keys {
    fn new(name: &str) -> Keys {
        let dir = std::env::temp_dir().join(format!("hayate-trunk-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let authority = make_authority(NAME, 100, SystemTime::now()).unwrap();
        std::fs::write(dir.join("ca.pem"), &authority.cert).unwrap();
        Keys { dir, authority }
    }

    fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    fn issue(&self, relay: &str) -> Identity {
        let names = [format!("{relay}.relay.hayate")];
        let pair = issue(NAME, &self.authority.key, &names, 30, SystemTime::now()).unwrap();
        let path = |end: &str| -> PathBuf { Path::new(&self.dir).join(format!("{relay}.{end}")) };
        std::fs::write(path("cert"), pair.cert).unwrap();
        std::fs::write(path("key"), pair.key).unwrap();
        Identity { cert: path("cert"), key: path("key") }
    }

    fn listen(&self, relay: &str) -> ListenConfig {
        let Identity { cert, key } = self.issue(relay);
        let certificate = CertificateSource::Pem { cert, key };
        ListenConfig { certificate, client_ca: Some(self.ca()), ..listen_config("127.0.0.1:0") }
    }

    fn dial(&self, config: &mut ConnectConfig, relay: &str, to: &str) {
        config.certificate_hashes = Vec::new();
        config.roots_pem = Some(self.ca());
        config.identity = Some(self.issue(relay));
        config.server_name = Some(format!("{to}.relay.hayate"));
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The name is in the certificate as it is.
fn bears(certificate: &[u8], name: &str) -> bool {
    certificate.windows(name.len()).any(|part| part == name.as_bytes())
}

#[test]
fn each_relay_sees_the_others_certificate() {
    let keys = Keys::new("mutual");
    let (server, mut client) = (Host::new(IoKind::Auto), Host::new(IoKind::Auto));
    let mut server = server;
    let listening = server.engine.listen(keys.listen("tyo")).unwrap();
    let mut config = connect_config(&listening, 1);
    keys.dial(&mut config, "chi", "tyo");
    let session = client.engine.connect(config).unwrap();
    let of_server = client.until("ready", |event| match event {
        Event::SessionReady { session: ready, certificate, .. } if *ready == session => certificate.clone(),
        Event::SessionClosed { cause, .. } => panic!("closed: {cause:?}"),
        _ => None,
    });
    let of_client = server.until("incoming", |event| match event {
        Event::SessionIncoming { certificate, .. } => certificate.clone(),
        _ => None,
    });
    assert!(bears(&of_server, "tyo.relay.hayate") && bears(&of_client, "chi.relay.hayate"));
}

#[test]
fn who_is_not_of_the_cluster_stays_out() {
    let (keys, others) = (Keys::new("own"), Keys::new("others"));
    let (mut server, mut client) = (Host::new(IoKind::Auto), Host::new(IoKind::Auto));
    let listening = server.engine.listen(keys.listen("tyo")).unwrap();
    let mut group = 0;
    let mut refused = |edit: &dyn Fn(&mut ConnectConfig)| {
        group += 1;
        let mut config = connect_config(&listening, group);
        keys.dial(&mut config, "chi", "tyo");
        edit(&mut config);
        let session = client.engine.connect(config).unwrap();
        let cause = client.closed(session);
        assert!(matches!(cause, CloseCause::Certificate { .. }), "{cause:?}");
    };
    refused(&|config| config.identity = None);
    refused(&|config| config.identity = Some(others.issue("chi")));
    refused(&|config| config.roots_pem = Some(others.ca()));
    refused(&|config| config.server_name = Some("osa.relay.hayate".into()));
    assert_eq!(server.stats(StatsOf::Engine)["sessions"], 0.0);

    let mut bad = keys.listen("tyo");
    bad.client_ca = Some(keys.dir.join("missing.pem"));
    assert_eq!(server.engine.listen(bad).err().map(|error| error.code), Some("bad_certificate"));
    let mut config = connect_config(&listening, 100);
    config.identity = Some(Identity { cert: keys.dir.join("missing.pem"), key: keys.dir.join("missing.pem") });
    assert_eq!(client.engine.connect(config).err().map(|error| error.code), Some("bad_certificate"));
}

#[test]
fn a_listener_with_an_authority_still_asks_for_certificates_after_its_own_changed() {
    let keys = Keys::new("reload");
    let (mut server, mut client) = (Host::new(IoKind::Auto), Host::new(IoKind::Auto));
    let listening = server.engine.listen(keys.listen("tyo")).unwrap();
    keys.issue("tyo");
    server.engine.send(Command::ReloadCertificates { endpoint: listening.endpoint });
    server.until("certificate", |event| matches!(event, Event::CertificateChanged { .. }).then_some(()));
    for (group, shows) in [(1, false), (2, true)] {
        let mut config = connect_config(&listening, group);
        keys.dial(&mut config, "chi", "tyo");
        if !shows {
            config.identity = None;
        }
        let session = client.engine.connect(config).unwrap();
        if shows {
            client.ready(session);
        } else {
            client.closed(session);
        }
    }
    assert_eq!(server.stats(StatsOf::Engine)["sessions"], 1.0);
}
