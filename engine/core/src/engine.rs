//! The handle that other threads hold: commands in through a bounded queue, events out in batches.

use crate::api::*;
use crate::cert::CertStore;
use crate::queue::{Input, NewClient, NewListener, Shared};
use crate::run::Run;
use crate::{io, tls};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// A bound endpoint. `hashes`: SHA-256 of the certificates that are or will soon be served.
#[derive(Clone, Debug)]
pub struct Listening {
    pub endpoint: EndpointId,
    pub addr: SocketAddr,
    pub hashes: Vec<[u8; 32]>,
}

/// One engine thread. Dropping the handle closes all sessions, ends the thread and joins it.
pub struct Engine {
    shared: Arc<Shared>,
    socket_buffer_bytes: usize,
    thread: Option<JoinHandle<()>>,
}

fn failed(code: &'static str, error: impl ToString) -> EngineError {
    EngineError { code, message: error.to_string(), address: None }
}

impl Engine {
    /// Spawns the thread. `sink.wake()` is called on it when events wait and none waited before.
    /// Fails with `io_failed` when the system refuses a poll, a thread, or `IoKind::Fast` where it does not exist.
    pub fn start(config: EngineConfig, sink: Box<dyn EventSink>) -> Result<Engine, EngineError> {
        let io = io::open(config.io)?;
        let shared = Arc::new(Shared::new(io.waker(), sink, config.event_queue_bytes, config.event_queue_ms));
        let of_thread = shared.clone();
        let socket_buffer_bytes = config.socket_buffer_bytes;
        let thread = std::thread::Builder::new()
            .name("hayate".into())
            .spawn(move || {
                ask_for_priority();
                Run::new(&config, io, of_thread).run()
            })
            .map_err(|error| failed("io_failed", error))?;
        Ok(Engine { shared, socket_buffer_bytes, thread: Some(thread) })
    }

    /// Binds the socket on the caller's thread: `bind_failed` and `bad_certificate` come at once.
    pub fn listen(&self, config: ListenConfig) -> Result<Listening, EngineError> {
        let certificates = CertStore::open(&config.certificate, SystemTime::now())?;
        let hashes = certificates.hashes();
        let (chain, key) = certificates.current();
        let clients = config.client_ca.as_deref().map(tls::clients_of).transpose()?;
        let tls = tls::server(chain, key, clients.clone())?;
        let bind_failed = |error: std::io::Error| EngineError {
            code: "bind_failed",
            message: error.to_string(),
            address: Some(config.addr.ip()),
        };
        let socket = io::bind(config.addr, self.socket_buffer_bytes).map_err(bind_failed)?;
        let addr = socket.local_addr().map_err(bind_failed)?;
        let endpoint = self.shared.endpoints.fetch_add(1, Ordering::Relaxed);
        self.shared.push(Input::Listen(Box::new(NewListener { endpoint, config, certificates, clients, tls, socket })));
        Ok(Listening { endpoint, addr, hashes })
    }

    /// Starts a client session; `SessionReady` or `SessionClosed` follows. `bad_url` and `bad_certificate` (roots that
    /// or an identity that cannot be read) come at once.
    pub fn connect(&self, config: ConnectConfig) -> Result<SessionId, EngineError> {
        let url = url::Url::parse(&config.url).map_err(|error| failed("bad_url", error))?;
        if url.scheme() != "https" || url.host_str().is_none() {
            return Err(failed("bad_url", "not https://host/path"));
        }
        let tls = tls::client(&config)?;
        let session = self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        self.shared.push(Input::Connect(Box::new(NewClient { session, config, url, tls })));
        Ok(session)
    }

    pub fn next_room_id(&self) -> RoomId {
        self.shared.rooms.fetch_add(1, Ordering::Relaxed)
    }

    /// Never blocks. Datagrams beyond 8192 commands or 8 MB that wait are dropped and counted (`command_queue_full`).
    pub fn send(&self, command: Command) {
        self.shared.push(Input::Command(command));
    }

    /// Several commands follow at once: the engine need not wake for each of them. `release` must follow.
    pub fn hold(&self) {
        self.shared.hold();
    }

    pub fn release(&self) {
        self.shared.release();
    }

    /// Moves all waiting events to the end of `out`.
    pub fn take_events(&self, out: &mut Vec<Event>) {
        self.shared.take_events(out);
    }

    #[cfg(test)]
    pub(crate) fn panic_on(&self, session: SessionId) {
        self.shared.push(Input::PanicOn(session));
    }

    #[cfg(test)]
    pub(crate) fn stand_still(&self, time: std::time::Duration) {
        self.shared.push(Input::StandStill(time));
    }
}

/// Media before everything else of this process when cores are short: ten steps above the thread that opened the engine.
/// Needs CAP_SYS_NICE (or a raised nice limit); without it the thread is as good as any other.
fn ask_for_priority() {
    // On Linux `who` 0 is the calling thread, elsewhere the whole process, which would help nobody.
    #[cfg(target_os = "linux")]
    // SAFETY: plain system call without pointers; a refusal changes nothing.
    unsafe {
        let own = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, (own - 10).max(-20));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.send(Command::Shutdown);
        if let Some(thread) = self.thread.take() {
            // The thread catches its panics; what is left of one here concerns nobody.
            let _ = thread.join();
        }
    }
}
