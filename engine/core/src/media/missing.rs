//! What a viewer says that it lacks (docs/protocol.md section 2, type 0x05), and how much of it one viewer may have again.

use super::bundle::Malformed;
use super::wire::*;

const MAX_ENTRIES: usize = 16;
const ENTRY_BYTES: usize = 7;

/// Up to nine units of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub slot: u8,
    pub kind: u8,
    pub generation: u8,
    /// Extended.
    pub first: u32,
    /// Bit i: `first` + 1 + i as well.
    pub more: u8,
}

impl Wanted {
    fn names(&self, slot: u8, generation: u8, kind: u8, sequence: u32) -> bool {
        if (self.slot, self.generation, self.kind) != (slot, generation, kind) {
            return false;
        }
        match sequence.wrapping_sub(self.first) {
            0 => true,
            after @ 1..=8 => self.more >> (after - 1) & 1 != 0,
            _ => false,
        }
    }
}

/// A request that was checked whole.
#[derive(Debug)]
pub struct Missing<'a> {
    pub alias: u32,
    entries: &'a [u8],
}

impl<'a> Missing<'a> {
    pub fn parse(data: &'a [u8]) -> Result<Missing<'a>, Malformed> {
        match data.first() {
            None => return Err(Malformed::Truncated),
            Some(first) if *first != TYPE_MISSING => return Err(Malformed::NotABundle),
            Some(_) => {}
        }
        let mut at = 1;
        let alias = read_varint(data, &mut at).ok_or(Malformed::Truncated)?;
        let entries = &data[at..];
        if alias > MAX_ALIAS || entries.len() > MAX_ENTRIES * ENTRY_BYTES {
            return Err(Malformed::Limit);
        }
        if entries.is_empty() {
            return Err(Malformed::NoUnit);
        }
        for entry in entries.chunks(ENTRY_BYTES) {
            if entry[0] & 7 != 0 {
                return Err(Malformed::ReservedBit);
            }
            if entry[0] >> 3 & 3 == 3 {
                return Err(Malformed::ReservedKind);
            }
            if entry.len() < ENTRY_BYTES {
                return Err(Malformed::Truncated);
            }
        }
        Ok(Missing { alias: alias as u32, entries })
    }

    pub fn entries(&self) -> impl Iterator<Item = Wanted> + 'a {
        self.entries.chunks_exact(ENTRY_BYTES).map(|entry| Wanted {
            slot: entry[0] >> 5,
            kind: entry[0] >> 3 & 3,
            generation: entry[1],
            first: read_u32(entry, 2).unwrap_or(0),
            more: entry[6],
        })
    }

    pub fn names(&self, slot: u8, generation: u8, kind: u8, sequence: u32) -> bool {
        self.entries().any(|wanted| wanted.names(slot, generation, kind, sequence))
    }
}

/// Bytes that one viewer gets again a second, and at once. Far more than what requests are chosen for needs: 5 % of a
/// liver's 5 kB. Who asks for all there is gets this, and nobody else less.
const ANSWER_BYTES_PER_S: u64 = 6000;
const ANSWER_BURST_BYTES: u64 = 3000;
/// Each request takes so much of it, whatever it gives: looking for units is work.
const REQUEST_BYTES: u64 = 30;

pub struct Allowance {
    bytes: u64,
    at_us: u64,
}

impl Allowance {
    pub fn new(now_us: u64) -> Allowance {
        Allowance { bytes: ANSWER_BURST_BYTES, at_us: now_us }
    }

    /// False, and nothing is taken, when not so much is left.
    pub fn take(&mut self, now_us: u64, bytes: u64) -> bool {
        let earned = now_us.saturating_sub(self.at_us).min(1_000_000) * ANSWER_BYTES_PER_S / 1_000_000;
        if earned > 0 {
            self.bytes = (self.bytes + earned).min(ANSWER_BURST_BYTES);
            self.at_us = now_us;
        }
        let enough = self.bytes >= bytes;
        if enough {
            self.bytes -= bytes;
        }
        enough
    }

    pub fn take_request(&mut self, now_us: u64) -> bool {
        self.take(now_us, REQUEST_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Random;

    #[test]
    fn any_bytes_parse_or_not_and_name_what_the_entries_name() {
        let mut random = Random::new(11, 0);
        let (mut good, mut bad) = (0, 0);
        for _ in 0..100_000 {
            let mut data = vec![TYPE_MISSING, (random.next_u64() % 80) as u8];
            for _ in 0..random.next_u64() % 20 {
                data.push((random.next_u64() as u8) & if random.next_u64().is_multiple_of(8) { 0xff } else { 0xe8 });
                data.extend((0..6).map(|_| random.next_u64() as u8));
            }
            if random.next_u64().is_multiple_of(4) {
                data.truncate(random.next_u64() as usize % (data.len() + 1));
            }
            let Ok(missing) = Missing::parse(&data) else {
                bad += 1;
                continue;
            };
            good += 1;
            assert!((1..=MAX_ENTRIES).contains(&missing.entries().count()));
            for Wanted { slot, kind, generation, first, more } in missing.entries() {
                assert!(slot < 8 && kind < 3);
                assert!(missing.names(slot, generation, kind, first));
                for after in 0..8 {
                    let named = missing.names(slot, generation, kind, first.wrapping_add(1 + after));
                    assert!(named || more >> after & 1 == 0);
                }
            }
        }
        assert!(good > 1000 && bad > 1000, "{good} {bad}");
    }

    #[test]
    fn an_allowance_gives_its_rate_and_its_burst_and_no_more() {
        let mut random = Random::new(12, 0);
        let (mut allowance, mut now_us, mut taken) = (Allowance::new(0), 0, 0);
        while now_us < 60_000_000 {
            now_us += random.next_u64() % 3000;
            let bytes = 1 + random.next_u64() % 900;
            taken += if allowance.take(now_us, bytes) { bytes } else { 0 };
        }
        assert!((300_000..=ANSWER_BYTES_PER_S * 60 + ANSWER_BURST_BYTES).contains(&taken), "{taken}");
    }
}
