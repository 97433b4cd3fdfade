use super::bundle::{write_header, Bundle};
use super::clock::parse_probe;
use super::*;
use crate::api::RoomConfig;
use std::collections::BTreeMap;

pub const ROOM: RoomId = 5;
pub const ALIAS: u32 = 77;
/// The publisher's clock is ahead of the relay's by this.
pub const OFFSET: u64 = 5_000_000_000;

#[derive(Default)]
pub struct Recorder {
    pub fan_outs: Vec<(Vec<SessionId>, Option<SessionId>, Bytes)>,
    pub sends: Vec<(SessionId, Bytes)>,
    pub events: Vec<Event>,
}

impl MediaOut for Recorder {
    fn fan_out(&mut self, members: &[SessionId], skip: Option<SessionId>, payload: &Bytes) {
        self.fan_outs.push((members.to_vec(), skip, payload.clone()));
    }
    fn send(&mut self, to: SessionId, payload: Bytes) {
        self.sends.push((to, payload));
    }
    fn event(&mut self, e: Event) {
        self.events.push(e);
    }
}

pub struct Stage {
    pub plane: MediaPlane,
    pub out: Recorder,
    pub now: u64,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with_rate(0)
    }

    fn with_rate(units_per_second: u32) -> Stage {
        let mut stage = Stage { plane: MediaPlane::with_seed(1), out: Recorder::default(), now: 1_000_000 };
        let config = RoomConfig { alias: ALIAS, max_age_ms: 500, max_ahead_ms: 20, max_members: 4, units_per_second };
        stage.command(Command::RoomCreate { room: ROOM, config });
        stage
    }

    pub fn command(&mut self, c: Command) {
        self.plane.command(self.now, &c, &mut self.out);
    }

    pub fn join(&mut self, session: SessionId) {
        self.command(Command::RoomJoin { room: ROOM, session });
    }

    pub fn publish(&mut self, session: SessionId, slot: u8, generation: u8) {
        self.command(Command::RoomPublish { room: ROOM, session, slot, generation });
    }

    pub fn datagram(&mut self, from: SessionId, data: &[u8]) {
        self.plane.on_datagram(self.now, from, data, &mut self.out);
    }

    /// Sends the due probes and answers those to `session`, each way taking `path_us`.
    pub fn sync(&mut self, session: SessionId, path_us: u64) {
        self.plane.poll(self.now, &mut self.out);
        let probes: Vec<_> = std::mem::take(&mut self.out.sends);
        for (_, probe) in probes.iter().filter(|sent| sent.0 == session) {
            assert_eq!(probe[0], PREFIX);
            let arrived = self.now + path_us + OFFSET;
            let reply = answer_probe(&probe[1..], arrived, arrived).unwrap();
            self.now += 2 * path_us;
            self.datagram(session, &reply[1..]);
        }
    }

    /// A bundle of the publisher: (kind and flags, sequence, age in ms) and one payload byte each.
    pub fn bundle(&self, age_ms: u64, units: &[(u8, u32, u16)]) -> Vec<u8> {
        let mut out = Vec::new();
        write_header(&mut out, 0, 1, &[0], self.now + OFFSET - age_ms * 1000, 0);
        for (head, sequence, age_ms) in units {
            out.push(*head);
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

    pub fn slot(&mut self, slot: u8) -> BTreeMap<&'static str, f64> {
        self.plane.stats_slot(ROOM, slot).into_iter().collect()
    }

    pub fn room(&self) -> BTreeMap<&'static str, f64> {
        self.plane.stats_room(ROOM).into_iter().collect()
    }
}

pub const KEY: u8 = 0b110;
pub const DELTA: u8 = 0;
pub const VOICE: u8 = 0b01110;

/// A room with a synced publisher 1 in slot 3 and members 1, 2 and 3.
pub fn live() -> Stage {
    let mut stage = Stage::new();
    for session in [1, 2, 3] {
        stage.join(session);
    }
    stage.publish(1, 3, 9);
    stage.sync(1, 4_000);
    stage
}

#[test]
fn a_publisher_is_probed_and_synced_once_told() {
    let mut stage = live();
    stage.now += 25_000;
    stage.sync(1, 2_000);
    let told: Vec<_> = stage.out.events.iter().collect();
    let [Event::RoomSynced { room, slot, generation, offset_us, uncertainty_us }] = told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((*room, *slot, *generation), (ROOM, 3, 9));
    assert_eq!((*offset_us, *uncertainty_us), (OFFSET as i64, 4_000));
    let stats = stage.slot(3);
    assert_eq!((stats["synced"], stats["uncertainty_ms"], stats["offset_us"]), (1.0, 2.0, OFFSET as f64));
    assert!(stage.plane.next_deadline_us().is_some_and(|due| due > stage.now));
}

#[test]
fn units_are_rewritten_and_go_to_all_but_their_publisher() {
    let mut stage = live();
    let uplink = stage.bundle(10, &[(KEY, 100, 20), (VOICE, 7, 0)]);
    stage.datagram(1, &uplink);
    let (members, skip, payload) = stage.out.fan_outs.pop().unwrap();
    assert_eq!((members, skip), (vec![1, 2, 3], Some(1)));
    assert_eq!(payload[0], PREFIX);
    let bundle = Bundle::parse(&payload[1..]).unwrap();
    assert_eq!((bundle.alias, bundle.slots, bundle.generations[3]), (ALIAS, 1 << 3, 9));
    assert_eq!((bundle.base_us, bundle.uncertainty16), (stage.now - 10_000, 64));
    let units: Vec<_> = bundle.units().map(|u| (u.slot, u.kind, u.sequence, u.age16, u.payload)).collect();
    assert_eq!(units, [(3, 0, 100, 320, &[100u8][..]), (3, 1, 7, 0, &[7][..])]);

    let room = stage.room();
    assert_eq!((room["bundles_in"], room["bundles_out"]), (1.0, 2.0));
    assert_eq!((room["units_in"], room["units_out"]), (2.0, 4.0));
    assert_eq!(room["bytes_out"], 2.0 * (payload.len() - 1) as f64);
    let stats = stage.slot(3);
    assert_eq!((stats["received"], stats["lag_count"]), (2.0, 2.0));
    assert!((stats["lag_p50_ms"] - 10.0).abs() < 0.4 && (stats["lag_p99_ms"] - 30.0).abs() < 1.0, "{stats:?}");
    assert_eq!(stage.slot(3)["lag_count"], 0.0, "since the last query");
}

#[test]
fn a_liver_that_does_not_listen_is_not_skipped_and_an_empty_room_sends_nothing() {
    let mut stage = live();
    stage.command(Command::RoomLeave { room: ROOM, session: 1 });
    let uplink = stage.bundle(0, &[(KEY, 1, 0)]);
    stage.datagram(1, &uplink);
    let (members, skip, _) = stage.out.fan_outs.pop().unwrap();
    assert_eq!((members.len(), skip), (2, None));
    for session in [2, 3] {
        stage.command(Command::RoomLeave { room: ROOM, session });
    }
    let uplink = stage.bundle(0, &[(KEY, 2, 0)]);
    stage.datagram(1, &uplink);
    assert!(stage.out.fan_outs.is_empty());
}

#[test]
fn repeats_go_once_and_losses_count_when_they_leave_the_window() {
    let mut stage = live();
    let uplink = stage.bundle(0, &[(KEY, 0, 0)]);
    stage.datagram(1, &uplink);
    stage.datagram(1, &uplink);
    assert_eq!(stage.out.fan_outs.len(), 1);
    let mixed = stage.bundle(0, &[(DELTA, 0, 10), (DELTA, 2, 0)]);
    stage.datagram(1, &mixed);
    let (_, _, payload) = stage.out.fan_outs.pop().unwrap();
    assert_eq!(Bundle::parse(&payload[1..]).unwrap().unit_count, 1);
    assert_eq!(stage.slot(3)["lost"], 0.0, "1 may still come");
    for sequence in 3..80 {
        stage.now += 1_000;
        let uplink = stage.bundle(0, &[(DELTA, sequence, 0)]);
        stage.datagram(1, &uplink);
    }
    let stats = stage.slot(3);
    assert_eq!((stats["received"], stats["duplicate"], stats["lost"]), (79.0, 2.0, 1.0));
}

#[test]
fn what_is_refused_is_counted_by_its_reason_and_reaches_nobody() {
    let mut stage = Stage::new();
    stage.join(2);
    stage.publish(1, 0, 1);
    let early = stage.bundle(0, &[(KEY, 0, 0)]);
    stage.datagram(1, &early);
    stage.sync(1, 1_000);
    let old = stage.bundle(502, &[(KEY, 0, 0)]);
    let tail = stage.bundle(400, &[(KEY, 0, 102), (DELTA, 1, 0)]);
    let mut ahead = stage.bundle(0, &[(KEY, 0, 0)]);
    ahead[4..10].copy_from_slice(&(stage.now + OFFSET + 22_000).to_be_bytes()[2..]);
    let short = stage.bundle(0, &[(DELTA, 0, 0)]);
    let mut cut = early.clone();
    cut.pop();
    for data in [&old[..], &tail, &ahead, &short, &cut, &[0x01], &[0x04], &[0x03, 1], &[]] {
        stage.datagram(1, data);
    }
    stage.datagram(1, &[&[0x03][..], &[0; 22]].concat());
    // One unit of a length that fills the datagram.
    let filled = |bytes: usize| {
        let mut data = stage.bundle(0, &[(KEY, 0, 0)]);
        let payload = bytes - (data.len() - 2) - 2;
        data.truncate(data.len() - 2);
        data.extend_from_slice(&(0x4000 | payload as u16).to_be_bytes());
        data.resize(bytes, 7);
        data
    };
    let [over_uplink, over_all] = [filled(991), filled(1001)];
    for data in [&over_uplink[..], &over_all, &[0x77; 1100]] {
        stage.datagram(1, data);
    }
    assert!(stage.out.fan_outs.is_empty());
    let stats = stage.slot(0);
    for (name, count) in [
        ("refused_clock_unsynced", 1.0),
        ("refused_capture_time_out_of_range", 3.0),
        ("refused_unsynced", 1.0),
        ("refused_truncated", 4.0),
        ("refused_unknown_type", 1.0),
        ("refused_limit", 1.0),
        ("refused_datagram_too_large", 2.0),
        ("refused_unasked", 1.0),
    ] {
        assert_eq!(stats.get(name), Some(&count), "{name} of {stats:?}");
        assert_eq!(stage.room().get(name), Some(&count));
    }
    // The plane's total is the room's, and stays when the room is gone.
    assert!(stage.plane.stats().contains(&("refused_truncated", 4.0)));
    // The same units in time do go through.
    let good = stage.bundle(499, &[(KEY, 0, 0)]);
    stage.datagram(1, &good);
    assert_eq!(stage.out.fan_outs.len(), 1);
    stage.command(Command::RoomClose { room: ROOM });
    assert!(stage.plane.stats().contains(&("refused_truncated", 4.0)));
}

#[test]
fn sessions_that_do_not_publish_reach_nobody_but_have_their_probes_answered() {
    let mut stage = live();
    let uplink = stage.bundle(0, &[(KEY, 0, 0)]);
    stage.datagram(2, &uplink);
    stage.datagram(2, &[0x03]);
    assert!(stage.out.fan_outs.is_empty());
    let stats: BTreeMap<_, _> = stage.plane.stats().into_iter().collect();
    assert_eq!(stats["refused_not_publishing"], 2.0);
    let probe = [&[0x02][..], &[9; 10]].concat();
    stage.datagram(2, &probe);
    let (to, reply) = stage.out.sends.pop().unwrap();
    assert_eq!((to, reply[0], reply[1], &reply[2..12]), (2, 0, 3, &[9u8; 10][..]));
    assert_eq!(answer_probe(&probe[..10], 0, 0), None);
    assert_eq!(parse_probe(&[0x02; 12]), Err(Malformed::Trailing));
}

#[test]
fn a_new_viewer_first_gets_the_motion_since_the_last_key() {
    let mut stage = live();
    for (head, sequence) in [(KEY, 10), (DELTA, 11), (VOICE, 0), (KEY, 12), (DELTA, 13), (DELTA, 14)] {
        stage.now += 33_000;
        let uplink = stage.bundle(0, &[(head, sequence, 0)]);
        stage.datagram(1, &uplink);
    }
    let newest = stage.now;
    stage.now += 10_000;
    stage.join(4);
    let [(4, payload)] = &stage.out.sends[..] else { panic!("{:?}", stage.out.sends) };
    let bundle = Bundle::parse(&payload[1..]).unwrap();
    assert_eq!((bundle.alias, bundle.base_us), (ALIAS, newest));
    let units: Vec<_> = bundle.units().map(|u| (u.kind, u.full, u.key, u.sequence, u.age16)).collect();
    assert_eq!(units, [(0, true, true, 12, 1056), (0, false, false, 13, 528), (0, false, false, 14, 0)]);

    // Joining again sends nothing, nor does the fifth of at most four.
    stage.join(4);
    stage.join(5);
    assert_eq!(stage.out.sends.len(), 1);
    assert_eq!((stage.room()["joins_refused"], stage.room()["members"]), (1.0, 4.0));
}

#[test]
fn a_joining_liver_does_not_get_its_own_motion() {
    let mut stage = live();
    stage.command(Command::RoomLeave { room: ROOM, session: 1 });
    let uplink = stage.bundle(0, &[(KEY, 10, 0)]);
    stage.datagram(1, &uplink);
    stage.join(1);
    assert!(stage.out.sends.is_empty());
    stage.join(4);
    assert_eq!(stage.out.sends.len(), 1);
}

#[test]
fn the_cache_is_bounded_and_splits_at_the_datagram_limit() {
    let mut stage = live();
    let big = |stage: &Stage, head: u8, sequence: u32, bytes: usize| {
        let mut data = stage.bundle(0, &[(head, sequence, 0)]);
        data.truncate(data.len() - 2);
        write_varint(&mut data, bytes as u32);
        data.extend_from_slice(&vec![0xab; bytes]);
        data
    };
    for sequence in 0..9 {
        stage.now += 10_000;
        let data = big(&stage, if sequence == 0 { KEY } else { DELTA }, sequence, 300);
        stage.datagram(1, &data);
    }
    stage.join(4);
    assert_eq!(stage.out.sends.len(), 3);
    for (_, payload) in &stage.out.sends {
        assert!(payload.len() <= 1 + MAX_DATAGRAM_BYTES);
        assert_eq!(Bundle::parse(&payload[1..]).unwrap().unit_count, 3);
    }
    // Over 8 kB the chain since the key is of no use to anybody.
    for sequence in 9..28 {
        let data = big(&stage, DELTA, sequence, 300);
        stage.datagram(1, &data);
    }
    stage.out.sends.clear();
    stage.command(Command::RoomLeave { room: ROOM, session: 4 });
    stage.join(4);
    assert!(stage.out.sends.is_empty());
}

#[test]
fn a_member_whose_media_stopped_gets_the_motion_since_the_key_again_as_often_as_it_may_ask() {
    let mut stage = live();
    for (head, sequence) in [(DELTA, 6), (KEY, 7), (DELTA, 8)] {
        let bundle = stage.bundle(0, &[(head, sequence, 0)]);
        stage.datagram(1, &bundle);
    }
    stage.out.sends.clear();
    stage.datagram(2, &[0x07; 1000]);
    let again = stage.out.sends.clone();
    assert!(!again.is_empty() && again.iter().all(|sent| sent.0 == 2), "to nobody else");
    stage.join(9);
    let joined: Vec<_> = stage.out.sends.iter().filter(|sent| sent.0 == 9).map(|sent| sent.1.clone()).collect();
    assert_eq!(again.iter().map(|sent| sent.1.clone()).collect::<Vec<_>>(), joined, "as when it joined");
    for _ in 0..1000 {
        stage.datagram(2, &[0x07]);
    }
    assert!(stage.room()["requests_over"] > 500.0);
    // Nobody's viewer: refused.
    stage.datagram(77, &[0x07; 1000]);
    assert!(stage.plane.stats().contains(&("refused_unasked", 1.0)));
}

#[test]
fn units_256_apart_do_not_share_a_join_bundle() {
    let mut stage = live();
    for (head, sequence) in [(KEY, 5), (0b10, 5 + 256), (DELTA, 6)] {
        let uplink = stage.bundle(0, &[(head, sequence, 0)]);
        stage.datagram(1, &uplink);
    }
    stage.join(4);
    let joined: Vec<_> = stage.out.sends.iter().map(|sent| Bundle::parse(&sent.1[1..]).unwrap().unit_count).collect();
    assert_eq!(joined, [1, 2]);
}

#[test]
fn a_publisher_that_counts_anew_leaves_no_old_units_for_joiners() {
    let mut stage = live();
    let uplink = stage.bundle(0, &[(KEY, 1000, 0)]);
    stage.datagram(1, &uplink);
    stage.now += 1_100_000;
    let uplink = stage.bundle(0, &[(KEY, 0, 0)]);
    stage.datagram(1, &uplink);
    stage.join(4);
    let sequences: Vec<_> = stage
        .out
        .sends
        .iter()
        .flat_map(|sent| Bundle::parse(&sent.1[1..]).unwrap().units().map(|unit| unit.sequence).collect::<Vec<_>>())
        .collect();
    assert_eq!(sequences, [0]);
}

#[test]
fn a_flood_goes_to_nobody_beyond_the_rate_and_another_publisher_is_heard_whole() {
    let mut stage = Stage::with_rate(100);
    for session in [1, 2, 3] {
        stage.join(session);
    }
    for (session, slot) in [(1, 3), (2, 4)] {
        stage.publish(session, slot, 0);
        stage.sync(session, 1000);
    }
    stage.out.fan_outs.clear();
    let mut heard = [0u32; 2];
    for frame in 0..4000u32 {
        stage.now += 1000;
        let flood = stage.bundle(0, &[(if frame == 0 { KEY } else { DELTA }, frame, 0)]);
        stage.datagram(1, &flood);
        if frame % 20 == 0 {
            let calm = stage.bundle(0, &[(if frame == 0 { KEY } else { DELTA }, frame / 20, 0)]);
            stage.datagram(2, &calm);
        }
        for fan in std::mem::take(&mut stage.out.fan_outs) {
            heard[usize::from(Bundle::parse(&fan.2[1..]).unwrap().units().next().unwrap().slot == 4)] += 1;
        }
    }
    // Four seconds of it, and half of one at once.
    assert!((449..=452).contains(&heard[0]), "{heard:?}");
    assert_eq!(heard[1], 200);
    let flood = stage.slot(3);
    assert_eq!((flood["received"], flood["lost"]), (4000.0, 0.0));
    assert_eq!(flood["refused_over_rate"], 4000.0 - f64::from(heard[0]));
    assert!(!stage.slot(4).contains_key("refused_over_rate"));
    // A joiner gets what went on.
    stage.join(4);
    assert!(stage.out.sends.iter().all(|sent| Bundle::parse(&sent.1[1..]).is_ok()));
}

#[test]
fn another_publisher_takes_the_slot_over_and_the_old_one_is_unheard() {
    let mut stage = live();
    stage.publish(2, 3, 10);
    stage.sync(2, 1_000);
    let uplink = stage.bundle(0, &[(KEY, 0, 0)]);
    stage.datagram(1, &uplink);
    assert!(stage.out.fan_outs.is_empty());
    stage.datagram(2, &uplink);
    let (_, skip, payload) = stage.out.fan_outs.pop().unwrap();
    assert_eq!(skip, Some(2));
    assert_eq!(Bundle::parse(&payload[1..]).unwrap().generations[3], 10);
}

#[test]
fn a_session_that_changes_its_slot_keeps_its_clock() {
    let mut stage = live();
    stage.publish(1, 5, 2);
    assert!(matches!(stage.out.events[..], [_, Event::RoomSynced { slot: 5, generation: 2, .. }]));
    assert!(stage.plane.stats_slot(ROOM, 3).is_empty());
    let uplink = stage.bundle(0, &[(KEY, 0, 0)]);
    stage.datagram(1, &uplink);
    let (_, _, payload) = stage.out.fan_outs.pop().unwrap();
    assert_eq!(Bundle::parse(&payload[1..]).unwrap().slots, 1 << 5);
}

#[test]
fn whatever_ends_leaves_nothing_behind() {
    let mut stage = live();
    stage.plane.session_closed(1, &mut stage.out);
    let room = stage.room();
    assert_eq!((room["members"], room["publishers"]), (2.0, 0.0));
    stage.publish(2, 0, 1);
    stage.command(Command::RoomUnpublish { room: ROOM, slot: 0 });
    stage.publish(3, 1, 1);
    stage.command(Command::RoomClose { room: ROOM });
    let stats: BTreeMap<_, _> = stage.plane.stats().into_iter().collect();
    assert_eq!((stats["rooms"], stats["publishers"], stats["members"]), (0.0, 0.0, 0.0));
    assert!(stage.plane.memberships.is_empty());
    stage.now += 10_000_000;
    stage.plane.poll(stage.now, &mut stage.out);
    assert_eq!(stage.plane.next_deadline_us(), None);
    // Commands for what is no more do nothing.
    stage.join(2);
    stage.publish(2, 0, 1);
    stage.publish(2, 8, 1);
    assert!(stage.plane.stats_room(ROOM).is_empty());
}

#[test]
fn a_room_datagram_goes_to_all_members() {
    let mut stage = live();
    stage.command(Command::RoomSend { room: ROOM, data: Bytes::from_static(b"hi") });
    let (members, skip, payload) = stage.out.fan_outs.pop().unwrap();
    assert_eq!((members.len(), skip, &payload[..]), (3, None, &b"\0hi"[..]));
}
