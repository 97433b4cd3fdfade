//! Two relays: A's room is heard by B over a trunk, in simulated time.

use super::bundle::{write_header, Bundle};
use super::plane_tests::*;
use super::trunk::Shared;
use super::*;
use crate::api::{Repair, RoomConfig};
use crate::link::Random;

/// B's clock is ahead of A's by this.
pub const SKEW: u64 = 7_000_000_000;
/// B's room, and its alias there; A's has `ALIAS`.
pub const THERE: RoomId = 6;
pub const ALIAS_THERE: u32 = 70_000;
/// The trunk's session at A, and at B.
pub const AT_A: SessionId = 90;
pub const AT_B: SessionId = 50;
pub const VIEWER: SessionId = 2;
/// Each way.
pub const WAY_US: u64 = 30_000;

/// A relay whose room is fed by the trunk, and heard by a viewer.
pub fn far_relay(now: u64) -> Stage {
    let mut b = Stage::new();
    b.now = now;
    // What is fed is not held to the rate.
    let config =
        RoomConfig { alias: ALIAS_THERE, max_age_ms: 500, max_ahead_ms: 20, max_members: 8, units_per_second: 1 };
    b.command(Command::RoomCreate { room: THERE, config });
    b.command(Command::RoomJoin { room: THERE, session: VIEWER });
    b.command(Command::SetDatagramMode { session: AT_B, mode: DatagramMode::Trunk });
    feed(&mut b, ALIAS, u8::MAX);
    b
}

pub fn feed(b: &mut Stage, alias: u32, slots: u8) {
    b.command(Command::RoomFeed { room: THERE, session: AT_B, alias, slots });
}

/// The peer's clock is behind that of `b` by `SKEW`.
pub fn sync_trunk(b: &mut Stage, session: SessionId) {
    let now = b.now;
    b.plane.poll(now, &mut b.out);
    for (_, probe) in std::mem::take(&mut b.out.sends).into_iter().filter(|sent| sent.0 == session) {
        let arrived = now + WAY_US - SKEW;
        let reply = answer_probe(&probe[1..], arrived, arrived).unwrap();
        b.now = now + 2 * WAY_US;
        b.datagram(session, &reply[1..]);
    }
}

/// B, with the trunk's clock known.
fn fed() -> Stage {
    let mut b = far_relay(1_000_000 + SKEW);
    sync_trunk(&mut b, AT_B);
    b
}

pub fn prompt(slots: u8) -> DeliveryClass {
    DeliveryClass { repair: Repair::SinceKey, spacing_ms: 10, slots, ..DeliveryClass::default() }
}

/// A bundle of A's: (slot, generation, head, sequence, age in ms), captured at `base_us` of A's clock at the latest.
fn bundle_of(alias: u32, base_us: u64, uncertainty16: u16, units: &[(u8, u8, u8, u32, u16)]) -> Vec<u8> {
    let slots = units.iter().fold(0, |slots, unit| slots | 1u8 << unit.0);
    let generation = |slot| units.iter().find(|unit| unit.0 == slot).map(|unit| unit.1);
    let generations: Vec<u8> = (0..8).filter_map(generation).collect();
    let mut out = Vec::new();
    write_header(&mut out, alias, slots, &generations, base_us, uncertainty16);
    for (slot, _, head, sequence, age_ms) in units {
        out.push(head | slot << 5);
        if head & 2 != 0 {
            out.extend_from_slice(&sequence.to_be_bytes());
        } else {
            out.push(*sequence as u8);
        }
        write_varint(&mut out, u32::from(*age_ms) * 16);
        out.extend_from_slice(&[1, *sequence as u8]);
    }
    out.split_off(1)
}

/// What the viewer got lately, as (slot, generation, kind, low byte of the sequence).
fn heard(b: &mut Stage) -> Vec<(u8, u8, u8, u8)> {
    let mut heard = Vec::new();
    for (to, _, payload) in std::mem::take(&mut b.out.fan_outs) {
        assert_eq!(to, [VIEWER]);
        let bundle = Bundle::parse(&payload[1..]).unwrap();
        assert_eq!(bundle.alias, ALIAS_THERE);
        let unit = |unit: Unit| (unit.slot, bundle.generations[usize::from(unit.slot)], unit.kind, unit.sequence as u8);
        heard.extend(bundle.units().map(unit));
    }
    heard
}

fn at_a(b: &Stage) -> u64 {
    b.now - SKEW
}

fn refusals(b: &mut Stage) -> Vec<(&'static str, f64)> {
    let stats = b.plane.stats_trunk(b.now, AT_B);
    stats.into_iter().filter(|(name, _)| name.starts_with("refused")).collect()
}

#[test]
fn units_of_several_slots_get_the_own_alias_and_time_and_keep_their_generations() {
    let mut b = fed();
    let data =
        bundle_of(ALIAS, at_a(&b) - 40_000, 32, &[(3, 9, KEY, 500, 10), (5, 2, VOICE, 7, 4), (3, 9, DELTA, 245, 0)]);
    b.datagram(AT_B, &data);
    let (_, skip, payload) = b.out.fan_outs[0].clone();
    assert_eq!(skip, None);
    let bundle = Bundle::parse(&payload[1..]).unwrap();
    assert_eq!((bundle.alias, bundle.slots), (ALIAS_THERE, 1 << 3 | 1 << 5));
    assert_eq!((bundle.generations[3], bundle.generations[5]), (9, 2));
    // 2 ms of A's, and half of the round trip.
    assert_eq!((bundle.base_us, bundle.uncertainty16), (b.now - 40_000, 32 + 30 * 16));
    assert_eq!(heard(&mut b), [(3, 9, 0, 244), (5, 2, 1, 7), (3, 9, 0, 245)]);
    let stats: std::collections::BTreeMap<_, _> = b.plane.stats_slot(THERE, 3).into_iter().collect();
    assert_eq!((stats["received"], stats["uncertainty_ms"], stats["synced"]), (2.0, 32.0, 1.0));
    assert!((stats["lag_p50_ms"] - 40.0).abs() < 1.0, "{stats:?}");
}

#[test]
fn only_what_is_fed_comes_in_and_the_rest_is_counted() {
    let mut b = fed();
    feed(&mut b, ALIAS, 1 << 3);
    let data = bundle_of(ALIAS, at_a(&b), 0, &[(3, 9, KEY, 0, 1), (5, 2, KEY, 0, 0)]);
    b.datagram(AT_B, &data);
    assert_eq!(heard(&mut b), [(3, 9, 0, 0)]);
    let foreign = bundle_of(ALIAS + 1, at_a(&b), 0, &[(3, 9, KEY, 1, 0)]);
    b.datagram(AT_B, &foreign);
    // Nor does a session that is no trunk.
    b.datagram(VIEWER, &data);
    b.datagram(VIEWER, &[&[TYPE_TRUNK, data.len() as u8][..], &data].concat());
    b.datagram(AT_B, &[TYPE_HEARTBEAT]);
    feed(&mut b, ALIAS, 0);
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(3, 9, KEY, 2, 0)]));
    assert_eq!(heard(&mut b), []);
    assert_eq!(refusals(&mut b), [("refused_not_fed", 3.0)]);
    let total: std::collections::BTreeMap<_, _> = b.plane.stats().into_iter().collect();
    assert_eq!((total["refused_not_fed"], total["refused_not_publishing"]), (3.0, 1.0));
    assert_eq!(total["refused_unknown_type"], 1.0);
}

#[test]
fn nothing_comes_in_before_the_clock_is_known_or_from_the_future() {
    let mut b = far_relay(1_000_000 + SKEW);
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(0, 0, KEY, 0, 0)]));
    sync_trunk(&mut b, AT_B);
    // 20 ms, and the uncertainty of both.
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b) + 52_001, 32, &[(0, 0, KEY, 0, 0)]));
    assert_eq!(heard(&mut b), []);
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b) + 52_000, 32, &[(0, 0, KEY, 0, 0)]));
    // What is old restores the chain.
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b) - 900_000, 0, &[(0, 0, KEY, 255, 0)]));
    assert_eq!(heard(&mut b).len(), 2);
    let told = refusals(&mut b);
    assert_eq!(told, [("refused_clock_unsynced", 1.0), ("refused_capture_time_out_of_range", 1.0)]);
}

#[test]
fn a_newer_generation_begins_anew_and_an_older_one_is_over() {
    let mut b = fed();
    let now = at_a(&b);
    for (generation, sequence) in [(254, 100), (255, 0), (254, 101), (3, 0), (255, 1), (3, 1)] {
        b.datagram(AT_B, &bundle_of(ALIAS, now, 0, &[(1, generation, KEY, sequence, 0)]));
    }
    assert_eq!(heard(&mut b), [(1, 254, 0, 100), (1, 255, 0, 0), (1, 3, 0, 0), (1, 3, 0, 1)]);
    // Its repeats may come after the end of a publication.
    b.command(Command::RoomUnpublish { room: THERE, slot: 1 });
    for generation in [3, 2] {
        b.datagram(AT_B, &bundle_of(ALIAS, now, 0, &[(1, generation, KEY, 2, 0)]));
    }
    assert_eq!(heard(&mut b), []);
    b.command(Command::RoomJoin { room: THERE, session: 3 });
    assert!(b.out.sends.is_empty(), "nothing of it is left for joiners");
    b.command(Command::RoomLeave { room: THERE, session: 3 });
    b.datagram(AT_B, &bundle_of(ALIAS, now, 0, &[(1, 4, KEY, 0, 0)]));
    assert_eq!(heard(&mut b), [(1, 4, 0, 0)]);
    assert_eq!(refusals(&mut b), [("refused_old_generation", 4.0)]);
}

#[test]
fn two_trunks_that_feed_one_slot_are_heard_once_and_either_may_end() {
    const OTHER: SessionId = 51;
    let mut b = fed();
    b.command(Command::SetDatagramMode { session: OTHER, mode: DatagramMode::Trunk });
    sync_trunk(&mut b, OTHER);
    b.command(Command::RoomFeed { room: THERE, session: OTHER, alias: 12, slots: u8::MAX });
    let now = at_a(&b);
    b.datagram(AT_B, &bundle_of(ALIAS, now, 0, &[(1, 5, KEY, 0, 0)]));
    b.datagram(OTHER, &bundle_of(12, now, 0, &[(1, 5, KEY, 0, 5), (1, 5, DELTA, 1, 0)]));
    b.datagram(AT_B, &bundle_of(ALIAS, now, 0, &[(1, 5, DELTA, 1, 5), (1, 5, DELTA, 2, 0)]));
    b.plane.session_closed(AT_B, &mut b.out);
    b.datagram(OTHER, &bundle_of(12, now, 0, &[(1, 5, DELTA, 3, 0)]));
    assert_eq!(heard(&mut b), [0, 1, 2, 3].map(|sequence| (1, 5, 0, sequence)));
    assert!(b.plane.stats_trunk(b.now, AT_B).is_empty());
}

#[test]
fn a_liver_of_the_own_goes_before_a_feed() {
    let mut b = fed();
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(1, 5, KEY, 0, 0)]));
    b.command(Command::RoomPublish { room: THERE, session: 7, slot: 1, generation: 6 });
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(1, 6, KEY, 1, 1), (2, 0, KEY, 0, 0)]));
    assert_eq!(heard(&mut b), [(1, 5, 0, 0), (2, 0, 0, 0)]);
    assert_eq!(refusals(&mut b), [("refused_slot_taken", 1.0)]);
    b.command(Command::RoomUnpublish { room: THERE, slot: 1 });
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(1, 6, KEY, 1, 1)]));
    assert_eq!(heard(&mut b), [], "that was the liver's generation");
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(1, 7, KEY, 1, 1)]));
    assert_eq!(heard(&mut b), [(1, 7, 0, 1)]);
}

/// Slots of what went to the trunk.
fn to_trunk(b: &mut Stage, session: SessionId) -> Vec<u8> {
    let fan_outs = std::mem::take(&mut b.out.fan_outs);
    let fan_outs = fan_outs.into_iter().filter(|(to, skip, _)| to.contains(&session) && *skip != Some(session));
    let sends = std::mem::take(&mut b.out.sends).into_iter().filter(|(to, _)| *to == session);
    let payloads = fan_outs.map(|(_, _, payload)| payload).chain(sends.map(|(_, payload)| payload));
    let bundles = payloads.filter(|payload| payload[1] == TYPE_BUNDLE);
    bundles.map(|payload| Bundle::parse(&payload[1..]).unwrap().slots).collect()
}

#[test]
fn a_trunk_never_gets_what_it_feeds() {
    const OTHER: SessionId = 51;
    let mut b = fed();
    feed(&mut b, ALIAS, 1 << 3 | 1 << 5);
    b.command(Command::SetDatagramMode { session: OTHER, mode: DatagramMode::Trunk });
    sync_trunk(&mut b, OTHER);
    b.command(Command::RoomFeed { room: THERE, session: OTHER, alias: 12, slots: 1 << 6 });
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(3, 9, KEY, 0, 0), (5, 9, KEY, 0, 0)]));
    b.datagram(OTHER, &bundle_of(12, at_a(&b), 0, &[(6, 9, KEY, 0, 0)]));
    b.out.fan_outs.clear();
    for (session, others) in [(AT_B, [1u8 << 6].as_slice()), (OTHER, &[1 << 3, 1 << 5])] {
        b.command(Command::RoomJoin { room: THERE, session });
        assert_eq!(to_trunk(&mut b, session), others, "since the key, at the join");
        b.command(Command::RoomSetClass { room: THERE, session, class: prompt(u8::MAX) });
    }
    for sequence in 1..20 {
        b.now += 33_000;
        b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(3, 9, KEY, sequence, 0), (5, 9, KEY, sequence, 0)]));
        b.datagram(OTHER, &bundle_of(12, at_a(&b), 0, &[(6, 9, KEY, sequence, 0)]));
        let fan_outs = b.out.fan_outs.clone();
        assert!(to_trunk(&mut b, AT_B).iter().all(|slots| *slots == 1 << 6));
        b.out.fan_outs = fan_outs;
        assert!(to_trunk(&mut b, OTHER).iter().all(|slots| slots & 1 << 6 == 0));
    }
    // What is fed no more it may hear.
    feed(&mut b, ALIAS, 1 << 3);
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(3, 9, KEY, 20, 0), (5, 9, KEY, 20, 0)]));
    assert_eq!(to_trunk(&mut b, AT_B), [] as [u8; 0]);
    b.command(Command::RoomPublish { room: THERE, session: 7, slot: 5, generation: 10 });
    b.sync(7, 1_000);
    let data = b.bundle(0, &[(KEY, 0, 0)]);
    b.datagram(7, &data);
    assert_eq!(to_trunk(&mut b, AT_B), [1 << 5 | 1 << 6], "with the chain of the other");
}

#[test]
fn repeats_to_a_trunk_leave_when_they_are_due() {
    let mut a = live();
    a.command(Command::SetDatagramMode { session: AT_A, mode: DatagramMode::Trunk });
    a.command(Command::RoomJoin { room: ROOM, session: AT_A });
    a.command(Command::RoomSetClass { room: ROOM, session: AT_A, class: prompt(u8::MAX) });
    a.out.sends.clear();
    let from = a.now;
    let data = a.bundle(0, &[(KEY, 0, 0), (VOICE, 0, 0)]);
    a.datagram(1, &data);
    assert_eq!(to_trunk(&mut a, AT_A), [1 << 3]);
    assert_eq!(
        a.plane.members(ROOM).into_iter().find(|(session, _)| *session == AT_A).map(|(_, c)| c.prompt),
        Some(true)
    );
    while to_trunk(&mut a, AT_A).is_empty() {
        a.now = a.plane.next_deadline_us().unwrap();
        a.plane.poll(a.now, &mut a.out);
    }
    assert_eq!(a.now - from, 10_000);
    assert_eq!((a.room()["repair_units_out"], a.room()["members_1"]), (2.0, 4.0));
}

#[test]
fn a_bundle_that_a_longer_alias_would_make_too_long_becomes_two() {
    let mut b = fed();
    let mut data = Vec::new();
    write_header(&mut data, ALIAS, 0b11, &[1, 1], at_a(&b), 0);
    for (slot, full) in [(0, 500), (1, 1 + MAX_DATAGRAM_BYTES)] {
        data.extend_from_slice(&[KEY | slot << 5, 0, 0, 0, 0, 0]);
        let payload = full - data.len() - 2;
        write_varint(&mut data, payload as u32);
        data.resize(full, 7);
    }
    b.datagram(AT_B, &data[1..]);
    assert!(b.out.fan_outs.iter().all(|(_, _, payload)| payload.len() <= 1 + MAX_DATAGRAM_BYTES));
    assert_eq!((b.out.fan_outs.len(), heard(&mut b).len()), (2, 2));
}

#[test]
fn bundles_share_a_datagram_and_a_bad_one_costs_the_others_nothing() {
    let mut b = fed();
    let bundle = |sequence| bundle_of(ALIAS, at_a(&b), 0, &[(0, 1, KEY, sequence, 0)]);
    let mut shared = TrunkDatagram::default();
    let prefixed = |data: &[u8]| Bytes::from([&[PREFIX][..], data].concat());
    let first = prefixed(&bundle(0));
    shared.add(first.clone());
    assert_eq!(shared.take(), Some(first), "alone it is as it was");
    assert_eq!(shared.take(), None);
    for data in [&bundle(0)[..], &[TYPE_BUNDLE, 9], &bundle(1), &bundle(2)] {
        assert!(shared.fits(&prefixed(data), 1000));
        shared.add(prefixed(data));
    }
    let bytes = 1 + 3 * (1 + bundle(0).len()) + 3;
    assert!(!shared.fits(&prefixed(&bundle(3)), bytes + bundle(3).len()));
    assert!(shared.fits(&prefixed(&bundle(3)), bytes + bundle(3).len() + 1));
    let payload = shared.take().unwrap();
    assert!(shared.is_empty());
    assert_eq!((payload.len(), Shared::parse(&payload[1..]).unwrap().count()), (1 + bytes, 4));
    b.datagram(AT_B, &payload[1..]);
    assert_eq!(heard(&mut b), [0, 1, 2].map(|sequence| (0, 1, 0, sequence)));
    b.datagram(AT_B, &payload[1..payload.len() - 1]);
    assert_eq!(heard(&mut b), [], "cut, so nothing of it is trusted");
    assert_eq!(refusals(&mut b), [("refused_truncated", 2.0)]);
}

#[test]
fn whatever_ends_leaves_no_feed_behind() {
    let mut b = fed();
    b.command(Command::RoomJoin { room: THERE, session: AT_B });
    b.command(Command::RoomClose { room: THERE });
    b.datagram(AT_B, &bundle_of(ALIAS, at_a(&b), 0, &[(0, 1, KEY, 0, 0)]));
    assert_eq!(refusals(&mut b), [("refused_not_fed", 1.0)]);
    let feeds =
        |b: &mut Stage| b.plane.stats_trunk(b.now, AT_B).iter().find(|value| value.0 == "trunk_feeds").unwrap().1;
    assert_eq!(feeds(&mut b), 0.0);
    // One alias names one room, the last.
    let config = RoomConfig { alias: 1, max_age_ms: 500, max_ahead_ms: 20, max_members: 8, units_per_second: 0 };
    for room in [THERE, THERE + 1] {
        b.command(Command::RoomCreate { room, config });
        b.command(Command::RoomFeed { room, session: AT_B, alias: ALIAS, slots: 1 });
    }
    assert_eq!(feeds(&mut b), 1.0);
    b.plane.session_closed(AT_B, &mut b.out);
    assert!(b.plane.trunks.is_empty() && !b.plane.memberships.contains_key(&AT_B));
    b.plane.poll(b.now + 10_000_000, &mut b.out);
    assert_eq!(b.plane.next_deadline_us(), None);
}

#[test]
fn any_bytes_are_bundles_or_not() {
    let mut random = Random::new(21, 0);
    let (mut good, mut bad) = (0, [0; 11]);
    for _ in 0..100_000 {
        let mut data = vec![TYPE_TRUNK];
        for _ in 0..random.next_u64() % 4 {
            let length = (random.next_u64() % 9) as u8;
            data.push(length);
            data.extend((0..length).map(|_| random.next_u64() as u8));
        }
        match random.next_u64() % 8 {
            0 => data.truncate(random.next_u64() as usize % data.len() + 1),
            1 => data.push(random.next_u64() as u8),
            2 => data.resize(1190 + random.next_u64() as usize % 20, 1),
            _ => {}
        }
        match Shared::parse(&data) {
            Ok(bundles) => {
                good += 1;
                let bytes: usize = bundles.map(|bundle| bundle.len() + 1).sum();
                assert!(bytes < data.len() && data.len() <= MAX_TRUNK_BYTES);
            }
            Err(why) => bad[why as usize] += 1,
        }
    }
    let of = |why: Malformed| bad[why as usize];
    assert!(
        good > 1000 && [Malformed::Truncated, Malformed::Limit, Malformed::NoUnit].map(of).iter().all(|n| *n > 100)
    );
}
