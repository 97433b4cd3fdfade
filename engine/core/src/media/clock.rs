//! Probes, and what a prober learns from the replies: docs/protocol.md section 2.

use super::bundle::Malformed;
use super::wire::*;
use bytes::Bytes;
use std::collections::VecDeque;

const PROBE_BYTES: usize = 11;
const REPLY_BYTES: usize = 23;
const BURST_PROBES: u32 = 8;
const BURST_GAP_US: u64 = 25_000;
const PROBE_GAP_US: u64 = 1_000_000;
const WINDOW_US: u64 = 30_000_000;
const AGE_US_PER_SECOND: f64 = 50.0;
/// Two samples differ by at most their uncertainties, what crystals drift apart meanwhile and so much; else a clock jumped.
const DRIFT_PPM: u64 = 500;
const JUMP_US: u64 = 2_000;
/// A reply later than this counts as lost: its sample would be useless.
const REPLY_LIMIT_US: u64 = 3_000_000;
const MAX_OUTSTANDING: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeReply {
    pub id: u32,
    pub t1_us: u64,
    pub t2_us: u64,
    pub t3_us: u64,
}

fn check_shape(data: &[u8], kind: u8, bytes: usize) -> Result<(), Malformed> {
    match data.first() {
        None => Err(Malformed::Truncated),
        Some(first) if *first != kind => Err(Malformed::NotABundle),
        _ if data.len() < bytes => Err(Malformed::Truncated),
        _ if data.len() > bytes => Err(Malformed::Trailing),
        _ => Ok(()),
    }
}

/// Id and t1 of a probe.
pub fn parse_probe(data: &[u8]) -> Result<(u32, u64), Malformed> {
    check_shape(data, TYPE_PROBE, PROBE_BYTES)?;
    let id = read_u32(data, 1).ok_or(Malformed::Truncated)?;
    Ok((id, read_u48(data, 5).ok_or(Malformed::Truncated)?))
}

pub fn parse_probe_reply(data: &[u8]) -> Result<ProbeReply, Malformed> {
    check_shape(data, TYPE_PROBE_REPLY, REPLY_BYTES)?;
    let time = |at| read_u48(data, at).ok_or(Malformed::Truncated);
    let id = read_u32(data, 1).ok_or(Malformed::Truncated)?;
    Ok(ProbeReply { id, t1_us: time(5)?, t2_us: time(11)?, t3_us: time(17)? })
}

/// A probe datagram with the prefix byte.
pub fn encode_probe(id: u32, now_us: u64) -> Bytes {
    let mut out = Vec::with_capacity(1 + PROBE_BYTES);
    out.extend_from_slice(&[PREFIX, TYPE_PROBE]);
    out.extend_from_slice(&id.to_be_bytes());
    write_u48(&mut out, now_us);
    out.into()
}

/// The reply to a probe, prefix byte included; None when `data` is not one. Times are the answerer's clock, not wrapped.
pub fn answer_probe(data: &[u8], received_us: u64, now_us: u64) -> Option<Bytes> {
    parse_probe(data).ok()?;
    let mut out = Vec::with_capacity(1 + REPLY_BYTES);
    out.extend_from_slice(&[PREFIX, TYPE_PROBE_REPLY]);
    out.extend_from_slice(&data[1..PROBE_BYTES]);
    write_u48(&mut out, received_us);
    write_u48(&mut out, now_us);
    Some(out.into())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyVerdict {
    Taken,
    /// No probe of this id and time is outstanding.
    Unasked,
    /// The four times contradict each other.
    Implausible,
}

/// What a clock sync knows of its peer, whole us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerClock {
    /// Peer's clock minus own clock.
    pub offset_us: i64,
    /// The true offset is within this, whatever the path's asymmetry.
    pub uncertainty_us: u64,
}

#[derive(Clone, Copy)]
struct Sample {
    at_us: u64,
    rtt_us: u64,
    offset_us: i64,
}

/// Syncs the own clock with that of one direct peer. Own times are us, not wrapped, of any steady clock. Fixed memory.
pub struct ClockSync {
    random: u64,
    /// (id, departure), oldest first.
    outstanding: VecDeque<(u32, u64)>,
    /// Rising rtt from front to back, rising time too: the front is the least of the window.
    samples: VecDeque<Sample>,
    sent: u32,
    next_at_us: u64,
}

impl ClockSync {
    /// `seed` makes the probes' ids.
    pub fn new(seed: u64) -> ClockSync {
        ClockSync { random: seed | 1, outstanding: VecDeque::new(), samples: VecDeque::new(), sent: 0, next_at_us: 0 }
    }

    /// When the next probe is due; 0 before the first.
    pub fn next_probe_at_us(&self) -> u64 {
        self.next_at_us
    }

    /// The probe that is due, with the prefix byte: send it at once.
    pub fn next_probe(&mut self, now_us: u64) -> Option<Bytes> {
        if now_us < self.next_at_us {
            return None;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        Some(self.probe(now_us, (self.random >> 32) as u32))
    }

    fn probe(&mut self, now_us: u64, id: u32) -> Bytes {
        self.outstanding.retain(|sent| sent.0 != id && now_us.saturating_sub(sent.1) <= REPLY_LIMIT_US);
        if self.outstanding.len() >= MAX_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((id, now_us));
        self.sent = self.sent.saturating_add(1);
        let gap_us = if self.sent < BURST_PROBES { BURST_GAP_US } else { PROBE_GAP_US };
        self.next_at_us = now_us + gap_us;
        encode_probe(id, now_us)
    }

    /// Takes a reply that arrived at `t4_us` of the own clock.
    pub fn on_reply(&mut self, reply: &ProbeReply, t4_us: u64) -> ReplyVerdict {
        let asked = |sent: &(u32, u64)| sent.0 == reply.id && wrap48(sent.1) == reply.t1_us;
        let Some(place) = self.outstanding.iter().position(asked) else {
            return ReplyVerdict::Unasked;
        };
        let sent_us = self.outstanding.remove(place).map_or(t4_us, |sent| sent.1);
        let held_us = signed48(reply.t3_us.wrapping_sub(reply.t2_us));
        let away_us = t4_us.saturating_sub(sent_us);
        let rtt_us = away_us as i64 - held_us;
        if held_us < 0 || rtt_us < 0 {
            return ReplyVerdict::Implausible;
        }
        if away_us > REPLY_LIMIT_US {
            return ReplyVerdict::Unasked;
        }
        // ((t2 - t1) + (t3 - t4)) / 2, in a form that a wrap of either clock does not split.
        let offset_us = signed48(reply.t2_us.wrapping_sub(reply.t1_us)) - rtt_us / 2;
        let rtt_us = rtt_us as u64;
        if self.contradicts(t4_us, rtt_us, offset_us) {
            self.begin();
        }
        while self.samples.back().is_some_and(|sample| sample.rtt_us >= rtt_us) {
            self.samples.pop_back();
        }
        self.samples.push_back(Sample { at_us: t4_us, rtt_us, offset_us });
        self.expire(t4_us);
        ReplyVerdict::Taken
    }

    /// None before the first reply.
    pub fn peer(&mut self, now_us: u64) -> Option<PeerClock> {
        self.expire(now_us);
        let best = self.samples.front()?;
        let age_seconds = now_us.saturating_sub(best.at_us) as f64 / 1_000_000.0;
        let uncertainty_us = best.rtt_us as f64 / 2.0 + age_seconds * AGE_US_PER_SECOND;
        Some(PeerClock { offset_us: best.offset_us, uncertainty_us: uncertainty_us.ceil() as u64 })
    }

    /// Whether no offset is true of both this sample and the one that counts. Monotonic clocks stand still while devices
    /// sleep.
    fn contradicts(&self, at_us: u64, rtt_us: u64, offset_us: i64) -> bool {
        let Some(best) = self.samples.front() else {
            return false;
        };
        let drift_us = at_us.saturating_sub(best.at_us) * DRIFT_PPM / 1_000_000;
        let apart_us = signed48(wrap48(offset_us.wrapping_sub(best.offset_us) as u64)).unsigned_abs();
        apart_us > rtt_us.midpoint(best.rtt_us) + drift_us + JUMP_US
    }

    /// Nothing that was learnt is true any more: probes come as at first.
    fn begin(&mut self) {
        self.samples.clear();
        self.sent = 0;
        self.next_at_us = 0;
    }

    /// Keeps the last sample however old: its uncertainty says what it is worth.
    fn expire(&mut self, now_us: u64) {
        while self.samples.len() > 1 && now_us.saturating_sub(self.samples[0].at_us) > WINDOW_US {
            self.samples.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer whose clock is ahead by `offset`, over a path with its own delay each way.
    struct Path {
        offset: u64,
        out_us: u64,
        back_us: u64,
    }

    impl Path {
        fn ask(&self, sync: &mut ClockSync, now_us: u64) -> Option<ReplyVerdict> {
            let probe = sync.next_probe(now_us)?;
            let at_peer = now_us.wrapping_add(self.offset).wrapping_add(self.out_us);
            let reply = answer_probe(&probe[1..], at_peer, at_peer.wrapping_add(40)).unwrap();
            let reply = parse_probe_reply(&reply[1..]).unwrap();
            Some(sync.on_reply(&reply, now_us + self.out_us + 40 + self.back_us))
        }
    }

    #[test]
    fn eight_probes_25_ms_apart_and_then_one_each_second() {
        let mut sync = ClockSync::new(1);
        let mut times = Vec::new();
        for now in (0..10_000_000).step_by(1000) {
            if sync.next_probe(now).is_some() {
                times.push(now / 1000);
            }
        }
        assert_eq!(times[..8], [0, 25, 50, 75, 100, 125, 150, 175]);
        assert_eq!(times[8..], [1175, 2175, 3175, 4175, 5175, 6175, 7175, 8175, 9175]);
    }

    #[test]
    fn the_true_offset_is_inside_the_uncertainty_for_any_asymmetry_and_across_the_wrap() {
        for (out_us, back_us) in [(60_000, 10_000), (0, 70_000), (35_000, 35_000), (1, 0)] {
            for offset in [0, 5_000_000, (1u64 << 48) - 3_000_000, 0u64.wrapping_sub(7_000_000)] {
                let mut sync = ClockSync::new(9);
                let path = Path { offset, out_us, back_us };
                assert_eq!(path.ask(&mut sync, 1_000_000), Some(ReplyVerdict::Taken));
                let peer = sync.peer(1_000_000 + out_us + back_us).unwrap();
                let error = signed48((peer.offset_us as u64).wrapping_sub(offset)).unsigned_abs();
                assert!(error <= peer.uncertainty_us, "{error} over {}", peer.uncertainty_us);
                assert!(peer.uncertainty_us <= (out_us + back_us) / 2 + 6);
            }
        }
    }

    #[test]
    fn the_least_round_trip_of_30_seconds_counts_and_ages() {
        let mut sync = ClockSync::new(3);
        let path = |out_us, back_us| Path { offset: 0, out_us, back_us };
        path(5_000, 5_000).ask(&mut sync, 0);
        let mut now = 0;
        while now < 25_000_000 {
            now = sync.next_probe_at_us();
            path(40_000, 20_000).ask(&mut sync, now);
        }
        let peer = sync.peer(20_010_040).unwrap();
        assert_eq!(peer, PeerClock { offset_us: 0, uncertainty_us: 6_000 });
        let peer = sync.peer(31_000_000).unwrap();
        assert_eq!(peer.offset_us, 10_000, "the good sample is too old");
    }

    #[test]
    fn a_clock_that_jumped_is_learnt_anew_and_another_path_is_no_jump() {
        let mut sync = ClockSync::new(3);
        let path = |offset, out_us, back_us| Path { offset, out_us, back_us };
        path(7_000, 2_000, 2_000).ask(&mut sync, 0);
        path(7_000, 150_000, 1_000).ask(&mut sync, 1_000_000);
        path(7_000 + 29 * 200, 2_500, 2_500).ask(&mut sync, 29_000_000);
        assert_eq!(sync.peer(29_005_040).unwrap().offset_us, 7_000);
        let at = sync.next_probe_at_us();
        path(12_007_000, 40_000, 40_000).ask(&mut sync, at);
        assert_eq!(sync.peer(at + 80_040).unwrap().offset_us, 12_007_000);
        let mut probes = 0;
        for now in (at + 80_040..at + 1_000_000).step_by(5_000) {
            probes += u32::from(sync.next_probe(now).is_some());
        }
        assert_eq!(probes, BURST_PROBES, "as at first");
    }

    #[test]
    fn replies_that_nobody_asked_for_are_refused() {
        let mut sync = ClockSync::new(4);
        let reply = |probe: &Bytes, t2, t3| {
            let (id, t1_us) = parse_probe(&probe[1..]).unwrap();
            ProbeReply { id, t1_us, t2_us: t2, t3_us: t3 }
        };
        let probe = sync.next_probe(1_000).unwrap();
        let good = reply(&probe, 2_000, 2_000);
        assert_eq!(sync.on_reply(&ProbeReply { id: good.id ^ 1, ..good }, 3_000), ReplyVerdict::Unasked);
        assert_eq!(sync.on_reply(&ProbeReply { t1_us: 999, ..good }, 3_000), ReplyVerdict::Unasked);
        assert_eq!(sync.on_reply(&good, 3_000), ReplyVerdict::Taken);
        assert_eq!(sync.on_reply(&good, 3_100), ReplyVerdict::Unasked, "once only");
        let probe = sync.next_probe(26_000).unwrap();
        assert_eq!(sync.on_reply(&reply(&probe, 10, 9), 27_000), ReplyVerdict::Implausible);
        let probe = sync.next_probe(51_000).unwrap();
        assert_eq!(sync.on_reply(&reply(&probe, 0, 9_000), 52_000), ReplyVerdict::Implausible);
        let probe = sync.next_probe(76_000).unwrap();
        assert_eq!(sync.on_reply(&reply(&probe, 0, 0), 4_000_000), ReplyVerdict::Unasked, "too late");
    }

    #[test]
    fn memory_is_bounded_without_any_reply() {
        let mut sync = ClockSync::new(5);
        for now in (0..1_000_000_000).step_by(100_000) {
            sync.next_probe(now);
        }
        assert!(sync.outstanding.len() <= MAX_OUTSTANDING);
        assert_eq!(sync.peer(1_000_000_000), None);
    }
}
