//! The units that went into a room lately, once for all its delivery classes, which hold and repeat them by serial.

use super::draft::{Part, MAX_START};
use super::forward::Passed;
use std::collections::VecDeque;

/// Longer than any class holds or repeats a unit.
const KEEP_US: u64 = 700_000;
/// Far more than pending units and repeats of livers that keep to their rate; a flood pushes out what is to be repeated.
const MAX_UNITS: usize = 2048;
const MAX_BYTES: usize = 256 * 1024;
/// Bytes of units that are gone are given back when there are so many of them.
const WASTE_BYTES: usize = 4096;

pub struct Stored {
    pub slot: u8,
    pub generation: u8,
    pub kind: u8,
    pub key: bool,
    pub sequence: u32,
    /// Relay's clock, us, not wrapped.
    pub capture_us: i64,
    /// Of head, full sequence, longest age, length and payload.
    pub most_bytes: usize,
    at_us: u64,
    uncertainty16: u16,
    start: [u8; MAX_START],
    start_len: u8,
    /// Place of the payload, counted from the first byte ever.
    offset: u64,
    length: usize,
}

#[derive(Default)]
pub struct Recent {
    units: VecDeque<Stored>,
    /// Of the first unit in `units`.
    first: u64,
    bytes: Vec<u8>,
    /// Of the first byte in `bytes`.
    bytes_from: u64,
}

impl Recent {
    /// The serial that the next unit gets.
    pub fn next_serial(&self) -> u64 {
        self.first + self.units.len() as u64
    }

    pub fn push(&mut self, now_us: u64, slot: u8, generation: u8, passed: &Passed) {
        let Passed { unit, sequence, capture_us, uncertainty16 } = *passed;
        self.forget(now_us, unit.payload.len());
        let start_len = if unit.full { 5 } else { 2 };
        let mut start = [0; MAX_START];
        start[..start_len].copy_from_slice(&unit.wire[..start_len]);
        self.units.push_back(Stored {
            slot,
            generation,
            kind: unit.kind,
            key: unit.key,
            sequence,
            capture_us,
            most_bytes: start_len + 2 + if unit.payload.len() < 0x40 { 1 } else { 2 } + unit.payload.len(),
            at_us: now_us,
            uncertainty16,
            start,
            start_len: start_len as u8,
            offset: self.bytes_from + self.bytes.len() as u64,
            length: unit.payload.len(),
        });
        self.bytes.extend_from_slice(unit.payload);
    }

    /// Lets go what is old, and what stands in the way of `more` bytes.
    fn forget(&mut self, now_us: u64, more: usize) {
        while let Some(unit) = self.units.front() {
            let held = (self.bytes_from + self.bytes.len() as u64 - unit.offset) as usize;
            let fits = self.units.len() < MAX_UNITS && held + more <= MAX_BYTES;
            if fits && unit.at_us + KEEP_US > now_us {
                break;
            }
            self.units.pop_front();
            self.first += 1;
        }
        let end = self.bytes_from + self.bytes.len() as u64;
        let used_from = self.units.front().map_or(end, |unit| unit.offset);
        let waste = (used_from - self.bytes_from) as usize;
        if waste >= WASTE_BYTES && waste >= self.bytes.len() / 2 {
            self.bytes.drain(..waste);
            self.bytes_from = used_from;
        }
    }

    /// None when the unit was let go.
    pub fn get(&self, serial: u64) -> Option<&Stored> {
        let place = serial.checked_sub(self.first)?;
        self.units.get(usize::try_from(place).ok()?)
    }

    /// Those that came within so many us, newest first, each with its serial.
    pub fn newest(&self, now_us: u64, within_us: u64) -> impl Iterator<Item = (u64, &Stored)> {
        let units = self.units.iter().enumerate().rev().map(|(place, unit)| (self.first + place as u64, unit));
        units.take_while(move |(_, unit)| unit.at_us + within_us >= now_us)
    }

    pub fn part(&self, unit: &Stored) -> Part<'_> {
        let from = (unit.offset - self.bytes_from) as usize;
        let mut start = unit.start;
        start[0] |= unit.slot << 5;
        Part {
            slot: unit.slot,
            generation: unit.generation,
            kind: unit.kind,
            sequence: unit.sequence,
            capture_us: unit.capture_us,
            uncertainty16: unit.uncertainty16,
            start,
            start_len: unit.start_len,
            payload: &self.bytes[from..from + unit.length],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::bundle::Unit;

    fn push(recent: &mut Recent, now_us: u64, sequence: u32, payload: &[u8]) -> u64 {
        let serial = recent.next_serial();
        let wire = [0b10, 0, 0, 0, sequence as u8];
        let unit = Unit { slot: 0, kind: 0, key: false, full: true, sequence, age16: 0, payload, wire: &wire };
        recent.push(now_us, 3, 9, &Passed { unit: &unit, sequence, capture_us: now_us as i64, uncertainty16: 5 });
        serial
    }

    #[test]
    fn units_keep_their_payload_until_they_are_old() {
        let mut recent = Recent::default();
        let kept: Vec<_> =
            (0..2000u32).map(|n| (n, push(&mut recent, u64::from(n) * 10_000, n, &n.to_be_bytes()))).collect();
        for (n, serial) in kept {
            let young = n > 1999 - 70;
            assert_eq!(recent.get(serial).is_some(), young, "{n}");
            if let Some(unit) = recent.get(serial) {
                let part = recent.part(unit);
                assert_eq!((part.payload, part.sequence, part.slot, part.generation), (&n.to_be_bytes()[..], n, 3, 9));
                assert_eq!((part.start[0], part.uncertainty16), (0b0110_0010, 5));
            }
        }
        assert!(recent.get(recent.next_serial()).is_none());
        assert!(recent.bytes.len() < 2 * WASTE_BYTES);
    }

    #[test]
    fn a_flood_pushes_out_what_is_oldest() {
        let mut recent = Recent::default();
        let small = push(&mut recent, 0, 0, &[1]);
        for n in 1..MAX_UNITS as u32 {
            push(&mut recent, 0, n, &[1]);
        }
        assert!(recent.get(small).is_some());
        push(&mut recent, 0, 9999, &[1]);
        assert!(recent.get(small).is_none() && recent.get(small + 1).is_some());
        for n in 0..1000 {
            push(&mut recent, 0, n, &[7; 900]);
        }
        assert!(recent.units.len() <= MAX_BYTES / 900 && recent.bytes.len() <= 2 * MAX_BYTES);
        let newest = recent.get(recent.next_serial() - 1).map(|unit| recent.part(unit).payload.to_vec());
        assert_eq!(newest, Some(vec![7; 900]));
    }
}
