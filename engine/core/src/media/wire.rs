//! Numbers and integers of docs/protocol.md sections 2 and 3.

pub const TYPE_BUNDLE: u8 = 0x01;
pub const TYPE_PROBE: u8 = 0x02;
pub const TYPE_PROBE_REPLY: u8 = 0x03;
pub const TYPE_HEARTBEAT: u8 = 0x04;
pub const TYPE_MISSING: u8 = 0x05;
pub const TYPE_TRUNK: u8 = 0x06;
pub const TYPE_REFRESH: u8 = 0x07;
/// Before each datagram that leaves the media plane: the quarter stream id of session stream 0.
pub const PREFIX: u8 = 0x00;

pub const MAX_DATAGRAM_BYTES: usize = 1000;
/// Of a trunk's shared datagrams: what any QUIC path carries.
pub const MAX_TRUNK_BYTES: usize = 1200;
pub const MAX_PAYLOAD_BYTES: u64 = 900;
pub const MAX_SLOTS: usize = 8;
pub const MAX_ALIAS: u64 = 0x3fff_ffff;
/// Greatest age and uncertainty, in 1/16 ms.
pub const MAX_SIXTEENTHS: u64 = 16_383;
/// Sequences behind the newest that are told apart.
pub const SEQUENCE_WINDOW: usize = 64;
/// A short sequence is not extended over a longer gap of capture time.
pub const MAX_EXTEND_GAP_US: i64 = 1_000_000;

const MASK_48: u64 = (1 << 48) - 1;

/// Times on the wire are modulo 2^48.
pub fn wrap48(us: u64) -> u64 {
    us & MASK_48
}

/// The distance modulo 2^48 nearest to zero.
pub fn signed48(us: u64) -> i64 {
    ((us << 16) as i64) >> 16
}

/// 1/16 ms to whole us, rounded down.
pub fn sixteenths_to_us(sixteenths: u16) -> u64 {
    u64::from(sixteenths) * 125 / 2
}

/// Rounded up and held at the wire's limit: an uncertainty must never read smaller than it is.
pub fn uncertainty_to_sixteenths(us: u64) -> u16 {
    us.saturating_mul(16).div_ceil(1000).min(MAX_SIXTEENTHS) as u16
}

/// An age to the nearest 1/16 ms.
pub fn us_to_sixteenths(us: u64) -> u64 {
    (us * 16 + 500) / 1000
}

/// Reads a QUIC variable-length integer at `at` and moves on; None when the data ends before it does.
pub fn read_varint(data: &[u8], at: &mut usize) -> Option<u64> {
    let first = *data.get(*at)?;
    let bytes = 1usize << (first >> 6);
    let rest = data.get(*at + 1..*at + bytes)?;
    *at += bytes;
    Some(rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte)))
}

/// Appends the shortest form of a value below 2^30.
pub fn write_varint(out: &mut Vec<u8>, value: u32) {
    match value {
        0..=0x3f => out.push(value as u8),
        0x40..=0x3fff => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        _ => out.extend_from_slice(&(value | 0x8000_0000).to_be_bytes()),
    }
}

/// Bytes of `write_varint`.
pub fn varint_bytes(value: u32) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        _ => 4,
    }
}

pub fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

pub fn read_u48(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..at + 6)?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

pub fn write_u48(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes()[2..]);
}
