//! Emulated links of an endpoint: both directions, and the source port that changes.

use super::endpoint::any_address;
use super::Core;
use crate::api::LinkPair;
use crate::clock::Now;
use crate::io;
use crate::link::{Link, LinkPacket, LinkStats};
use bytes::BytesMut;
use std::net::SocketAddr;

pub(super) struct Links {
    pub pair: LinkPair,
    tx: Link,
    pub rx: Link,
    rebind_at_us: Option<u64>,
}

impl Links {
    pub fn new(pair: LinkPair, now: Now) -> Links {
        let every_us = u64::from(pair.rebind_every_ms) * 1000;
        let rebind_at_us = (every_us > 0).then_some(now.us + every_us);
        Links { tx: Link::new(&pair.tx), rx: Link::new(&pair.rx), rebind_at_us, pair }
    }

    fn deadline_us(&self) -> Option<u64> {
        [self.tx.next_deadline_us(), self.rx.next_deadline_us(), self.rebind_at_us].into_iter().flatten().min()
    }

    pub fn dump(&self, out: &mut Vec<(&'static str, f64)>) {
        let dropped = |s: &LinkStats| s.lost + s.burst_lost + s.queue_full;
        let (tx, rx) = (self.tx.stats(), self.rx.stats());
        out.extend([
            ("link_tx_offered", tx.offered as f64),
            ("link_tx_lost", dropped(&tx) as f64),
            ("link_rx_offered", rx.offered as f64),
            ("link_rx_lost", dropped(&rx) as f64),
            ("link_waiting", (tx.waiting + rx.waiting) as f64),
        ]);
    }
}

impl Core {
    /// Takes the slot's packet: to the batch, or into the emulated link.
    pub(super) fn commit(&mut self, now: Now, key: u32, to: SocketAddr) {
        if let Some(links) = self.endpoints[key as usize].as_mut().and_then(|endpoint| endpoint.links.as_mut()) {
            let data = self.io.batch().slot_bytes().to_vec();
            links.tx.offer(now.us, LinkPacket { peer: to, local: None, ecn: None, data });
            return;
        }
        self.io.commit(key, to);
    }

    /// Moves what is due through the emulated links, and rebinds.
    pub(super) fn run_links(&mut self, now: Now) {
        for key in 0..self.endpoints.len() as u32 {
            while let Some(packet) = self.links(key).and_then(|links| links.rx.poll(now.us)) {
                self.packet(now, key, packet.peer, BytesMut::from(&packet.data[..]));
            }
            while let Some(packet) = self.links(key).and_then(|links| links.tx.poll(now.us)) {
                self.io.slot().extend_from_slice(&packet.data);
                self.io.commit(key, packet.peer);
            }
            if self.links(key).and_then(|links| links.rebind_at_us).is_some_and(|at_us| at_us <= now.us) {
                self.rebind(now, key);
            }
        }
    }

    fn links(&mut self, key: u32) -> Option<&mut Links> {
        self.endpoints[key as usize].as_mut()?.links.as_deref_mut()
    }

    /// A new source port, as a NAT gives one.
    fn rebind(&mut self, now: Now, key: u32) {
        let group = self.endpoints[key as usize].as_ref().and_then(|endpoint| endpoint.group);
        if let Some(links) = self.links(key) {
            links.rebind_at_us = Some(now.us + u64::from(links.pair.rebind_every_ms) * 1000);
        }
        let Some((_, v6)) = group else { return };
        let Ok(socket) = io::bind(any_address(v6), self.socket_buffer_bytes) else { return };
        self.io.remove(key);
        if self.io.add(key, socket).is_ok() {
            self.out.counters.rebinds += 1;
        }
    }

    pub(super) fn links_deadline_us(&self) -> Option<u64> {
        let links = self.endpoints.iter().flatten().filter_map(|endpoint| endpoint.links.as_ref());
        links.filter_map(|links| links.deadline_us()).min()
    }
}
