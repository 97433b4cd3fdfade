//! The relay's rules for one publisher (docs/protocol.md section 3): bundles in, bundles out, no clock and no I/O.

use super::bundle::{header_bytes, write_header, Bundle, Unit, KIND_MOTION, KIND_VOICE};
use super::cache::JoinCache;
use super::clock::PeerClock;
use super::draft::Part;
use super::rate::Rate;
use super::refused::Refused;
use super::sequence::{SequenceExtender, Verdict};
use super::wire::*;
use crate::api::RoomConfig;
use bytes::Bytes;

/// Less than a datagram: the relay's header has a longer alias and an uncertainty.
const MAX_UPLINK_BYTES: usize = 990;
const KINDS: usize = 3;

pub struct SlotForwarder {
    alias: u32,
    slot: u8,
    generation: u8,
    max_age_us: i64,
    max_ahead_us: i64,
    kinds: [SequenceExtender; KINDS],
    rate: Rate,
    cache: JoinCache,
}

/// Units received, lost and repeated over all kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCounts {
    pub received: u64,
    pub lost: u64,
    pub duplicate: u64,
}

/// What became of a bundle that was not refused as a whole.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    /// For every member of the room but the publisher, prefix byte first; None when no unit is left.
    pub payload: Option<Bytes>,
    /// Units in `payload`.
    pub units: u32,
    pub unsynced: u32,
    pub duplicate: u32,
    pub late: u32,
    pub over_rate: u32,
}

impl Forwarded {
    /// A unit that does not go on.
    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::New => {}
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Late => self.late += 1,
            Verdict::Unsynced => self.unsynced += 1,
            Verdict::OverRate => self.over_rate += 1,
        }
    }

    /// Of the units that do not go on: a repeat is none.
    pub fn refused(&self) -> [(Refused, u64); 3] {
        let counts =
            [(Refused::Unsynced, self.unsynced), (Refused::Late, self.late), (Refused::OverRate, self.over_rate)];
        counts.map(|(why, count)| (why, u64::from(count)))
    }
}

/// A unit that goes on.
pub struct Passed<'a> {
    /// As it came on the uplink.
    pub unit: &'a Unit<'a>,
    /// Extended.
    pub sequence: u32,
    /// Relay's clock, us, not wrapped.
    pub capture_us: i64,
    pub uncertainty16: u16,
}

impl SlotForwarder {
    pub fn new(config: &RoomConfig, slot: u8, generation: u8) -> SlotForwarder {
        SlotForwarder {
            alias: config.alias & MAX_ALIAS as u32,
            slot: slot & (MAX_SLOTS as u8 - 1),
            generation,
            max_age_us: i64::from(config.max_age_ms) * 1000,
            max_ahead_us: i64::from(config.max_ahead_ms) * 1000,
            kinds: Default::default(),
            rate: Rate::new(config.units_per_second),
            cache: JoinCache::default(),
        }
    }

    pub fn generation(&self) -> u8 {
        self.generation
    }

    pub fn counts(&self) -> SlotCounts {
        self.kinds.iter().fold(SlotCounts::default(), |sum, kind| SlotCounts {
            received: sum.received + kind.received,
            lost: sum.lost + kind.lost,
            duplicate: sum.duplicate + kind.duplicate,
        })
    }

    /// Voice units received, and those that came once more.
    pub fn voice_counts(&self) -> (u64, u64) {
        let voice = &self.kinds[usize::from(KIND_VOICE)];
        (voice.received, voice.duplicate)
    }

    /// Takes one uplink datagram. `now_us` is the relay's clock; `clock` None: the publisher's is not known yet. `passed`
    /// gets each unit that goes on.
    pub fn forward(
        &mut self,
        now_us: u64,
        clock: Option<PeerClock>,
        uplink: &[u8],
        mut passed: impl FnMut(&Passed),
    ) -> Result<Forwarded, Refused> {
        let bundle = Bundle::parse(uplink)?;
        let (own_base_us, clock) = self.admit(now_us, clock, &bundle, uplink.len())?;
        let uncertainty16 = uncertainty_to_sixteenths(clock.uncertainty_us);
        let mut done = Forwarded::default();
        let header = 1 + header_bytes(self.alias, 1, uncertainty16);
        let mut out = Vec::with_capacity(header + bundle.units_wire.len());
        write_header(&mut out, self.alias, 1 << self.slot, &[self.generation], own_base_us as u64, uncertainty16);
        for unit in bundle.units() {
            let age_us = sixteenths_to_us(unit.age16);
            let sender_us = wrap48(bundle.base_us.wrapping_sub(age_us));
            match self.take(now_us, &unit, sender_us, own_base_us - age_us as i64, uncertainty16) {
                Ok(unit) => passed(&unit),
                Err(verdict) => {
                    done.count(verdict);
                    continue;
                }
            }
            done.units += 1;
            out.push(unit.wire[0] | self.slot << 5);
            out.extend_from_slice(&unit.wire[1..]);
        }
        done.payload = (done.units > 0).then(|| out.into());
        Ok(done)
    }

    /// One unit by sequence, window and rate, and into the join cache. `sender_us`: its capture time modulo 2^48, in the clock
    /// that all units of this slot come with; `capture_us`: in the relay's. Never `Err(New)`.
    pub fn take<'a>(
        &mut self,
        now_us: u64,
        unit: &'a Unit<'a>,
        sender_us: u64,
        capture_us: i64,
        uncertainty16: u16,
    ) -> Result<Passed<'a>, Verdict> {
        let kind = &mut self.kinds[usize::from(unit.kind)];
        match kind.offer(unit.sequence, unit.full, sender_us) {
            Verdict::New => {}
            other => return Err(other),
        }
        // A sender that counts anew: its old sequences are ahead of its new ones and would stay for ever.
        if kind.began && unit.kind == KIND_MOTION {
            self.cache.clear();
        }
        if !self.rate.take(now_us) {
            return Err(Verdict::OverRate);
        }
        let sequence = kind.extended;
        if unit.kind == KIND_MOTION {
            self.cache.remember(unit, sequence, capture_us, uncertainty16);
        }
        Ok(Passed { unit, sequence, capture_us, uncertainty16 })
    }

    /// Base in the relay's clock, or why the whole bundle is refused.
    fn admit(
        &self,
        now_us: u64,
        clock: Option<PeerClock>,
        bundle: &Bundle,
        bytes: usize,
    ) -> Result<(i64, PeerClock), Refused> {
        if bytes > MAX_UPLINK_BYTES {
            return Err(Refused::Malformed(super::bundle::Malformed::Limit));
        }
        if bundle.slots != 1 {
            return Err(Refused::Malformed(super::bundle::Malformed::SlotNotListed));
        }
        let clock = clock.ok_or(Refused::ClockUnsynced)?;
        let now = now_us as i64;
        let peer_now = now_us.wrapping_add_signed(clock.offset_us);
        let newest_us = now + signed48(bundle.base_us.wrapping_sub(peer_now));
        let oldest_us = newest_us - sixteenths_to_us(bundle.oldest_age16) as i64;
        let uncertainty_us = clock.uncertainty_us as i64;
        let too_old = oldest_us < now - self.max_age_us - uncertainty_us;
        let too_new = newest_us > now + self.max_ahead_us + uncertainty_us;
        if too_old || too_new {
            return Err(Refused::CaptureTimeOutOfRange);
        }
        Ok((newest_us, clock))
    }

    /// The motion units since the last key.
    pub fn chain(&self) -> impl Iterator<Item = Part<'_>> + Clone {
        self.cache.parts(self.slot, self.generation)
    }

    /// For one new viewer: the motion units since the last key, in bundles of their own.
    pub fn join_bundles(&self) -> Vec<Bytes> {
        self.cache.bundles(self.alias, self.slot, self.generation)
    }
}
