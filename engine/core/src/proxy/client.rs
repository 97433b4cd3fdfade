//! One client of the proxy: its socket towards the target and both directions of its link.

use super::READS_PER_TURN;
use crate::api::{LinkProfile, ProxyConfig};
use crate::link::{Link, LinkPacket, LinkStats};
use mio::net::UdpSocket;
use mio::{Interest, Poll, Token};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub clients: u64,
    pub clients_refused: u64,
    pub clients_expired: u64,
    pub rebinds: u64,
    pub receive_errors: u64,
    pub send_errors: u64,
    pub up_bytes: u64,
    pub down_bytes: u64,
    pub up: LinkStats,
    pub down: LinkStats,
}

fn add_link(to: &mut LinkStats, more: &LinkStats) {
    to.offered += more.offered;
    to.delivered += more.delivered;
    to.lost += more.lost;
    to.burst_lost += more.burst_lost;
    to.queue_full += more.queue_full;
    to.duplicated += more.duplicated;
    to.reordered += more.reordered;
    to.waiting += more.waiting;
}

impl Counts {
    pub(super) fn add(&mut self, more: &Counts) {
        self.clients_refused += more.clients_refused;
        self.clients_expired += more.clients_expired;
        self.rebinds += more.rebinds;
        self.receive_errors += more.receive_errors;
        self.send_errors += more.send_errors;
        self.up_bytes += more.up_bytes;
        self.down_bytes += more.down_bytes;
        add_link(&mut self.up, &more.up);
        add_link(&mut self.down, &more.down);
    }

    /// Without the gauges: of a client that is gone nothing waits.
    pub(super) fn finished(mut self) -> Counts {
        self.up.waiting = 0;
        self.down.waiting = 0;
        self
    }

    pub(super) fn values(&self) -> Vec<(&'static str, f64)> {
        let Counts { up, down, .. } = self;
        [
            ("clients", self.clients),
            ("clients_refused", self.clients_refused),
            ("clients_expired", self.clients_expired),
            ("rebinds", self.rebinds),
            ("receive_errors", self.receive_errors),
            ("send_errors", self.send_errors),
            ("up_bytes", self.up_bytes),
            ("up_packets_in", up.offered),
            ("up_packets_out", up.delivered),
            ("up_lost", up.lost),
            ("up_burst_lost", up.burst_lost),
            ("up_queue_full", up.queue_full),
            ("up_duplicated", up.duplicated),
            ("up_reordered", up.reordered),
            ("up_waiting", up.waiting),
            ("down_bytes", self.down_bytes),
            ("down_packets_in", down.offered),
            ("down_packets_out", down.delivered),
            ("down_lost", down.lost),
            ("down_burst_lost", down.burst_lost),
            ("down_queue_full", down.queue_full),
            ("down_duplicated", down.duplicated),
            ("down_reordered", down.reordered),
            ("down_waiting", down.waiting),
        ]
        .map(|(name, value)| (name, value as f64))
        .to_vec()
    }
}

pub(super) struct Client {
    pub addr: SocketAddr,
    /// When its last packet came.
    pub heard_us: u64,
    /// The socket may hold unread packets.
    pub ready: bool,
    target: SocketAddr,
    socket: UdpSocket,
    bound_us: u64,
    up: Link,
    down: Link,
    counts: Counts,
}

fn upstream(target: SocketAddr, poll: &Poll, token: Token) -> io::Result<UdpSocket> {
    let any = match target {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let mut socket = super::bind(any)?;
    socket.connect(target)?;
    poll.registry().register(&mut socket, token, Interest::READABLE)?;
    Ok(socket)
}

impl Client {
    /// `number` keeps the links of two clients from losing the same packets.
    pub(super) fn new(
        addr: SocketAddr,
        number: usize,
        config: &ProxyConfig,
        now_us: u64,
        poll: &Poll,
        token: Token,
    ) -> io::Result<Client> {
        let link = |profile: &LinkProfile, direction: u64| {
            let seed = profile.seed.wrapping_add(2 * number as u64 + direction);
            Link::new(&LinkProfile { seed, ..profile.clone() })
        };
        Ok(Client {
            addr,
            heard_us: now_us,
            ready: false,
            target: config.target,
            socket: upstream(config.target, poll, token)?,
            bound_us: now_us,
            up: link(&config.link.tx, 0),
            down: link(&config.link.rx, 1),
            counts: Counts::default(),
        })
    }

    pub(super) fn offer_up(&mut self, now_us: u64, packet: LinkPacket) {
        self.heard_us = now_us;
        self.up.offer(now_us, packet);
    }

    pub(super) fn read(&mut self, now_us: u64, buffer: &mut [u8]) {
        if !self.ready {
            return;
        }
        for _ in 0..READS_PER_TURN {
            match self.socket.recv(buffer) {
                Ok(length) => {
                    let data = buffer[..length].to_vec();
                    let packet = LinkPacket { peer: self.addr, local: None, ecn: None, data };
                    self.down.offer(now_us, packet);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return;
                }
                // The target is not listening (ICMP); it may again.
                Err(_) => self.counts.receive_errors += 1,
            }
        }
    }

    pub(super) fn send_due(&mut self, now_us: u64, listener: &UdpSocket) {
        while let Some(packet) = self.up.poll(now_us) {
            match self.socket.send(&packet.data) {
                Ok(_) => self.counts.up_bytes += packet.data.len() as u64,
                Err(_) => self.counts.send_errors += 1,
            }
        }
        while let Some(packet) = self.down.poll(now_us) {
            match listener.send_to(&packet.data, self.addr) {
                Ok(_) => self.counts.down_bytes += packet.data.len() as u64,
                Err(_) => self.counts.send_errors += 1,
            }
        }
    }

    /// A NAT that forgot its mapping: another source port, and what was under way to the old one is gone.
    pub(super) fn rebind_if_due(&mut self, now_us: u64, every_ms: u32, poll: &Poll, token: Token) {
        if every_ms == 0 || now_us - self.bound_us < u64::from(every_ms) * 1000 {
            return;
        }
        self.bound_us = now_us;
        match upstream(self.target, poll, token) {
            Ok(socket) => {
                self.close(poll);
                self.socket = socket;
                self.ready = true;
                self.counts.rebinds += 1;
            }
            Err(_) => self.counts.send_errors += 1,
        }
    }

    pub(super) fn close(&mut self, poll: &Poll) {
        let _ = poll.registry().deregister(&mut self.socket);
    }

    pub(super) fn next_deadline_us(&self) -> Option<u64> {
        [self.up.next_deadline_us(), self.down.next_deadline_us()].into_iter().flatten().min()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { up: self.up.stats(), down: self.down.stats(), ..self.counts }
    }
}
