//! A list of operations: room commands, datagrams of all types and time. Whatever leaves the media plane parses, and
//! nothing is left at the end.

use crate::input::Input;
use crate::vectors::hexes;
use bytes::Bytes;
use hayate_core::api::{Command, DatagramMode, DeliveryClass, Event, Layer, Repair, RoomConfig, SessionId};
use hayate_core::media::{answer_probe, Bundle, MediaOut, MediaPlane};

const START_US: u64 = 1_000_000_000;
const SESSIONS: u32 = 8;

#[derive(Default)]
struct Checker {
    probes: Vec<(SessionId, Bytes)>,
}

fn check(payload: &Bytes) {
    assert_eq!(payload[0], 0);
    if payload.get(1) == Some(&1) {
        Bundle::parse(&payload[1..]).expect("a bundle that parses");
    }
}

impl MediaOut for Checker {
    fn fan_out(&mut self, members: &[SessionId], skip: Option<SessionId>, payload: &Bytes) {
        assert!(!members.is_empty() && skip.is_none_or(|skip| members.contains(&skip)));
        check(payload);
    }
    fn send(&mut self, to: SessionId, payload: Bytes) {
        check(&payload);
        if payload[1] == 2 {
            self.probes.push((to, payload));
        }
    }
    fn event(&mut self, _e: Event) {}
}

/// What an input says, one after the other.
struct Plane {
    plane: MediaPlane,
    out: Checker,
    now_us: u64,
}

impl Plane {
    fn later(&mut self, us: u64) {
        self.now_us += us;
        self.plane.poll(self.now_us, &mut self.out);
        // Every publisher and trunk has the relay's own clock.
        for (to, probe) in std::mem::take(&mut self.out.probes) {
            let reply = answer_probe(&probe[1..], self.now_us, self.now_us).expect("a reply");
            self.plane.on_datagram(self.now_us, to, &reply[1..], &mut self.out);
        }
    }

    fn datagram(&mut self, session: SessionId, data: &[u8]) {
        self.plane.on_datagram(self.now_us, session, data, &mut self.out);
    }

    /// A base near now, so that the window lets some through.
    fn timed(&self, bytes: &[u8]) -> Vec<u8> {
        let mut data = bytes.to_vec();
        if data.len() >= 10 && data[0] == 1 {
            data[4..8].copy_from_slice(&(self.now_us >> 16).to_be_bytes()[4..]);
        }
        data
    }
}

fn class(a: u8, b: u8) -> DeliveryClass {
    DeliveryClass {
        voice: b & 7,
        hold_ms: b & 0x78,
        repair: [Repair::None, Repair::Repeat, Repair::SinceKey, Repair::Request][usize::from(b & 3)],
        spacing_ms: b & 0x3f,
        layer: [Layer::All, Layer::Keys, Layer::Voice][usize::from(a >> 5) % 3],
        slots: if b & 0x80 == 0 { u8::MAX } else { a },
        patient: a.rotate_left(3),
        prompt: a & 0x10 != 0,
    }
}

fn step(op: u8, input: &mut Input<'_>, on: &mut Plane) {
    let (a, b) = (input.byte(), input.byte());
    let (room, session, slot) = (u32::from(a & 3), u32::from(a >> 2) % SESSIONS, b & 15);
    let command = match op % 18 {
        0 => {
            let config = RoomConfig {
                alias: 1 + room * 9000,
                max_age_ms: 500,
                max_ahead_ms: 20,
                max_members: 6,
                units_per_second: 400,
            };
            Command::RoomCreate { room, config }
        }
        1 => Command::RoomClose { room },
        2 => Command::RoomJoin { room, session },
        3 => Command::RoomLeave { room, session },
        4 | 5 => Command::RoomPublish { room, session, slot, generation: b },
        6 => Command::RoomUnpublish { room, slot },
        7 => Command::RoomSend { room, data: Bytes::from_static(b"\x04") },
        8 => return on.plane.session_closed(session, &mut on.out),
        9 => return on.later(u64::from(b) * 1000),
        10 => Command::RoomSetClass { room, session, class: class(a, b) },
        11 => {
            // Names what there may be: the low bits of a sequence, motion or voice.
            let mut data = vec![5, 1];
            data.extend_from_slice(&[a & 0xe8, b, 0, 0, 0, b & 63, a]);
            return on.datagram(session, &data);
        }
        12 => Command::SetDatagramMode { session: session & 1, mode: DatagramMode::Trunk },
        13 => Command::RoomFeed { room, session: session & 1, alias: 1 + u32::from(b & 3) * 9000, slots: a },
        14 => {
            let mut shared = vec![6];
            for _ in 0..1 + b % 3 {
                let bundle = on.timed(input.short());
                shared.extend_from_slice(&(bundle.len() as u16 | 0x4000).to_be_bytes());
                shared.extend_from_slice(&bundle);
            }
            return on.datagram(session, &shared);
        }
        15 => {
            let bytes = input.take(b.into());
            return on.datagram(session, bytes);
        }
        _ => {
            let data = on.timed(input.take(b.into()));
            return on.datagram(session, &data);
        }
    };
    on.plane.command(on.now_us, &command, &mut on.out);
}

pub fn run(bytes: &[u8]) {
    let mut on = Plane { plane: MediaPlane::with_seed(1), out: Checker::default(), now_us: START_US };
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        step(input.byte(), &mut input, &mut on);
    }
    for session in 0..SESSIONS {
        on.plane.session_closed(session, &mut on.out);
    }
    on.later(1_000_000);
    assert_eq!(on.plane.next_deadline_us(), None);
    let gauges = on.plane.stats();
    assert!(gauges.iter().all(|(name, value)| *value == 0.0 || !["members", "publishers"].contains(name)));
}

/// A room with two members and a publisher, and then the datagrams of one file of vectors.
pub fn seeds() -> Vec<Vec<u8>> {
    let begin = [[0, 0, 0], [2, 0, 0], [2, 4, 0], [10, 4, 0x22], [4, 8, 0], [12, 4, 0], [13, 4, 0], [9, 0, 5]].concat();
    let mut seeds = vec![begin.clone()];
    for data in ["bundle", "forward", "missing", "trunk"].into_iter().flat_map(hexes) {
        let Ok(length) = u8::try_from(data.len()) else { continue };
        for (op, from) in [(16, 8), (15, 4), (15, 8)] {
            let mut seed = begin.clone();
            seed.extend_from_slice(&[op, from, length]);
            seed.extend_from_slice(&data);
            seed.extend_from_slice(&[9, 0, 40]);
            seeds.push(seed);
        }
    }
    seeds
}
