//! What engine/fuzz needs of the inside: the HTTP/3 parsers by themselves, and the engine's own loop on the caller's
//! thread, with its wire in memory and a clock that can be moved on.

use crate::api::*;
use crate::cert::CertStore;
use crate::h3;
use crate::io::wire::{Queues, Wire};
use crate::queue::{Input, NewClient, NewListener, Shared};
use crate::run::Run;
use crate::{io, limits, tls};
use quinn_proto::{crypto, TransportConfig};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

thread_local! {
    /// Set by the thread's first `Host`: from then on time passes for it by `skip` alone, and by a us with each look.
    static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
}

pub fn now() -> Instant {
    match NOW.get() {
        Some(at) => {
            NOW.set(Some(at + Duration::from_micros(1)));
            at
        }
        None => Instant::now(),
    }
}

/// Moves the clocks of all hosts of this thread on.
pub fn skip(time: Duration) {
    NOW.set(NOW.get().map(|at| at + time));
}

pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    h3::varint(bytes)
}

pub fn settings() -> Vec<u8> {
    h3::settings()
}

pub fn close_capsule(code: u32, reason: &str) -> Vec<u8> {
    h3::close_capsule(code, reason)
}

pub fn drain_capsule() -> Vec<u8> {
    h3::drain_capsule()
}

/// A CONNECT stream after its HEADERS, in these pieces: closes with code and reason, drains as None. False: malformed.
pub fn capsules<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Option<(u32, String)>>, bool) {
    let (mut parser, mut out) = (h3::Capsules::default(), Vec::new());
    let mut pieces = pieces;
    let whole = pieces.all(|piece| parser.push(piece, &mut out).is_ok());
    let told = out.into_iter().map(|capsule| match capsule {
        h3::Capsule::Close { code, reason } => Some((code, reason)),
        h3::Capsule::Drain => None,
    });
    (told.collect(), whole)
}

/// What quinn is given for these limits: for the peer of a `Host`.
pub fn transport(limits: &TransportLimits) -> Arc<TransportConfig> {
    limits::transport(limits)
}

struct Deaf;

impl EventSink for Deaf {
    fn wake(&self) {}
}

/// An engine without a thread and without sockets. It turns when it is told to.
pub struct Host {
    run: Run,
    shared: Arc<Shared>,
    queues: Arc<Mutex<Queues>>,
}

impl Host {
    pub fn new() -> Host {
        NOW.set(NOW.get().or_else(|| Some(Instant::now())));
        let queues = Arc::new(Mutex::new(Queues::default()));
        let wire = Box::new(Wire::new(queues.clone()));
        let config = EngineConfig {
            io: IoKind::Portable,
            event_queue_bytes: 1 << 20,
            event_queue_ms: 60_000,
            socket_buffer_bytes: 1 << 16,
            handshakes_per_turn: 8,
        };
        let shared = Arc::new(Shared::new(
            io::Io::waker(&*wire),
            Box::new(Deaf),
            config.event_queue_bytes,
            config.event_queue_ms,
        ));
        Host { run: Run::new(&config, wire, shared.clone()), shared, queues }
    }

    /// `tls` None: that of the configured certificate. Gives what the endpoint's handshakes are done with.
    pub fn listen(
        &mut self,
        config: ListenConfig,
        tls: Option<Arc<dyn crypto::ServerConfig>>,
    ) -> Result<Arc<dyn crypto::ServerConfig>, EngineError> {
        let certificates = CertStore::open(&config.certificate, SystemTime::now())?;
        let tls = match tls {
            Some(tls) => tls,
            None => {
                let (chain, key) = certificates.current();
                tls::server(chain, key, None)?
            }
        };
        let socket = socket()?;
        let endpoint = self.shared.endpoints.fetch_add(1, Ordering::Relaxed);
        let listener = NewListener { endpoint, config, certificates, clients: None, tls: tls.clone(), socket };
        self.shared.push(Input::Listen(Box::new(listener)));
        Ok(tls)
    }

    pub fn connect(
        &mut self,
        config: ConnectConfig,
        tls: Arc<dyn crypto::ClientConfig>,
    ) -> Result<SessionId, EngineError> {
        let url = url::Url::parse(&config.url).map_err(|error| failed(error.to_string()))?;
        let session = self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        self.shared.push(Input::Connect(Box::new(NewClient { session, config, url, tls })));
        Ok(session)
    }

    pub fn command(&mut self, command: Command) {
        self.shared.push(Input::Command(command));
    }

    /// A packet from this address, read in the next turn.
    pub fn arrives(&mut self, from: SocketAddr, data: Vec<u8>) {
        self.queues().arriving.push_back((from, data));
    }

    /// What was sent since the last call, and where to.
    pub fn left(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.queues().left)
    }

    /// One turn of the loop. A panic in the work for a connection is caught by the engine itself, as ever.
    pub fn turn(&mut self) {
        self.run.turn();
    }

    pub fn events(&mut self) -> Vec<Event> {
        let mut out = Vec::new();
        self.shared.take_events(&mut out);
        out
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}

fn failed(message: String) -> EngineError {
    EngineError { code: "io_failed", message, address: None }
}

/// The engine gets one for each endpoint. Nothing passes through it.
fn socket() -> Result<std::net::UdpSocket, EngineError> {
    std::net::UdpSocket::bind("127.0.0.1:0").map_err(|error| failed(error.to_string()))
}

/// What a client does its handshakes with, which trusts nobody.
pub fn client_tls() -> Result<Arc<dyn crypto::ClientConfig>, EngineError> {
    Ok(tls::client(&ConnectConfig {
        url: String::new(),
        addr: ([127, 0, 0, 1], 0).into(),
        origin: None,
        certificate_hashes: vec![[0; 32]],
        roots_pem: None,
        identity: None,
        server_name: None,
        connect_timeout_ms: 0,
        datagrams: DatagramMode::Refuse,
        limits: TransportLimits {
            idle_timeout_ms: 0,
            keep_alive_ms: 0,
            max_bidi_streams: 0,
            max_uni_streams: 0,
            datagram_queue_bytes: 0,
            datagram_queue_ms: 0,
            stream_window_bytes: 0,
            stream_send_bytes: 0,
            max_datagram_bytes: 0,
            rate_ceiling_kbps: 0,
            trunk_flush_ms: 0,
        },
        socket_group: 0,
        own_socket: false,
        link: None,
    })?)
}
