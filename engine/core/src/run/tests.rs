//! What only a test inside the crate can cause.

use crate::api::*;
use crate::Engine;
use std::net::SocketAddr;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::{Duration, Instant};

struct Bell(Sender<()>);
impl EventSink for Bell {
    fn wake(&self) {
        let _ = self.0.send(());
    }
}

/// An engine, its bell, and the events that nobody asked for yet.
pub(super) struct Host(pub Engine, Receiver<()>, pub Vec<Event>);

impl Host {
    pub fn new() -> Host {
        let (sender, receiver) = channel();
        let config = EngineConfig {
            io: IoKind::Auto,
            event_queue_bytes: 1 << 20,
            event_queue_ms: 60_000,
            socket_buffer_bytes: 1 << 20,
            handshakes_per_turn: 8,
        };
        Host(Engine::start(config, Box::new(Bell(sender))).unwrap(), receiver, Vec::new())
    }

    pub fn until<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            self.0.take_events(&mut self.2);
            if let Some((at, value)) = self.2.iter().enumerate().find_map(|(at, e)| Some((at, pick(e)?))) {
                self.2.remove(at);
                return value;
            }
            assert!(Instant::now() < deadline, "waiting: {:?}", self.2);
            let _ = self.1.recv_timeout(Duration::from_millis(100));
        }
    }

    /// One of the engine's statistics.
    pub fn figure(&mut self, name: &str) -> f64 {
        self.0.send(Command::Stats { token: 1, of: StatsOf::Engine });
        self.until(|e| match e {
            Event::Stats { values, .. } => values.iter().find(|v| v.0 == name).map(|v| v.1),
            _ => None,
        })
    }
}

pub(super) fn limits() -> TransportLimits {
    TransportLimits {
        idle_timeout_ms: 10_000,
        keep_alive_ms: 0,
        max_bidi_streams: 4,
        max_uni_streams: 4,
        datagram_queue_bytes: 2000,
        datagram_queue_ms: 100,
        stream_window_bytes: 65_536,
        stream_send_bytes: 65_536,
        max_datagram_bytes: 1000,
    }
}

pub(super) fn self_signed() -> CertificateSource {
    CertificateSource::SelfSigned { names: vec!["localhost".into()], days: 10, dir: None }
}

pub(super) fn listen_config() -> ListenConfig {
    ListenConfig {
        addr: "127.0.0.1:0".parse().unwrap(),
        certificate: self_signed(),
        paths: Vec::new(),
        origins: Vec::new(),
        max_sessions: 10,
        retry_above: 100,
        datagrams: DatagramMode::Deliver,
        heartbeat_ms: 0,
        limits: limits(),
        link: None,
    }
}

pub(super) fn connect_config(addr: SocketAddr, certificate_hashes: Vec<[u8; 32]>) -> ConnectConfig {
    ConnectConfig {
        url: format!("https://localhost:{}/", addr.port()),
        addr,
        origin: None,
        certificate_hashes,
        roots_pem: None,
        connect_timeout_ms: 5000,
        datagrams: DatagramMode::Deliver,
        limits: limits(),
        socket_group: 1,
        own_socket: false,
        link: None,
    }
}

#[test]
fn a_panic_costs_one_connection() {
    let (mut server, mut client) = (Host::new(), Host::new());
    let listening = server.0.listen(listen_config()).unwrap();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let session = client.0.connect(connect_config(listening.addr, listening.hashes.clone())).unwrap();
        client.until(|e| matches!(e, Event::SessionReady { session: s, .. } if *s == session).then_some(()));
        let at_server = server.until(|e| match e {
            Event::SessionIncoming { session, .. } => Some(*session),
            _ => None,
        });
        sessions.push((session, at_server));
    }
    server.0.panic_on(sessions[0].1);
    let message = server.until(|e| match e {
        Event::Panic { message } => Some(message.clone()),
        _ => None,
    });
    assert_eq!(message, "asked for by a test");
    let gone = sessions[0].1;
    server.until(|e| matches!(e, Event::SessionClosed { session, .. } if *session == gone).then_some(()));
    // The other one lives.
    client.0.send(Command::SendDatagram { session: sessions[1].0, data: "alive".into() });
    let from = server.until(|e| match e {
        Event::Datagram { session, .. } => Some(*session),
        _ => None,
    });
    assert_eq!(from, sessions[1].1);
    let figures = ["panics", "sessions_open", "connections_open"].map(|name| server.figure(name));
    assert_eq!(figures, [1.0, 1.0, 1.0]);
}
