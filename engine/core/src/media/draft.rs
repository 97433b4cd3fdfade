//! One datagram in the making: units of any slots of a room, taken while they fit, written oldest first.

use super::bundle::{header_bytes, write_header};
use super::wire::*;
use bytes::Bytes;

/// Head and a full sequence.
pub const MAX_START: usize = 5;

/// A unit to be written.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub slot: u8,
    pub generation: u8,
    pub kind: u8,
    /// Extended.
    pub sequence: u32,
    /// Relay's clock, us, not wrapped.
    pub capture_us: i64,
    pub uncertainty16: u16,
    /// Head with the slot's bits, and the sequence as it is on the wire.
    pub start: [u8; MAX_START],
    pub start_len: u8,
    pub payload: &'a [u8],
}

impl Part<'_> {
    pub fn key(&self) -> bool {
        self.start[0] & 4 != 0
    }

    /// One unit, from wherever it was kept.
    pub fn is_same(&self, other: &Part) -> bool {
        (self.slot, self.generation, self.kind, self.sequence)
            == (other.slot, other.generation, other.kind, other.sequence)
    }
}

pub struct Draft<'a> {
    alias: u32,
    base_us: i64,
    slots: u8,
    generations: [u8; MAX_SLOTS],
    uncertainty16: u16,
    /// Of the whole datagram, the uncertainty at its longest.
    bytes: usize,
    /// One bit for each (slot, kind, low 8 bits of the sequence).
    seen: [u64; MAX_SLOTS * 4 * 4],
    parts: Vec<Part<'a>>,
}

impl<'a> Draft<'a> {
    /// `base_us`: capture time of the newest unit that may come, or later.
    pub fn new(alias: u32, base_us: i64) -> Draft<'a> {
        Draft {
            alias,
            base_us,
            slots: 0,
            generations: [0; MAX_SLOTS],
            uncertainty16: 0,
            bytes: header_bytes(alias, 0, MAX_SIXTEENTHS as u16),
            seen: [0; MAX_SLOTS * 4 * 4],
            parts: Vec::with_capacity(24),
        }
    }

    /// False: it does not fit, in bytes, in time, beside another generation of its slot, or because its identity (with the
    /// low 8 bits of the sequence) is in the datagram already.
    pub fn offer(&mut self, part: Part<'a>) -> bool {
        let slot = usize::from(part.slot);
        let listed = self.slots & 1 << part.slot != 0;
        if listed && self.generations[slot] != part.generation {
            return false;
        }
        if part.capture_us > self.base_us {
            return false;
        }
        let age = self.age16(&part);
        let length = part.payload.len();
        let bytes = self.bytes
            + usize::from(!listed)
            + usize::from(part.start_len)
            + varint_bytes(age as u32)
            + varint_bytes(length as u32)
            + length;
        let low = part.sequence as usize & 0xff;
        let word = &mut self.seen[(slot << 2 | usize::from(part.kind)) << 2 | low >> 6];
        let bit = 1u64 << (low & 63);
        if age > MAX_SIXTEENTHS || bytes > MAX_DATAGRAM_BYTES || *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.bytes = bytes;
        self.slots |= 1 << part.slot;
        self.generations[slot] = part.generation;
        self.uncertainty16 = self.uncertainty16.max(part.uncertainty16);
        self.parts.push(part);
        true
    }

    /// At most, of the datagram without its prefix.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn age16(&self, part: &Part) -> u64 {
        us_to_sixteenths((self.base_us - part.capture_us) as u64)
    }

    /// Prefix byte included.
    pub fn finish(mut self) -> Bytes {
        self.parts.sort_by_key(|part| part.capture_us);
        let mut out = Vec::with_capacity(1 + self.bytes);
        let mut generations = [0; MAX_SLOTS];
        let mut listed = 0;
        for slot in (0..MAX_SLOTS).filter(|slot| self.slots & 1 << slot != 0) {
            generations[listed] = self.generations[slot];
            listed += 1;
        }
        let base_us = self.base_us as u64;
        write_header(&mut out, self.alias, self.slots, &generations[..listed], base_us, self.uncertainty16);
        for part in &self.parts {
            out.extend_from_slice(&part.start[..usize::from(part.start_len)]);
            write_varint(&mut out, self.age16(part) as u32);
            write_varint(&mut out, part.payload.len() as u32);
            out.extend_from_slice(part.payload);
        }
        out.into()
    }
}
