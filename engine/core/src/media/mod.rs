//! The media plane of an engine: all its rooms, sans-IO.

use crate::api::{Command, Event, RoomId, SessionId};
use bytes::Bytes;

/// Where the media plane's output goes. A payload's first byte is 0x00, the quarter stream id of session stream 0; the
/// loop replaces it for sessions on other streams.
pub trait MediaOut {
    fn fan_out(&mut self, members: &[SessionId], skip: Option<SessionId>, payload: &Bytes);
    fn send(&mut self, to: SessionId, payload: Bytes);
    fn event(&mut self, e: Event);
}

#[derive(Default)]
pub struct MediaPlane;

impl MediaPlane {
    pub fn new() -> Self {
        MediaPlane
    }
    pub fn command(&mut self, _now_us: u64, _c: &Command, _out: &mut dyn MediaOut) {}
    pub fn on_datagram(
        &mut self,
        _now_us: u64,
        _from: SessionId,
        _data: &[u8],
        _out: &mut dyn MediaOut,
    ) {
    }
    pub fn poll(&mut self, _now_us: u64, _out: &mut dyn MediaOut) {}
    pub fn next_deadline_us(&self) -> Option<u64> {
        None
    }
    pub fn session_closed(&mut self, _s: SessionId, _out: &mut dyn MediaOut) {}
    pub fn stats_room(&self, _r: RoomId) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
    pub fn stats_slot(&mut self, _r: RoomId, _slot: u8) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// The reply to a probe, prefix byte included; None when `data` is no probe.
pub fn answer_probe(_data: &[u8], _received_us: u64, _now_us: u64) -> Option<Bytes> {
    None
}
