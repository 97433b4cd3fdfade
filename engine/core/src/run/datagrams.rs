//! Sending datagrams. A queue of our own, bounded in bytes and ms, stands before quinn's, which holds one at most: what
//! quinn took can neither be dropped for its age nor be overtaken.

use super::conn::{Conn, Phase};
use super::stats::Counters;
use super::{Core, Out, NO_CONN};
use crate::api::{Event, SessionId};
use crate::clock::Now;
use crate::h3;
use crate::media::MediaOut;
use bytes::{BufMut, Bytes, BytesMut};

/// `payload[0]` is 0x00, the prefix for session stream 0.
fn prefixed(quarter: u64, payload: Bytes) -> Bytes {
    if quarter == 0 {
        return payload;
    }
    let mut out = BytesMut::with_capacity(payload.len() + 7);
    h3::put_varint(&mut out, quarter);
    out.put_slice(&payload[1..]);
    out.freeze()
}

enum Offer {
    /// In quinn, which was empty: one packet may go out now.
    Direct,
    Staged,
    Dropped,
}

impl Conn {
    fn quinn_empty(&mut self) -> bool {
        self.q.datagrams().send_buffer_space() == self.empty_space
    }

    fn too_large(&mut self, counters: &mut Counters) {
        self.counters.dropped_too_large += 1;
        counters.dropped_too_large += 1;
    }

    fn sent(&mut self, now: Now, bytes: usize, counters: &mut Counters) {
        self.datagram_sent_us = now.us;
        self.counters.datagrams_out += 1;
        self.counters.datagram_bytes_out += bytes as u64;
        counters.datagrams_out += 1;
    }

    fn offer(&mut self, now: Now, payload: Bytes, counters: &mut Counters) -> Offer {
        if self.phase != Phase::Open {
            counters.dropped_closed += 1;
            return Offer::Dropped;
        }
        let bytes = payload.len() - 1;
        if bytes > self.limits.max_datagram_bytes {
            self.too_large(counters);
            return Offer::Dropped;
        }
        let payload = prefixed(self.quarter, payload);
        if self.staged.is_empty() && self.quinn_empty() {
            if self.q.datagrams().send(payload, true).is_err() {
                self.too_large(counters);
                return Offer::Dropped;
            }
            self.sent(now, bytes, counters);
            return Offer::Direct;
        }
        if self.q.datagrams().max_size().is_none_or(|max| payload.len() > max) {
            self.too_large(counters);
            return Offer::Dropped;
        }
        self.staged_bytes += payload.len();
        self.staged.push_back((now.us, payload));
        self.expire(now, counters);
        while self.staged_bytes > self.limits.datagram_queue_bytes && self.staged.len() > 1 {
            self.drop_oldest();
            self.counters.dropped_queue_full += 1;
            counters.dropped_queue_full += 1;
        }
        Offer::Staged
    }

    fn drop_oldest(&mut self) {
        if let Some((_, payload)) = self.staged.pop_front() {
            self.staged_bytes -= payload.len();
        }
    }

    fn expire(&mut self, now: Now, counters: &mut Counters) {
        let oldest_us = now.us.saturating_sub(u64::from(self.limits.datagram_queue_ms) * 1000);
        while self.staged.front().is_some_and(|(at_us, _)| *at_us < oldest_us) {
            self.drop_oldest();
            self.counters.dropped_expired += 1;
            counters.dropped_expired += 1;
        }
    }

    /// Gives quinn the next datagram when it has none. False: nothing to give.
    pub(super) fn refill(&mut self, now: Now, counters: &mut Counters) -> bool {
        if self.staged.is_empty() || !self.quinn_empty() {
            return false;
        }
        self.expire(now, counters);
        while let Some((_, payload)) = self.staged.pop_front() {
            self.staged_bytes -= payload.len();
            let bytes = payload.len() - 1;
            if self.q.datagrams().send(payload, true).is_ok() {
                self.sent(now, bytes, counters);
                return true;
            }
            self.too_large(counters);
        }
        false
    }
}

impl Core {
    /// Datagrams wait in our own queue.
    pub(super) fn waits(&self, index: u32) -> bool {
        self.conns[index as usize].as_ref().is_some_and(|conn| !conn.staged.is_empty())
    }

    /// `payload` has the prefix for session stream 0. Builds the packet at once when nothing waits before it; bundles on a
    /// trunk wait for company.
    pub(super) fn send_datagram(&mut self, now: Now, index: u32, payload: Bytes) {
        self.catch_up(now, index);
        if let Some(payload) = self.share(now, index, payload) {
            self.send_now(now, index, payload);
        }
    }

    pub(super) fn send_now(&mut self, now: Now, index: u32, payload: Bytes) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        match conn.offer(now, payload, &mut self.out.counters) {
            Offer::Direct => {
                self.transmit_one(now, index);
                let Some(conn) = self.conns[index as usize].as_mut() else { return };
                if conn.quinn_empty() {
                    self.schedule_sent(now, index);
                } else {
                    // Blocked, or the packet held other things: the turn's end sees to it.
                    self.mark(index);
                }
            }
            Offer::Staged => self.mark(index),
            Offer::Dropped => {}
        }
    }

    pub(super) fn send_to_session(&mut self, now: Now, session: SessionId, payload: Bytes) {
        let index = self.sessions.get(&session).copied().unwrap_or(NO_CONN);
        self.send_to_conn(now, index, payload);
    }

    fn send_to_conn(&mut self, now: Now, index: u32, payload: Bytes) {
        if index == NO_CONN {
            self.out.counters.dropped_closed += 1;
            return;
        }
        self.guarded(index, |core| core.send_datagram(now, index, payload));
    }

    pub(super) fn heartbeat(&mut self, now: Now, index: u32) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        if conn.phase != Phase::Open || conn.heartbeat_us == 0 {
            return;
        }
        let due_us = conn.datagram_sent_us + conn.heartbeat_us;
        if due_us > now.us {
            conn.deadline_us = Some(due_us);
            return;
        }
        conn.deadline_us = Some(now.us + conn.heartbeat_us);
        self.out.counters.heartbeats += 1;
        self.send_datagram(now, index, Bytes::from_static(&[0x00, 0x04]));
    }
}

/// The media plane's way out.
pub(super) struct ToSessions<'a> {
    pub core: &'a mut Core,
    pub now: Now,
}

impl MediaOut for ToSessions<'_> {
    /// The start rotates: the place in a serial fan-out is the latency, and nobody should always be last.
    fn fan_out(&mut self, members: &[SessionId], skip: Option<SessionId>, payload: &Bytes) {
        if members.is_empty() {
            return;
        }
        let core = &mut *self.core;
        core.rotation = core.rotation.wrapping_add(1);
        let (early, late) = members.split_at(core.rotation % members.len());
        let mut receivers = std::mem::take(&mut core.receivers);
        let to = late.iter().chain(early).filter(|member| Some(**member) != skip);
        receivers.extend(to.map(|member| core.sessions.get(member).copied().unwrap_or(NO_CONN)));
        for at in 0..receivers.len() {
            if let Some(index) = receivers.get(at + 2) {
                core.expect(*index);
            }
            if let Some(index) = receivers.get(at + 1) {
                core.expect_controller(*index);
            }
            core.send_to_conn(self.now, receivers[at], payload.clone());
        }
        receivers.clear();
        core.receivers = receivers;
    }

    fn send(&mut self, to: SessionId, payload: Bytes) {
        self.core.send_to_session(self.now, to, payload);
    }

    fn event(&mut self, event: Event) {
        self.core.out.events.push(event);
    }
}

/// One datagram of the application, with the prefix for session stream 0.
pub(super) fn with_prefix(data: &[u8]) -> Bytes {
    let mut payload = BytesMut::with_capacity(data.len() + 1);
    payload.put_u8(0);
    payload.put_slice(data);
    payload.freeze()
}

impl Out {
    pub(super) fn next_session(&mut self) -> SessionId {
        self.shared.sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}
