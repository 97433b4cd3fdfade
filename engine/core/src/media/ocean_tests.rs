//! What crosses an ocean link whose losses come in bursts: all of a trunk but its sockets, in simulated time.

use super::bundle::Bundle;
use super::plane_tests::*;
use super::trunk_tests::*;
use super::*;
use crate::api::{LinkProfile, Repair};
use crate::link::{Link, LinkPacket};

const OCEAN_US: u64 = 65_000;
const FLUSH_US: u64 = 2_000;
const FRAME_US: u64 = 33_333;
const VOICE_US: u64 = 20_000;
const KEY_INTERVAL: u64 = 8;
const SECONDS: u64 = 600;
/// A unit is shown so long after it would come without loss.
const MARGIN_US: u64 = 20_000;

/// Shares of frames, and of voice packets, that could be shown exactly.
struct Exact {
    motion: f64,
    voice: f64,
    /// Bytes of datagrams a second.
    bytes: f64,
}

struct Ocean {
    a: Stage,
    b: Stage,
    shared: TrunkDatagram,
    flush_us: u64,
    /// When the next datagram may leave.
    free_us: u64,
    link: Link,
    bytes: u64,
    /// Arrival of each unit at B, by kind and extended sequence.
    arrived: [Vec<u64>; 2],
}

impl Ocean {
    fn new(class: DeliveryClass, loss: &LinkProfile) -> Ocean {
        let mut a = live();
        a.command(Command::SetDatagramMode { session: AT_A, mode: DatagramMode::Trunk });
        a.command(Command::RoomJoin { room: ROOM, session: AT_A });
        a.command(Command::RoomSetClass { room: ROOM, session: AT_A, class });
        let mut b = far_relay(a.now + SKEW);
        sync_trunk(&mut b, AT_B);
        a.now = b.now - SKEW;
        let link = Link::new(loss);
        let arrived = [vec![u64::MAX; 64 * 1024], vec![u64::MAX; 64 * 1024]];
        Ocean { a, b, shared: TrunkDatagram::default(), flush_us: u64::MAX, free_us: 0, link, bytes: 0, arrived }
    }

    fn depart(&mut self) {
        let Some(payload) = self.shared.take() else { return };
        self.flush_us = u64::MAX;
        self.free_us = self.a.now + FLUSH_US;
        self.bytes += payload.len() as u64;
        let peer = "127.0.0.1:1".parse().unwrap();
        self.link.offer(self.a.now, LinkPacket { peer, local: None, ecn: None, data: payload.to_vec() });
    }

    /// What A's plane gave out for the trunk.
    fn collect(&mut self) {
        let fan_outs = std::mem::take(&mut self.a.out.fan_outs).into_iter();
        self.a.out.sends.clear();
        for (_, _, payload) in fan_outs.filter(|(to, ..)| to.contains(&AT_A)) {
            if !self.shared.fits(&payload, 1150) {
                self.depart();
            }
            if self.shared.is_empty() {
                self.flush_us = self.a.now.max(self.free_us);
            }
            self.shared.add(payload);
        }
    }

    fn hear(&mut self) {
        for (_, _, payload) in std::mem::take(&mut self.b.out.fan_outs) {
            let bundle = Bundle::parse(&payload[1..]).unwrap();
            for unit in bundle.units().filter(|unit| unit.kind < 2) {
                let arrived = &mut self.arrived[usize::from(unit.kind)];
                // Extended from how far it is.
                let about = (self.b.now - SKEW) / if unit.kind == 0 { FRAME_US } else { VOICE_US };
                let sequence = if unit.full {
                    unit.sequence as usize
                } else {
                    let near = about as i64;
                    (near + i64::from((unit.sequence as u8).wrapping_sub(near as u8) as i8)) as usize
                };
                if let Some(place) = arrived.get_mut(sequence) {
                    *place = (*place).min(self.b.now - SKEW);
                }
            }
        }
        self.b.out.sends.clear();
    }

    fn until(&mut self, end_us: u64) {
        loop {
            let plane_us = self.a.plane.next_deadline_us().unwrap_or(u64::MAX);
            let link_us = self.link.next_deadline_us().unwrap_or(u64::MAX);
            let at_us = plane_us.min(link_us).min(self.flush_us);
            if at_us > end_us {
                break;
            }
            self.a.now = self.a.now.max(at_us);
            self.b.now = self.a.now + SKEW;
            self.a.plane.poll(self.a.now, &mut self.a.out);
            self.collect();
            if self.flush_us <= self.a.now {
                self.depart();
            }
            while let Some(packet) = self.link.poll(self.a.now) {
                self.b.datagram(AT_B, &packet.data[1..]);
                self.hear();
            }
        }
        self.a.now = end_us;
        self.b.now = end_us + SKEW;
    }

    fn run(mut self, margin_us: u64) -> Exact {
        let from = self.a.now;
        // Sequences are times. Key frames are those that the interval divides.
        let (mut frame, mut voice) = ((from / FRAME_US + 1).next_multiple_of(KEY_INTERVAL), from / VOICE_US + 1);
        let mut captured: [Vec<(usize, u64)>; 2] = Default::default();
        while self.a.now < from + SECONDS * 1_000_000 {
            let (frame_us, voice_us) = (frame * FRAME_US, voice * VOICE_US);
            let at_us = frame_us.min(voice_us);
            self.until(at_us);
            let motion = at_us == frame_us;
            let unit = if motion {
                let head = if frame.is_multiple_of(KEY_INTERVAL) { KEY } else { DELTA };
                captured[0].push((frame as usize, at_us));
                frame += 1;
                (head, frame as u32 - 1, 0)
            } else {
                captured[1].push((voice as usize, at_us));
                voice += 1;
                (if voice.is_multiple_of(50) { VOICE } else { VOICE & !2 }, voice as u32 - 1, 0)
            };
            let mut data = self.a.bundle(0, &[unit]);
            // As long as a real one: 25 and 75 bytes.
            let bytes = if motion { 25 } else { 75 };
            data.truncate(data.len() - 2);
            write_varint(&mut data, bytes);
            data.resize(data.len() + bytes as usize, 7);
            self.a.datagram(1, &data);
            self.collect();
        }
        let end_us = self.a.now;
        self.until(end_us + 500_000);
        let due = |at_us: u64| at_us + OCEAN_US + margin_us;
        let in_time =
            |kind: usize, n: usize, at_us: u64| self.arrived[kind].get(n).is_some_and(|got| *got <= due(at_us));
        let share = |good: usize, all: usize| good as f64 / all as f64;
        let motion = captured[0].iter().enumerate().filter(|(place, (_, at_us))| {
            let key = place - place % KEY_INTERVAL as usize;
            captured[0][key..=*place].iter().all(|(n, _)| in_time(0, *n, *at_us))
        });
        let voice = captured[1].iter().filter(|(n, at_us)| in_time(1, *n, *at_us));
        Exact {
            motion: share(motion.count(), captured[0].len()),
            voice: share(voice.count(), captured[1].len()),
            bytes: self.bytes as f64 / SECONDS as f64,
        }
    }
}

fn bursts(bad_ms: f64, seed: u64) -> LinkProfile {
    let delay_ms = OCEAN_US as f64 / 1000.0;
    // 0.5 %.
    LinkProfile { delay_ms, burst_bad_ms: bad_ms, burst_good_ms: bad_ms * 199.0, seed, ..LinkProfile::default() }
}

#[test]
fn bursts_of_an_ocean_link_are_repaired_within_the_budget() {
    for (bad_ms, motion, voice) in [(5.0, 0.999, 0.997), (15.0, 0.996, 0.995), (30.0, 0.996, 0.995)] {
        let exact = Ocean::new(prompt(u8::MAX), &bursts(bad_ms, 1)).run(MARGIN_US);
        let told =
            format!("{bad_ms} ms: motion {:.4}, voice {:.4}, {:.0} bytes/s", exact.motion, exact.voice, exact.bytes);
        println!("{told}");
        assert!(exact.motion >= motion && exact.voice >= voice && exact.bytes < 18_000.0, "{told}");
        // The bytes are not wasted: without repair the link shows what it is.
        let bare = DeliveryClass { repair: Repair::None, ..prompt(u8::MAX) };
        let exact = Ocean::new(bare, &bursts(bad_ms, 1)).run(MARGIN_US);
        assert!(exact.motion < 0.99 && exact.voice < 0.995, "{bad_ms} ms: {} {}", exact.motion, exact.voice);
    }
}
