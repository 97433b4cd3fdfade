//! An emulated link, one direction: packets and the clock are arguments, nothing here does I/O.

use crate::api::LinkProfile;
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPacket {
    pub peer: SocketAddr,
    pub local: Option<IpAddr>,
    pub ecn: Option<u8>,
    pub data: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    pub offered: u64,
    pub delivered: u64,
    pub lost: u64,
    pub queue_full: u64,
    pub duplicated: u64,
    pub waiting: u64,
}

pub struct Link {
    queue: std::collections::VecDeque<LinkPacket>,
    stats: LinkStats,
}

impl Link {
    pub fn new(_p: &LinkProfile) -> Link {
        Link { queue: Default::default(), stats: LinkStats::default() }
    }
    pub fn offer(&mut self, _now_us: u64, packet: LinkPacket) {
        self.queue.push_back(packet);
    }
    pub fn poll(&mut self, _now_us: u64) -> Option<LinkPacket> {
        self.queue.pop_front()
    }
    pub fn next_deadline_us(&self) -> Option<u64> {
        if self.queue.is_empty() { None } else { Some(0) }
    }
    pub fn stats(&self) -> LinkStats {
        self.stats
    }
}
