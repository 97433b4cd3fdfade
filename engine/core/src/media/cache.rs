//! The motion units of a slot since its last key: what a new viewer needs first.

use super::bundle::{header_bytes, write_header, Unit, KIND_MOTION};
use super::draft::{Part, MAX_START};
use super::wire::*;
use bytes::Bytes;

const MAX_UNITS: usize = 64;
const MAX_BYTES: usize = 8192;

struct Cached {
    sequence: u32,
    /// Relay's clock, us, not wrapped.
    capture_us: i64,
    uncertainty16: u16,
    /// Head with slot 0, and the sequence.
    start: [u8; MAX_START],
    start_len: u8,
    /// Place of the payload in `payloads`.
    offset: usize,
    length: usize,
}

/// Empty when no key came yet, or when the units since the last one went over the bounds.
#[derive(Default)]
pub struct JoinCache {
    /// By sequence, from the key on.
    units: Vec<Cached>,
    payloads: Vec<u8>,
}

/// How far `a` is ahead of `b`.
fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

impl JoinCache {
    /// `unit` is as it came on the uplink, `sequence` extended, `capture_us` in the relay's clock.
    pub fn remember(&mut self, unit: &Unit, sequence: u32, capture_us: i64, uncertainty16: u16) {
        let behind = self.units.first().map(|first| ahead(sequence, first.sequence) < 0);
        if unit.key {
            // A key that comes after a newer one changes nothing for a joiner.
            if behind == Some(true) {
                return;
            }
            self.drop_until(sequence);
        } else if behind != Some(false) {
            return;
        }
        if self.units.len() >= MAX_UNITS || self.payloads.len() + unit.payload.len() > MAX_BYTES {
            self.clear();
            return;
        }
        let start_len = if unit.full { 5 } else { 2 };
        let mut start = [0; MAX_START];
        start[..start_len].copy_from_slice(&unit.wire[..start_len]);
        let cached = Cached {
            sequence,
            capture_us,
            uncertainty16,
            start,
            start_len: start_len as u8,
            offset: self.payloads.len(),
            length: unit.payload.len(),
        };
        self.payloads.extend_from_slice(unit.payload);
        let older = self.units.iter().rposition(|other| ahead(other.sequence, sequence) <= 0);
        self.units.insert(older.map_or(0, |place| place + 1), cached);
    }

    pub fn clear(&mut self) {
        self.units.clear();
        self.payloads.clear();
    }

    /// Forgets what a key of this sequence makes useless: all but units that overtook it.
    fn drop_until(&mut self, sequence: u32) {
        self.units.retain(|unit| ahead(unit.sequence, sequence) > 0);
        let kept = std::mem::take(&mut self.payloads);
        for unit in &mut self.units {
            let payload = &kept[unit.offset..unit.offset + unit.length];
            unit.offset = self.payloads.len();
            self.payloads.extend_from_slice(payload);
        }
        if self.units.is_empty() {
            // Nothing was copied: the memory serves the next group.
            self.payloads = kept;
            self.payloads.clear();
        }
    }

    /// All units, by sequence.
    pub fn parts(&self, slot: u8, generation: u8) -> impl Iterator<Item = Part<'_>> + Clone {
        self.units.iter().map(move |unit| {
            let mut start = unit.start;
            start[0] |= slot << 5;
            Part {
                slot,
                generation,
                kind: KIND_MOTION,
                sequence: unit.sequence,
                capture_us: unit.capture_us,
                uncertainty16: unit.uncertainty16,
                start,
                start_len: unit.start_len,
                payload: &self.payloads[unit.offset..unit.offset + unit.length],
            }
        })
    }

    /// The bundles for one new viewer, prefix bytes included, oldest first.
    pub fn bundles(&self, alias: u32, slot: u8, generation: u8) -> Vec<Bytes> {
        let mut bundles = Vec::new();
        let mut rest = &self.units[..];
        while !rest.is_empty() {
            let (group, after) = rest.split_at(bundle_end(rest, alias));
            rest = after;
            bundles.push(self.bundle(group, alias, slot, generation));
        }
        bundles
    }

    fn bundle(&self, group: &[Cached], alias: u32, slot: u8, generation: u8) -> Bytes {
        let base_us = group.last().map_or(0, |unit| unit.capture_us);
        let uncertainty16 = group.iter().map(|unit| unit.uncertainty16).max().unwrap_or(0);
        let mut out = Vec::with_capacity(1 + MAX_DATAGRAM_BYTES);
        write_header(&mut out, alias, 1 << slot, &[generation], base_us as u64, uncertainty16);
        for unit in group {
            out.push(unit.start[0] | slot << 5);
            out.extend_from_slice(&unit.start[1..usize::from(unit.start_len)]);
            write_varint(&mut out, us_to_sixteenths((base_us - unit.capture_us) as u64) as u32);
            write_varint(&mut out, unit.length as u32);
            out.extend_from_slice(&self.payloads[unit.offset..unit.offset + unit.length]);
        }
        out.into()
    }
}

/// How many units from the first one on fit into one bundle; at least one.
fn bundle_end(units: &[Cached], alias: u32) -> usize {
    // Room for the longest age and uncertainty, so that the split does not depend on them.
    let mut bytes = header_bytes(alias, 1, MAX_SIXTEENTHS as u16);
    let first_us = units[0].capture_us;
    let mut previous_us = first_us;
    // One bundle holds each low byte once: units 256 apart (after a loss) would be a duplicate identity there.
    let mut seen = [0u64; 4];
    for (place, unit) in units.iter().enumerate() {
        bytes += usize::from(unit.start_len) + 2 + if unit.length < 0x40 { 1 } else { 2 } + unit.length;
        let span_us = unit.capture_us - first_us;
        let low = unit.sequence as usize & 0xff;
        let repeats = seen[low >> 6] >> (low & 63) & 1 == 1;
        seen[low >> 6] |= 1 << (low & 63);
        let fits = bytes <= MAX_DATAGRAM_BYTES
            && !repeats
            && unit.capture_us >= previous_us
            && us_to_sixteenths(span_us.max(0) as u64) <= MAX_SIXTEENTHS;
        if !fits {
            return place.max(1);
        }
        previous_us = unit.capture_us;
    }
    units.len()
}
