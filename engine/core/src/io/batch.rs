//! The packets to send, of all sockets, until somebody flushes.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Packets in the batch.
pub(super) const SEND_BATCH: usize = 64;

pub(crate) struct Batch {
    slots: Vec<Vec<u8>>,
    to: [(u32, SocketAddr); SEND_BATCH],
    waiting: usize,
    /// Of all packets ever committed.
    pub bytes: u64,
}

impl Batch {
    pub fn new() -> Batch {
        Batch {
            slots: (0..SEND_BATCH).map(|_| Vec::with_capacity(2048)).collect(),
            to: [(0, SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))); SEND_BATCH],
            waiting: 0,
            bytes: 0,
        }
    }

    /// The empty buffer of the next packet. quinn-proto needs an empty Vec for each packet.
    pub fn slot(&mut self) -> &mut Vec<u8> {
        let slot = &mut self.slots[self.waiting];
        slot.clear();
        slot
    }

    pub fn slot_bytes(&self) -> &[u8] {
        &self.slots[self.waiting]
    }

    /// Takes what is in the slot. True: the batch is full and must be flushed before the next slot is asked for.
    pub fn commit(&mut self, key: u32, to: SocketAddr) -> bool {
        self.bytes += self.slots[self.waiting].len() as u64;
        self.to[self.waiting] = (key, to);
        self.waiting += 1;
        self.waiting == SEND_BATCH
    }

    /// How many packets wait. They are those before this index; `packet` gives their parts.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Socket, destination and bytes of a waiting packet.
    pub fn packet(&self, index: usize) -> (u32, SocketAddr, &[u8]) {
        let (key, to) = self.to[index];
        (key, to, &self.slots[index])
    }

    pub fn clear(&mut self) {
        self.waiting = 0;
    }
}
