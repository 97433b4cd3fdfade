//! The framing of events across the boundary to JavaScript. The other side is `engine/src/frame.ts`; both are tested
//! against `engine/node/testdata/frames.json`.
//!
//! A batch is records one after the other, without a count: it ends where the buffer ends. All numbers are
//! little-endian; `text` and `bytes` are a u32 length and that many bytes (text: UTF-8); a `flag` is a u8, 0 or 1.
//!
//! ```text
//! tag u8, then
//!  1 SessionIncoming    endpoint u32, session u32, remote text, path text, has_origin flag, [origin text],
//!                       certificate bytes (DER; empty: none)
//!  2 SessionReady       session u32, max_datagram u32, certificate bytes (as above)
//!  3 SessionDraining    session u32
//!  4 SessionClosed      session u32, cause u8, code u64, reason text
//!                       cause: 0 peer, 1 local, 2 refused (code = HTTP status), 3 timed out, 4 certificate,
//!                       5 transport, 6 reset; a code or reason that the cause does not have is 0 or empty
//!  5 Datagram           session u32, at_us u64, data bytes
//!  6 StreamOpened       session u32, token u32, stream u64
//!  7 StreamIncoming     session u32, stream u64, bidi flag
//!  8 StreamData         session u32, stream u64, fin flag, data bytes
//!  9 StreamDrained      session u32, stream u64, bytes u32
//! 10 StreamFinished     session u32, stream u64
//! 11 StreamReset        session u32, stream u64, code u32
//! 12 StreamStopped      session u32, stream u64, code u32
//! 13 RoomSynced         room u32, slot u8, generation u8, offset_us i64, uncertainty_us u32
//! 14 Stats              token u32, count u32, then count times: name text, value f64
//! 15 CertificateChanged endpoint u32, count u32, then count times: 32 bytes
//! 16 Panic              message text
//! 17 ListenerClosed     endpoint u32
//! 18 Members            token u32, count u32, then count times: session u32, rtt_us u32, min_rtt_us u32,
//!                       packets_out u64, packets_lost u64, datagrams_out u64, dropped u64, queue_bytes u32, cwnd u32,
//!                       and the class: voice u8, hold_ms u8, repair u8, spacing_ms u8, layer u8, slots u8, patient u8
//!                       repair: 0 none, 1 repeat, 2 since key; layer: 0 all, 1 keys, 2 voice
//! ```

use hayate_core::api::{CloseCause, DeliveryClass, Event, Layer, MemberStats, Repair};

/// Appends one record.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    let mut w = Writer(out);
    match event {
        Event::SessionIncoming { endpoint, session, path, origin, remote, certificate } => {
            w.u8(1);
            w.u32(*endpoint);
            w.u32(*session);
            w.text(&remote.to_string());
            w.text(path);
            w.flag(origin.is_some());
            if let Some(origin) = origin {
                w.text(origin);
            }
            w.bytes(certificate.as_deref().unwrap_or_default());
        }
        Event::SessionReady { session, max_datagram, certificate } => {
            w.u8(2);
            w.u32(*session);
            w.u32(*max_datagram);
            w.bytes(certificate.as_deref().unwrap_or_default());
        }
        Event::SessionDraining { session } => {
            w.u8(3);
            w.u32(*session);
        }
        Event::SessionClosed { session, cause } => {
            w.u8(4);
            w.u32(*session);
            let (kind, code, reason) = match cause {
                CloseCause::Peer { code, reason } => (0, u64::from(*code), reason.as_str()),
                CloseCause::Local { code, reason } => (1, u64::from(*code), reason.as_str()),
                CloseCause::Refused { status } => (2, u64::from(*status), ""),
                CloseCause::TimedOut => (3, 0, ""),
                CloseCause::Certificate { message } => (4, 0, message.as_str()),
                CloseCause::Transport { code, reason } => (5, *code, reason.as_str()),
                CloseCause::Reset => (6, 0, ""),
            };
            w.u8(kind);
            w.u64(code);
            w.text(reason);
        }
        Event::Datagram { session, at_us, data } => {
            w.u8(5);
            w.u32(*session);
            w.u64(*at_us);
            w.bytes(data);
        }
        Event::StreamOpened { session, token, stream } => {
            w.u8(6);
            w.u32(*session);
            w.u32(*token);
            w.u64(*stream);
        }
        Event::StreamIncoming { session, stream, bidi } => {
            w.stream(7, *session, *stream);
            w.flag(*bidi);
        }
        Event::StreamData { session, stream, data, fin } => {
            w.stream(8, *session, *stream);
            w.flag(*fin);
            w.bytes(data);
        }
        Event::StreamDrained { session, stream, bytes } => {
            w.stream(9, *session, *stream);
            w.u32(*bytes);
        }
        Event::StreamFinished { session, stream } => w.stream(10, *session, *stream),
        Event::StreamReset { session, stream, code } => {
            w.stream(11, *session, *stream);
            w.u32(*code);
        }
        Event::StreamStopped { session, stream, code } => {
            w.stream(12, *session, *stream);
            w.u32(*code);
        }
        Event::RoomSynced { room, slot, generation, offset_us, uncertainty_us } => {
            w.u8(13);
            w.u32(*room);
            w.u8(*slot);
            w.u8(*generation);
            w.u64(*offset_us as u64);
            w.u32(*uncertainty_us);
        }
        Event::Stats { token, values } => {
            w.u8(14);
            w.u32(*token);
            w.u32(values.len() as u32);
            for (name, value) in values {
                w.text(name);
                w.u64(value.to_bits());
            }
        }
        Event::Members { token, rows } => {
            w.u8(18);
            w.u32(*token);
            w.u32(rows.len() as u32);
            for row in rows {
                w.member(row);
            }
        }
        Event::CertificateChanged { endpoint, hashes } => {
            w.u8(15);
            w.u32(*endpoint);
            w.u32(hashes.len() as u32);
            for hash in hashes {
                w.0.extend_from_slice(hash);
            }
        }
        Event::Panic { message } => {
            w.u8(16);
            w.text(message);
        }
        Event::ListenerClosed { endpoint } => {
            w.u8(17);
            w.u32(*endpoint);
        }
    }
}

/// A good first capacity for a batch: exact for datagrams and stream data, which are nearly all there is.
pub fn size_hint(events: &[Event]) -> usize {
    let data = |e: &Event| match e {
        Event::Datagram { data, .. } | Event::StreamData { data, .. } => 18 + data.len(),
        _ => 64,
    };
    events.iter().map(data).sum()
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn u8(&mut self, v: u8) {
        self.0.push(v);
    }
    fn flag(&mut self, v: bool) {
        self.0.push(u8::from(v));
    }
    fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    fn bytes(&mut self, v: &[u8]) {
        self.u32(v.len() as u32);
        self.0.extend_from_slice(v);
    }
    fn text(&mut self, v: &str) {
        self.bytes(v.as_bytes());
    }
    fn member(&mut self, row: &MemberStats) {
        for v in [row.session, row.rtt_us, row.min_rtt_us] {
            self.u32(v);
        }
        for v in [row.packets_out, row.packets_lost, row.datagrams_out, row.dropped] {
            self.u64(v);
        }
        for v in [row.queue_bytes, row.cwnd] {
            self.u32(v);
        }
        let DeliveryClass { voice, hold_ms, repair, spacing_ms, layer, slots, patient, prompt: _ } = row.class;
        let repair = match repair {
            Repair::None => 0,
            Repair::Repeat => 1,
            Repair::SinceKey => 2,
            Repair::Request => 3,
        };
        let layer = match layer {
            Layer::All => 0,
            Layer::Keys => 1,
            Layer::Voice => 2,
        };
        for v in [voice, hold_ms, repair, spacing_ms, layer, slots, patient] {
            self.u8(v);
        }
    }
    fn stream(&mut self, tag: u8, session: u32, stream: u64) {
        self.u8(tag);
        self.u32(session);
        self.u64(stream);
    }
}
