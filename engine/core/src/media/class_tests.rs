//! Delivery classes: what is held, repeated and left out, in simulated time.

use super::bundle::Bundle;
use super::plane_tests::*;
use super::*;
use crate::api::{Layer, Repair, RoomConfig};
use crate::link::Random;

/// A datagram of a group: when, to whom, and its units as (slot, kind, sequence, age in ms).
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    at_ms: u64,
    to: Vec<SessionId>,
    units: Vec<(u8, u8, u32, u64)>,
}

const CLASS: DeliveryClass = DeliveryClass {
    voice: 2,
    hold_ms: 26,
    repair: Repair::None,
    spacing_ms: 0,
    layer: Layer::All,
    slots: u8::MAX,
    patient: 0,
    prompt: false,
};

struct Play {
    stage: Stage,
    from_us: u64,
    heard: Vec<Heard>,
}

impl Play {
    /// Session 1 publishes in slot 3; 2 and 3 are members of this class, 1 is direct.
    fn new(class: DeliveryClass) -> Play {
        let mut stage = live();
        // All of the burst: the next probe is a second away.
        for _ in 0..8 {
            stage.now += 25_000;
            stage.sync(1, 4_000);
        }
        for session in [2, 3] {
            stage.command(Command::RoomSetClass { room: ROOM, session, class });
        }
        let from_us = stage.now;
        Play { stage, from_us, heard: Vec::new() }
    }

    /// Lets the time pass until so many ms after the start.
    fn until(&mut self, at_ms: u64) {
        let end_us = self.from_us + at_ms * 1000;
        while let Some(at_us) = self.stage.plane.next_deadline_us().filter(|at_us| *at_us <= end_us) {
            self.stage.now = self.stage.now.max(at_us);
            self.stage.plane.poll(self.stage.now, &mut self.stage.out);
            self.listen();
        }
        self.stage.now = end_us;
    }

    fn listen(&mut self) {
        let at_ms = (self.stage.now - self.from_us) / 1000;
        let fan_outs = std::mem::take(&mut self.stage.out.fan_outs).into_iter().map(|(to, _, payload)| (to, payload));
        let sends = std::mem::take(&mut self.stage.out.sends).into_iter().map(|(to, payload)| (vec![to], payload));
        for (to, payload) in fan_outs.chain(sends).filter(|(_, payload)| payload[1] == TYPE_BUNDLE) {
            assert!(payload.len() <= 1 + MAX_DATAGRAM_BYTES);
            let bundle = Bundle::parse(&payload[1..]).expect("a bundle that parses");
            assert_eq!(bundle.alias, ALIAS);
            let unit = |unit: Unit| {
                let capture_us = bundle.base_us - sixteenths_to_us(unit.age16);
                (unit.slot, unit.kind, unit.sequence, (self.stage.now - capture_us + 500) / 1000)
            };
            self.heard.push(Heard { at_ms, to, units: bundle.units().map(unit).collect() });
        }
    }

    /// A bundle of session `from` at this time: (head, sequence, age in ms).
    fn uplink(&mut self, at_ms: u64, from: SessionId, units: &[(u8, u32, u16)]) {
        self.until(at_ms);
        let data = self.stage.bundle(0, units);
        self.stage.datagram(from, &data);
        self.listen();
    }

    /// What went to session 2, as (ms, sequences of motion, sequences of voice).
    fn to_second(&self) -> Vec<(u64, Vec<u32>, Vec<u32>)> {
        let kind = |heard: &Heard, kind| {
            heard.units.iter().filter(|unit| unit.1 == kind).map(|unit| unit.2).collect::<Vec<_>>()
        };
        let heard = self.heard.iter().filter(|heard| heard.to.contains(&2));
        heard.map(|heard| (heard.at_ms, kind(heard, 0), kind(heard, 1))).collect()
    }

    fn count(&self, name: &str) -> f64 {
        self.stage.room()[name]
    }
}

fn repairing(repair: Repair, spacing_ms: u8) -> DeliveryClass {
    DeliveryClass { repair, spacing_ms, ..CLASS }
}

#[test]
fn two_voice_units_and_the_motion_of_their_time_share_a_datagram() {
    let mut play = Play::new(CLASS);
    play.uplink(0, 1, &[(VOICE, 10, 20)]);
    play.uplink(7, 1, &[(KEY, 5, 3)]);
    play.uplink(20, 1, &[(VOICE, 11, 20)]);
    let direct: Vec<_> = play.heard.iter().filter(|heard| heard.to == [1]).collect();
    assert!(direct.is_empty(), "the publisher does not hear itself");
    // Oldest first by capture time: 20 ms before 0, 0 and 20 - 20.
    let units = vec![(3, 1, 10, 40), (3, 1, 11, 20), (3, 0, 5, 16)];
    assert_eq!(play.heard, [Heard { at_ms: 20, to: vec![2, 3], units }]);
    assert_eq!(play.stage.plane.next_deadline_us().filter(|at| *at < play.stage.now + 500_000), None);
    assert_eq!((play.count("bundles_out_2"), play.count("units_out_2"), play.count("members_2")), (2.0, 6.0, 2.0));
    assert_eq!((play.count("bundles_out_1"), play.count("members_1"), play.count("units_out")), (0.0, 1.0, 6.0));
}

#[test]
fn a_pause_in_the_voice_does_not_hold_motion_for_longer_than_asked() {
    let mut play = Play::new(CLASS);
    for frame in 0..4 {
        play.uplink(33 * frame, 1, &[(KEY, frame as u32, 0)]);
    }
    play.until(200);
    let expected: Vec<_> = (0..4).map(|frame| (33 * frame + 26, vec![frame as u32], vec![])).collect();
    assert_eq!(play.to_second(), expected);
}

#[test]
fn units_pass_as_they_came_but_for_their_ages() {
    let mut play = Play::new(CLASS);
    play.uplink(0, 1, &[(KEY, 70_000, 0), (DELTA, 70_001, 0), (VOICE, 9, 0)]);
    play.uplink(20, 1, &[(VOICE & !2, 10, 0)]);
    let payload = &play.stage.out.fan_outs;
    assert!(payload.is_empty());
    let units = vec![(3, 0, 70_000, 20), (3, 0, 70_001 & 0xff, 20), (3, 1, 9, 20), (3, 1, 10, 0)];
    assert_eq!(play.heard[0].units, units);
}

#[test]
fn all_slots_share_the_datagram_and_a_liver_does_not_hear_itself() {
    let mut play = Play::new(CLASS);
    play.stage.publish(2, 5, 77);
    play.stage.sync(2, 1_000);
    play.from_us = play.stage.now;
    // 2 now has a group of its own: without slot 5.
    play.uplink(0, 1, &[(VOICE, 1, 0)]);
    play.uplink(4, 2, &[(VOICE, 8, 0)]);
    play.uplink(20, 1, &[(VOICE, 2, 0)]);
    play.uplink(24, 2, &[(VOICE, 9, 0)]);
    play.until(100);
    let heard = |at_ms, to: &[SessionId], units: &[_]| Heard { at_ms, to: to.to_vec(), units: units.to_vec() };
    let mut all = play.heard.clone();
    all.sort_by_key(|heard| (heard.at_ms, heard.to.clone()));
    let expected = [
        heard(4, &[1], &[(5, 1, 8, 0)]),
        heard(20, &[2], &[(3, 1, 1, 20), (3, 1, 2, 0)]),
        heard(20, &[3], &[(3, 1, 1, 20), (5, 1, 8, 16), (3, 1, 2, 0)]),
        heard(24, &[1], &[(5, 1, 9, 0)]),
        heard(50, &[3], &[(5, 1, 9, 26)]),
    ];
    assert_eq!(all, expected);
    // Another takes slot 5: 2 hears it.
    play.stage.publish(3, 5, 78);
    play.stage.sync(3, 1_000);
    play.from_us = play.stage.now;
    play.heard.clear();
    play.uplink(0, 3, &[(VOICE, 1, 0), (VOICE, 2, 0)]);
    assert_eq!(play.to_second(), [(0, vec![], vec![1, 2])]);
    assert!(play.heard.iter().all(|heard| !heard.to.contains(&3)));
}

#[test]
fn a_member_that_changes_its_class_loses_nothing_pending() {
    let mut play = Play::new(CLASS);
    play.uplink(0, 1, &[(VOICE, 1, 0)]);
    let set = |play: &mut Play, session, class| {
        play.stage.command(Command::RoomSetClass { room: ROOM, session, class });
        play.listen();
    };
    set(&mut play, 2, DeliveryClass { voice: 3, hold_ms: 46, ..CLASS });
    assert_eq!(play.to_second(), [(0, vec![], vec![1])]);
    // To a group that holds the same units: they come once.
    play.uplink(20, 1, &[(VOICE, 2, 0)]);
    play.uplink(30, 1, &[(VOICE, 3, 0)]);
    set(&mut play, 3, DeliveryClass { voice: 3, hold_ms: 46, ..CLASS });
    play.uplink(40, 1, &[(VOICE, 4, 0)]);
    set(&mut play, 2, DeliveryClass::default());
    play.uplink(60, 1, &[(VOICE, 5, 0)]);
    play.until(200);
    assert_eq!(play.to_second()[1..], [(40, vec![], vec![2, 3, 4]), (60, vec![], vec![5])]);
    let third = play.heard.iter().filter(|heard| heard.to.contains(&3));
    let third: Vec<_> = third.flat_map(|heard| heard.units.iter().map(|unit| unit.2)).collect();
    assert_eq!(third, [1, 2, 2, 3, 4, 5]);
    // Classes without members are gone.
    assert_eq!((play.count("members_1"), play.count("members_2"), play.count("members_3")), (2.0, 0.0, 1.0));
}

#[test]
fn each_unit_is_repeated_once_after_the_spacing() {
    let mut play = Play::new(repairing(Repair::Repeat, 30));
    for voice in 0..6 {
        play.uplink(20 * voice, 1, &[(VOICE, voice as u32, 0)]);
    }
    play.until(400);
    let expected = [
        (20, vec![], vec![0, 1]),
        (60, vec![], vec![0, 1, 2, 3]),
        (100, vec![], vec![2, 3, 4, 5]),
        // 100 + 30, and 20 without new units.
        (150, vec![], vec![4, 5]),
    ];
    assert_eq!(play.to_second(), expected);
    assert_eq!((play.count("units_out_2"), play.count("repair_units_out")), (12.0, 12.0));
    // Three times two units of 5 bytes (4 and a payload of one; ages over 4 ms one more), 13 of the last header.
    let bytes = play.count("repair_bytes_out") / 2.0;
    assert!((45.0..70.0).contains(&bytes), "{bytes}");
    assert_eq!(play.count("repair_bytes_out_2"), 2.0 * bytes);
    let total = |play: &Play| play.stage.plane.stats().into_iter().find(|value| value.0 == "repair_bytes_out");
    assert_eq!(total(&play), Some(("repair_bytes_out", 2.0 * bytes)));
    play.stage.command(Command::RoomClose { room: ROOM });
    assert_eq!(total(&play), Some(("repair_bytes_out", 2.0 * bytes)), "stays when the room is gone");
}

#[test]
fn a_repeat_waits_for_the_units_that_are_held() {
    let mut play = Play::new(DeliveryClass { voice: 4, hold_ms: 70, ..repairing(Repair::Repeat, 20) });
    for voice in 0..8 {
        play.uplink(20 * voice, 1, &[(VOICE, voice as u32, 0)]);
    }
    assert_eq!(play.to_second(), [(60, vec![], vec![0, 1, 2, 3]), (140, vec![], vec![0, 1, 2, 3, 4, 5, 6, 7])]);
}

#[test]
fn a_repeat_never_shares_the_datagram_of_its_original_or_of_its_low_bits() {
    let mut play = Play::new(repairing(Repair::Repeat, 0));
    play.uplink(0, 1, &[(VOICE, 0, 0), (VOICE, 1, 0)]);
    play.uplink(15, 1, &[(VOICE, 256, 0), (VOICE, 257, 0)]);
    play.uplink(30, 1, &[(VOICE, 258, 0), (VOICE, 259, 0)]);
    let heard: Vec<_> = play.to_second().into_iter().map(|(at, _, voice)| (at, voice)).collect();
    // 0 and 256 look alike in a datagram: its repeat waits.
    let expected = [(0, vec![0, 1]), (15, vec![256, 257]), (20, vec![0, 1]), (30, vec![256, 257, 258, 259])];
    assert_eq!(heard, expected);
}

#[test]
fn the_motion_since_the_key_rides_in_each_datagram() {
    let mut play = Play::new(repairing(Repair::SinceKey, 30));
    for frame in 0..6u32 {
        let head = if frame % 4 == 0 { KEY } else { DELTA };
        play.uplink(u64::from(frame) * 40, 1, &[(VOICE, 2 * frame, 20), (VOICE, 2 * frame + 1, 0), (head, frame, 0)]);
    }
    let expected = [
        (0, vec![0], vec![0, 1]),
        (40, vec![0, 1], vec![0, 1, 2, 3]),
        (80, vec![0, 1, 2], vec![2, 3, 4, 5]),
        (120, vec![0, 1, 2, 3], vec![4, 5, 6, 7]),
        // A new key: the frame before it once more, for it was repeated by nothing yet.
        (160, vec![3, 4], vec![6, 7, 8, 9]),
        (200, vec![4, 5], vec![8, 9, 10, 11]),
    ];
    assert_eq!(play.to_second(), expected);
    // Then nothing more comes: what was sent last goes once more, with its chain.
    play.until(500);
    assert_eq!(play.to_second()[6..], [(250, vec![4, 5], vec![10, 11])]);
}

#[test]
fn the_motion_since_the_key_rides_once_in_24_ms_when_datagrams_are_closer() {
    let mut play = Play::new(DeliveryClass { voice: 1, ..repairing(Repair::SinceKey, 100) });
    play.uplink(0, 1, &[(KEY, 0, 0)]);
    for voice in 1..10 {
        play.uplink(10 * u64::from(voice), 1, &[(VOICE, voice, 0)]);
    }
    let heard = play.to_second();
    let motion: Vec<_> = heard.iter().filter(|heard| !heard.1.is_empty()).map(|heard| heard.0).collect();
    assert_eq!(motion, [0, 10, 40, 70]);
}

#[test]
fn a_chain_ends_when_its_newest_unit_is_old() {
    let mut play = Play::new(repairing(Repair::SinceKey, 30));
    play.uplink(0, 1, &[(KEY, 0, 0)]);
    for voice in 0..10 {
        play.uplink(100 + 40 * voice, 1, &[(VOICE, 2 * voice as u32, 0), (VOICE, 2 * voice as u32 + 1, 0)]);
    }
    let motion: Vec<_> = play.to_second().iter().filter(|heard| !heard.1.is_empty()).map(|heard| heard.0).collect();
    assert_eq!(motion, [26, 76, 100, 140, 180]);
}

#[test]
fn layers_leave_motion_out() {
    for (layer, motion) in [(Layer::All, vec![0, 1, 2, 3, 4]), (Layer::Keys, vec![0, 4]), (Layer::Voice, vec![])] {
        for repair in [Repair::None, Repair::SinceKey] {
            let mut play = Play::new(DeliveryClass { layer, ..repairing(repair, 10) });
            let units = [(KEY, 0, 9), (DELTA, 1, 9), (DELTA, 2, 9), (DELTA, 3, 9), (KEY, 4, 9), (VOICE, 0, 0)];
            play.uplink(0, 1, &units);
            play.uplink(20, 1, &[(VOICE, 1, 0), (0b10110, 0, 0)]);
            play.until(300);
            let heard = play.heard.iter().filter(|heard| heard.to.contains(&2));
            let mut units: Vec<_> = heard.flat_map(|heard| heard.units.iter().map(|unit| (unit.1, unit.2))).collect();
            units.sort();
            units.dedup();
            let expected: Vec<_> = motion.iter().map(|n| (0, *n)).chain([(1, 0), (1, 1), (2, 0)]).collect();
            assert_eq!(units, expected, "{layer:?} {repair:?}");
        }
    }
}

#[test]
fn slots_leave_publishers_out() {
    for (slots, heard_units) in [(u8::MAX, 3), (!(1 << 3), 0)] {
        for repair in [Repair::None, Repair::SinceKey] {
            let mut play = Play::new(DeliveryClass { slots, ..repairing(repair, 10) });
            play.uplink(0, 1, &[(KEY, 0, 9), (DELTA, 1, 9), (VOICE, 0, 0)]);
            play.until(300);
            let heard = play.heard.iter().filter(|heard| heard.to.contains(&2));
            let mut units: Vec<_> = heard.flat_map(|heard| heard.units.iter().map(|unit| (unit.1, unit.2))).collect();
            units.sort();
            units.dedup();
            assert_eq!(units.len(), heard_units, "{slots:b} {repair:?}");
        }
    }
}

/// One unit with a payload of so many bytes.
fn big(play: &mut Play, at_ms: u64, from: SessionId, head: u8, sequence: u32, bytes: usize) {
    play.until(at_ms);
    let mut data = play.stage.bundle(0, &[(head, sequence, 0)]);
    data.truncate(data.len() - 2);
    write_varint(&mut data, bytes as u32);
    data.resize(data.len() + bytes, 0xab);
    play.stage.datagram(from, &data);
    play.listen();
}

#[test]
fn what_does_not_fit_beside_the_pending_units_lets_them_go_first() {
    let mut play = Play::new(DeliveryClass { voice: 4, hold_ms: 100, ..CLASS });
    play.stage.publish(4, 6, 1);
    play.stage.sync(4, 1_000);
    play.from_us = play.stage.now;
    big(&mut play, 0, 1, VOICE, 0, 400);
    big(&mut play, 1, 4, VOICE, 0, 400);
    assert!(play.heard.iter().all(|heard| heard.to == [1]));
    big(&mut play, 2, 1, VOICE, 1, 400);
    let slots = |heard: &Heard| heard.units.iter().map(|unit| unit.0).collect::<Vec<_>>();
    let second: Vec<_> = play.heard.iter().filter(|heard| heard.to.contains(&2)).collect();
    assert_eq!((second.len(), slots(second[0])), (1, vec![3, 6]));
    play.until(200);
    assert_eq!(play.to_second()[1..], [(102, vec![], vec![1])]);
}

#[test]
fn repeats_that_do_not_fit_go_alone() {
    let mut play = Play::new(DeliveryClass { voice: 1, hold_ms: 0, ..repairing(Repair::Repeat, 10) });
    for voice in 0..3 {
        big(&mut play, 20 * voice, 1, VOICE, voice as u32, 600);
    }
    play.until(500);
    let voices: Vec<_> = play.to_second().into_iter().map(|(at, _, voice)| (at, voice)).collect();
    assert_eq!(voices, [(0, vec![0]), (20, vec![1]), (30, vec![0]), (40, vec![2]), (50, vec![1]), (70, vec![2])]);
}

#[test]
fn stale_units_are_not_sent_and_counted() {
    let mut play = Play::new(CLASS);
    play.uplink(0, 1, &[(KEY, 0, 390), (VOICE, 0, 380), (DELTA, 1, 10)]);
    play.until(100);
    assert_eq!(play.to_second(), [(26, vec![1], vec![])]);
    assert_eq!(play.count("dropped_stale"), 4.0, "two units, two receivers");

    let mut play = Play::new(repairing(Repair::Repeat, 120));
    play.uplink(0, 1, &[(KEY, 0, 61), (VOICE, 0, 0), (VOICE, 1, 0)]);
    play.until(300);
    assert_eq!(play.to_second(), [(0, vec![0], vec![0, 1]), (140, vec![], vec![0, 1])]);
    assert_eq!(play.count("dropped_stale"), 2.0);
}

#[test]
fn a_publisher_that_is_replaced_does_not_share_a_datagram_with_the_next_one() {
    let mut play = Play::new(CLASS);
    play.uplink(0, 1, &[(VOICE, 7, 0)]);
    play.stage.publish(4, 3, 10);
    play.stage.sync(4, 1_000);
    play.uplink(20, 4, &[(VOICE, 0, 0)]);
    let second: Vec<_> = play.to_second().into_iter().map(|(at, _, voice)| (at, voice)).collect();
    assert_eq!(second, [(20, vec![7]), (20, vec![0])]);
}

#[test]
fn whatever_means_the_same_is_one_group_and_the_default_is_none() {
    let mut play = Play::new(DeliveryClass { voice: 1, hold_ms: 40, spacing_ms: 9, ..CLASS });
    play.uplink(0, 1, &[(VOICE, 7, 0)]);
    assert_eq!(play.heard.len(), 1);
    assert_eq!(play.stage.plane.members(ROOM).len(), 3);
    assert!(play.stage.plane.members(ROOM).iter().all(|(_, class)| *class == DeliveryClass::default()));
    let class = DeliveryClass { voice: 9, ..CLASS };
    play.stage.command(Command::RoomSetClass { room: ROOM, session: 2, class });
    assert!(play.stage.plane.members(ROOM).contains(&(2, DeliveryClass { voice: 4, ..CLASS })));
    // Who is no member, and a room that is none.
    play.stage.command(Command::RoomSetClass { room: ROOM, session: 99, class });
    play.stage.command(Command::RoomSetClass { room: 99, session: 2, class });
    assert!(play.stage.plane.members(99).is_empty());
    play.stage.command(Command::RoomSend { room: ROOM, data: Bytes::from_static(b"hi") });
    let reached: usize = play.stage.out.fan_outs.iter().map(|(to, _, _)| to.len()).sum();
    assert_eq!(reached, 3);
}

#[test]
fn a_group_whose_members_left_and_a_room_that_closed_want_nothing_more() {
    let mut play = Play::new(repairing(Repair::Repeat, 10));
    play.uplink(0, 1, &[(VOICE, 7, 0)]);
    for session in [2, 3] {
        play.stage.plane.session_closed(session, &mut play.stage.out);
    }
    play.until(100);
    assert!(play.heard.is_empty());
    play.stage.join(2);
    play.stage.command(Command::RoomSetClass { room: ROOM, session: 2, class: CLASS });
    play.uplink(110, 1, &[(VOICE, 8, 0)]);
    play.stage.command(Command::RoomClose { room: ROOM });
    play.stage.plane.poll(play.stage.now + 2_000_000, &mut play.stage.out);
    assert_eq!(play.stage.plane.next_deadline_us(), None);
    assert!(play.stage.plane.deadlines.is_empty() && play.heard.is_empty());
}

#[test]
fn many_rooms_that_are_due_at_once_are_done_in_several_turns() {
    let mut stage = Stage::new();
    let rooms = 20;
    for room in 100..100 + rooms {
        let config = RoomConfig { alias: room, max_age_ms: 500, max_ahead_ms: 20, max_members: 4, units_per_second: 0 };
        stage.command(Command::RoomCreate { room, config });
        stage.command(Command::RoomPublish { room, session: room, slot: 0, generation: 0 });
        stage.command(Command::RoomJoin { room, session: 1000 + room });
        stage.command(Command::RoomSetClass { room, session: 1000 + room, class: CLASS });
    }
    stage.plane.poll(stage.now, &mut stage.out);
    for (session, probe) in std::mem::take(&mut stage.out.sends) {
        let reply = answer_probe(&probe[1..], stage.now + OFFSET, stage.now + OFFSET).unwrap();
        stage.datagram(session, &reply[1..]);
    }
    let data = stage.bundle(0, &[(KEY, 0, 0)]);
    for room in 100..100 + rooms {
        stage.datagram(room, &data);
    }
    stage.now += 26_000;
    let mut turns = 0;
    while stage.plane.next_deadline_us().is_some_and(|at_us| at_us <= stage.now) {
        stage.plane.poll(stage.now, &mut stage.out);
        turns += 1;
    }
    assert_eq!((stage.out.fan_outs.len(), turns), (20, 3));
}

#[test]
fn whatever_comes_each_unit_leaves_in_time_and_once_more_after_the_spacing() {
    let mut random = Random::new(5, 0);
    for _ in 0..60 {
        let mut below = |n: u64| random.next_u64() % n;
        let repair = [Repair::None, Repair::Repeat, Repair::SinceKey, Repair::Request][below(4) as usize];
        let (voice, hold_ms, spacing_ms) = (1 + below(4) as u8, below(60) as u8, below(40) as u8);
        let patient = below(256) as u8;
        let class = DeliveryClass { voice, hold_ms, repair, spacing_ms, patient, ..DeliveryClass::default() };
        let mut play = Play::new(class);
        play.stage.publish(4, 6, 1);
        play.stage.sync(4, 1_000);
        play.from_us = play.stage.now;
        let (mut at_ms, mut came) = (0, Vec::new());
        for sequence in 0..100u32 {
            at_ms += below(30);
            let (from, slot) = [(1, 3), (4, 6)][below(2) as usize];
            let (kind, head) = [(0, KEY), (0, DELTA | 2), (1, VOICE)][below(3) as usize];
            play.uplink(at_ms, from, &[(head, sequence, below(20) as u16)]);
            came.push((at_ms, (slot, kind, sequence)));
        }
        play.until(at_ms + 1000);
        for (came_ms, unit) in came {
            let held = voice > 1 || patient & 1 << unit.0 != 0;
            let hold_ms = if held { u64::from(hold_ms) } else { 0 };
            let heard = play.heard.iter().filter(|heard| heard.to.contains(&2));
            let with_it = heard.filter(|heard| heard.units.iter().any(|u| (u.0, u.1, u.2) == unit));
            let times: Vec<_> = with_it.map(|heard| heard.at_ms).collect();
            assert!(times.first().is_some_and(|at| (came_ms..=came_ms + hold_ms).contains(at)), "{class:?} {times:?}");
            match repair {
                Repair::None | Repair::Request => assert_eq!(times.len(), 1, "{class:?} {unit:?} {times:?}"),
                Repair::Repeat => {
                    assert_eq!(times.len(), 2, "{class:?} {unit:?} {times:?}");
                    assert!(times[1] - times[0] >= u64::from(spacing_ms), "{class:?} {times:?}");
                }
                Repair::SinceKey => assert!(times.len() >= 2, "{class:?} {unit:?} {times:?}"),
            }
        }
    }
}

/// Session `from` lacks these: (kind, first, more).
fn ask(play: &mut Play, at_ms: u64, from: SessionId, wanted: &[(u8, u32, u8)]) {
    play.until(at_ms);
    let mut data = vec![TYPE_MISSING];
    write_varint(&mut data, ALIAS);
    for (kind, first, more) in wanted {
        data.extend_from_slice(&[3 << 5 | kind << 3, 9]);
        data.extend_from_slice(&first.to_be_bytes());
        data.push(*more);
    }
    play.stage.datagram(from, &data);
    play.listen();
}

#[test]
fn who_asks_for_what_it_lacks_gets_it_alone_and_only_what_was_sent() {
    let mut play = Play::new(repairing(Repair::Request, 0));
    play.uplink(0, 1, &[(VOICE, 10, 20), (KEY, 5, 0)]);
    play.uplink(20, 1, &[(VOICE, 11, 20)]);
    play.uplink(40, 1, &[(VOICE, 12, 20)]);
    play.heard.clear();
    // 12 is pending, 13 is not there, motion 5 and voice 10 and 11 were sent.
    ask(&mut play, 45, 2, &[(1, 10, 0b111), (0, 5, 0)]);
    let units = vec![(3, 1, 10, 65), (3, 1, 11, 45), (3, 0, 5, 45)];
    assert_eq!(play.heard, [Heard { at_ms: 45, to: vec![2], units }]);
    assert_eq!((play.count("repair_units_out"), play.count("requests_in")), (3.0, 1.0));
    // Nothing goes again by itself, and what is old not at all.
    play.heard.clear();
    play.until(300);
    ask(&mut play, 301, 2, &[(1, 10, 0b111), (0, 5, 0)]);
    assert_eq!(play.to_second(), [(66, vec![], vec![12])]);
}

#[test]
fn what_is_on_its_way_still_is_not_sent_again() {
    let mut play = Play::new(repairing(Repair::Request, 12));
    play.uplink(0, 1, &[(VOICE, 10, 20), (VOICE, 11, 0)]);
    play.uplink(20, 1, &[(VOICE, 12, 20), (VOICE, 13, 0)]);
    play.heard.clear();
    ask(&mut play, 31, 2, &[(1, 10, 0b111)]);
    ask(&mut play, 32, 2, &[(1, 12, 0b1)]);
    assert_eq!(play.to_second(), [(31, vec![], vec![10, 11]), (32, vec![], vec![12, 13])]);
}

#[test]
fn requests_are_heard_of_members_of_such_a_class_only() {
    for (class, answers) in [(Repair::Request, true), (Repair::Repeat, false), (Repair::None, false)] {
        let mut play = Play::new(repairing(class, if class == Repair::Repeat { 100 } else { 0 }));
        play.uplink(0, 1, &[(VOICE, 10, 20), (VOICE, 11, 0)]);
        play.heard.clear();
        ask(&mut play, 5, 2, &[(1, 10, 1)]);
        assert_eq!(!play.heard.is_empty(), answers, "{class:?}");
        // A direct member, and a session that hears no room.
        play.heard.clear();
        ask(&mut play, 6, 1, &[(1, 10, 1)]);
        ask(&mut play, 7, 99, &[(1, 10, 1)]);
        assert_eq!(play.heard, []);
    }
}

#[test]
fn who_asks_for_everything_gets_its_allowance_and_takes_nothing_from_others() {
    let mut play = Play::new(repairing(Repair::Request, 0));
    let mut answered = 0;
    for n in 0..1000u32 {
        let at_ms = u64::from(n) * 10;
        big(&mut play, at_ms, 1, VOICE, n, 200);
        play.heard.clear();
        ask(&mut play, at_ms, 2, &[(1, n.saturating_sub(8), 0xff)]);
        answered += play.heard.len();
    }
    let bytes = play.count("repair_bytes_out");
    assert!(answered > 10 && bytes <= 6000.0 * 10.0 + 3000.0, "{answered} {bytes}");
    assert!(play.count("requests_over") > 500.0);
    // The other member has all that was spent left to it.
    play.heard.clear();
    ask(&mut play, 9995, 3, &[(1, 995, 1)]);
    assert_eq!(play.heard.iter().filter(|heard| heard.to == [3]).count(), 1);
}

/// Session 4 publishes in slot 5, whose units have no time; those of slot 3 have.
fn near_and_far(class: DeliveryClass) -> Play {
    let mut play = Play::new(class);
    play.stage.publish(4, 5, 10);
    play.stage.sync(4, 1_000);
    play.until(100);
    play.heard.clear();
    play
}

/// What session 2 heard: when, and of which slots.
fn slots_heard(play: &Play) -> Vec<(u64, Vec<u8>)> {
    let heard = play.heard.iter().filter(|heard| heard.to.contains(&2));
    heard.map(|heard| (heard.at_ms, heard.units.iter().map(|unit| unit.0).collect())).collect()
}

const PATIENT: DeliveryClass = DeliveryClass { voice: 1, hold_ms: 26, patient: 1 << 3, ..CLASS };

#[test]
fn units_of_a_patient_slot_ride_along_with_those_of_the_others() {
    let play_of = |class| {
        let mut play = near_and_far(class);
        play.uplink(100, 1, &[(VOICE, 7, 20)]);
        play.uplink(105, 1, &[(KEY, 5, 3)]);
        play.uplink(112, 4, &[(VOICE, 1, 20)]);
        play.uplink(120, 4, &[(KEY, 1, 3)]);
        play.until(200);
        slots_heard(&play)
    };
    assert_eq!(play_of(PATIENT), [(112, vec![3, 5, 3]), (120, vec![5])]);
    // Control: without a word of patience each leaves as it comes.
    let at_once = [(100, vec![3]), (105, vec![3]), (112, vec![5]), (120, vec![5])];
    assert_eq!(play_of(DeliveryClass { patient: 0, ..PATIENT }), at_once);
}

#[test]
fn units_of_a_patient_slot_wait_no_longer_than_asked_when_the_others_are_silent() {
    let mut play = near_and_far(PATIENT);
    for n in 0..4 {
        play.uplink(100 + 20 * n, 1, &[(VOICE, 7 + n as u32, 20)]);
    }
    play.until(300);
    assert_eq!(slots_heard(&play), [(126, vec![3, 3]), (166, vec![3, 3])]);
}

#[test]
fn patience_means_nothing_where_more_than_one_voice_packet_is_held_anyway() {
    let mut play = near_and_far(DeliveryClass { voice: 2, ..PATIENT });
    assert!(play.stage.plane.members(ROOM).contains(&(2, CLASS)));
    play.stage.command(Command::RoomSetClass {
        room: ROOM,
        session: 2,
        class: DeliveryClass { hold_ms: 0, ..PATIENT },
    });
    assert!(play.stage.plane.members(ROOM).contains(&(2, DeliveryClass::default())));
}
