//! Bundles as they are on the wire: checked whole, then stepped through without allocation.

use super::wire::*;

/// Why a datagram is malformed. `code` is the name in docs/protocol.md and the golden vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    NotABundle,
    Truncated,
    ReservedBit,
    ReservedKind,
    SlotNotListed,
    EmptySlot,
    NoUnit,
    AgeOrder,
    Limit,
    DuplicateIdentity,
    /// Probes, replies and heartbeats only: a bundle's units go on to the datagram's end.
    Trailing,
}

impl Malformed {
    pub fn code(self) -> &'static str {
        match self {
            Malformed::NotABundle => "not_a_bundle",
            Malformed::Truncated => "truncated",
            Malformed::ReservedBit => "reserved_bit",
            Malformed::ReservedKind => "reserved_kind",
            Malformed::SlotNotListed => "slot_not_listed",
            Malformed::EmptySlot => "empty_slot",
            Malformed::NoUnit => "no_unit",
            Malformed::AgeOrder => "age_order",
            Malformed::Limit => "limit",
            Malformed::DuplicateIdentity => "duplicate_identity",
            Malformed::Trailing => "trailing",
        }
    }
}

pub const KIND_MOTION: u8 = 0;
pub const KIND_VOICE: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    pub slot: u8,
    pub kind: u8,
    pub key: bool,
    pub full: bool,
    /// 32 bits when `full`, else the low 8.
    pub sequence: u32,
    /// 1/16 ms before the base.
    pub age16: u16,
    pub payload: &'a [u8],
    /// The unit as it is on the wire, head included.
    pub wire: &'a [u8],
}

/// A bundle that passed every check of docs/protocol.md section 3.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    pub alias: u32,
    /// Bit s set = slot s has units.
    pub slots: u8,
    /// By slot; only those set in `slots` mean something.
    pub generations: [u8; MAX_SLOTS],
    /// Modulo 2^48, the sender's clock.
    pub base_us: u64,
    /// 1/16 ms.
    pub uncertainty16: u16,
    pub unit_count: usize,
    /// Of the first unit, the oldest.
    pub oldest_age16: u16,
    /// The units as they are on the wire.
    pub units_wire: &'a [u8],
}

impl<'a> Bundle<'a> {
    pub fn parse(data: &'a [u8]) -> Result<Bundle<'a>, Malformed> {
        if data.first() != Some(&TYPE_BUNDLE) {
            return Err(Malformed::NotABundle);
        }
        if data.len() > MAX_DATAGRAM_BYTES {
            return Err(Malformed::Limit);
        }
        let mut at = 1;
        let alias = limited(data, &mut at, MAX_ALIAS)? as u32;
        let slots = *data.get(at).ok_or(Malformed::Truncated)?;
        at += 1;
        let mut generations = [0; MAX_SLOTS];
        for (slot, generation) in generations.iter_mut().enumerate() {
            if slots & 1 << slot != 0 {
                *generation = *data.get(at).ok_or(Malformed::Truncated)?;
                at += 1;
            }
        }
        let base_us = read_u48(data, at).ok_or(Malformed::Truncated)?;
        at += 6;
        let uncertainty16 = limited(data, &mut at, MAX_SIXTEENTHS)? as u16;
        let mut bundle = Bundle {
            alias,
            slots,
            generations,
            base_us,
            uncertainty16,
            unit_count: 0,
            oldest_age16: 0,
            units_wire: &data[at..],
        };
        bundle.check_units()?;
        Ok(bundle)
    }

    fn check_units(&mut self) -> Result<(), Malformed> {
        // One bit for each (slot, kind, low 8 bits of the sequence) of this bundle.
        let mut seen = [0u64; MAX_SLOTS * 4 * 4];
        let mut used = 0;
        let mut age = MAX_SIXTEENTHS as u16;
        let mut at = 0;
        while at < self.units_wire.len() {
            let unit = read_unit(self.units_wire, &mut at, self.slots)?;
            if self.unit_count == 0 {
                self.oldest_age16 = unit.age16;
            }
            if unit.age16 > age {
                return Err(Malformed::AgeOrder);
            }
            age = unit.age16;
            let low = unit.sequence as usize & 0xff;
            let word = &mut seen[(usize::from(unit.slot) << 2 | usize::from(unit.kind)) << 2 | low >> 6];
            let bit = 1u64 << (low & 63);
            if *word & bit != 0 {
                return Err(Malformed::DuplicateIdentity);
            }
            *word |= bit;
            used |= 1 << unit.slot;
            self.unit_count += 1;
        }
        if self.unit_count == 0 {
            return Err(Malformed::NoUnit);
        }
        if used != self.slots {
            return Err(Malformed::EmptySlot);
        }
        Ok(())
    }

    pub fn units(&self) -> Units<'a> {
        Units { wire: self.units_wire, slots: self.slots, at: 0 }
    }
}

/// The units of a bundle that was checked, oldest first.
#[derive(Clone, Debug)]
pub struct Units<'a> {
    wire: &'a [u8],
    slots: u8,
    at: usize,
}

impl<'a> Iterator for Units<'a> {
    type Item = Unit<'a>;

    fn next(&mut self) -> Option<Unit<'a>> {
        if self.at >= self.wire.len() {
            return None;
        }
        // Checked before: an error cannot come, and would end the walk.
        read_unit(self.wire, &mut self.at, self.slots).ok()
    }
}

fn limited(data: &[u8], at: &mut usize, most: u64) -> Result<u64, Malformed> {
    let value = read_varint(data, at).ok_or(Malformed::Truncated)?;
    if value > most {
        return Err(Malformed::Limit);
    }
    Ok(value)
}

fn read_unit<'a>(wire: &'a [u8], at: &mut usize, slots: u8) -> Result<Unit<'a>, Malformed> {
    let start = *at;
    let head = wire[start];
    *at += 1;
    if head & 1 != 0 {
        return Err(Malformed::ReservedBit);
    }
    let kind = head >> 3 & 3;
    if kind == 3 {
        return Err(Malformed::ReservedKind);
    }
    let slot = head >> 5;
    if slots & 1 << slot == 0 {
        return Err(Malformed::SlotNotListed);
    }
    let full = head & 2 != 0;
    let sequence = if full {
        let sequence = read_u32(wire, *at).ok_or(Malformed::Truncated)?;
        *at += 4;
        sequence
    } else {
        let sequence = *wire.get(*at).ok_or(Malformed::Truncated)?;
        *at += 1;
        u32::from(sequence)
    };
    let age16 = limited(wire, at, MAX_SIXTEENTHS)? as u16;
    let length = limited(wire, at, MAX_PAYLOAD_BYTES)? as usize;
    let payload = wire.get(*at..*at + length).ok_or(Malformed::Truncated)?;
    *at += length;
    Ok(Unit { slot, kind, key: head & 4 != 0, full, sequence, age16, payload, wire: &wire[start..*at] })
}

/// Appends the header of a bundle, after the prefix byte of the session stream. `generations`: of the set bits of
/// `slots`, lowest first.
pub fn write_header(out: &mut Vec<u8>, alias: u32, slots: u8, generations: &[u8], base_us: u64, uncertainty16: u16) {
    out.push(PREFIX);
    out.push(TYPE_BUNDLE);
    write_varint(out, alias);
    out.push(slots);
    out.extend_from_slice(generations);
    write_u48(out, base_us);
    write_varint(out, u32::from(uncertainty16));
}

/// Bytes of `write_header`, prefix not counted.
pub fn header_bytes(alias: u32, slots: usize, uncertainty16: u16) -> usize {
    1 + varint_bytes(alias) + 1 + slots + 6 + varint_bytes(u32::from(uncertainty16))
}
