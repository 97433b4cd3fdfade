//! Packets of streams with `repeat_ms` leave twice, byte for byte. The receiver discards the second by its packet number,
//! so this is what a network that duplicates does: no protocol, no acknowledgement, no congestion controller sees it. A
//! small message that is lost once costs the pause between both instead of one and a half round trips.

use super::Core;
use crate::clock::Now;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Copies that wait, of all connections: over it a packet leaves once.
const WAITING_BYTES: usize = 1 << 20;

/// What one connection has written to such streams and not sent.
#[derive(Default)]
pub(super) struct Owed {
    bytes: usize,
    after_ms: u8,
}

impl Owed {
    pub fn owe(&mut self, bytes: usize, after_ms: u8) {
        self.bytes += bytes;
        self.after_ms = after_ms;
    }

    pub fn any(&self) -> bool {
        self.bytes > 0
    }

    /// A packet with stream data leaves. quinn does not say of which stream; these go first, so it is taken for theirs
    /// until as much has left as was written.
    fn pay(&mut self, packet_bytes: usize) -> u64 {
        self.bytes = self.bytes.saturating_sub(packet_bytes);
        u64::from(self.after_ms) * 1000
    }
}

struct Copy {
    due_us: u64,
    key: u32,
    to: SocketAddr,
    data: Box<[u8]>,
}

/// By due time; equal ones in the order they came.
#[derive(Default)]
pub(super) struct Repeats {
    waiting: VecDeque<Copy>,
    bytes: usize,
}

impl Repeats {
    pub fn deadline_us(&self) -> Option<u64> {
        self.waiting.front().map(|copy| copy.due_us)
    }

    /// False: no room.
    fn add(&mut self, due_us: u64, key: u32, to: SocketAddr, data: &[u8]) -> bool {
        if self.bytes + data.len() > WAITING_BYTES {
            return false;
        }
        self.bytes += data.len();
        // Nearly always the end: pauses differ little.
        let later = self.waiting.iter().rev().take_while(|copy| copy.due_us > due_us).count();
        self.waiting.insert(self.waiting.len() - later, Copy { due_us, key, to, data: data.into() });
        true
    }

    fn due(&mut self, now_us: u64) -> Option<Copy> {
        let copy = self.waiting.pop_front_if(|copy| copy.due_us <= now_us)?;
        self.bytes -= copy.data.len();
        Some(copy)
    }

    /// A socket is gone, and its key may be another's soon.
    pub fn forget(&mut self, key: u32) {
        self.waiting.retain(|copy| copy.key != key);
        self.bytes = self.waiting.iter().map(|copy| copy.data.len()).sum();
    }
}

impl Core {
    /// The packet in the slot leaves now, and once more.
    pub(super) fn repeat_later(&mut self, now: Now, index: u32, to: SocketAddr) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        let data = self.io.batch().slot_bytes();
        let due_us = now.us + conn.repeat.pay(data.len());
        if !self.repeats.add(due_us, conn.endpoint, to, data) {
            self.out.counters.repeats_dropped += 1;
            return;
        }
        conn.counters.packets_repeated += 1;
        self.out.counters.packets_repeated += 1;
        self.out.counters.bytes_repeated += data.len() as u64;
    }

    pub(super) fn send_repeats(&mut self, now: Now) {
        while let Some(copy) = self.repeats.due(now.us) {
            self.io.slot().extend_from_slice(&copy.data);
            self.commit(now, copy.key, copy.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_leave_when_they_are_due_and_never_from_a_socket_that_is_gone() {
        let to: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let mut repeats = Repeats::default();
        for (due_us, key, byte) in [(20, 1, 0), (10, 1, 1), (20, 2, 2), (15, 1, 3), (20, 1, 4)] {
            assert!(repeats.add(due_us, key, to, &[byte]));
        }
        assert_eq!(repeats.deadline_us(), Some(10));
        assert!(repeats.due(9).is_none());
        repeats.forget(2);
        let order: Vec<u8> = std::iter::from_fn(|| repeats.due(20)).map(|copy| copy.data[0]).collect();
        assert_eq!(order, [1, 3, 0, 4]);
        assert_eq!((repeats.deadline_us(), repeats.bytes), (None, 0));
    }

    #[test]
    fn copies_are_bounded_in_bytes() {
        let to: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let mut repeats = Repeats::default();
        let packet = [0; 1200];
        let taken = (0..2000).filter(|_| repeats.add(10, 1, to, &packet)).count();
        assert_eq!(taken, WAITING_BYTES / packet.len());
        assert!(repeats.due(10).is_some());
        assert!(repeats.add(10, 1, to, &packet));
    }

    #[test]
    fn as_many_packets_as_what_was_written_fills() {
        let mut owed = Owed::default();
        assert!(!owed.any());
        owed.owe(1500, 10);
        assert_eq!(owed.pay(1200), 10_000);
        assert!(owed.any());
        owed.pay(1200);
        assert!(!owed.any());
    }
}
