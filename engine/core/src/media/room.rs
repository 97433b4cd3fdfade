//! One room: who hears it, who publishes in it, and what went through.

use super::clock::PeerClock;
use super::draft::Part;
use super::feed::Feeds;
use super::forward::SlotForwarder;
use super::group::{Group, Sources};
use super::lag::Lag;
use super::missing::{Allowance, Missing};
use super::recent::Recent;
use super::refused::{Refused, RefusedCounts};
use super::traffic::Traffic;
use super::wire::*;
use super::MediaOut;
use crate::api::{DeliveryClass, Repair, RoomConfig, SessionId};
use bytes::Bytes;
use rustc_hash::FxHashMap;

/// What one session publishes in one slot, or trunks feed it.
pub struct Publication {
    /// None: fed.
    pub(super) session: Option<SessionId>,
    pub(super) forwarder: SlotForwarder,
    pub(super) lag: Lag,
    pub(super) refused: RefusedCounts,
    clock: Option<PeerClock>,
}

impl Publication {
    pub fn new(session: Option<SessionId>, forwarder: SlotForwarder) -> Publication {
        Publication { session, forwarder, lag: Lag::default(), refused: RefusedCounts::default(), clock: None }
    }

    pub fn generation(&self) -> u8 {
        self.forwarder.generation()
    }

    /// The motion units since the last key.
    pub fn chain(&self) -> impl Iterator<Item = Part<'_>> + Clone {
        self.forwarder.chain()
    }

    /// What stats say of the publisher's clock.
    pub fn synced(&mut self, clock: PeerClock) {
        self.clock = Some(clock);
    }

    pub fn take_stats(&mut self) -> Vec<(&'static str, f64)> {
        let counts = self.forwarder.counts();
        let (voice_received, voice_duplicate) = self.forwarder.voice_counts();
        let clock = self.clock.unwrap_or(PeerClock { offset_us: 0, uncertainty_us: 0 });
        let mut values = vec![
            ("received", counts.received as f64),
            ("lost", counts.lost as f64),
            ("duplicate", counts.duplicate as f64),
            ("voice_received", voice_received as f64),
            ("voice_duplicate", voice_duplicate as f64),
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

pub type Slots = [Option<Box<Publication>>; MAX_SLOTS];

/// Members whose class holds and repeats nothing get what came, as it came: they are no group.
const DIRECT: usize = usize::MAX;

/// Where a member is listed.
#[derive(Clone, Copy)]
struct Place {
    /// Index of a group, or `DIRECT`.
    group: usize,
    at: usize,
}

pub struct Room {
    pub(super) config: RoomConfig,
    pub(super) direct: Vec<SessionId>,
    /// One for each other class that has members.
    pub(super) groups: Vec<Option<Box<Group>>>,
    places: FxHashMap<SessionId, Place>,
    /// Of members that asked for what they lack.
    allowances: FxHashMap<SessionId, Allowance>,
    /// What groups hold; empty without any.
    pub(super) recent: Recent,
    pub(super) slots: Slots,
    pub(super) feeds: Feeds,
    pub(super) traffic: Traffic,
    pub(super) refused: RefusedCounts,
    /// The plane looks here again at this time: kept for it.
    pub scheduled_us: Option<u64>,
}

impl Room {
    pub fn new(config: &RoomConfig) -> Room {
        Room {
            config: *config,
            direct: Vec::new(),
            groups: Vec::new(),
            places: FxHashMap::default(),
            allowances: FxHashMap::default(),
            recent: Recent::default(),
            slots: Default::default(),
            feeds: Feeds::default(),
            traffic: Traffic::default(),
            refused: RefusedCounts::default(),
            scheduled_us: None,
        }
    }

    pub fn alias(&self) -> u32 {
        self.config.alias
    }

    pub fn member_count(&self) -> usize {
        self.places.len()
    }

    /// In no order.
    pub fn members(&self) -> impl Iterator<Item = (SessionId, DeliveryClass)> + '_ {
        self.places.iter().map(|(session, place)| (*session, self.class_of(*place)))
    }

    fn class_of(&self, place: Place) -> DeliveryClass {
        let group = self.groups.get(place.group).and_then(Option::as_ref);
        group.map_or_else(DeliveryClass::default, |group| group.class())
    }

    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub fn refused(&self) -> &RefusedCounts {
        &self.refused
    }

    pub fn publication(&mut self, slot: u8) -> Option<&mut Publication> {
        self.slots.get_mut(usize::from(slot))?.as_deref_mut()
    }

    /// False when the session is a member already or the room is full. A new member first gets the motion of the others.
    pub fn join(&mut self, session: SessionId, trunk: bool, out: &mut dyn MediaOut) -> bool {
        if self.places.contains_key(&session) {
            return false;
        }
        if self.places.len() >= self.config.max_members as usize {
            self.traffic.joins_refused += 1;
            return false;
        }
        if trunk {
            self.feeds.join(session);
        }
        let class = self.feeds.settled(session, DeliveryClass::default());
        let place = self.place_in(class, None, session);
        self.places.insert(session, place);
        for payload in self.since_keys(session, class) {
            self.send_one(session, payload, out);
        }
        true
    }

    /// The motion since each slot's last key, for one member.
    fn since_keys(&self, session: SessionId, class: DeliveryClass) -> Vec<Bytes> {
        let of_others = |slot: &&Publication| slot.session != Some(session);
        let wanted = self.slots.iter().enumerate().filter(|(slot, _)| class.slots & 1 << slot != 0);
        let publications = wanted.filter_map(|(_, slot)| slot.as_deref()).filter(of_others);
        publications.flat_map(|publication| publication.forwarder.join_bundles()).collect()
    }

    fn send_one(&mut self, session: SessionId, payload: Bytes, out: &mut dyn MediaOut) {
        self.traffic.bundles_out += 1;
        self.traffic.bytes_out += payload.len() as u64 - 1;
        out.send(session, payload);
    }

    /// As at first, to a member that may have missed some: what was on the way to its former address is gone. As often as
    /// its allowance of requests has it.
    pub fn refresh(&mut self, now_us: u64, session: SessionId, out: &mut dyn MediaOut) {
        let Some(class) = self.places.get(&session).map(|place| self.class_of(*place)) else {
            return;
        };
        let payloads = self.since_keys(session, class);
        let bytes: usize = payloads.iter().map(Bytes::len).sum();
        let allowance = self.allowances.entry(session).or_insert_with(|| Allowance::new(now_us));
        self.traffic.requests_in += 1;
        if !allowance.take_request(now_us) || !allowance.take(now_us, bytes as u64) {
            self.traffic.requests_over += 1;
            return;
        }
        for payload in payloads {
            self.send_one(session, payload, out);
        }
    }

    pub fn leave(&mut self, session: SessionId) {
        if let Some(place) = self.places.remove(&session) {
            self.unlist(place);
        }
        self.feeds.leave(session);
        self.allowances.remove(&session);
    }

    fn unlist(&mut self, place: Place) {
        let members = match self.groups.get_mut(place.group) {
            Some(Some(group)) => &mut group.members,
            _ => &mut self.direct,
        };
        members.swap_remove(place.at);
        if let Some(moved) = members.get(place.at) {
            self.places.insert(*moved, place);
        }
        let empty = members.is_empty();
        if empty && place.group != DIRECT {
            self.groups[place.group] = None;
            if self.groups.iter().all(Option::is_none) {
                self.groups.clear();
                self.recent = Recent::default();
            }
        }
    }

    /// Nothing happens to who is no member.
    pub fn set_class(&mut self, now_us: u64, session: SessionId, class: DeliveryClass, out: &mut dyn MediaOut) {
        let Some(place) = self.places.get(&session).copied() else {
            return;
        };
        let class = self.feeds.settled(session, settled(class));
        let own = |slot: &Option<Box<Publication>>| slot.as_ref().is_some_and(|slot| slot.session == Some(session));
        let published = self.slots.iter().position(own);
        let mute = published.map(|slot| slot as u8).filter(|_| class != DeliveryClass::default());
        let to = self.group_of(class, mute);
        if to == place.group {
            return;
        }
        let from = Sources { now_us, alias: self.config.alias, recent: &self.recent, slots: &self.slots };
        if let Some(Some(group)) = self.groups.get(place.group) {
            let next = self.groups.get(to).and_then(Option::as_deref);
            group.hand_over(from, session, next, &mut self.traffic, out);
        }
        let next = self.place_in(class, mute, session);
        self.unlist(place);
        self.places.insert(session, next);
    }

    fn place_in(&mut self, class: DeliveryClass, mute: Option<u8>, session: SessionId) -> Place {
        let group = self.group_of(class, mute);
        let members = match self.groups.get_mut(group) {
            Some(Some(group)) => &mut group.members,
            _ => &mut self.direct,
        };
        members.push(session);
        Place { group, at: members.len() - 1 }
    }

    /// The index of the group, which is made when there is none.
    fn group_of(&mut self, class: DeliveryClass, mute: Option<u8>) -> usize {
        if class == DeliveryClass::default() {
            return DIRECT;
        }
        let same = |group: &Group| group.class() == class && group.mute() == mute;
        if let Some(at) = self.groups.iter().position(|group| group.as_deref().is_some_and(same)) {
            return at;
        }
        let group = Some(Box::new(Group::new(class, mute)));
        match self.groups.iter().position(Option::is_none) {
            Some(at) => {
                self.groups[at] = group;
                at
            }
            None => {
                self.groups.push(group);
                self.groups.len() - 1
            }
        }
    }

    /// `slot` is free.
    pub fn publish(&mut self, now_us: u64, session: SessionId, slot: u8, generation: u8, out: &mut dyn MediaOut) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else {
            return;
        };
        let forwarder = SlotForwarder::new(&self.config, slot, generation);
        *place = Some(Box::new(Publication::new(Some(session), forwarder)));
        // Who published there before hears it now, and the new one does not.
        let before = self.groups.iter().flatten().filter(|group| group.mute() == Some(slot));
        let mut moved: Vec<_> = before.flat_map(|group| group.members.iter().copied()).collect();
        moved.push(session);
        for session in moved {
            if let Some(class) = self.places.get(&session).map(|place| self.class_of(*place)) {
                self.set_class(now_us, session, class, out);
            }
        }
    }

    /// Who published there; None as well for a slot that was fed.
    pub fn unpublish(&mut self, slot: u8) -> Option<SessionId> {
        let publication = self.slots.get_mut(usize::from(slot))?.take()?;
        self.feeds.ended(slot, publication.generation());
        publication.session
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
        let Publication { lag, forwarder, .. } = publication;
        let (recent, generation, hold) = (&mut self.recent, forwarder.generation(), !self.groups.is_empty());
        let first = recent.next_serial();
        let done = forwarder.forward(now_us, clock, uplink, |passed| {
            lag.add(now_us as i64 - passed.capture_us);
            if hold {
                recent.push(now_us, slot, generation, passed);
            }
        })?;
        let session = publication.session;
        for (why, count) in done.refused() {
            publication.refused.add(why, count);
            self.refused.add(why, count);
        }
        let dropped = done.unsynced + done.late + done.duplicate + done.over_rate;
        self.traffic.units_in += u64::from(done.units + dropped);
        if let Some(payload) = done.payload {
            let hears_itself =
                session.and_then(|session| self.places.get(&session)).is_some_and(|place| place.group == DIRECT);
            let receivers = self.direct.len() - usize::from(hears_itself);
            if receivers > 0 {
                self.traffic.count_out(1, receivers as u64, u64::from(done.units), payload.len() - 1);
                out.fan_out(&self.direct, session.filter(|_| hears_itself), &payload);
            }
            self.give_to_groups(now_us, first, out);
        }
        Ok(())
    }

    /// The units from this serial on.
    pub(super) fn give_to_groups(&mut self, now_us: u64, first: u64, out: &mut dyn MediaOut) {
        let from = Sources { now_us, alias: self.config.alias, recent: &self.recent, slots: &self.slots };
        for group in self.groups.iter_mut().flatten() {
            group.take(from, first..self.recent.next_serial(), &mut self.traffic, out);
        }
    }

    /// When `poll` has something to do.
    pub fn deadline_us(&self) -> Option<u64> {
        self.groups.iter().flatten().filter_map(|group| group.deadline_us()).min()
    }

    /// Sends what was held long enough.
    pub fn poll(&mut self, now_us: u64, out: &mut dyn MediaOut) {
        let from = Sources { now_us, alias: self.config.alias, recent: &self.recent, slots: &self.slots };
        for group in self.groups.iter_mut().flatten() {
            group.poll(from, &mut self.traffic, out);
        }
    }

    /// Units that a member lacks, again, to it alone: those that its group has sent, as far as its class and its allowance
    /// have it.
    pub fn answer(&mut self, now_us: u64, session: SessionId, missing: &Missing, out: &mut dyn MediaOut) {
        let group = self.places.get(&session).and_then(|place| self.groups.get(place.group)).and_then(Option::as_deref);
        let Some(group) = group.filter(|group| group.class().repair == Repair::Request) else {
            return;
        };
        let allowance = self.allowances.entry(session).or_insert_with(|| Allowance::new(now_us));
        self.traffic.requests_in += 1;
        if !allowance.take_request(now_us) {
            self.traffic.requests_over += 1;
            return;
        }
        let from = Sources { now_us, alias: self.config.alias, recent: &self.recent, slots: &self.slots };
        group.answer(from, session, missing, allowance, &mut self.traffic, out);
    }

    /// One opaque datagram to every member.
    pub fn send(&mut self, data: &[u8], out: &mut dyn MediaOut) {
        let mut payload = Vec::with_capacity(1 + data.len());
        payload.push(PREFIX);
        payload.extend_from_slice(data);
        let payload = Bytes::from(payload);
        self.traffic.bytes_out += (data.len() * self.places.len()) as u64;
        let groups = self.groups.iter().flatten().map(|group| &group.members);
        for members in std::iter::once(&self.direct).chain(groups).filter(|members| !members.is_empty()) {
            out.fan_out(members, None, &payload);
        }
    }

    pub fn count_refused(&mut self, slot: u8, why: Refused, count: u64) {
        self.refused.add(why, count);
        if let Some(publication) = self.publication(slot) {
            publication.refused.add(why, count);
        }
    }

    pub fn stats(&self) -> Vec<(&'static str, f64)> {
        let publishers = self.slots.iter().flatten().count();
        let mut values = vec![("members", self.places.len() as f64), ("publishers", publishers as f64)];
        self.traffic.append_to(&mut values);
        for (voice, name) in (1..).zip(["members_1", "members_2", "members_3", "members_4"]) {
            let groups = self.groups.iter().flatten().filter(|group| group.class().voice == voice);
            let direct = if voice == 1 { self.direct.len() } else { 0 };
            values.push((name, (direct + groups.map(|group| group.members.len()).sum::<usize>()) as f64));
        }
        self.refused.append_to(&mut values);
        values
    }
}

/// A class within its limits; what means the same is the same.
pub(super) fn settled(class: DeliveryClass) -> DeliveryClass {
    let voice = class.voice.clamp(1, 4);
    let patient = if voice == 1 && class.hold_ms > 0 { class.patient & class.slots } else { 0 };
    DeliveryClass {
        voice,
        hold_ms: if voice == 1 && patient == 0 { 0 } else { class.hold_ms },
        patient,
        spacing_ms: if class.repair == Repair::None { 0 } else { class.spacing_ms },
        prompt: false,
        ..class
    }
}
