//! The handle that other threads hold: commands in through a bounded queue, events out in batches.

use crate::api::*;
use std::net::SocketAddr;

/// A bound endpoint. `hashes`: SHA-256 of the certificates that are or will soon be served.
#[derive(Clone, Debug)]
pub struct Listening {
    pub endpoint: EndpointId,
    pub addr: SocketAddr,
    pub hashes: Vec<[u8; 32]>,
}

/// One engine thread. Dropping the handle ends the thread and joins it.
pub struct Engine {}

impl Engine {
    /// Spawns the thread. `sink.wake()` is called on it when events wait and none waited before.
    pub fn start(_config: EngineConfig, _sink: Box<dyn EventSink>) -> Result<Engine, EngineError> {
        todo!()
    }

    /// Binds the socket on the caller's thread: errors come at once.
    pub fn listen(&self, _c: ListenConfig) -> Result<Listening, EngineError> {
        todo!()
    }

    /// Starts a client session; `SessionReady` or `SessionClosed` follows.
    pub fn connect(&self, _c: ConnectConfig) -> Result<SessionId, EngineError> {
        todo!()
    }

    pub fn next_room_id(&self) -> RoomId {
        todo!()
    }

    pub fn send(&self, _c: Command) {
        todo!()
    }

    /// Moves all waiting events to the end of `out`.
    pub fn take_events(&self, _out: &mut Vec<Event>) {
        todo!()
    }
}
