//! An emulated link, one direction, without I/O: packets and the clock are arguments. Deterministic for a seed and a
//! sequence of calls.
//!
//! A packet passes the rate limiter (its queue bounded in ms), then loss, then the delay. Each effect draws from its own
//! random stream, so turning one on does not change the others.

use crate::api::LinkProfile;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};

/// Packets held by one link at most; more are dropped as `queue_full`.
pub const MAX_PACKETS: usize = 4096;
const DEFAULT_QUEUE_MS: f64 = 200.0;
/// An idle time of so many mean cycles is skipped by drawing the burst state afresh.
const BURST_SKIP_CYCLES: f64 = 64.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPacket {
    pub peer: SocketAddr,
    pub local: Option<IpAddr>,
    pub ecn: Option<u8>,
    pub data: Vec<u8>,
}

/// Counts since the link was made; `waiting` is what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    pub offered: u64,
    pub delivered: u64,
    /// Independent loss.
    pub lost: u64,
    /// Lost in the bad state, or in an outage.
    pub burst_lost: u64,
    pub queue_full: u64,
    /// Extra copies made.
    pub duplicated: u64,
    /// Packets that skipped their delay.
    pub reordered: u64,
    pub waiting: u64,
}

/// SplitMix64: small, seedable, good enough for emulation.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Random {
        let mut mixed = Random(seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        mixed.next_u64();
        mixed
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// Gilbert-Elliott by time: the state changes whether or not packets come.
struct Burst {
    good_us: f64,
    bad_us: f64,
    bad: bool,
    until_us: f64,
    random: Random,
}

impl Burst {
    fn is_bad(&mut self, at_us: f64) -> bool {
        let cycle = self.good_us + self.bad_us;
        if at_us - self.until_us > cycle * BURST_SKIP_CYCLES {
            self.bad = self.random.unit() < self.bad_us / cycle;
            let mean = if self.bad { self.bad_us } else { self.good_us };
            self.until_us = at_us + self.random.exponential(mean);
        }
        while self.until_us <= at_us {
            self.bad = !self.bad;
            let mean = if self.bad { self.bad_us } else { self.good_us };
            self.until_us += self.random.exponential(mean);
        }
        self.bad
    }
}

struct Held {
    due_us: u64,
    order: u64,
    packet: LinkPacket,
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        (self.due_us, self.order) == (other.due_us, other.order)
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    fn cmp(&self, other: &Held) -> std::cmp::Ordering {
        (self.due_us, self.order).cmp(&(other.due_us, other.order))
    }
}

pub struct Link {
    delay_us: f64,
    jitter_us: f64,
    loss: f64,
    reorder: f64,
    duplicate: f64,
    /// Microseconds a byte takes; 0 = unlimited. Bytes are those of the UDP payload.
    byte_us: f64,
    queue_us: f64,
    burst: Option<Burst>,
    outage_every_us: f64,
    outage_for_us: f64,
    loss_random: Random,
    jitter_random: Random,
    reorder_random: Random,
    duplicate_random: Random,
    /// When the rate limiter has sent all that it holds.
    busy_until_us: f64,
    last_due_us: u64,
    clock_us: u64,
    order: u64,
    held: BinaryHeap<Reverse<Held>>,
    stats: LinkStats,
}

/// Not negative, not NaN, below a bound that keeps the arithmetic exact.
fn amount(value: f64, most: f64) -> f64 {
    value.max(0.0).min(most)
}

impl Link {
    /// Values out of range (negative, NaN, probabilities over 1) are taken as the nearest allowed one.
    pub fn new(p: &LinkProfile) -> Link {
        let ms = |value: f64| amount(value, 3_600_000.0) * 1000.0;
        let burst = (p.burst_good_ms > 0.0 && p.burst_bad_ms > 0.0).then(|| {
            // A floor of 1 us bounds the work of stepping through the states.
            let good_us = ms(p.burst_good_ms).max(1.0);
            let mut random = Random::new(p.seed, 5);
            let until_us = random.exponential(good_us);
            Burst { good_us, bad_us: ms(p.burst_bad_ms).max(1.0), bad: false, until_us, random }
        });
        Link {
            delay_us: ms(p.delay_ms),
            jitter_us: ms(p.jitter_ms),
            loss: amount(p.loss, 1.0),
            reorder: amount(p.reorder, 1.0),
            duplicate: amount(p.duplicate, 1.0),
            byte_us: if p.rate_kbps > 0.0 { 8000.0 / p.rate_kbps } else { 0.0 },
            queue_us: ms(if p.queue_ms > 0.0 { p.queue_ms } else { DEFAULT_QUEUE_MS }),
            burst,
            outage_every_us: ms(p.outage_every_ms),
            outage_for_us: ms(p.outage_for_ms),
            loss_random: Random::new(p.seed, 1),
            jitter_random: Random::new(p.seed, 2),
            reorder_random: Random::new(p.seed, 3),
            duplicate_random: Random::new(p.seed, 4),
            busy_until_us: 0.0,
            last_due_us: 0,
            clock_us: 0,
            order: 0,
            held: BinaryHeap::new(),
            stats: LinkStats::default(),
        }
    }

    /// Takes a packet at `now_us`; a clock that steps back counts as standing still.
    pub fn offer(&mut self, now_us: u64, packet: LinkPacket) {
        let now_us = self.advance(now_us);
        self.stats.offered += 1;
        let mut departure_us = now_us as f64;
        if self.byte_us > 0.0 {
            let start_us = self.busy_until_us.max(departure_us);
            if start_us - departure_us > self.queue_us || self.held.len() >= MAX_PACKETS {
                self.stats.queue_full += 1;
                return;
            }
            self.busy_until_us = start_us + packet.data.len() as f64 * self.byte_us;
            departure_us = self.busy_until_us;
        }
        // All draws happen for each packet, so that a packet's fate does not depend on that of others.
        let lost = self.loss_random.unit() < self.loss;
        let duplicated = self.duplicate_random.unit() < self.duplicate;
        let skips = self.reorder_random.unit() < self.reorder;
        let burst = self.burst.as_mut().is_some_and(|burst| burst.is_bad(departure_us));
        if burst || self.is_out(departure_us) {
            self.stats.burst_lost += 1;
            return;
        }
        if lost {
            self.stats.lost += 1;
            return;
        }
        if duplicated && self.held.len() + 1 < MAX_PACKETS {
            self.stats.duplicated += 1;
            self.hold(departure_us, skips, packet.clone());
        }
        if self.held.len() >= MAX_PACKETS {
            self.stats.queue_full += 1;
            return;
        }
        self.stats.reordered += u64::from(skips);
        self.hold(departure_us, skips, packet);
    }

    fn is_out(&self, at_us: f64) -> bool {
        self.outage_every_us > 0.0 && at_us % self.outage_every_us < self.outage_for_us
    }

    fn hold(&mut self, departure_us: f64, skips: bool, packet: LinkPacket) {
        let swing_us = (self.jitter_random.unit() * 2.0 - 1.0) * self.jitter_us;
        let due_us = if skips {
            departure_us as u64
        } else {
            let due_us = (departure_us + (self.delay_us + swing_us).max(0.0)) as u64;
            self.last_due_us = self.last_due_us.max(due_us);
            self.last_due_us
        };
        self.order += 1;
        self.held.push(Reverse(Held { due_us, order: self.order, packet }));
    }

    /// The next packet that is due, in order of arrival. Call until None.
    pub fn poll(&mut self, now_us: u64) -> Option<LinkPacket> {
        let now_us = self.advance(now_us);
        if self.held.peek()?.0.due_us > now_us {
            return None;
        }
        let Reverse(held) = self.held.pop()?;
        self.stats.delivered += 1;
        Some(held.packet)
    }

    pub fn next_deadline_us(&self) -> Option<u64> {
        self.held.peek().map(|held| held.0.due_us)
    }

    pub fn stats(&self) -> LinkStats {
        LinkStats { waiting: self.held.len() as u64, ..self.stats }
    }

    fn advance(&mut self, now_us: u64) -> u64 {
        self.clock_us = self.clock_us.max(now_us);
        self.clock_us
    }
}

#[cfg(test)]
mod tests;
