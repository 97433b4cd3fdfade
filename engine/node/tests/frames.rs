//! The framing against `testdata/frames.json`, which the decoder in `engine/src/frame.test.ts` reads as well.

#[path = "../src/frame.rs"]
mod frame;

use bytes::Bytes;
use hayate_core::api::{CloseCause, DeliveryClass, Event, Layer, MemberStats, Repair};
use std::collections::BTreeMap;

fn samples() -> Vec<(&'static str, Event)> {
    let closed = |cause| Event::SessionClosed { session: 7, cause };
    let (session, stream) = (7, (1 << 33) + 5);
    let row = |session| MemberStats {
        session,
        rtt_us: 41_500,
        min_rtt_us: 40_000,
        packets_out: (1 << 33) + 1,
        packets_lost: 12,
        datagrams_out: 1 << 32,
        dropped: 3,
        queue_bytes: 120,
        cwnd: 14_520,
        class: DeliveryClass::default(),
    };
    let class = DeliveryClass {
        voice: 3,
        hold_ms: 46,
        repair: Repair::SinceKey,
        spacing_ms: 30,
        layer: Layer::Keys,
        slots: 5,
        patient: 4,
        prompt: true,
    };
    vec![
        (
            "incoming",
            Event::SessionIncoming {
                endpoint: 1,
                session,
                path: "/v1?q=ä".into(),
                origin: Some("https://example.org".into()),
                remote: "[::1]:4433".parse().unwrap(),
                certificate: None,
            },
        ),
        (
            "incoming without origin",
            Event::SessionIncoming {
                endpoint: 1,
                session,
                path: "/".into(),
                origin: None,
                remote: "127.0.0.1:9".parse().unwrap(),
                certificate: Some(Bytes::from_static(&[0x30, 0])),
            },
        ),
        ("ready", Event::SessionReady { session, max_datagram: 1163, certificate: None }),
        (
            "ready with a certificate",
            Event::SessionReady { session, max_datagram: 1150, certificate: Some(Bytes::from_static(&[0x30, 0, 7])) },
        ),
        ("draining", Event::SessionDraining { session }),
        ("closed by peer", closed(CloseCause::Peer { code: u32::MAX, reason: "done".into() })),
        ("closed here", closed(CloseCause::Local { code: 0, reason: String::new() })),
        ("refused", closed(CloseCause::Refused { status: 404 })),
        ("timed out", closed(CloseCause::TimedOut)),
        ("certificate", closed(CloseCause::Certificate { message: "no hash matches".into() })),
        ("transport", closed(CloseCause::Transport { code: 0x1_0000_0101, reason: "h3".into() })),
        ("reset", closed(CloseCause::Reset)),
        ("datagram", Event::Datagram { session, at_us: 0x1_2345_6789, data: Bytes::from_static(&[4, 0, 255]) }),
        ("empty datagram", Event::Datagram { session, at_us: 1, data: Bytes::new() }),
        ("opened", Event::StreamOpened { session, token: 3, stream }),
        ("incoming stream", Event::StreamIncoming { session, stream, bidi: true }),
        ("data", Event::StreamData { session, stream, data: Bytes::from_static(b"abc"), fin: false }),
        ("fin", Event::StreamData { session, stream, data: Bytes::new(), fin: true }),
        ("drained", Event::StreamDrained { session, stream, bytes: 65_536 }),
        ("finished", Event::StreamFinished { session, stream }),
        ("stream reset", Event::StreamReset { session, stream, code: 500 }),
        ("stream stopped", Event::StreamStopped { session, stream, code: 501 }),
        (
            "synced",
            Event::RoomSynced { room: 2, slot: 7, generation: 255, offset_us: -5_000_000_000, uncertainty_us: 250 },
        ),
        ("stats", Event::Stats { token: 9, values: vec![("sessions", 3.0), ("rtt_ms", 0.25)] }),
        ("members", Event::Members { token: 9, rows: vec![row(7), MemberStats { session: 8, class, ..row(8) }] }),
        ("no members", Event::Members { token: 9, rows: vec![] }),
        ("certificates", Event::CertificateChanged { endpoint: 1, hashes: vec![[1; 32], [254; 32]] }),
        ("panic", Event::Panic { message: "index out of bounds".into() }),
        ("listener closed", Event::ListenerClosed { endpoint: 1 }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn golden() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/frames.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let frames = file["frames"].as_array().unwrap();
    frames.iter().map(|f| (text(&f["name"]), text(&f["hex"]))).collect()
}

#[test]
fn every_record_has_its_golden_bytes() {
    let golden = golden();
    let samples = samples();
    assert_eq!(samples.len(), golden.len());
    for (name, event) in samples {
        let mut out = Vec::new();
        frame::encode(&event, &mut out);
        assert_eq!(golden.get(name), Some(&hex(&out)), "{name}");
    }
}

#[test]
fn the_size_hint_is_exact_for_the_frequent_records() {
    let events: Vec<Event> =
        (0..3).map(|i| Event::Datagram { session: i, at_us: 5, data: Bytes::from(vec![0; 100]) }).collect();
    let mut out = Vec::new();
    events.iter().for_each(|e| frame::encode(e, &mut out));
    assert!(frame::size_hint(&events) >= out.len());
    assert!(frame::size_hint(&events) < out.len() + 16);
}
