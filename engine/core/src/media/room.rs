//! One room: who hears it, who publishes in it, and what went through.

use super::clock::PeerClock;
use super::forward::SlotForwarder;
use super::lag::Lag;
use super::refused::{Refused, RefusedCounts};
use super::wire::*;
use super::MediaOut;
use crate::api::{RoomConfig, SessionId};
use bytes::Bytes;
use rustc_hash::FxHashMap;

/// What one session publishes in one slot.
pub struct Publication {
    session: SessionId,
    forwarder: SlotForwarder,
    lag: Lag,
    refused: RefusedCounts,
    clock: Option<PeerClock>,
}

impl Publication {
    pub fn generation(&self) -> u8 {
        self.forwarder.generation()
    }

    /// What stats say of the publisher's clock.
    pub fn synced(&mut self, clock: PeerClock) {
        self.clock = Some(clock);
    }

    pub fn take_stats(&mut self) -> Vec<(&'static str, f64)> {
        let counts = self.forwarder.counts();
        let clock = self.clock.unwrap_or(PeerClock { offset_us: 0, uncertainty_us: 0 });
        let mut values = vec![
            ("received", counts.received as f64),
            ("lost", counts.lost as f64),
            ("duplicate", counts.duplicate as f64),
            ("lag_count", self.lag.count() as f64),
            ("lag_p50_ms", self.lag.quantile_us(0.5) / 1000.0),
            ("lag_p99_ms", self.lag.quantile_us(0.99) / 1000.0),
            ("synced", f64::from(u8::from(self.clock.is_some()))),
            ("uncertainty_ms", clock.uncertainty_us as f64 / 1000.0),
            ("offset_us", clock.offset_us as f64),
        ];
        self.refused.append_to(&mut values);
        self.lag.clear();
        values
    }
}

#[derive(Default)]
struct Traffic {
    bundles_in: u64,
    bundles_out: u64,
    units_in: u64,
    units_out: u64,
    bytes_out: u64,
    joins_refused: u64,
}

pub struct Room {
    alias: u32,
    max_age_ms: u32,
    max_ahead_ms: u32,
    max_members: usize,
    members: Vec<SessionId>,
    /// Place of each session in `members`.
    places: FxHashMap<SessionId, usize>,
    slots: [Option<Box<Publication>>; MAX_SLOTS],
    traffic: Traffic,
    refused: RefusedCounts,
}

impl Room {
    pub fn new(config: &RoomConfig) -> Room {
        Room {
            alias: config.alias,
            max_age_ms: config.max_age_ms,
            max_ahead_ms: config.max_ahead_ms,
            max_members: config.max_members as usize,
            members: Vec::new(),
            places: FxHashMap::default(),
            slots: Default::default(),
            traffic: Traffic::default(),
            refused: RefusedCounts::default(),
        }
    }

    pub fn members(&self) -> &[SessionId] {
        &self.members
    }

    pub fn refused(&self) -> &RefusedCounts {
        &self.refused
    }

    pub fn publication(&mut self, slot: u8) -> Option<&mut Publication> {
        self.slots.get_mut(usize::from(slot))?.as_deref_mut()
    }

    /// False when the session is a member already or the room is full. A new member first gets the motion of the others.
    pub fn join(&mut self, session: SessionId, out: &mut dyn MediaOut) -> bool {
        if self.places.contains_key(&session) {
            return false;
        }
        if self.members.len() >= self.max_members {
            self.traffic.joins_refused += 1;
            return false;
        }
        self.places.insert(session, self.members.len());
        self.members.push(session);
        for publication in self.slots.iter().flatten().filter(|slot| slot.session != session) {
            for payload in publication.forwarder.join_bundles() {
                self.traffic.bundles_out += 1;
                self.traffic.bytes_out += payload.len() as u64 - 1;
                out.send(session, payload);
            }
        }
        true
    }

    pub fn leave(&mut self, session: SessionId) {
        let Some(place) = self.places.remove(&session) else {
            return;
        };
        self.members.swap_remove(place);
        if let Some(moved) = self.members.get(place) {
            self.places.insert(*moved, place);
        }
    }

    /// The slot must be free.
    pub fn publish(&mut self, session: SessionId, slot: u8, generation: u8) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else {
            return;
        };
        let forwarder = SlotForwarder::new(self.alias, slot, generation, self.max_age_ms, self.max_ahead_ms);
        *place = Some(Box::new(Publication {
            session,
            forwarder,
            lag: Lag::default(),
            refused: RefusedCounts::default(),
            clock: None,
        }));
    }

    /// Who published there.
    pub fn unpublish(&mut self, slot: u8) -> Option<SessionId> {
        let publication = self.slots.get_mut(usize::from(slot))?.take()?;
        Some(publication.session)
    }

    pub fn forward(
        &mut self,
        now_us: u64,
        slot: u8,
        clock: Option<PeerClock>,
        uplink: &[u8],
        out: &mut dyn MediaOut,
    ) -> Result<(), Refused> {
        self.traffic.bundles_in += 1;
        let place = self.slots.get_mut(usize::from(slot));
        let publication = place.and_then(|slot| slot.as_deref_mut()).ok_or(Refused::NotPublishing)?;
        if clock.is_some() {
            publication.clock = clock;
        }
        let lag = &mut publication.lag;
        let done = publication.forwarder.forward(now_us, clock, uplink, |us| lag.add(us))?;
        let session = publication.session;
        for (why, count) in [(Refused::Unsynced, done.unsynced), (Refused::Late, done.late)] {
            publication.refused.add(why, u64::from(count));
            self.refused.add(why, u64::from(count));
        }
        let dropped = done.unsynced + done.late + done.duplicate;
        self.traffic.units_in += u64::from(done.units + dropped);
        if let Some(payload) = done.payload {
            let hears_itself = usize::from(self.places.contains_key(&session));
            let receivers = (self.members.len() - hears_itself) as u64;
            self.traffic.bundles_out += receivers;
            self.traffic.units_out += receivers * u64::from(done.units);
            self.traffic.bytes_out += receivers * (payload.len() as u64 - 1);
            if receivers > 0 {
                out.fan_out(&self.members, (hears_itself > 0).then_some(session), &payload);
            }
        }
        Ok(())
    }

    /// One opaque datagram to every member.
    pub fn send(&mut self, data: &[u8], out: &mut dyn MediaOut) {
        if self.members.is_empty() {
            return;
        }
        let mut payload = Vec::with_capacity(1 + data.len());
        payload.push(PREFIX);
        payload.extend_from_slice(data);
        self.traffic.bytes_out += (data.len() * self.members.len()) as u64;
        out.fan_out(&self.members, None, &Bytes::from(payload));
    }

    pub fn count_refused(&mut self, slot: u8, why: Refused, count: u64) {
        self.refused.add(why, count);
        if let Some(publication) = self.publication(slot) {
            publication.refused.add(why, count);
        }
    }

    pub fn stats(&self) -> Vec<(&'static str, f64)> {
        let Traffic { bundles_in, bundles_out, units_in, units_out, bytes_out, joins_refused } = self.traffic;
        let publishers = self.slots.iter().flatten().count();
        let mut values = vec![
            ("members", self.members.len() as f64),
            ("publishers", publishers as f64),
            ("bundles_in", bundles_in as f64),
            ("bundles_out", bundles_out as f64),
            ("units_in", units_in as f64),
            ("units_out", units_out as f64),
            ("bytes_out", bytes_out as f64),
            ("joins_refused", joins_refused as f64),
        ];
        self.refused.append_to(&mut values);
        values
    }
}
