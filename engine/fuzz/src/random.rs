//! Seeded randomness, for what must be the same each time.

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, below: usize) -> usize {
        (self.next_u64() % below.max(1) as u64) as usize
    }

    /// Changes, adds or removes some bytes, blindly.
    pub fn mutate(&mut self, data: &mut Vec<u8>, most: usize) {
        for _ in 0..1 + self.below(4) {
            let (at, byte) = (self.below(data.len() + 1), self.next_u64() as u8);
            match self.below(6) {
                0 if at < data.len() => data[at] = byte,
                1 if at < data.len() => data[at] ^= 1 << (byte & 7),
                2 => data.insert(at, byte),
                3 if at < data.len() => drop(data.remove(at)),
                4 => data.truncate(at),
                _ => {
                    let copy = data[at..].to_vec();
                    data.extend_from_slice(&copy);
                }
            }
        }
        data.truncate(most);
    }
}
