//! The slots of a room that trunks feed: docs/protocol.md section 4. What one feeds is never sent back to it.

use super::bundle::{header_bytes, write_header, Bundle};
use super::clock::PeerClock;
use super::forward::{Forwarded, SlotForwarder};
use super::refused::{Refused, RefusedCounts};
use super::room::{Publication, Room, Slots};
use super::wire::*;
use super::MediaOut;
use crate::api::{DeliveryClass, RoomConfig, SessionId};
use bytes::Bytes;
use rustc_hash::FxHashMap;

/// A trunk that feeds the room.
#[derive(Clone, Copy)]
pub struct Feeder {
    pub session: SessionId,
    /// The peer's name of the room.
    pub alias: u32,
    /// Mask.
    pub slots: u8,
}

#[derive(Default)]
pub struct Feeds {
    feeders: Vec<Feeder>,
    /// Members that are trunks, and the class that each was given.
    members: FxHashMap<SessionId, DeliveryClass>,
    /// By slot, the generation that was there last: its repeats may still be on their way.
    ended: [Option<u8>; MAX_SLOTS],
}

fn newer(generation: u8, than: u8) -> bool {
    generation.wrapping_sub(than) as i8 > 0
}

impl Feeds {
    pub fn feeders(&self) -> &[Feeder] {
        &self.feeders
    }

    fn feeder(&self, session: SessionId) -> Option<&Feeder> {
        self.feeders.iter().find(|feeder| feeder.session == session)
    }

    pub fn join(&mut self, session: SessionId) {
        self.members.insert(session, DeliveryClass::default());
    }

    pub fn leave(&mut self, session: SessionId) {
        self.members.remove(&session);
    }

    pub fn forget(&mut self, session: SessionId) {
        self.feeders.retain(|feeder| feeder.session != session);
    }

    /// What a member gets of the class that it is to have.
    pub fn settled(&mut self, session: SessionId, class: DeliveryClass) -> DeliveryClass {
        let fed = self.feeder(session).map_or(0, |feeder| feeder.slots);
        match self.members.get_mut(&session) {
            Some(given) => {
                *given = class;
                DeliveryClass { slots: class.slots & !fed, prompt: true, ..class }
            }
            None => class,
        }
    }

    pub fn ended(&mut self, slot: u8, generation: u8) {
        self.ended[usize::from(slot)] = Some(generation);
    }
}

/// Payloads for members that get everything as it came: of the units that go on, at most one datagram's worth each.
struct Copies<'a> {
    alias: u32,
    base_us: u64,
    uncertainty16: u16,
    generations: [u8; MAX_SLOTS],
    slots: u8,
    bytes: usize,
    units: Vec<&'a [u8]>,
    /// Each with the number of its units.
    done: Vec<(Bytes, u64)>,
}

impl<'a> Copies<'a> {
    fn add(&mut self, slot: u8, generation: u8, wire: &'a [u8]) {
        // The header may be longer than the peer's, by an alias and an uncertainty.
        if self.bytes + wire.len() + header_bytes(self.alias, MAX_SLOTS, self.uncertainty16) > MAX_DATAGRAM_BYTES {
            self.finish();
        }
        self.generations[usize::from(slot)] = generation;
        self.slots |= 1 << slot;
        self.bytes += wire.len();
        self.units.push(wire);
    }

    fn finish(&mut self) {
        if self.units.is_empty() {
            return;
        }
        let mut listed = [0; MAX_SLOTS];
        let mut count = 0;
        for slot in (0..MAX_SLOTS).filter(|slot| self.slots & 1 << slot != 0) {
            listed[count] = self.generations[slot];
            count += 1;
        }
        let mut out = Vec::with_capacity(1 + header_bytes(self.alias, count, self.uncertainty16) + self.bytes);
        write_header(&mut out, self.alias, self.slots, &listed[..count], self.base_us, self.uncertainty16);
        for wire in &self.units {
            out.extend_from_slice(wire);
        }
        self.done.push((out.into(), self.units.len() as u64));
        (self.slots, self.bytes) = (0, 0);
        self.units.clear();
    }
}

impl Room {
    /// `slots` 0 ends the feed.
    pub fn feed(&mut self, now_us: u64, feeder: Feeder, out: &mut dyn MediaOut) {
        let Feeds { feeders, members, .. } = &mut self.feeds;
        feeders.retain(|other| other.session != feeder.session);
        if feeder.slots != 0 {
            feeders.push(feeder);
        }
        if let Some(class) = members.get(&feeder.session).copied() {
            self.set_class(now_us, feeder.session, class, out);
        }
    }

    /// A bundle of a trunk. Only times ahead of the own are refused: how old a unit may be was decided where it came into
    /// the cluster, and old motion restores the chain.
    pub fn forward_fed(
        &mut self,
        now_us: u64,
        session: SessionId,
        clock: Option<PeerClock>,
        bundle: &Bundle,
        refused: &mut RefusedCounts,
        out: &mut dyn MediaOut,
    ) -> Result<(), Refused> {
        self.traffic.bundles_in += 1;
        let mask = self.feeds.feeder(session).map_or(0, |feeder| feeder.slots);
        let clock = clock.ok_or(Refused::ClockUnsynced)?;
        let peer_now = now_us.wrapping_add_signed(clock.offset_us);
        let base_us = now_us as i64 + signed48(bundle.base_us.wrapping_sub(peer_now));
        let of_bundle_us = sixteenths_to_us(bundle.uncertainty16);
        let uncertainty_us = of_bundle_us + clock.uncertainty_us;
        if base_us > now_us as i64 + i64::from(self.config.max_ahead_ms) * 1000 + uncertainty_us as i64 {
            return Err(Refused::CaptureTimeOutOfRange);
        }
        let uncertainty16 = uncertainty_to_sixteenths(uncertainty_us);
        let told = PeerClock { offset_us: clock.offset_us, uncertainty_us };
        let mut copies = Copies {
            alias: self.config.alias,
            base_us: base_us as u64,
            uncertainty16,
            generations: [0; MAX_SLOTS],
            slots: 0,
            bytes: 0,
            units: Vec::new(),
            done: Vec::new(),
        };
        let hold = self.groups.iter().any(Option::is_some);
        let first = self.recent.next_serial();
        let live_from_us = now_us as i64 - i64::from(self.config.max_age_ms) * 1000;
        let config = RoomConfig { units_per_second: 0, ..self.config };
        let mut went = 0;
        for unit in bundle.units() {
            let generation = bundle.generations[usize::from(unit.slot)];
            let begin = || SlotForwarder::new(&config, unit.slot, generation);
            let identity = (unit.slot, generation);
            let publication = match fed_slot(&mut self.slots, &self.feeds, mask, identity, begin) {
                Ok(publication) => publication,
                Err(why) => {
                    refused.add(why, 1);
                    self.refused.add(why, 1);
                    continue;
                }
            };
            publication.synced(told);
            let capture_us = base_us - sixteenths_to_us(unit.age16) as i64;
            // By the own clock: several trunks may feed a slot, each with a clock of its own.
            match publication.forwarder.take(now_us, &unit, wrap48(capture_us as u64), capture_us, uncertainty16) {
                Ok(passed) => {
                    if capture_us >= live_from_us {
                        publication.lag.add(now_us as i64 - capture_us);
                    }
                    if hold {
                        self.recent.push(now_us, unit.slot, generation, &passed);
                    }
                    went += 1;
                    if !self.direct.is_empty() {
                        copies.add(unit.slot, generation, unit.wire);
                    }
                }
                Err(verdict) => {
                    let mut done = Forwarded::default();
                    done.count(verdict);
                    for (why, count) in done.refused() {
                        publication.refused.add(why, count);
                        self.refused.add(why, count);
                    }
                }
            }
        }
        self.traffic.units_in += bundle.unit_count as u64;
        copies.finish();
        for (payload, units) in copies.done {
            self.traffic.count_out(1, self.direct.len() as u64, units, payload.len() - 1);
            out.fan_out(&self.direct, None, &payload);
        }
        if went > 0 {
            self.give_to_groups(now_us, first, out);
        }
        Ok(())
    }
}

/// The slot's state for units of this generation; a newer one begins anew.
fn fed_slot<'a>(
    slots: &'a mut Slots,
    feeds: &Feeds,
    mask: u8,
    (slot, generation): (u8, u8),
    begin: impl FnOnce() -> SlotForwarder,
) -> Result<&'a mut Publication, Refused> {
    if mask & 1 << slot == 0 {
        return Err(Refused::NotFed);
    }
    let ended = feeds.ended[usize::from(slot)];
    let place = &mut slots[usize::from(slot)];
    let begins = match place.as_deref() {
        Some(there) if there.session.is_some() => return Err(Refused::SlotTaken),
        Some(there) if newer(there.generation(), generation) => return Err(Refused::OldGeneration),
        Some(there) => there.generation() != generation,
        None if ended.is_some_and(|ended| !newer(generation, ended)) => return Err(Refused::OldGeneration),
        None => true,
    };
    if begins {
        *place = Some(Box::new(Publication::new(None, begin())));
    }
    place.as_deref_mut().ok_or(Refused::NotFed)
}
