//! The media plane of an engine: all its rooms, without I/O and without a clock of its own.
//!
//! `MediaPlane` takes the `Room*` commands and the datagrams of sessions in `Room` mode, and says what goes to whom
//! through `MediaOut`. Rules and layouts are those of docs/protocol.md sections 2 and 3; the golden vectors in
//! codec/vectors are read by the tests.

mod bundle;
mod cache;
mod clock;
mod draft;
mod feed;
mod forward;
mod group;
mod inbound;
mod lag;
mod missing;
mod rate;
mod recent;
mod refused;
mod room;
mod sequence;
mod traffic;
mod trunk;
mod wire;

#[cfg(test)]
mod class_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod ocean_tests;
#[cfg(test)]
mod plane_tests;
#[cfg(test)]
mod trunk_tests;
#[cfg(test)]
mod vector_tests;

use crate::api::{Command, DatagramMode, DeliveryClass, Event, RoomId, SessionId};
use bytes::Bytes;
use clock::{parse_probe, ClockSync};
use refused::{Refused, RefusedCounts};
use room::{Publication, Room};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};
use traffic::Totals;
use trunk::Trunk;
use wire::*;

pub use bundle::{Bundle, Malformed, Unit, Units};
pub use clock::answer_probe;
pub use trunk::TrunkDatagram;
pub use wire::TYPE_BUNDLE as BUNDLE_TYPE;

/// Where the media plane's output goes. A payload's first byte is 0x00, the quarter stream id of session stream 0; the
/// loop replaces it for sessions on other streams.
pub trait MediaOut {
    fn fan_out(&mut self, members: &[SessionId], skip: Option<SessionId>, payload: &Bytes);
    fn send(&mut self, to: SessionId, payload: Bytes);
    fn event(&mut self, e: Event);
}

/// What a publishing session publishes, and its clock. One publication a session: a second one replaces the first.
struct Publisher {
    room: RoomId,
    slot: u8,
    clock: ClockSync,
    /// `RoomSynced` was told for the present publication.
    told: bool,
}

/// Rooms whose held units go out in one go: those of thousands of viewers must not keep the sockets waiting.
const ROOMS_A_POLL: usize = 8;

pub struct MediaPlane {
    rooms: FxHashMap<RoomId, Room>,
    publishers: FxHashMap<SessionId, Publisher>,
    trunks: FxHashMap<SessionId, Trunk>,
    /// Rooms that a session hears.
    memberships: FxHashMap<SessionId, Vec<RoomId>>,
    /// Of datagrams that belong to no publication, and of rooms that are no more.
    refused: RefusedCounts,
    /// Of rooms that are no more.
    closed: Totals,
    /// When the next probe of any publisher or trunk is due.
    next_probe_us: Option<u64>,
    /// When a room wants to be looked at again: not after its own deadline. Only the entry that is the room's
    /// `scheduled_us` counts.
    deadlines: BinaryHeap<Reverse<(u64, RoomId)>>,
    seed: u64,
}

impl Default for MediaPlane {
    fn default() -> Self {
        MediaPlane::new()
    }
}

impl MediaPlane {
    pub fn new() -> Self {
        // The standard library's hasher keys are random: enough for ids that only the publisher itself may see.
        MediaPlane::with_seed(RandomState::new().hash_one(0))
    }

    /// `seed` decides the ids of probes: for tests.
    pub fn with_seed(seed: u64) -> Self {
        MediaPlane {
            rooms: FxHashMap::default(),
            publishers: FxHashMap::default(),
            trunks: FxHashMap::default(),
            memberships: FxHashMap::default(),
            refused: RefusedCounts::default(),
            closed: Totals::default(),
            next_probe_us: None,
            deadlines: BinaryHeap::new(),
            seed,
        }
    }

    /// Takes the `Room*` commands, and the mode `Trunk`. What names an unknown room, or a slot over 7, does nothing.
    pub fn command(&mut self, now_us: u64, c: &Command, out: &mut dyn MediaOut) {
        match c {
            Command::RoomCreate { room, config } => {
                self.rooms.entry(*room).or_insert_with(|| Room::new(config));
            }
            Command::RoomClose { room } => self.close_room(*room),
            Command::RoomJoin { room, session } => self.join(*room, *session, out),
            Command::RoomLeave { room, session } => {
                if let Some(left) = self.rooms.get_mut(room) {
                    left.leave(*session);
                }
                self.forget_membership(*session, *room);
            }
            Command::RoomPublish { room, session, slot, generation } => {
                self.publish(now_us, *room, *session, *slot, *generation, out);
            }
            Command::SetDatagramMode { session, mode: DatagramMode::Trunk } => self.open_trunk(now_us, *session),
            Command::RoomFeed { room, session, alias, slots } => {
                self.feed(now_us, *room, *session, *alias, *slots, out);
            }
            Command::RoomUnpublish { room, slot } => self.unpublish(*room, *slot),
            Command::RoomSetClass { room, session, class } => {
                if let Some(there) = self.rooms.get_mut(room) {
                    there.set_class(now_us, *session, *class, out);
                }
                self.schedule(*room);
            }
            Command::RoomSend { room, data } => {
                if let Some(room) = self.rooms.get_mut(room) {
                    room.send(data, out);
                }
            }
            _ => {}
        }
    }

    /// A datagram of a session in `Room` or `Trunk` mode, without the HTTP/3 prefix. `now_us` is when it was read.
    pub fn on_datagram(&mut self, now_us: u64, from: SessionId, data: &[u8], out: &mut dyn MediaOut) {
        let refused = match data.first() {
            Some(&(TYPE_BUNDLE | TYPE_TRUNK)) if self.trunks.contains_key(&from) => {
                self.on_trunk(now_us, from, data, out);
                Ok(())
            }
            _ if data.len() > MAX_DATAGRAM_BYTES => Err(Refused::DatagramTooLarge),
            Some(&TYPE_BUNDLE) => self.on_bundle(now_us, from, data, out),
            Some(&TYPE_HEARTBEAT) if self.trunks.contains_key(&from) => Ok(()),
            Some(&TYPE_PROBE) => match parse_probe(data) {
                Ok(_) => {
                    if let Some(reply) = answer_probe(data, now_us, now_us) {
                        out.send(from, reply);
                    }
                    Ok(())
                }
                Err(why) => Err(why.into()),
            },
            Some(&TYPE_REFRESH) => self.on_refresh(now_us, from, out),
            Some(&TYPE_MISSING) => self.on_missing(now_us, from, data, out),
            Some(&TYPE_PROBE_REPLY) => self.on_reply(now_us, from, data, out),
            Some(_) => Err(Refused::UnknownType),
            None => Err(Refused::Malformed(Malformed::Truncated)),
        };
        if let Err(why) = refused {
            self.count_refused(from, why);
        }
    }

    /// Sends the probes that are due, and what was held long enough in a few rooms: the rest is due still.
    pub fn poll(&mut self, now_us: u64, out: &mut dyn MediaOut) {
        self.poll_probes(now_us, out);
        for _ in 0..ROOMS_A_POLL {
            let Some(id) = self.next_room().filter(|(at_us, _)| *at_us <= now_us).map(|(_, id)| id) else {
                break;
            };
            self.deadlines.pop();
            if let Some(room) = self.rooms.get_mut(&id) {
                room.scheduled_us = None;
                room.poll(now_us, out);
            }
            self.schedule(id);
        }
    }

    fn poll_probes(&mut self, now_us: u64, out: &mut dyn MediaOut) {
        if self.next_probe_us.is_none_or(|due| now_us < due) {
            return;
        }
        self.next_probe_us = None;
        let publishers = self.publishers.iter_mut().map(|(session, publisher)| (*session, &mut publisher.clock));
        let trunks = self.trunks.iter_mut().map(|(session, trunk)| (*session, &mut trunk.clock));
        for (session, clock) in publishers.chain(trunks) {
            if let Some(probe) = clock.next_probe(now_us) {
                out.send(session, probe);
            }
            let due = clock.next_probe_at_us();
            self.next_probe_us = Some(self.next_probe_us.map_or(due, |other| other.min(due)));
        }
    }

    pub fn next_deadline_us(&mut self) -> Option<u64> {
        let room_us = self.next_room().map(|(at_us, _)| at_us);
        self.next_probe_us.into_iter().chain(room_us).min()
    }

    /// The room that is due first, and when. What a room no more waits for is set right on the way.
    fn next_room(&mut self) -> Option<(u64, RoomId)> {
        loop {
            let Reverse((at_us, id)) = *self.deadlines.peek()?;
            let room = self.rooms.get_mut(&id).filter(|room| room.scheduled_us == Some(at_us));
            let Some(room) = room else {
                self.deadlines.pop();
                continue;
            };
            if room.deadline_us() == Some(at_us) {
                return Some((at_us, id));
            }
            room.scheduled_us = None;
            self.deadlines.pop();
            self.schedule(id);
        }
    }

    /// Sees to it that the room is looked at in time, unless an earlier entry does that already.
    fn schedule(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        let Some(at_us) = room.deadline_us() else {
            return;
        };
        if room.scheduled_us.is_none_or(|scheduled_us| at_us < scheduled_us) {
            room.scheduled_us = Some(at_us);
            self.deadlines.push(Reverse((at_us, id)));
        }
    }

    /// The session leaves all rooms and publishes no more.
    pub fn session_closed(&mut self, s: SessionId, _out: &mut dyn MediaOut) {
        for room in self.memberships.remove(&s).unwrap_or_default() {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.leave(s);
            }
        }
        if let Some(publisher) = self.publishers.get(&s) {
            self.unpublish(publisher.room, publisher.slot);
        }
        self.close_trunk(s);
    }

    /// Empty for an unknown room. `bundles_out`, `units_out` and `bytes_out` count each receiver; `refused_*` only when
    /// not zero.
    pub fn stats_room(&self, r: RoomId) -> Vec<(&'static str, f64)> {
        self.rooms.get(&r).map(Room::stats).unwrap_or_default()
    }

    /// Empty when nobody publishes there. Lags are those since the last call (`lag_count` of them; 0 without any), the
    /// rest since the publication began; `refused_*` only when not zero. `synced` 0: offset and uncertainty mean nothing.
    pub fn stats_slot(&mut self, r: RoomId, slot: u8) -> Vec<(&'static str, f64)> {
        let publication = self.rooms.get_mut(&r).and_then(|room| room.publication(slot));
        publication.map(Publication::take_stats).unwrap_or_default()
    }

    /// The members and their classes, in no order. Empty for an unknown room.
    pub fn members(&self, r: RoomId) -> Vec<(SessionId, DeliveryClass)> {
        self.rooms.get(&r).map(|room| room.members().collect()).unwrap_or_default()
    }

    /// Of the whole plane: gauges `rooms`, `publishers`, `members`, what went through (counted as in `stats_room`) and all
    /// refusals since the start (`refused_*`, only when not zero), of rooms that are no more and of sessions that publish
    /// nothing as well.
    pub fn stats(&self) -> Vec<(&'static str, f64)> {
        let mut members = 0;
        let (mut refused, mut totals) = (self.refused.clone(), self.closed.clone());
        for room in self.rooms.values() {
            room.traffic().add_to(&mut totals);
            members += room.member_count();
            refused.merge(room.refused());
        }
        let mut values = vec![
            ("rooms", self.rooms.len() as f64),
            ("publishers", self.publishers.len() as f64),
            ("members", members as f64),
        ];
        totals.append_to(&mut values);
        refused.append_to(&mut values);
        values
    }

    fn join(&mut self, id: RoomId, session: SessionId, out: &mut dyn MediaOut) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        if room.join(session, self.trunks.contains_key(&session), out) {
            self.memberships.entry(session).or_default().push(id);
        }
    }

    fn forget_membership(&mut self, session: SessionId, room: RoomId) {
        if let Entry::Occupied(mut rooms) = self.memberships.entry(session) {
            rooms.get_mut().retain(|other| *other != room);
            if rooms.get().is_empty() {
                rooms.remove();
            }
        }
    }

    fn close_room(&mut self, id: RoomId) {
        for slot in 0..MAX_SLOTS as u8 {
            self.unpublish(id, slot);
        }
        let Some(room) = self.rooms.remove(&id) else {
            return;
        };
        self.forget_feeds(&room);
        self.refused.merge(room.refused());
        room.traffic().add_to(&mut self.closed);
        for (session, _) in room.members() {
            self.forget_membership(session, id);
        }
    }

    fn publish(
        &mut self,
        now_us: u64,
        id: RoomId,
        session: SessionId,
        slot: u8,
        generation: u8,
        out: &mut dyn MediaOut,
    ) {
        if usize::from(slot) >= MAX_SLOTS || !self.rooms.contains_key(&id) {
            return;
        }
        // The clock belongs to the session: what was learnt of it stays good in another slot.
        let known = self.publishers.remove(&session);
        if let Some(before) = &known {
            self.clear_slot(before.room, before.slot);
        }
        self.unpublish(id, slot);
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let clock = known.map_or_else(|| ClockSync::new(self.seed), |before| before.clock);
        self.probe_by(clock.next_probe_at_us().max(now_us));
        if let Some(room) = self.rooms.get_mut(&id) {
            room.publish(now_us, session, slot, generation, out);
        }
        self.publishers.insert(session, Publisher { room: id, slot, clock, told: false });
        self.tell_synced(now_us, session, out);
    }

    fn unpublish(&mut self, room: RoomId, slot: u8) {
        if let Some(session) = self.clear_slot(room, slot) {
            self.publishers.remove(&session);
        }
    }

    /// The session that published there.
    fn clear_slot(&mut self, room: RoomId, slot: u8) -> Option<SessionId> {
        self.rooms.get_mut(&room)?.unpublish(slot)
    }

    /// The next probe is due then, or before.
    fn probe_by(&mut self, due_us: u64) {
        self.next_probe_us = Some(self.next_probe_us.map_or(due_us, |other| other.min(due_us)));
    }
}
