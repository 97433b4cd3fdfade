//! Bounded, seeded fuzzing: the parser on mutated bundles, the plane on operation sequences. engine/fuzz has the same
//! two targets for cargo-fuzz.

use super::bundle::Bundle;
use super::vector_tests::hexes;
use super::*;
use crate::api::{Layer, Repair, RoomConfig};
use crate::link::Random;

const INPUTS: usize = 200_000;

fn mutate(random: &mut Random, data: &mut Vec<u8>) {
    for _ in 0..1 + random.next_u64() % 4 {
        let at = random.next_u64() as usize % (data.len() + 1);
        let byte = random.next_u64() as u8;
        match random.next_u64() % 6 {
            0 if at < data.len() => data[at] = byte,
            1 if at < data.len() => data[at] ^= 1 << (byte & 7),
            2 => data.insert(at, byte),
            3 if at < data.len() => drop(data.remove(at)),
            4 => data.truncate(at),
            _ => {
                let copy = data[at..].to_vec();
                data.extend_from_slice(&copy);
            }
        }
    }
    data.truncate(1200);
}

/// What must hold of any bundle that parses.
pub fn check_parsed(data: &[u8], bundle: &Bundle) {
    assert!(data.len() <= MAX_DATAGRAM_BYTES);
    let (mut used, mut count, mut bytes, mut age) = (0, 0, 0, MAX_SIXTEENTHS as u16);
    for unit in bundle.units() {
        assert!(unit.payload.len() as u64 <= MAX_PAYLOAD_BYTES && unit.kind < 3);
        assert!(unit.age16 <= age);
        assert!(unit.full || unit.sequence < 256);
        age = unit.age16;
        used |= 1 << unit.slot;
        count += 1;
        bytes += unit.wire.len();
    }
    assert_eq!((used, count, bytes), (bundle.slots, bundle.unit_count, bundle.units_wire.len()));
    assert!(count > 0 && data.ends_with(bundle.units_wire));
}

#[test]
fn mutated_bundles_never_break_the_parser() {
    let seeds = hexes("bundle");
    let mut random = Random::new(42, 0);
    let (mut accepted, mut refused) = (0, [0usize; 11]);
    for _ in 0..INPUTS {
        let mut data = seeds[random.next_u64() as usize % seeds.len()].clone();
        mutate(&mut random, &mut data);
        match Bundle::parse(&data) {
            Ok(bundle) => {
                accepted += 1;
                check_parsed(&data, &bundle);
            }
            Err(why) => refused[why as usize] += 1,
        }
    }
    // The inputs reach every branch: a fuzzer that only sees one error finds nothing.
    assert!(accepted > INPUTS / 100, "{accepted} accepted");
    for why in 0..Malformed::Trailing as usize {
        assert!(refused[why] > 0, "reason {why} never came: {refused:?}");
    }
}

fn any_class(random: &mut Random) -> DeliveryClass {
    let [voice, hold_ms, spacing_ms] = [6, 90, 120].map(|below| (random.next_u64() % below) as u8);
    let repair = [Repair::None, Repair::Repeat, Repair::SinceKey, Repair::Request][random.next_u64() as usize % 4];
    let layer = [Layer::All, Layer::Keys, Layer::Voice][random.next_u64() as usize % 3];
    let slots = random.next_u64() as u8;
    DeliveryClass { voice, hold_ms, repair, spacing_ms, layer, slots, patient: random.next_u64() as u8, prompt: false }
}

/// Checks whatever leaves the plane, and keeps the probes to answer them.
#[derive(Default)]
struct Checker {
    bundles: u64,
    probes: Vec<(SessionId, Bytes)>,
}

impl MediaOut for Checker {
    fn fan_out(&mut self, members: &[SessionId], skip: Option<SessionId>, payload: &Bytes) {
        assert!(skip.is_none_or(|skip| members.contains(&skip)));
        assert_eq!(payload[0], PREFIX);
        if payload[1] == TYPE_BUNDLE {
            self.bundles += 1;
            Bundle::parse(&payload[1..]).expect("a bundle that parses");
        }
    }
    fn send(&mut self, to: SessionId, payload: Bytes) {
        assert_eq!(payload[0], PREFIX);
        match payload[1] {
            TYPE_BUNDLE => {
                Bundle::parse(&payload[1..]).expect("a bundle that parses");
            }
            TYPE_PROBE => self.probes.push((to, payload)),
            _ => {}
        }
    }
    fn event(&mut self, _e: Event) {}
}

#[test]
fn operation_sequences_never_break_the_plane_and_leave_nothing() {
    let seeds = hexes("forward");
    let mut random = Random::new(7, 0);
    let mut plane = MediaPlane::with_seed(3);
    let mut out = Checker::default();
    let mut now = 10_000_000;
    for _ in 0..100_000 {
        let [room, session] = [random.next_u64() as u32 % 3, random.next_u64() as u32 % 8];
        let slot = random.next_u64() as u8 % 9;
        let config = RoomConfig {
            alias: 1 + room * 9_000,
            max_age_ms: 500,
            max_ahead_ms: 20,
            max_members: 6,
            units_per_second: 400,
        };
        let command = match random.next_u64() % 80 {
            0 => Command::RoomCreate { room, config },
            1 if random.next_u64().is_multiple_of(16) => Command::RoomClose { room },
            2 | 3 => Command::RoomJoin { room, session },
            4 => Command::RoomLeave { room, session },
            5 => Command::RoomPublish { room, session, slot, generation: slot },
            6 if random.next_u64().is_multiple_of(4) => Command::RoomUnpublish { room, slot },
            7 if random.next_u64().is_multiple_of(4) => {
                plane.session_closed(session, &mut out);
                continue;
            }
            30 | 31 => Command::SetDatagramMode { session: session % 2, mode: DatagramMode::Trunk },
            32..35 => Command::RoomFeed { room, session, alias: 0, slots: slot.wrapping_mul(37) },
            20..24 => Command::RoomSetClass { room, session, class: any_class(&mut random) },
            8 => Command::RoomSend { room, data: Bytes::from_static(b"\x04") },
            9..20 => {
                now += random.next_u64() % 30_000;
                plane.poll(now, &mut out);
                // Every publisher has the relay's own clock.
                for (publisher, probe) in std::mem::take(&mut out.probes) {
                    if let Some(reply) = answer_probe(&probe[1..], now, now) {
                        plane.on_datagram(now, publisher, &reply[1..], &mut out);
                    }
                }
                continue;
            }
            24..30 => {
                let mut data = vec![TYPE_MISSING];
                write_varint(&mut data, 1 + room * 9_000);
                for _ in 0..random.next_u64() % 4 {
                    let [head, generation, first] =
                        [random.next_u64() as u8 & 0xe8, slot, random.next_u64() as u8 % 40];
                    data.extend_from_slice(&[head, generation, 0, 0, 0, first, random.next_u64() as u8]);
                }
                plane.on_datagram(now, session, &data, &mut out);
                continue;
            }
            _ => {
                let mut data = seeds[random.next_u64() as usize % seeds.len()].clone();
                if random.next_u64().is_multiple_of(4) {
                    mutate(&mut random, &mut data);
                }
                if data.len() >= 10 && data[0] == TYPE_BUNDLE && !random.next_u64().is_multiple_of(8) {
                    let back = random.next_u64() % 300_000;
                    data[4..10].copy_from_slice(&(now - back).to_be_bytes()[2..]);
                }
                if random.next_u64().is_multiple_of(4) {
                    let mut shared = vec![TYPE_TRUNK];
                    for _ in 0..1 + random.next_u64() % 3 {
                        write_varint(&mut shared, data.len() as u32);
                        shared.extend_from_slice(&data);
                    }
                    data = shared;
                }
                plane.on_datagram(now, session, &data, &mut out);
                continue;
            }
        };
        plane.command(now, &command, &mut out);
    }
    assert!(out.bundles > 100, "only {} bundles went through", out.bundles);
    for session in 0..8 {
        plane.session_closed(session, &mut out);
    }
    now += 1_000_000;
    plane.poll(now, &mut out);
    assert_eq!(plane.next_deadline_us(), None);
    let stats = plane.stats();
    let value = |name| stats.iter().find(|value| value.0 == name).map_or(0.0, |value| value.1);
    assert_eq!((value("members"), value("publishers")), (0.0, 0.0));
    for name in ["units_out", "repair_units_out", "dropped_stale"] {
        assert!(value(name) > 100.0, "{name}: {}", value(name));
    }
    assert!(plane.memberships.is_empty() && plane.trunks.is_empty());
}
