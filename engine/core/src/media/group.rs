//! The members of a room that have one delivery class: what is held for them, what goes to them and what again.

use super::bundle::{header_bytes, KIND_MOTION, KIND_VOICE};
use super::draft::{Draft, Part};
use super::missing::{Allowance, Missing};
use super::recent::{Recent, Stored};
use super::room::Slots;
use super::traffic::Traffic;
use super::wire::*;
use super::MediaOut;
use crate::api::{DeliveryClass, Layer, Repair, SessionId};
use std::collections::VecDeque;
use std::ops::Range;

/// A unit captured longer ago is not sent for the first time.
const STALE_US: i64 = 400_000;
/// Nor is one repeated. The motion since the last key counts as its newest unit: the older ones restore the chain.
const STALE_REPEAT_US: i64 = 200_000;
/// The motion since the last key does not ride along more often: a frame's length is enough, with n = 1 datagrams are closer.
const CHAIN_GAP_US: u64 = 24_000;
/// Without new units a datagram of repeats alone goes so long after the first of them is due.
const LINGER_US: u64 = 20_000;
/// Units that share a datagram are not further apart than this, well inside the longest age.
const SPAN_US: i64 = 1_000_000;

/// Where units come from, and when.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub now_us: u64,
    pub alias: u32,
    pub recent: &'a Recent,
    pub slots: &'a Slots,
}

impl Sources<'_> {
    fn older_than(&self, capture_us: i64, us: i64) -> bool {
        self.now_us as i64 - capture_us > us
    }
}

struct Repeat {
    serial: u64,
    due_us: u64,
}

/// A unit that goes out for the first time.
struct Fresh<'a> {
    serial: u64,
    part: Part<'a>,
}

pub struct Group {
    class: DeliveryClass,
    /// The slot that its members (one, in truth) publish: nobody hears itself.
    mute: Option<u8>,
    pub members: Vec<SessionId>,
    /// Serials in the order in which they came.
    pending: Vec<u64>,
    /// At most, of the pending units.
    pending_bytes: usize,
    pending_slots: u8,
    /// Pending voice units, by slot.
    voices: [u8; MAX_SLOTS],
    /// When the first pending unit came.
    since_us: u64,
    /// Due times grow (but for the difference between a datagram's arrival and its place in the turn).
    repeats: VecDeque<Repeat>,
    /// When the motion since the last key may ride along again.
    chain_from_us: u64,
    /// With requests: up to which serial all was sent, and when, oldest first.
    sent: VecDeque<(u64, u64)>,
}

impl Group {
    pub fn new(class: DeliveryClass, mute: Option<u8>) -> Group {
        Group {
            class,
            mute,
            members: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
            pending_slots: 0,
            voices: [0; MAX_SLOTS],
            since_us: 0,
            repeats: VecDeque::new(),
            chain_from_us: 0,
            sent: VecDeque::new(),
        }
    }

    pub fn class(&self) -> DeliveryClass {
        self.class
    }

    pub fn mute(&self) -> Option<u8> {
        self.mute
    }

    fn wants(&self, slot: u8, kind: u8, key: bool) -> bool {
        let layer = match self.class.layer {
            Layer::All => true,
            Layer::Keys => kind != KIND_MOTION || key,
            Layer::Voice => kind != KIND_MOTION,
        };
        layer && self.class.slots & (1 << slot) != 0 && self.mute != Some(slot)
    }

    /// When `poll` has something to do.
    pub fn deadline_us(&self) -> Option<u64> {
        if self.pending.is_empty() {
            let linger_us = if self.class.prompt { 0 } else { LINGER_US };
            return self.repeats.front().map(|repeat| repeat.due_us + linger_us);
        }
        Some(self.since_us + u64::from(self.class.hold_ms) * 1000)
    }

    /// The units of one uplink bundle. What is pending goes first when they do not fit beside it, so that a datagram
    /// that overflows is split between slots rather than inside of what came together.
    pub fn take(&mut self, from: Sources, serials: Range<u64>, traffic: &mut Traffic, out: &mut dyn MediaOut) {
        let wanted = |group: &Group, unit: &Stored| group.wants(unit.slot, unit.kind, unit.key);
        let (mut bytes, mut slots) = (0, 0u8);
        for unit in serials.clone().filter_map(|serial| from.recent.get(serial)).filter(|unit| wanted(self, unit)) {
            bytes += unit.most_bytes;
            slots |= 1 << unit.slot;
        }
        if slots == 0 {
            return;
        }
        let listed = (slots | self.pending_slots).count_ones() as usize;
        let header = header_bytes(from.alias, listed, MAX_SIXTEENTHS as u16);
        if !self.pending.is_empty() && header + self.pending_bytes + bytes > MAX_DATAGRAM_BYTES {
            self.flush(from, traffic, out);
        }
        if self.pending.is_empty() {
            self.since_us = from.now_us;
        }
        for serial in serials {
            let Some(unit) = from.recent.get(serial).filter(|unit| wanted(self, unit)) else { continue };
            self.pending.push(serial);
            if unit.kind == KIND_VOICE {
                let count = &mut self.voices[usize::from(unit.slot)];
                *count = count.saturating_add(1);
            }
        }
        self.pending_bytes += bytes;
        self.pending_slots |= slots;
        if !self.waits(slots) {
            self.flush(from, traffic, out);
        }
    }

    /// Whether what is pending, with units of these slots, has time.
    fn waits(&self, slots: u8) -> bool {
        let DeliveryClass { voice, hold_ms, patient, .. } = self.class;
        let few = if voice <= 1 { slots & !patient == 0 } else { self.voices.iter().all(|count| *count < voice) };
        few && hold_ms > 0
    }

    pub fn poll(&mut self, from: Sources, traffic: &mut Traffic, out: &mut dyn MediaOut) {
        if self.deadline_us().is_some_and(|at_us| at_us <= from.now_us) {
            self.flush(from, traffic, out);
        }
    }

    /// The pending units that are young enough, by capture time.
    fn fresh<'a>(&self, from: Sources<'a>, traffic: &mut Traffic, except: &[u64]) -> Vec<Fresh<'a>> {
        let receivers = self.members.len() as u64;
        let mut fresh = Vec::with_capacity(self.pending.len());
        for serial in self.pending.iter().copied().filter(|serial| !except.contains(serial)) {
            match from.recent.get(serial) {
                None => traffic.dropped_full += receivers,
                Some(unit) if from.older_than(unit.capture_us, STALE_US) => traffic.dropped_stale += receivers,
                Some(unit) => fresh.push(Fresh { serial, part: from.recent.part(unit) }),
            }
        }
        fresh.sort_by_key(|fresh| fresh.part.capture_us);
        fresh
    }

    /// All that is pending, with the repeats that are due; the repeats alone when nothing is pending.
    fn flush(&mut self, from: Sources, traffic: &mut Traffic, out: &mut dyn MediaOut) {
        let mut fresh = self.fresh(from, traffic, &[]);
        self.forget_stale(from, traffic);
        self.remember_sent(from.now_us);
        let alone = self.pending.is_empty() && self.repeats.front().is_some_and(|first| first.due_us <= from.now_us);
        self.pending.clear();
        self.pending_bytes = 0;
        self.pending_slots = 0;
        self.voices = [0; MAX_SLOTS];
        if fresh.is_empty() && !alone {
            return;
        }
        let chain = if self.chain_from_us <= from.now_us { self.chain(from, &fresh) } else { Vec::new() };
        if !chain.is_empty() {
            self.chain_from_us = from.now_us + CHAIN_GAP_US;
        }
        let mut sent = Vec::with_capacity(fresh.len());
        loop {
            let mut draft = Draft::new(from.alias, self.base_us(from, &fresh, &chain));
            let before = fresh.len();
            fresh.retain(|unit| {
                let fits = draft.offer(unit.part);
                if fits {
                    sent.push(unit.serial);
                }
                !fits
            });
            let units = (before - fresh.len()) as u64;
            let new_bytes = if units > 0 { draft.bytes() } else { 0 };
            let mut repairs = self.repeat(from, &mut draft);
            // What is new in another datagram of this flush is in none of them as a repeat.
            if fresh.is_empty() {
                repairs += self.repeat_chain(from, &chain, &mut draft);
            }
            let repair_bytes = draft.bytes() - new_bytes;
            let payload = draft.finish();
            let receivers = self.members.len() as u64;
            traffic.count_out(self.class.voice, receivers, units, payload.len() - 1);
            traffic.count_repair(self.class.voice, receivers, repairs, repair_bytes as u64);
            out.fan_out(&self.members, None, &payload);
            if fresh.is_empty() {
                break;
            }
        }
        if matches!(self.class.repair, Repair::Repeat | Repair::SinceKey) {
            let due_us = from.now_us + u64::from(self.class.spacing_ms) * 1000;
            self.repeats.extend(sent.into_iter().map(|serial| Repeat { serial, due_us }));
        }
    }

    /// What is asked for sooner than an answer to it can be worth is on its way still.
    fn remember_sent(&mut self, now_us: u64) {
        if self.class.repair != Repair::Request {
            return;
        }
        while self.sent.front().is_some_and(|sent| sent.1 + STALE_REPEAT_US as u64 <= now_us) {
            self.sent.pop_front();
        }
        self.sent.extend(self.pending.last().map(|serial| (*serial, now_us)));
    }

    /// Sent, and so long ago that the member can know that it did not come.
    fn overdue(&self, serial: u64, now_us: u64) -> bool {
        let at = self.sent.partition_point(|sent| sent.0 < serial);
        // What another class sent before the member came into this one has no entry, nor has what is old.
        self.sent.get(at).is_none_or(|sent| sent.1 + u64::from(self.class.spacing_ms) * 1000 <= now_us)
    }

    /// Of the next datagram: late enough for the repeats as well, unless that would leave none of the new units in.
    fn base_us(&self, from: Sources, fresh: &[Fresh], chain: &[Part]) -> i64 {
        let due = self.repeats.iter().take_while(|repeat| repeat.due_us <= from.now_us);
        let due = due.filter_map(|repeat| from.recent.get(repeat.serial)).map(|unit| unit.capture_us);
        let (oldest, newest) = match (fresh.first(), fresh.last()) {
            (Some(first), Some(last)) => (first.part.capture_us, last.part.capture_us),
            _ => (due.clone().min().unwrap_or(0), due.clone().max().unwrap_or(0)),
        };
        let limit = newest.max(oldest + SPAN_US);
        let repairs = due.chain(chain.iter().map(|part| part.capture_us)).filter(|at_us| *at_us <= limit);
        repairs.fold(newest, i64::max)
    }

    fn forget_stale(&mut self, from: Sources, traffic: &mut Traffic) {
        let receivers = self.members.len() as u64;
        self.repeats.retain(|repeat| match from.recent.get(repeat.serial) {
            _ if repeat.due_us > from.now_us => true,
            None => {
                traffic.dropped_full += receivers;
                false
            }
            Some(unit) if from.older_than(unit.capture_us, STALE_REPEAT_US) => {
                traffic.dropped_stale += receivers;
                false
            }
            Some(_) => true,
        });
    }

    /// Adds the repeats that are due and fit; how many.
    fn repeat<'a>(&mut self, from: Sources<'a>, draft: &mut Draft<'a>) -> u64 {
        let before = self.repeats.len();
        self.repeats.retain(|repeat| {
            let unit = from.recent.get(repeat.serial).filter(|_| repeat.due_us <= from.now_us);
            !unit.is_some_and(|unit| draft.offer(from.recent.part(unit)))
        });
        (before - self.repeats.len()) as u64
    }

    /// The motion since the last key of each slot but for what is new in this flush.
    fn chain<'a>(&self, from: Sources<'a>, fresh: &[Fresh]) -> Vec<Part<'a>> {
        let mut chain = Vec::new();
        if self.class.repair != Repair::SinceKey {
            return chain;
        }
        for publication in from.slots.iter().flatten() {
            let parts = publication.chain();
            let newest_us = parts.clone().map(|part| part.capture_us).max();
            if newest_us.is_none_or(|at_us| from.older_than(at_us, STALE_REPEAT_US)) {
                continue;
            }
            let new = |part: &Part| fresh.iter().any(|unit| unit.part.is_same(part));
            chain.extend(parts.filter(|part| self.wants(part.slot, part.kind, part.key()) && !new(part)));
        }
        chain
    }

    /// Adds what fits of the chain, which counts as its repeat; how many.
    fn repeat_chain<'a>(&mut self, from: Sources<'a>, chain: &[Part<'a>], draft: &mut Draft<'a>) -> u64 {
        let mut repairs = 0;
        for part in chain {
            if draft.offer(*part) {
                repairs += 1;
                let same = |unit: &Stored| from.recent.part(unit).is_same(part);
                self.repeats.retain(|repeat| !from.recent.get(repeat.serial).is_some_and(same));
            }
        }
        repairs
    }

    /// Of what the members have been sent, the units that one of them lacks, to this one.
    pub fn answer(
        &self,
        from: Sources,
        session: SessionId,
        missing: &Missing,
        allowance: &mut Allowance,
        traffic: &mut Traffic,
        out: &mut dyn MediaOut,
    ) {
        let sent = |(serial, unit): &(u64, &Stored)| {
            self.wants(unit.slot, unit.kind, unit.key)
                && !self.pending.contains(serial)
                && self.overdue(*serial, from.now_us)
                && !from.older_than(unit.capture_us, STALE_REPEAT_US)
                && missing.names(unit.slot, unit.generation, unit.kind, unit.sequence)
        };
        let units = from.recent.newest(from.now_us, STALE_REPEAT_US as u64).filter(sent);
        let mut parts: Vec<_> = units.map(|(_, unit)| from.recent.part(unit)).collect();
        parts.sort_by_key(|part| part.capture_us);
        while let Some(newest) = parts.last() {
            let mut draft = Draft::new(from.alias, newest.capture_us);
            let before = parts.len();
            parts.retain(|part| !draft.offer(*part));
            let units = (before - parts.len()) as u64;
            let payload = draft.finish();
            let bytes = payload.len() - 1;
            if !allowance.take(from.now_us, bytes as u64) {
                traffic.requests_over += 1;
                return;
            }
            traffic.count_out(self.class.voice, 1, 0, bytes);
            traffic.count_repair(self.class.voice, 1, units, bytes as u64);
            out.send(session, payload);
        }
    }

    /// What is pending here, and not in the group that the member goes to, goes to the member at once.
    pub fn hand_over(
        &self,
        from: Sources,
        session: SessionId,
        to: Option<&Group>,
        traffic: &mut Traffic,
        out: &mut dyn MediaOut,
    ) {
        let mut fresh = self.fresh(from, &mut Traffic::default(), to.map_or(&[], |group| &group.pending));
        while let Some(newest) = fresh.last() {
            let mut draft = Draft::new(from.alias, newest.part.capture_us);
            let before = fresh.len();
            fresh.retain(|unit| !draft.offer(unit.part));
            let payload = draft.finish();
            traffic.count_out(self.class.voice, 1, (before - fresh.len()) as u64, payload.len() - 1);
            out.send(session, payload);
        }
    }
}
