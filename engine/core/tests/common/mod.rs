//! Two engines in one process over loopback. Waits are for events, with a deadline; nothing sleeps.
#![allow(dead_code)] // each test file uses its part

use hayate_core::api::*;
use hayate_core::{Engine, Listening};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub const DEADLINE: Duration = Duration::from_secs(10);

struct Bell(Arc<(Mutex<u64>, Condvar)>);

impl EventSink for Bell {
    fn wake(&self) {
        *self.0 .0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
        self.0 .1.notify_all();
    }
}

/// An engine whose events are kept until somebody asks for them.
pub struct Host {
    pub engine: Engine,
    bell: Arc<(Mutex<u64>, Condvar)>,
    pub events: Vec<Event>,
    next_token: u32,
}

impl Host {
    pub fn new(io: IoKind) -> Host {
        Host::with(EngineConfig { io, ..config() })
    }

    pub fn with(config: EngineConfig) -> Host {
        let bell = Arc::new((Mutex::new(0), Condvar::new()));
        let engine = Engine::start(config, Box::new(Bell(bell.clone()))).expect("engine starts");
        Host { engine, bell, events: Vec::new(), next_token: 1 }
    }

    /// Takes the first event that `pick` wants; the others stay.
    pub fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let seen = *self.bell.0.lock().unwrap();
            self.engine.take_events(&mut self.events);
            if let Some((at, value)) = self.events.iter().enumerate().find_map(|(at, e)| Some((at, pick(e)?))) {
                self.events.remove(at);
                return value;
            }
            let guard = self.bell.0.lock().unwrap();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(guard);
                panic!("no {what}; waiting: {:#?}", self.events);
            }
            if *guard == seen {
                let _ = self.bell.1.wait_timeout(guard, left.min(Duration::from_millis(100))).unwrap();
            }
        }
    }

    pub fn stats(&mut self, of: StatsOf) -> HashMap<&'static str, f64> {
        self.next_token += 1;
        let wanted = self.next_token;
        self.engine.send(Command::Stats { token: wanted, of });
        self.until("stats", |event| match event {
            Event::Stats { token, values } if *token == wanted => Some(values.iter().copied().collect()),
            _ => None,
        })
    }

    /// Asks again and again until the value is as wanted.
    pub fn until_stat(&mut self, of: StatsOf, name: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let stats = self.stats(of);
            let value = stats.get(name).copied().unwrap_or_else(|| panic!("no {name} in {stats:?}"));
            if wanted(value) {
                return value;
            }
            assert!(Instant::now() < deadline, "{name} stays at {value}: {stats:#?}");
            std::thread::yield_now();
        }
    }

    pub fn incoming(&mut self) -> SessionId {
        self.until("incoming session", |event| match event {
            Event::SessionIncoming { session, .. } => Some(*session),
            _ => None,
        })
    }

    pub fn ready(&mut self, id: SessionId) -> u32 {
        self.until("session ready", |event| match event {
            Event::SessionReady { session, max_datagram, .. } if *session == id => Some(*max_datagram),
            Event::SessionClosed { session, cause } if *session == id => panic!("closed: {cause:?}"),
            _ => None,
        })
    }

    pub fn closed(&mut self, id: SessionId) -> CloseCause {
        self.until("session closed", |event| match event {
            Event::SessionClosed { session, cause } if *session == id => Some(cause.clone()),
            _ => None,
        })
    }

    pub fn datagram(&mut self, id: SessionId) -> Vec<u8> {
        self.until("datagram", |event| match event {
            Event::Datagram { session, data, .. } if *session == id => Some(data.to_vec()),
            _ => None,
        })
    }

    pub fn open_stream(&mut self, session: SessionId, bidi: bool) -> StreamId {
        self.next_token += 1;
        let wanted = self.next_token;
        self.engine.send(Command::OpenStream { session, token: wanted, bidi, send: SendOptions::default() });
        self.until("stream opened", |event| match event {
            Event::StreamOpened { token, stream, .. } if *token == wanted => Some(*stream),
            _ => None,
        })
    }

    pub fn incoming_stream(&mut self, id: SessionId) -> (StreamId, bool) {
        self.until("incoming stream", |event| match event {
            Event::StreamIncoming { session, stream, bidi } if *session == id => Some((*stream, *bidi)),
            _ => None,
        })
    }

    /// The whole stream, crediting all that comes.
    pub fn read_all(&mut self, session: SessionId, stream: StreamId) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (data, fin) = self.until("stream data", |event| match event {
                Event::StreamData { session: s, stream: t, data, fin } if (*s, *t) == (session, stream) => {
                    Some((data.clone(), *fin))
                }
                _ => None,
            });
            self.engine.send(Command::StreamCredit { session, stream, bytes: data.len() as u32 });
            all.extend_from_slice(&data);
            if fin {
                return all;
            }
        }
    }

    pub fn write(&self, session: SessionId, stream: StreamId, data: impl Into<bytes::Bytes>, fin: bool) {
        self.engine.send(Command::StreamWrite { session, stream, data: data.into(), fin });
    }

    pub fn send(&self, session: SessionId, data: &'static [u8]) {
        self.engine.send(Command::SendDatagram { session, data: bytes::Bytes::from_static(data) });
    }
}

/// One datagram from one to the other over a link that loses some: sent each 50 ms until it is there.
pub fn insist(from: &Host, sender: SessionId, to: &mut Host, receiver: SessionId, data: &'static [u8]) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        from.send(sender, data);
        let came =
            |e: &Event| matches!(e, Event::Datagram { session, data: d, .. } if *session == receiver && d == data);
        let again = Instant::now() + Duration::from_millis(50);
        while Instant::now() < again {
            to.engine.take_events(&mut to.events);
            if let Some(at) = to.events.iter().position(came) {
                to.events.remove(at);
                return;
            }
            std::thread::yield_now();
        }
        assert!(Instant::now() < deadline, "{data:?} does not come; waiting: {:#?}", to.events);
    }
}

pub fn config() -> EngineConfig {
    EngineConfig {
        io: IoKind::Auto,
        event_queue_bytes: 4 << 20,
        event_queue_ms: 60_000,
        socket_buffer_bytes: 4 << 20,
        handshakes_per_turn: 32,
    }
}

pub fn limits() -> TransportLimits {
    TransportLimits {
        idle_timeout_ms: 10_000,
        keep_alive_ms: 0,
        max_bidi_streams: 8,
        max_uni_streams: 8,
        datagram_queue_bytes: 2000,
        datagram_queue_ms: 100,
        stream_window_bytes: 65_536,
        stream_send_bytes: 65_536,
        max_datagram_bytes: 1000,
        rate_ceiling_kbps: 0,
        trunk_flush_ms: 2,
    }
}

pub fn listen_config(addr: &str) -> ListenConfig {
    ListenConfig {
        addr: addr.parse().unwrap(),
        certificate: CertificateSource::SelfSigned { names: vec!["localhost".into()], days: 10, dir: None },
        client_ca: None,
        paths: vec!["/v1".into()],
        origins: vec!["https://app.example".into()],
        max_sessions: 1000,
        retry_above: 500,
        datagrams: DatagramMode::Deliver,
        heartbeat_ms: 0,
        limits: limits(),
        link: None,
    }
}

pub fn connect_config(listening: &Listening, group: u32) -> ConnectConfig {
    let mut addr: SocketAddr = listening.addr;
    if addr.ip().is_unspecified() {
        addr.set_ip("127.0.0.1".parse().unwrap());
    }
    ConnectConfig {
        url: format!("https://localhost:{}/v1", addr.port()),
        addr,
        origin: None,
        certificate_hashes: listening.hashes.clone(),
        roots_pem: None,
        identity: None,
        server_name: None,
        connect_timeout_ms: 10_000,
        datagrams: DatagramMode::Deliver,
        limits: limits(),
        socket_group: group,
        own_socket: false,
        link: None,
    }
}

/// Server, client, and one open session between them: its ids on both sides.
pub fn pair(io: IoKind) -> (Host, Host, SessionId, SessionId) {
    let (server, client, at_server, at_client, _) = pair_with(io, listen_config("127.0.0.1:0"), |_| {});
    (server, client, at_server, at_client)
}

pub fn pair_with(
    io: IoKind,
    listen: ListenConfig,
    edit: impl FnOnce(&mut ConnectConfig),
) -> (Host, Host, SessionId, SessionId, Listening) {
    let (mut server, mut client) = (Host::new(io), Host::new(io));
    let listening = server.engine.listen(listen).expect("listens");
    let mut config = connect_config(&listening, 1);
    edit(&mut config);
    let at_client = client.engine.connect(config).expect("connects");
    client.ready(at_client);
    let at_server = server.incoming();
    (server, client, at_server, at_client, listening)
}

/// One test body on both I/O bodies.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($io:ident: IoKind) $body:block)*) => {
        $(mod $name {
            #[allow(unused_imports)]
            use super::*;
            fn body($io: IoKind) $body
            #[cfg(target_os = "linux")]
            #[test]
            fn fast() { body(IoKind::Fast) }
            #[test]
            fn portable() { body(IoKind::Portable) }
        })*
    };
}
