//! What only a test inside the crate can cause.

use crate::api::*;
use crate::{Engine, Listening};
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

/// A client's session, and the same at the server.
fn joined(server: &mut Host, client: &mut Host, listening: &Listening) -> (SessionId, SessionId) {
    let session = client.0.connect(connect_config(listening.addr, listening.hashes.clone())).unwrap();
    client.until(|e| matches!(e, Event::SessionReady { session: s, .. } if *s == session).then_some(()));
    let at_server = server.until(|e| match e {
        Event::SessionIncoming { session, .. } => Some(*session),
        _ => None,
    });
    (session, at_server)
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
        rate_ceiling_kbps: 0,
        trunk_flush_ms: 2,
    }
}

pub(super) fn self_signed() -> CertificateSource {
    CertificateSource::SelfSigned { names: vec!["localhost".into()], days: 10, dir: None }
}

pub(super) fn listen_config() -> ListenConfig {
    ListenConfig {
        addr: "127.0.0.1:0".parse().unwrap(),
        certificate: self_signed(),
        client_ca: None,
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
        identity: None,
        server_name: None,
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
    let sessions = [(); 2].map(|()| joined(&mut server, &mut client, &listening));
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

#[test]
fn round_trips_are_not_told_while_they_hold_what_the_engine_itself_was_late() {
    let (mut server, mut client) = (Host::new(), Host::new());
    let listening = server.0.listen(listen_config()).unwrap();
    let (_, session) = joined(&mut server, &mut client, &listening);
    let config = RoomConfig { alias: 7, max_age_ms: 500, max_ahead_ms: 20, max_members: 10, units_per_second: 0 };
    server.0.send(Command::RoomCreate { room: 1, config });
    server.0.send(Command::RoomJoin { room: 1, session });
    let rtt_us = |server: &mut Host| {
        server.0.send(Command::Stats { token: 2, of: StatsOf::Members(1) });
        server.until(|e| match e {
            Event::Members { rows, .. } => rows.first().map(|row| row.rtt_us),
            _ => None,
        })
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let soon = |what: &str| assert!(Instant::now() < deadline, "{what}");
    // Where the machine takes the core away time and again, what holds then is told all the same.
    loop {
        while rtt_us(&mut server) == 0 {
            soon("no round trip is told");
        }
        let before = server.figure("stalls");
        server.0.stand_still(Duration::from_millis(25));
        assert!(server.figure("stalls") >= before);
        if rtt_us(&mut server) == 0 {
            assert!(server.figure("stalls") > before);
            break;
        }
        soon("a stall changes nothing");
    }
}
