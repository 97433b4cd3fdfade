//! Sessions between two relays: docs/protocol.md section 4. Either side hears rooms of the other as a member, and feeds
//! rooms with what it hears; the rooms share datagrams, which `run/trunk.rs` fills.

use super::bundle::{Bundle, Malformed};
use super::clock::ClockSync;
use super::feed::Feeder;
use super::refused::{Refused, RefusedCounts};
use super::room::Room;
use super::wire::*;
use super::{MediaOut, MediaPlane};
use crate::api::{RoomId, SessionId};
use bytes::Bytes;
use rustc_hash::FxHashMap;

pub struct Trunk {
    pub clock: ClockSync,
    /// Rooms by the peer's alias of each.
    feeds: FxHashMap<u32, RoomId>,
    bundles_in: u64,
    refused: RefusedCounts,
}

/// The bundles of a shared datagram; none of them is looked into.
#[derive(Debug)]
pub struct Shared<'a> {
    rest: &'a [u8],
}

impl<'a> Shared<'a> {
    /// Checks the lengths. A byte after the type at least; `truncated` for a bundle that is cut, `limit` for one over 1000
    /// bytes or of none, or a datagram over 1200, `no_unit` for no bundle.
    pub fn parse(data: &'a [u8]) -> Result<Shared<'a>, Malformed> {
        let (first, rest) = data.split_first().ok_or(Malformed::Truncated)?;
        if *first != TYPE_TRUNK {
            return Err(Malformed::NotABundle);
        }
        if data.len() > MAX_TRUNK_BYTES {
            return Err(Malformed::Limit);
        }
        if rest.is_empty() {
            return Err(Malformed::NoUnit);
        }
        let mut at = 0;
        while at < rest.len() {
            let length = read_varint(rest, &mut at).ok_or(Malformed::Truncated)?;
            if length == 0 || length > MAX_DATAGRAM_BYTES as u64 {
                return Err(Malformed::Limit);
            }
            at += length as usize;
            if at > rest.len() {
                return Err(Malformed::Truncated);
            }
        }
        Ok(Shared { rest })
    }
}

impl<'a> Iterator for Shared<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut at = 0;
        let length = read_varint(self.rest, &mut at)? as usize;
        let bundle = self.rest.get(at..at + length)?;
        self.rest = &self.rest[at + length..];
        Some(bundle)
    }
}

impl MediaPlane {
    /// Its clock is probed from now on. A trunk stays one until its session ends.
    pub(super) fn open_trunk(&mut self, now_us: u64, session: SessionId) {
        if self.trunks.contains_key(&session) {
            return;
        }
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let clock = ClockSync::new(self.seed);
        let (feeds, refused) = (FxHashMap::default(), RefusedCounts::default());
        self.trunks.insert(session, Trunk { clock, feeds, bundles_in: 0, refused });
        self.probe_by(now_us);
    }

    pub(super) fn close_trunk(&mut self, session: SessionId) {
        let Some(trunk) = self.trunks.remove(&session) else { return };
        for room in trunk.feeds.values() {
            if let Some(room) = self.rooms.get_mut(room) {
                room.feeds.forget(session);
            }
        }
    }

    /// Nothing happens for a session that is no trunk.
    pub(super) fn feed(
        &mut self,
        now_us: u64,
        id: RoomId,
        session: SessionId,
        alias: u32,
        slots: u8,
        out: &mut dyn MediaOut,
    ) {
        let Some(trunk) = self.trunks.get_mut(&session) else { return };
        let Some(room) = self.rooms.get_mut(&id) else { return };
        trunk.feeds.retain(|_, room| *room != id);
        let before = if slots != 0 { trunk.feeds.insert(alias, id) } else { None };
        room.feed(now_us, Feeder { session, alias, slots }, out);
        // The peer gave this alias to another room meanwhile.
        if let Some(room) = before.and_then(|before| self.rooms.get_mut(&before)) {
            room.feed(now_us, Feeder { session, alias, slots: 0 }, out);
        }
        self.schedule(id);
    }

    pub(super) fn forget_feeds(&mut self, room: &Room) {
        for feeder in room.feeds.feeders() {
            if let Some(trunk) = self.trunks.get_mut(&feeder.session) {
                trunk.feeds.remove(&feeder.alias);
            }
        }
    }

    /// A bundle, or several in one datagram; a bad one costs the others nothing.
    pub(super) fn on_trunk(&mut self, now_us: u64, from: SessionId, data: &[u8], out: &mut dyn MediaOut) {
        if data.first() == Some(&TYPE_BUNDLE) {
            return self.on_fed(now_us, from, data, out);
        }
        match Shared::parse(data) {
            Ok(bundles) => bundles.for_each(|bundle| self.on_fed(now_us, from, bundle, out)),
            Err(why) => {
                self.count_refused_of(from, why.into());
            }
        }
    }

    fn on_fed(&mut self, now_us: u64, from: SessionId, data: &[u8], out: &mut dyn MediaOut) {
        let Some(trunk) = self.trunks.get_mut(&from) else { return };
        trunk.bundles_in += 1;
        let bundle = match Bundle::parse(data) {
            Ok(bundle) => bundle,
            Err(why) => return self.count_refused_of(from, why.into()),
        };
        let id = trunk.feeds.get(&bundle.alias).copied();
        let Some((id, room)) = id.and_then(|id| Some((id, self.rooms.get_mut(&id)?))) else {
            return self.count_refused_of(from, Refused::NotFed);
        };
        let clock = trunk.clock.peer(now_us);
        if let Err(why) = room.forward_fed(now_us, from, clock, &bundle, &mut trunk.refused, out) {
            trunk.refused.add(why, 1);
            room.refused.add(why, 1);
        }
        self.schedule(id);
    }

    /// Of no room.
    fn count_refused_of(&mut self, trunk: SessionId, why: Refused) {
        self.refused.add(why, 1);
        if let Some(trunk) = self.trunks.get_mut(&trunk) {
            trunk.refused.add(why, 1);
        }
    }

    /// Empty for a session that is no trunk. `refused_*` only when not zero.
    pub fn stats_trunk(&mut self, now_us: u64, session: SessionId) -> Vec<(&'static str, f64)> {
        let Some(trunk) = self.trunks.get_mut(&session) else { return Vec::new() };
        let clock = trunk.clock.peer(now_us);
        let mut values = vec![
            ("trunk_synced", f64::from(u8::from(clock.is_some()))),
            ("trunk_offset_us", clock.map_or(0.0, |clock| clock.offset_us as f64)),
            ("trunk_uncertainty_ms", clock.map_or(0.0, |clock| clock.uncertainty_us as f64 / 1000.0)),
            ("trunk_feeds", trunk.feeds.len() as f64),
            ("trunk_bundles_in", trunk.bundles_in as f64),
        ];
        trunk.refused.append_to(&mut values);
        values
    }
}

/// A shared datagram that is being filled.
#[derive(Default)]
pub struct TrunkDatagram {
    /// Alone it leaves as it is.
    first: Option<Bytes>,
    /// From the second bundle on: prefix, type, and the bundles with their lengths.
    shared: Vec<u8>,
    /// Of all bundles with their lengths.
    bytes: usize,
}

impl TrunkDatagram {
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// `bundle` has a prefix byte, and so have those given to `add` and what `take` gives; none counts as one of the `most`.
    pub fn fits(&self, bundle: &[u8], most: usize) -> bool {
        1 + self.bytes + entry_bytes(bundle) <= most
    }

    /// An empty one takes any.
    pub fn add(&mut self, bundle: Bytes) {
        self.bytes += entry_bytes(&bundle);
        let Some(first) = self.first.as_ref() else {
            self.first = Some(bundle);
            return;
        };
        if self.shared.is_empty() {
            self.shared.reserve(MAX_TRUNK_BYTES + 1);
            self.shared.extend_from_slice(&[PREFIX, TYPE_TRUNK]);
            write_entry(&mut self.shared, first);
        }
        write_entry(&mut self.shared, &bundle);
    }

    /// None when it is empty, which it is afterwards.
    pub fn take(&mut self) -> Option<Bytes> {
        self.bytes = 0;
        let first = self.first.take()?;
        let shared = std::mem::take(&mut self.shared);
        Some(if shared.is_empty() { first } else { shared.into() })
    }
}

fn entry_bytes(bundle: &[u8]) -> usize {
    let bytes = bundle.len() - 1;
    varint_bytes(bytes as u32) + bytes
}

fn write_entry(out: &mut Vec<u8>, bundle: &[u8]) {
    write_varint(out, bundle.len() as u32 - 1);
    out.extend_from_slice(&bundle[1..]);
}
