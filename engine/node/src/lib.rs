//! hayate-core as a Node addon. Thin: numbers and Buffers go in by methods, events come out in batches by `poll`.
//!
//! Threads
//! - The JavaScript thread calls every method here. None blocks on the network; `listen` binds a socket and reads or
//!   makes a certificate, `shutdown` waits for the engine thread to end (milliseconds).
//! - The engine thread (one a `NativeEngine`, started by `hayate_core::Engine::start`) never touches JavaScript. When
//!   events wait and none waited before it calls the wake function through a thread-safe function without blocking;
//!   Node then runs the callback on the JavaScript thread, which calls `poll` once for everything that waits. So a
//!   stalled JavaScript thread costs the engine nothing: events stay in the engine's bounded queue.
//! - A `NativeProxy` has a thread of its own that knows neither.
//!
//! Ownership
//! - `NativeEngine` owns the core's handle. The core's thread owns the sink, the sink a share of the thread-safe
//!   function. Nothing on the engine thread points to a JavaScript value.
//! - Bytes are copied once on the way in (JavaScript may change its buffer after the call) and once on the way out
//!   (into the batch, whose memory then belongs to the Buffer that `poll` returns).
//!
//! Teardown
//! - The thread-safe function is unreferenced from the start: an idle engine keeps no process alive. `keep_alive(true)`
//!   while listeners or sessions are open references it.
//! - `shutdown` (or the finalizer of a collected or torn-down object) drops the handle, which tells the thread to send
//!   what must be sent, end and be joined; then the sink's share of the thread-safe function goes, then ours. A wake
//!   that Node has queued by then finds no engine and `poll` returns null.
//! - When Node tears the environment down first (process exit, worker end) it closes the thread-safe function; a wake
//!   after that returns a status that is ignored.
//!
//! Panics: the core turns those of its thread into `Event::Panic`; those on the JavaScript thread are caught by
//! `guarded` and thrown as an error with code `internal`. None unwinds into Node.

mod authority;
mod config;
mod frame;
mod proxy;

use bytes::Bytes;
use config::{datagram_mode, NativeConnectConfig, NativeEngineConfig, NativeListenConfig};
use hayate_core::api::{
    Command, DeliveryClass, EngineError, Event, EventSink, Layer, Repair, RoomConfig, SendOptions, StatsOf,
};
use hayate_core::Engine;
use napi::bindgen_prelude::{Buffer, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{sys, Env};
use napi_derive::napi;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A thrown error: the first part becomes its `code`.
pub(crate) type Failure = napi::Error<&'static str>;

pub(crate) fn failure(code: &'static str, message: impl Into<String>) -> Failure {
    napi::Error::new(code, message.into())
}

pub(crate) fn refused(e: EngineError) -> Failure {
    match e.address {
        Some(address) => failure(e.code, format!("{} ({address})", e.message)),
        None => failure(e.code, e.message),
    }
}

/// Runs `f`; a panic becomes an error with code `internal`.
pub(crate) fn guarded<T>(f: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panic".to_owned());
        Err(failure("internal", message))
    })
}

fn send_options(priority: i32, repeat_ms: u32) -> SendOptions {
    SendOptions { priority, repeat_ms: repeat_ms.min(255) as u8 }
}

type Wake = ThreadsafeFunction<(), (), (), napi::Status, false, true, 0>;

struct WakeSink(Arc<Wake>);

impl EventSink for WakeSink {
    fn wake(&self) {
        self.0.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

#[napi(object)]
pub struct Address {
    pub host: String,
    pub port: u32,
}

pub(crate) fn address(a: std::net::SocketAddr) -> Address {
    Address { host: a.ip().to_string(), port: u32::from(a.port()) }
}

#[napi(object)]
pub struct NativeListening {
    pub endpoint: u32,
    pub address: Address,
    pub hashes: Vec<Buffer>,
}

#[napi]
pub struct NativeEngine {
    engine: Option<Engine>,
    wake: Arc<Wake>,
    /// Reused between polls.
    events: Vec<Event>,
}

#[napi]
impl NativeEngine {
    /// `wake` is called on the JavaScript thread when events wait: it must call `poll`.
    #[napi(constructor)]
    pub fn new(config: NativeEngineConfig, wake: Function<(), ()>) -> Result<NativeEngine, Failure> {
        guarded(|| {
            let wake = wake
                .build_threadsafe_function::<()>()
                .callee_handled::<false>()
                .weak::<true>()
                .build()
                .map_err(|e| failure("internal", e.reason.clone()))?;
            let wake = Arc::new(wake);
            let sink = Box::new(WakeSink(wake.clone()));
            let engine = Engine::start(config.into_core(), sink).map_err(refused)?;
            Ok(NativeEngine { engine: Some(engine), wake, events: Vec::new() })
        })
    }

    /// Whether this engine keeps the process alive.
    #[napi]
    pub fn keep_alive(&self, env: Env, on: bool) {
        let raw = self.wake.raw();
        // SAFETY: the thread-safe function lives as long as `self.wake`, and this is the thread of `env`. A failure
        // means that the environment is going down: nothing left to keep alive.
        unsafe {
            if on {
                sys::napi_ref_threadsafe_function(env.raw(), raw);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), raw);
            }
        }
    }

    /// All waiting events as one Buffer in the layout of `frame.rs`; null when none waits.
    #[napi]
    pub fn poll(&mut self) -> Result<Option<Buffer>, Failure> {
        guarded(|| {
            let Some(engine) = &self.engine else {
                return Ok(None);
            };
            engine.take_events(&mut self.events);
            if self.events.is_empty() {
                return Ok(None);
            }
            let mut out = Vec::with_capacity(frame::size_hint(&self.events));
            for event in &self.events {
                frame::encode(event, &mut out);
            }
            self.events.clear();
            // A burst must not hold its memory for ever.
            self.events.shrink_to(4096);
            Ok(Some(out.into()))
        })
    }

    /// Ends the engine thread and joins it. Idempotent; everything but `poll` throws `closed` afterwards.
    #[napi]
    pub fn shutdown(&mut self) -> Result<(), Failure> {
        guarded(|| {
            self.engine = None;
            Ok(())
        })
    }

    #[napi]
    pub fn listen(&self, config: NativeListenConfig) -> Result<NativeListening, Failure> {
        guarded(|| {
            let l = self.engine()?.listen(config.into_core()?).map_err(refused)?;
            Ok(NativeListening {
                endpoint: l.endpoint,
                address: address(l.addr),
                hashes: l.hashes.iter().map(|h| Buffer::from(h.to_vec())).collect(),
            })
        })
    }

    /// Returns the session's number; `SessionReady` or `SessionClosed` follows.
    #[napi]
    pub fn connect(&self, config: NativeConnectConfig) -> Result<u32, Failure> {
        guarded(|| self.engine()?.connect(config.into_core()?).map_err(refused))
    }

    #[napi]
    pub fn close_session(&self, session: u32, code: u32, reason: String) -> Result<(), Failure> {
        self.send(Command::Close { session, code, reason })
    }

    #[napi]
    pub fn stop_listening(&self, endpoint: u32, close: bool) -> Result<(), Failure> {
        self.send(Command::StopListening { endpoint, close })
    }

    #[napi]
    pub fn send_datagram(&self, session: u32, data: &[u8]) -> Result<(), Failure> {
        self.send(Command::SendDatagram { session, data: Bytes::copy_from_slice(data) })
    }

    #[napi]
    pub fn set_datagram_mode(&self, session: u32, mode: u32) -> Result<(), Failure> {
        self.send(Command::SetDatagramMode { session, mode: datagram_mode(mode) })
    }

    #[napi]
    pub fn set_stream_limits(&self, session: u32, bidi: u32, uni: u32) -> Result<(), Failure> {
        self.send(Command::SetStreamLimits { session, bidi, uni })
    }

    /// `StreamOpened` with the token follows.
    #[napi]
    pub fn open_stream(
        &self,
        session: u32,
        token: u32,
        bidi: bool,
        priority: i32,
        repeat_ms: u32,
    ) -> Result<(), Failure> {
        self.send(Command::OpenStream { session, token, bidi, send: send_options(priority, repeat_ms) })
    }

    #[napi]
    pub fn stream_options(&self, session: u32, stream: f64, priority: i32, repeat_ms: u32) -> Result<(), Failure> {
        self.send(Command::StreamOptions { session, stream: stream as u64, send: send_options(priority, repeat_ms) })
    }

    #[napi]
    pub fn stream_write(&self, session: u32, stream: f64, data: &[u8], fin: bool) -> Result<(), Failure> {
        let data = Bytes::copy_from_slice(data);
        self.send(Command::StreamWrite { session, stream: stream as u64, data, fin })
    }

    #[napi]
    pub fn stream_reset(&self, session: u32, stream: f64, code: u32) -> Result<(), Failure> {
        self.send(Command::StreamReset { session, stream: stream as u64, code })
    }

    #[napi]
    pub fn stream_stop(&self, session: u32, stream: f64, code: u32) -> Result<(), Failure> {
        self.send(Command::StreamStop { session, stream: stream as u64, code })
    }

    #[napi]
    pub fn stream_credit(&self, session: u32, stream: f64, bytes: u32) -> Result<(), Failure> {
        self.send(Command::StreamCredit { session, stream: stream as u64, bytes })
    }

    /// Returns the room's number.
    #[napi]
    pub fn room_create(
        &self,
        alias: u32,
        max_age_ms: u32,
        max_ahead_ms: u32,
        max_members: u32,
        units_per_second: u32,
    ) -> Result<u32, Failure> {
        guarded(|| {
            let engine = self.engine()?;
            let room = engine.next_room_id();
            let config = RoomConfig { alias, max_age_ms, max_ahead_ms, max_members, units_per_second };
            engine.send(Command::RoomCreate { room, config });
            Ok(room)
        })
    }

    #[napi]
    pub fn room_close(&self, room: u32) -> Result<(), Failure> {
        self.send(Command::RoomClose { room })
    }

    #[napi]
    pub fn room_join(&self, room: u32, session: u32) -> Result<(), Failure> {
        self.send(Command::RoomJoin { room, session })
    }

    #[napi]
    pub fn room_leave(&self, room: u32, session: u32) -> Result<(), Failure> {
        self.send(Command::RoomLeave { room, session })
    }

    /// `RoomSynced` with slot and generation follows.
    #[napi]
    pub fn room_publish(&self, room: u32, session: u32, slot: u32, generation: u32) -> Result<(), Failure> {
        self.send(Command::RoomPublish { room, session, slot: slot as u8, generation: generation as u8 })
    }

    #[napi]
    pub fn room_unpublish(&self, room: u32, slot: u32) -> Result<(), Failure> {
        self.send(Command::RoomUnpublish { room, slot: slot as u8 })
    }

    /// `slots`: a mask.
    #[napi]
    pub fn room_feed(&self, room: u32, session: u32, alias: u32, slots: u32) -> Result<(), Failure> {
        self.send(Command::RoomFeed { room, session, alias, slots: slots as u8 })
    }

    /// `repair`: 0 none, 1 repeat, 2 since key. `layer`: 0 all, 1 keys, 2 voice. `slots`, `patient`: masks.
    #[napi]
    #[allow(clippy::too_many_arguments)]
    pub fn room_set_class(
        &self,
        room: u32,
        session: u32,
        voice: u32,
        hold_ms: u32,
        repair: u32,
        spacing_ms: u32,
        layer: u32,
        slots: u32,
        patient: u32,
    ) -> Result<(), Failure> {
        let class = DeliveryClass {
            voice: voice as u8,
            hold_ms: hold_ms.min(255) as u8,
            repair: match repair {
                0 => Repair::None,
                1 => Repair::Repeat,
                2 => Repair::SinceKey,
                _ => Repair::Request,
            },
            spacing_ms: spacing_ms.min(255) as u8,
            layer: match layer {
                0 => Layer::All,
                1 => Layer::Keys,
                _ => Layer::Voice,
            },
            slots: slots as u8,
            patient: patient as u8,
            // The engine's to decide.
            prompt: false,
        };
        self.send(Command::RoomSetClass { room, session, class })
    }

    #[napi]
    pub fn room_send(&self, room: u32, data: &[u8]) -> Result<(), Failure> {
        self.send(Command::RoomSend { room, data: Bytes::copy_from_slice(data) })
    }

    /// `of`: 0 engine, 1 endpoint `id`, 2 session `id`, 3 room `id`, 4 slot `slot` of room `id`: `Stats` follows.
    /// 5 members of room `id`: `Members` follows.
    #[napi]
    pub fn stats(&self, token: u32, of: u32, id: u32, slot: u32) -> Result<(), Failure> {
        let of = match of {
            0 => StatsOf::Engine,
            1 => StatsOf::Endpoint(id),
            2 => StatsOf::Session(id),
            3 => StatsOf::Room(id),
            4 => StatsOf::Slot(id, slot as u8),
            _ => StatsOf::Members(id),
        };
        self.send(Command::Stats { token, of })
    }

    #[napi]
    pub fn hold(&self) {
        if let Some(engine) = &self.engine {
            engine.hold();
        }
    }

    #[napi]
    pub fn release(&self) {
        if let Some(engine) = &self.engine {
            engine.release();
        }
    }

    fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.as_ref().ok_or_else(|| failure("closed", "the engine is closed"))
    }

    fn send(&self, command: Command) -> Result<(), Failure> {
        guarded(|| {
            self.engine()?.send(command);
            Ok(())
        })
    }
}
