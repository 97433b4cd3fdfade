//! Emulated links of an endpoint: both directions, and the source port that changes.

use super::endpoint::any_address;
use super::Core;
use crate::api::LinkPair;
use crate::clock::Now;
use crate::io;
use crate::link::{Link, LinkPacket, LinkStats};
use bytes::BytesMut;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

/// Packets leave a link up to so much late, together with others: a load of thousands of links would else wake up for each.
const GRID_US: u64 = 250;

/// When which endpoint's links have something to do. An entry that was overtaken by an earlier one stays until its time.
#[derive(Default)]
pub(super) struct LinkWakes(BinaryHeap<Reverse<(u64, u32)>>);

impl LinkWakes {
    pub fn deadline_us(&self) -> Option<u64> {
        self.0.peek().map(|entry| entry.0 .0)
    }

    fn take_due(&mut self, now_us: u64) -> Option<(u64, u32)> {
        self.0.peek().filter(|entry| entry.0 .0 <= now_us)?;
        self.0.pop().map(|entry| entry.0)
    }
}

pub(super) struct Links {
    pub pair: LinkPair,
    tx: Link,
    pub rx: Link,
    rebind_at_us: Option<u64>,
    /// The earliest entry among the wakes.
    wake_us: u64,
}

impl Links {
    pub fn new(pair: LinkPair, now: Now) -> Links {
        let every_us = u64::from(pair.rebind_every_ms) * 1000;
        let rebind_at_us = (every_us > 0).then_some(now.us + every_us);
        Links { tx: Link::new(&pair.tx), rx: Link::new(&pair.rx), rebind_at_us, wake_us: u64::MAX, pair }
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
            self.wake_links(key);
            return;
        }
        self.io.commit(key, to);
    }

    /// Moves what is due through the emulated links, and rebinds.
    pub(super) fn run_links(&mut self, now: Now) {
        while let Some((at_us, key)) = self.link_wakes.take_due(now.us) {
            if let Some(links) = self.links(key).filter(|links| links.wake_us == at_us) {
                links.wake_us = u64::MAX;
                self.run_link(now, key);
                self.wake_links(key);
            }
        }
    }

    fn run_link(&mut self, now: Now, key: u32) {
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

    /// After something was put into the endpoint's links.
    pub(super) fn wake_links(&mut self, key: u32) {
        let Some(links) = self.endpoints[key as usize].as_mut().and_then(|endpoint| endpoint.links.as_mut()) else {
            return;
        };
        let Some(due_us) = links.deadline_us() else { return };
        let at_us = due_us.next_multiple_of(GRID_US);
        if at_us < links.wake_us {
            links.wake_us = at_us;
            self.link_wakes.0.push(Reverse((at_us, key)));
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
}
