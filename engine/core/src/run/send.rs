//! The end of a turn: what connections have to send, and when to look at them again.

use super::Core;
use crate::clock::Now;
use quinn_proto::Transmit;

/// Packets that one connection sends in one turn; a bulk stream goes on in the next turn.
const PACKETS_A_TURN: usize = 32;

impl Core {
    /// Builds at most one packet, into the batch.
    pub(super) fn transmit_one(&mut self, now: Now, index: u32) -> bool {
        let Some(conn) = self.conns[index as usize].as_mut() else { return false };
        let repeats = conn.repeat.any().then(|| conn.q.stats().frame_tx.stream);
        let Some(Transmit { destination, .. }) = conn.q.poll_transmit(now.at, 1, self.io.slot()) else { return false };
        let (key, linked) = (conn.endpoint, conn.linked);
        if repeats.is_some_and(|before| conn.q.stats().frame_tx.stream > before) {
            self.repeat_later(now, index, destination);
        }
        if linked {
            self.commit(now, key, destination);
        } else {
            self.io.commit(key, destination);
        }
        true
    }

    /// Sends what the connection has and is allowed to send.
    fn finish_one(&mut self, now: Now, index: u32) {
        self.catch_up(now, index);
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        conn.dirty = false;
        let mut sent = 0;
        loop {
            let Some(conn) = self.conns[index as usize].as_mut() else { return };
            conn.refill(now, &mut self.out.counters);
            if !self.transmit_one(now, index) {
                break;
            }
            sent += 1;
            if sent == PACKETS_A_TURN {
                self.mark(index);
                self.hurry = true;
                break;
            }
        }
        self.rest(now, index);
    }

    /// Nothing more to send for now: looks to the connection's end and its timer.
    pub(super) fn rest(&mut self, now: Now, index: u32) {
        if self.endpoint_events(index) {
            self.schedule(now, index);
        }
    }

    /// What a connection has to say to its endpoint, and the endpoint's answers. False: the connection is gone.
    pub(super) fn endpoint_events(&mut self, index: u32) -> bool {
        let Some(conn) = self.conns[index as usize].as_mut() else { return false };
        let Some(endpoint) = self.endpoints[conn.endpoint as usize].as_mut() else { return false };
        let mut drained = false;
        while let Some(event) = conn.q.poll_endpoint_events() {
            drained |= event.is_drained();
            if let Some(event) = endpoint.q.handle_event(conn.handle, event) {
                conn.q.handle_event(event);
                // New connection ids to announce.
                self.hurry = true;
                if !conn.dirty {
                    conn.dirty = true;
                    self.dirty.push(index);
                }
            }
        }
        if drained {
            self.remove_conn(index);
        }
        !drained
    }

    pub(super) fn finish(&mut self, now: Now) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.guarded(index, |core| core.finish_one(now, index));
        }
        // What was marked meanwhile is the next turn's.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        } else {
            self.hurry = true;
        }
    }
}
