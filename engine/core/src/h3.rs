//! What WebTransport needs of HTTP/3, as parsers fed with bytes: stream heads, and the capsules of a CONNECT stream.

use bytes::{BufMut, Bytes};
use web_transport_proto as wt;

/// HTTP/3 and WebTransport error codes (RFC 9114 section 8.1, draft-ietf-webtrans-http3 section 9.5).
pub(crate) mod code {
    pub const NO_ERROR: u64 = 0x100;
    pub const STREAM_CREATION: u64 = 0x103;
    pub const FRAME_UNEXPECTED: u64 = 0x105;
    pub const MISSING_SETTINGS: u64 = 0x10a;
    pub const REQUEST_REJECTED: u64 = 0x10b;
    pub const MESSAGE: u64 = 0x10e;
    pub const BUFFERED_STREAM_REJECTED: u64 = 0x3994_bd84;
    pub const SESSION_GONE: u64 = 0x170d_7b68;
}

const CLOSE_CAPSULE: u64 = 0x2843;
const DRAIN_CAPSULE: u64 = 0x78ae;
pub(crate) const GOAWAY_FRAME: u64 = 0x07;
/// A close reason, in bytes (the draft's own limit).
pub(crate) const MAX_REASON: usize = 1024;

/// Reads one QUIC varint from the start of `bytes`: value and length.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = 1usize << (first >> 6);
    let rest = bytes.get(1..length)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, length))
}

pub(crate) fn put_varint(out: &mut impl BufMut, value: u64) {
    if let Ok(value) = wt::VarInt::from_u64(value) {
        value.encode(out);
    }
}

/// The SETTINGS that browsers were seen to need, on the control stream.
pub(crate) fn settings() -> Vec<u8> {
    let mut settings = wt::Settings::default();
    settings.enable_webtransport(1);
    let mut out = Vec::with_capacity(64);
    settings.encode(&mut out);
    out
}

fn data_frame(capsule: wt::Capsule) -> Vec<u8> {
    let mut body = Vec::new();
    capsule.encode(&mut body);
    let mut out = Vec::with_capacity(body.len() + 4);
    put_varint(&mut out, 0);
    put_varint(&mut out, body.len() as u64);
    out.extend_from_slice(&body);
    out
}

/// The reason is cut at a character boundary within `MAX_REASON` bytes.
pub(crate) fn close_capsule(code: u32, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    data_frame(wt::Capsule::CloseWebTransportSession { code, reason: reason[..end].to_owned() })
}

pub(crate) fn drain_capsule() -> Vec<u8> {
    let typ = wt::VarInt::from_u32(DRAIN_CAPSULE as u32);
    data_frame(wt::Capsule::Unknown { typ, payload: Bytes::new() })
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Capsule {
    Close { code: u32, reason: String },
    Drain,
}

/// An application's stream error code in HTTP/3's space.
pub(crate) fn to_http3(code: u32) -> quinn_proto::VarInt {
    quinn_proto::VarInt::from_u64(wt::error_to_http3(code)).unwrap_or(quinn_proto::VarInt::MAX)
}

/// A code outside the application's range (SESSION_GONE and others of the protocol's own) becomes 0.
pub(crate) fn from_http3(code: quinn_proto::VarInt) -> u32 {
    wt::error_from_http3(code.into_inner()).unwrap_or(0)
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Frames of one stream, in pieces of any size: DATA bytes pass, other frames are skipped and their type told.
#[derive(Default)]
pub(crate) struct Frames {
    head: Vec<u8>,
    left: u64,
    data: bool,
}

pub(crate) enum FramePart<'a> {
    Start(u64),
    Data(&'a [u8]),
}

impl Frames {
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(FramePart<'_>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        while let Some(first) = bytes.first() {
            if self.left == 0 {
                self.head.push(*first);
                bytes = &bytes[1..];
                if let Some((typ, at)) = varint(&self.head) {
                    if let Some((length, _)) = varint(&self.head[at..]) {
                        self.head.clear();
                        self.left = length;
                        self.data = typ == 0;
                        each(FramePart::Start(typ))?;
                    }
                }
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
            self.left -= now.len() as u64;
            bytes = later;
            if self.data {
                each(FramePart::Data(now))?;
            }
        }
        Ok(())
    }
}

/// The capsules of a CONNECT stream, in pieces of any size. Unknown ones are skipped without being held.
#[derive(Default)]
pub(crate) struct Capsules {
    frames: Frames,
    parser: CapsuleParser,
}

#[derive(Default)]
struct CapsuleParser {
    held: Vec<u8>,
    skip: u64,
}

impl Capsules {
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Capsule>) -> Result<(), Malformed> {
        let parser = &mut self.parser;
        self.frames.push(bytes, |part| match part {
            FramePart::Start(_) => Ok(()),
            FramePart::Data(data) => parser.push(data, out),
        })
    }
}

impl CapsuleParser {
    fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Capsule>) -> Result<(), Malformed> {
        while let Some(first) = bytes.first() {
            if self.skip > 0 {
                let now = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= now as u64;
                bytes = &bytes[now..];
                continue;
            }
            self.held.push(*first);
            bytes = &bytes[1..];
            let Some((typ, at)) = varint(&self.held) else { continue };
            let Some((length, size)) = varint(&self.held[at..]) else { continue };
            if typ != CLOSE_CAPSULE {
                if typ == DRAIN_CAPSULE {
                    out.push(Capsule::Drain);
                }
                self.skip = length;
                self.held.clear();
                continue;
            }
            if length < 4 || length > 4 + MAX_REASON as u64 {
                return Err(Malformed);
            }
            let body = &self.held[at + size..];
            if body.len() as u64 == length {
                let code = u32::from_be_bytes([body[0], body[1], body[2], body[3]]);
                let reason = String::from_utf8(body[4..].to_vec()).map_err(|_| Malformed)?;
                out.push(Capsule::Close { code, reason });
                self.held.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Capsule>, Malformed> {
        let mut capsules = Capsules::default();
        let mut out = Vec::new();
        for part in bytes.chunks(piece) {
            capsules.push(part, &mut out)?;
        }
        Ok(out)
    }

    #[test]
    fn capsules_survive_any_split() {
        let mut bytes = drain_capsule();
        // A grease frame, an unknown capsule in a DATA frame, a close over two DATA frames.
        bytes.extend_from_slice(&[0x21, 3, 9, 9, 9]);
        bytes.extend_from_slice(&[0x00, 4, 0x17, 2, 7, 7]);
        let close = close_capsule(4_000_000_000, "終わり");
        let body = &close[2..];
        bytes.extend_from_slice(&[0x00, 3]);
        bytes.extend_from_slice(&body[..3]);
        bytes.extend_from_slice(&[0x00, (body.len() - 3) as u8]);
        bytes.extend_from_slice(&body[3..]);
        let want = [Capsule::Drain, Capsule::Close { code: 4_000_000_000, reason: "終わり".into() }];
        for piece in 1..bytes.len() {
            assert_eq!(read(&bytes, piece).as_deref(), Ok(&want[..]), "pieces of {piece}");
        }
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end], 7).is_ok_and(|got| got.len() < 2), "cut at {end}");
        }
    }

    #[test]
    fn a_close_reason_is_cut_at_a_character() {
        let reason = "あ".repeat(400);
        let got = read(&close_capsule(1, &reason), 50).unwrap();
        assert_eq!(got, [Capsule::Close { code: 1, reason: "あ".repeat(341) }]);
    }

    #[test]
    fn malformed_closes_are_refused() {
        // Too short for a code; longer than a reason may be; not UTF-8.
        assert_eq!(read(&[0x00, 6, 0x68, 0x43, 3, 0, 0, 0], 9), Err(Malformed));
        assert_eq!(read(&[0x00, 4, 0x68, 0x43, 0x50, 0x00], 9), Err(Malformed));
        assert_eq!(read(&[0x00, 8, 0x68, 0x43, 5, 0, 0, 0, 0, 0xff], 9), Err(Malformed));
    }

    #[test]
    fn codes_map_into_http3_and_back() {
        for code in [0, 1, 0x1d, 0x1e, 0x1f, 500, u32::MAX] {
            assert_eq!(from_http3(to_http3(code)), code);
        }
        assert_eq!(from_http3(quinn_proto::VarInt::from_u32(0x10c)), 0);
    }
}
