//! Acknowledgements of viewers wait until their connection is worked on anyway. A viewer acknowledges each packet of a
//! sparse flow, and its connection lies in cold memory both times: worked off together, the second time is nearly free.

use super::conn::{Conn, Phase};
use super::timers::SOON_MS;
use super::Core;
use crate::api::DatagramMode;
use crate::clock::Now;
use quinn_proto::ConnectionEvent;

/// A packet up to this size holds acknowledgements and flow control, but neither a probe (39 bytes at least) nor a request
/// for what is missing (37).
const SMALL_BYTES: usize = 36;
/// More than that are not put off.
const MOST: usize = 8;
/// A connection that wrote to a stream so lately waits for room to write on.
const WRITING_US: u64 = 1_000_000;

impl Conn {
    /// The next datagram to it, or a look at its timers within `SOON_MS`, comes soon, and nothing else waits for what this
    /// packet says. Applications that are given datagrams one by one may send shorter ones than the media plane knows.
    fn may_defer(&self, now: Now) -> bool {
        self.phase == Phase::Open
            && self.server
            && self.mode != DatagramMode::Deliver
            && self.shared.is_none()
            && !self.dirty
            && self.staged.is_empty()
            && self.deferred.len() < MOST
            && self.scheduled_ms <= now.us / 1000 + SOON_MS
            && self.datagram_sent_us + SOON_MS * 1000 > now.us
            && self.counters.datagrams_out > 0
            && self.stream_us + WRITING_US <= now.us
    }
}

impl Core {
    /// Puts a packet of `bytes` off, or gives it back. Times are taken from its arrival, so no round trip looks longer.
    pub(super) fn defer(
        &mut self,
        now: Now,
        index: u32,
        bytes: usize,
        event: ConnectionEvent,
    ) -> Option<ConnectionEvent> {
        if bytes > SMALL_BYTES {
            return Some(event);
        }
        match self.conns.get_mut(index as usize).and_then(Option::as_mut) {
            Some(conn) if conn.may_defer(now) => {
                conn.deferred.push((now.us, event));
                self.out.counters.packets_deferred += 1;
                None
            }
            _ => Some(event),
        }
    }

    /// Works off what was put off. Comes before anything that is done with a connection.
    pub(super) fn catch_up(&mut self, now: Now, index: u32) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        if conn.deferred.is_empty() {
            return;
        }
        let mut deferred = std::mem::take(&mut conn.deferred);
        for (received_us, event) in deferred.drain(..) {
            conn.received_us = received_us;
            conn.q.handle_event(event);
        }
        // Kept for its memory.
        conn.deferred = deferred;
        if self.drive_one(now, index) {
            self.mark(index);
        }
        self.endpoint_events(index);
    }
}
