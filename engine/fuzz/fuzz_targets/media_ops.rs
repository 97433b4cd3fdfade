//! A list of operations derived from the input: whatever leaves the media plane parses, and nothing is left at the end.
#![no_main]

use bytes::Bytes;
use hayate_core::api::{Command, DeliveryClass, Event, Layer, Repair, RoomConfig, SessionId};
use hayate_core::media::{answer_probe, Bundle, MediaOut, MediaPlane};
use libfuzzer_sys::fuzz_target;

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

fuzz_target!(|input: &[u8]| {
    let (mut plane, mut out, mut now) =
        (MediaPlane::with_seed(1), Checker::default(), 1_000_000_000);
    let mut rest = input;
    while let [op, a, b, after @ ..] = rest {
        rest = after;
        let (room, session, slot) = (u32::from(a & 3), u32::from(a >> 2 & 7), b & 15);
        let config = RoomConfig {
            alias: 1 + room * 9000,
            max_age_ms: 500,
            max_ahead_ms: 20,
            max_members: 6,
        };
        let command = match op % 16 {
            0 => Command::RoomCreate { room, config },
            1 => Command::RoomClose { room },
            2 => Command::RoomJoin { room, session },
            3 => Command::RoomLeave { room, session },
            4 | 5 => Command::RoomPublish {
                room,
                session,
                slot,
                generation: *b,
            },
            6 => Command::RoomUnpublish { room, slot },
            7 => Command::RoomSend {
                room,
                data: Bytes::from_static(b"\x04"),
            },
            10 => Command::RoomSetClass {
                room,
                session,
                class: DeliveryClass {
                    voice: b & 7,
                    hold_ms: b & 0x78,
                    repair: [Repair::None, Repair::Repeat, Repair::SinceKey, Repair::Request]
                        [usize::from(b & 3)],
                    spacing_ms: b & 0x3f,
                    layer: [Layer::All, Layer::Keys, Layer::Voice][usize::from(a >> 5) % 3],
                },
            },
            8 => {
                plane.session_closed(session, &mut out);
                continue;
            }
            11 => {
                // Names what there may be: the low bits of a sequence, motion or voice.
                let mut data = vec![5, 1];
                data.extend_from_slice(&[a & 0xe8, *b, 0, 0, 0, b & 63, *a]);
                plane.on_datagram(now, session, &data, &mut out);
                continue;
            }
            9 => {
                now += u64::from(*b) * 1000;
                plane.poll(now, &mut out);
                for (publisher, probe) in std::mem::take(&mut out.probes) {
                    let reply = answer_probe(&probe[1..], now, now).expect("a reply");
                    plane.on_datagram(now, publisher, &reply[1..], &mut out);
                }
                continue;
            }
            _ => {
                let (bytes, after) = rest.split_at(usize::from(*b).min(rest.len()));
                rest = after;
                let mut data = bytes.to_vec();
                // A base near now, so that the window lets some through.
                if data.len() >= 10 && op & 64 == 0 {
                    data[4..8].copy_from_slice(&(now >> 16).to_be_bytes()[4..]);
                }
                plane.on_datagram(now, session, &data, &mut out);
                continue;
            }
        };
        plane.command(now, &command, &mut out);
    }
    for session in 0..8 {
        plane.session_closed(session, &mut out);
    }
    let gauges = plane.stats();
    assert!(gauges
        .iter()
        .all(|(name, value)| *value == 0.0 || !["members", "publishers"].contains(name)));
});
