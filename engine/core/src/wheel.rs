//! A lazy timer wheel of 1 ms slots. Entries are never removed: whoever is called too early looks at its own deadline
//! and enters again, which is cheaper than moving an entry with each packet. Each comes out with the time it was entered
//! for: an owner that has entered an earlier one since must ignore the old one, or both would live on for ever.

const SLOTS: u64 = 4096;

pub(crate) struct Wheel {
    slots: Vec<Vec<u32>>,
    occupied: [u64; (SLOTS / 64) as usize],
    /// The first slot that has not expired.
    next_ms: u64,
    entries: usize,
}

impl Wheel {
    pub fn new(now_ms: u64) -> Wheel {
        Wheel {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            occupied: [0; (SLOTS / 64) as usize],
            next_ms: now_ms,
            entries: 0,
        }
    }

    /// Enters `id` for `at_ms` and returns the time taken: the past becomes now, what is beyond the wheel its last slot.
    pub fn insert(&mut self, at_ms: u64, id: u32) -> u64 {
        let at_ms = self.clamp(at_ms);
        let slot = (at_ms % SLOTS) as usize;
        self.slots[slot].push(id);
        self.entries += 1;
        self.occupied[slot / 64] |= 1 << (slot % 64);
        at_ms
    }

    /// How many entries wait: a small multiple of the owners, or somebody enters two for one.
    pub fn len(&self) -> usize {
        self.entries
    }

    pub fn clamp(&self, at_ms: u64) -> u64 {
        at_ms.clamp(self.next_ms, self.next_ms + SLOTS - 2)
    }

    /// Moves the entries of all slots before `now_ms` to `out`, each with the time that `insert` returned.
    pub fn expire(&mut self, now_ms: u64, out: &mut Vec<(u64, u32)>) {
        let mut steps = 0;
        while self.next_ms < now_ms && steps < SLOTS {
            let slot = (self.next_ms % SLOTS) as usize;
            if self.occupied[slot / 64] & (1 << (slot % 64)) != 0 {
                self.entries -= self.slots[slot].len();
                out.extend(self.slots[slot].drain(..).map(|id| (self.next_ms, id)));
                self.occupied[slot / 64] &= !(1 << (slot % 64));
            }
            self.next_ms += 1;
            steps += 1;
        }
        self.next_ms = self.next_ms.max(now_ms);
    }

    /// When the next entry expires: the end of its slot.
    pub fn deadline_ms(&self) -> Option<u64> {
        let start = (self.next_ms % SLOTS) as usize;
        let words = self.occupied.len();
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= !0 << (start % 64);
            } else if step == words {
                bits &= !(!0 << (start % 64));
            }
            if bits != 0 {
                let slot = word as u64 * 64 + u64::from(bits.trailing_zeros());
                return Some(self.next_ms + (slot + SLOTS - start as u64) % SLOTS + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_after_their_slot() {
        let mut wheel = Wheel::new(1000);
        let mut out = Vec::new();
        wheel.insert(1005, 7);
        wheel.insert(900, 8);
        assert_eq!(wheel.deadline_ms(), Some(1001));
        wheel.expire(1001, &mut out);
        assert_eq!(out, [(1000, 8)]);
        assert_eq!(wheel.deadline_ms(), Some(1006));
        wheel.expire(1005, &mut out);
        assert_eq!(out, [(1000, 8)]);
        wheel.expire(1006, &mut out);
        assert_eq!(out, [(1000, 8), (1005, 7)]);
        assert_eq!(wheel.deadline_ms(), None);
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn wraps_and_survives_a_long_stall() {
        let mut wheel = Wheel::new(4090);
        let mut out = Vec::new();
        assert_eq!(wheel.insert(4090 + 100_000, 1), 4090 + SLOTS - 2);
        wheel.insert(4099, 2);
        assert_eq!(wheel.deadline_ms(), Some(4100));
        wheel.expire(50_000, &mut out);
        assert_eq!(out, [(4099, 2), (4090 + SLOTS - 2, 1)]);
        assert_eq!(wheel.insert(0, 3), 50_000);
        assert_eq!(wheel.deadline_ms(), Some(50_001));
    }
}
