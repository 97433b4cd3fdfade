//! The golden vectors of codec/vectors, which the TypeScript codec reads as well: both must agree bit for bit.

use super::bundle::{Bundle, Malformed};
use super::clock::*;
use super::forward::{SlotCounts, SlotForwarder};
use super::missing::Missing;
use super::sequence::{SequenceExtender, Verdict};
use super::trunk::{Shared, TrunkDatagram};
use super::wire::{signed48, wrap48, PREFIX};
use crate::api::RoomConfig;
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../codec/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = file["cases"].as_array().expect("cases").clone();
    assert!(!cases.is_empty());
    cases
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    unhex(value.as_str().expect("hex"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no unsigned integer"))
}

/// Every datagram in a file of bundles or of forwarding steps: seeds for fuzzing.
pub fn hexes(file: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for case in cases(file) {
        found.extend(case["hex"].as_str().map(unhex));
        for step in case["steps"].as_array().into_iter().flatten() {
            found.extend(step["uplink"].as_str().map(unhex));
        }
    }
    found
}

fn meaning(bundle: &Bundle) -> Value {
    let listed = (0..8u8).filter(|slot| bundle.slots & 1 << slot != 0);
    let slots =
        listed.map(|slot| serde_json::json!({ "slot": slot, "generation": bundle.generations[usize::from(slot)] }));
    let units = bundle.units().map(|unit| {
        serde_json::json!({
            "slot": unit.slot,
            "kind": unit.kind,
            "key": unit.key,
            "full": unit.full,
            "sequence": unit.sequence,
            "age16": unit.age16,
            "payload": hex(unit.payload),
        })
    });
    serde_json::json!({
        "alias": bundle.alias,
        "slots": slots.collect::<Vec<_>>(),
        "baseUs": bundle.base_us,
        "uncertainty16": bundle.uncertainty16,
        "units": units.collect::<Vec<_>>(),
    })
}

#[test]
fn bundles() {
    for case in cases("bundle") {
        let data = bytes(&case["hex"]);
        match Bundle::parse(&data) {
            Ok(bundle) => assert_eq!(meaning(&bundle), case["bundle"], "{}", case["name"]),
            Err(why) => assert_eq!(case["error"], why.code(), "{}", case["name"]),
        }
    }
}

#[test]
fn every_truncation_of_every_bundle_is_a_typed_error() {
    for case in cases("bundle").iter().filter(|case| case["error"].is_null()) {
        let data = bytes(&case["hex"]);
        let units = Bundle::parse(&data).unwrap().unit_count;
        for end in 0..data.len() {
            // A cut between two units leaves a bundle that may be whole.
            if let Ok(bundle) = Bundle::parse(&data[..end]) {
                assert!(bundle.unit_count < units, "{} cut at {end}", case["name"]);
            }
        }
    }
}

#[test]
fn sequences() {
    for case in cases("sequence") {
        let mut extender = SequenceExtender::default();
        for (place, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            let at = format!("{} step {place}", case["name"]);
            let sequence = number(&step["sequence"]) as u32;
            let full = step["full"].as_bool().expect("full");
            let verdict = extender.offer(sequence, full, number(&step["captureUs"]));
            let name = match verdict {
                Verdict::New => "new",
                Verdict::Duplicate => "duplicate",
                Verdict::Late => "late",
                Verdict::Unsynced => "unsynced",
                Verdict::OverRate => "over_rate",
            };
            assert_eq!(step["verdict"], name, "{at}");
            if verdict != Verdict::Unsynced {
                assert_eq!(step["extended"], extender.extended, "{at}");
            }
            assert_eq!(step["lost"], extender.lost, "{at}");
        }
    }
}

fn uplink(forwarder: &mut SlotForwarder, step: &Value, at: &str) {
    let clock = step["offsetUs"]
        .as_i64()
        .map(|offset_us| PeerClock { offset_us, uncertainty_us: number(&step["uncertaintyUs"]) });
    match forwarder.forward(number(&step["nowUs"]), clock, &bytes(&step["uplink"]), |_| {}) {
        Err(why) => {
            assert_eq!(step["refused"], why.code(), "{at}");
            assert!(step["downlink"].is_null(), "{at}");
        }
        Ok(done) => {
            assert!(step["refused"].is_null(), "{at}: {}", step["refused"]);
            let downlink = done.payload.as_ref().map(|payload| {
                assert_eq!(payload[0], PREFIX);
                hex(&payload[1..])
            });
            assert_eq!(step["downlink"], Value::from(downlink), "{at}");
            let counts = [done.unsynced, done.duplicate, done.late, done.over_rate];
            let expected = ["unsynced", "duplicate", "late", "overRate"].map(|name| number(&step[name]) as u32);
            assert_eq!(counts, expected, "{at}");
        }
    }
}

#[test]
fn forwarding() {
    for case in cases("forward") {
        let ms = |name: &str| (number(&case[name]) / 1000) as u32;
        let config = RoomConfig {
            alias: number(&case["alias"]) as u32,
            max_age_ms: ms("maxAgeUs"),
            max_ahead_ms: ms("maxAheadUs"),
            max_members: 1,
            units_per_second: number(&case["unitsPerSecond"]) as u32,
        };
        let mut forwarder = SlotForwarder::new(&config, number(&case["slot"]) as u8, number(&case["generation"]) as u8);
        for (place, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            let at = format!("{} step {place}", case["name"]);
            match step["op"].as_str() {
                Some("uplink") => uplink(&mut forwarder, step, &at),
                Some("join") => {
                    let bundles = forwarder.join_bundles();
                    let sent: Vec<_> = bundles.iter().map(|payload| hex(&payload[1..])).collect();
                    assert_eq!(step["downlinks"], Value::from(sent), "{at}");
                }
                other => panic!("{at}: unknown op {other:?}"),
            }
        }
        let counts = &case["counts"];
        let expected = SlotCounts {
            received: number(&counts["received"]),
            lost: number(&counts["lost"]),
            duplicate: number(&counts["duplicate"]),
        };
        assert_eq!(forwarder.counts(), expected, "{}", case["name"]);
    }
}

fn expect_error<T: std::fmt::Debug>(case: &Value, result: Result<T, Malformed>) -> Option<T> {
    assert_eq!(case["error"].as_str(), result.as_ref().err().map(|why| why.code()), "{}", case["name"]);
    result.ok()
}

#[test]
fn probes() {
    for case in cases("probe") {
        let time = |name: &str| number(&case[name]);
        match case["type"].as_str() {
            Some("probe") => {
                let data = bytes(&case["hex"]);
                if let Some((id, t1_us)) = expect_error(&case, parse_probe(&data)) {
                    assert_eq!((u64::from(id), t1_us), (time("id"), time("t1Us")), "{}", case["name"]);
                    assert_eq!(encode_probe(id, t1_us)[1..], data[..]);
                    let answer = answer_probe(&data, 7, 9).expect("an answer");
                    let reply = parse_probe_reply(&answer[1..]).expect("a reply");
                    assert_eq!(reply, ProbeReply { id, t1_us, t2_us: 7, t3_us: 9 });
                }
            }
            Some("probe_reply") => {
                if let Some(reply) = expect_error(&case, parse_probe_reply(&bytes(&case["hex"]))) {
                    let read = [u64::from(reply.id), reply.t1_us, reply.t2_us, reply.t3_us];
                    assert_eq!(read, ["id", "t1Us", "t2Us", "t3Us"].map(time), "{}", case["name"]);
                }
            }
            // The relay sends heartbeats and takes none.
            Some("heartbeat") => {}
            Some("clock_sample") => {
                let sent_us = time("t1Us");
                let arrived_us = sent_us + signed48(time("t4Us").wrapping_sub(sent_us)) as u64;
                let mut sync = ClockSync::new(1);
                let (id, t1_us) = parse_probe(&sync.next_probe(sent_us).expect("due")[1..]).unwrap();
                assert_eq!(t1_us, wrap48(sent_us));
                let reply = ProbeReply { id, t1_us, t2_us: time("t2Us"), t3_us: time("t3Us") };
                assert_eq!(sync.on_reply(&reply, arrived_us), ReplyVerdict::Taken, "{}", case["name"]);
                let peer = sync.peer(arrived_us).expect("synced");
                assert_eq!(case["offsetUs"], peer.offset_us, "{}", case["name"]);
                assert_eq!(peer.uncertainty_us, time("rttUs").div_ceil(2), "{}", case["name"]);
            }
            other => panic!("unknown type {other:?}"),
        }
    }
}

#[test]
fn requests() {
    for case in cases("missing") {
        let data = bytes(&case["hex"]);
        let Some(missing) = expect_error(&case, Missing::parse(&data)) else { continue };
        assert_eq!(u64::from(missing.alias), number(&case["alias"]), "{}", case["name"]);
        let entries = missing.entries().map(|entry| {
            serde_json::json!({
                "slot": entry.slot,
                "kind": entry.kind,
                "generation": entry.generation,
                "first": entry.first,
                "more": entry.more,
            })
        });
        assert_eq!(Value::Array(entries.collect()), case["entries"], "{}", case["name"]);
    }
}

#[test]
fn shared_datagrams() {
    for case in cases("trunk") {
        let data = bytes(&case["hex"]);
        let Some(shared) = expect_error(&case, Shared::parse(&data)) else { continue };
        let bundles: Vec<_> = shared.collect();
        let read: Vec<_> = bundles.iter().map(|bundle| Value::from(hex(bundle))).collect();
        assert_eq!(Value::Array(read), case["bundles"], "{}", case["name"]);
        if case["shortest"] == true && bundles.len() > 1 {
            let mut filling = TrunkDatagram::default();
            for bundle in bundles {
                let bundle: bytes::Bytes = [&[PREFIX][..], bundle].concat().into();
                assert!(filling.fits(&bundle, 1200));
                filling.add(bundle);
            }
            assert_eq!(filling.take().unwrap()[1..], data[..], "{}", case["name"]);
        }
    }
}
