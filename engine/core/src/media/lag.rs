//! A log-linear histogram of times: 64 buckets an octave, so a percentile is right to less than 1 %: of the policy's budget
//! every millisecond counts.

const SUB_BITS: u32 = 6;
const SUB: usize = 1 << SUB_BITS;
/// About 4.2 s; what is over it counts as it.
const LARGEST_US: u64 = (1 << 22) - 1;
const BUCKETS: usize = ((22 - SUB_BITS as usize) + 1) * SUB;

pub struct Lag {
    counts: Box<[u32; BUCKETS]>,
    total: u64,
}

impl Default for Lag {
    fn default() -> Lag {
        Lag { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

impl Lag {
    /// A lag below zero (inside the clock's uncertainty) counts as zero.
    pub fn add(&mut self, us: i64) {
        let us = (us.max(0) as u64).min(LARGEST_US);
        let shift = (64 - us.leading_zeros()).saturating_sub(SUB_BITS + 1);
        self.counts[shift as usize * SUB + (us >> shift) as usize] += 1;
        self.total += 1;
    }

    pub fn count(&self) -> u64 {
        self.total
    }

    /// The middle of the bucket that holds the quantile, us; 0 when empty.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += u64::from(*count);
            if below >= rank {
                let shift = (bucket / SUB).saturating_sub(1);
                let first = ((bucket - shift * SUB) as u64) << shift;
                return first as f64 + ((1u64 << shift) - 1) as f64 / 2.0;
            }
        }
        0.0
    }

    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_their_bucket() {
        for value in [0i64, 1, 15, 16, 31, 32, 33, 100, 999, 12_345, 100_000, 1_000_000, 4_194_303] {
            let mut lag = Lag::default();
            lag.add(value);
            let error = (lag.quantile_us(0.5) - value as f64).abs();
            assert!(error <= value as f64 / 128.0, "{value}: {error}");
        }
    }

    #[test]
    fn ranks_are_the_nearest() {
        let mut lag = Lag::default();
        assert_eq!((lag.quantile_us(0.5), lag.count()), (0.0, 0));
        for us in 1..=1000i64 {
            lag.add(us * 100);
        }
        assert!((lag.quantile_us(0.5) / 50_000.0 - 1.0).abs() < 0.04);
        assert!((lag.quantile_us(0.99) / 99_000.0 - 1.0).abs() < 0.04);
        lag.add(i64::MAX);
        lag.add(i64::MIN);
        assert!(lag.quantile_us(1.0) > 4_000_000.0);
        assert_eq!(lag.quantile_us(0.0), 0.0);
        lag.clear();
        assert_eq!(lag.count(), 0);
    }
}
