//! Trunks: bundles of all rooms share datagrams. Each leaves no sooner after the one before than `trunk_flush_ms` says, which is
//! little beside the way to another region, and one packet for several bundles costs both relays less. Where little comes
//! nothing waits.

use super::conn::Conn;
use super::Core;
use crate::api::DatagramMode;
use crate::clock::Now;
use crate::media::{TrunkDatagram, BUNDLE_TYPE};
use bytes::Bytes;
use std::collections::VecDeque;

/// The datagram that a trunk is filling.
pub(super) struct Shared {
    filling: TrunkDatagram,
    /// When it leaves; means nothing while it is empty.
    due_us: u64,
    /// When the next one may leave.
    free_us: u64,
    bundles_out: u64,
    datagrams_out: u64,
}

impl Shared {
    pub fn dump(&self, out: &mut Vec<(&'static str, f64)>) {
        out.extend([
            ("trunk_bundles_out", self.bundles_out as f64),
            ("trunk_datagrams_out", self.datagrams_out as f64),
        ]);
    }
}

/// (due, connection), by due time. One that left before it was due stays in here: its connection says so.
#[derive(Default)]
pub(super) struct Flushes(VecDeque<(u64, u32)>);

impl Flushes {
    pub fn deadline_us(&self) -> Option<u64> {
        self.0.front().map(|flush| flush.0)
    }

    fn add(&mut self, due_us: u64, index: u32) {
        // Nearly always the end: trunks wait equally long.
        let later = self.0.iter().rev().take_while(|flush| flush.0 > due_us).count();
        self.0.insert(self.0.len() - later, (due_us, index));
    }

    fn due(&mut self, now_us: u64) -> Option<(u64, u32)> {
        self.0.pop_front_if(|flush| flush.0 <= now_us)
    }
}

impl Conn {
    pub fn set_mode(&mut self, mode: DatagramMode) {
        if self.shared.is_some() {
            return;
        }
        self.mode = mode;
        if mode == DatagramMode::Trunk {
            let filling = TrunkDatagram::default();
            self.shared = Some(Box::new(Shared { filling, due_us: 0, free_us: 0, bundles_out: 0, datagrams_out: 0 }));
        }
    }

    /// Bytes of a datagram without its HTTP/3 prefix.
    fn most_bytes(&mut self) -> usize {
        let prefix = if self.quarter < 0x40 { 1 } else { 8 };
        let most = self.q.datagrams().max_size().map_or(0, |most| most.saturating_sub(prefix));
        most.min(self.limits.max_datagram_bytes)
    }
}

impl Core {
    /// Takes a bundle on a trunk into the datagram that is being filled; anything else comes back, to leave at once.
    pub(super) fn share(&mut self, now: Now, index: u32, payload: Bytes) -> Option<Bytes> {
        let conn = self.conns[index as usize].as_mut()?;
        if conn.shared.is_none() || payload.get(1) != Some(&BUNDLE_TYPE) {
            return Some(payload);
        }
        let most = conn.most_bytes();
        let shared = conn.shared.as_mut()?;
        shared.bundles_out += 1;
        if !shared.filling.fits(&payload, most) {
            self.flush_trunk(now, index);
        }
        let conn = self.conns[index as usize].as_mut()?;
        let shared = conn.shared.as_mut()?;
        let begins = shared.filling.is_empty();
        shared.filling.add(payload);
        if begins {
            // At once is the end of this turn: what came along with it goes along with it.
            shared.due_us = now.us.max(shared.free_us);
            self.flushes.add(shared.due_us, index);
        }
        None
    }

    pub(super) fn flush_trunks(&mut self, now: Now) {
        while let Some((due_us, index)) = self.flushes.due(now.us) {
            let conn = self.conns.get(index as usize).and_then(Option::as_ref);
            let shared = conn.and_then(|conn| conn.shared.as_ref());
            if shared.is_some_and(|shared| shared.due_us == due_us && !shared.filling.is_empty()) {
                self.guarded(index, |core| core.flush_trunk(now, index));
            }
        }
    }

    fn flush_trunk(&mut self, now: Now, index: u32) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        let wait_us = u64::from(conn.limits.trunk_flush_ms) * 1000;
        let Some(payload) = conn.shared.as_mut().and_then(|shared| {
            let payload = shared.filling.take()?;
            shared.datagrams_out += 1;
            shared.free_us = now.us + wait_us;
            Some(payload)
        }) else {
            return;
        };
        self.send_now(now, index, payload);
    }
}
