//! How many units a publisher may have passed on.

/// So much of a second's units may come at once: what a stalled uplink brings is at its own, far lower rate.
const BURST_US: u64 = 500_000;

/// So many units a second: each takes its share of time, at most half a second ahead of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    share_us: u64,
    /// All time before this is taken.
    taken_until_us: u64,
}

impl Rate {
    /// 0: any number.
    pub fn new(per_second: u32) -> Rate {
        Rate { share_us: 1_000_000u64.checked_div(u64::from(per_second)).unwrap_or(0), taken_until_us: 0 }
    }

    /// False, and nothing is taken, for a unit too many.
    pub fn take(&mut self, now_us: u64) -> bool {
        if self.taken_until_us > now_us + BURST_US {
            return false;
        }
        self.taken_until_us = self.taken_until_us.max(now_us) + self.share_us;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Random;

    fn passed(rate: &mut Rate, until_us: u64, mean_gap_us: u64) -> u64 {
        let (mut random, mut now_us, mut passed) = (Random::new(3, 0), 0, 0);
        while now_us < until_us {
            now_us += random.next_u64() % (2 * mean_gap_us);
            passed += u64::from(rate.take(now_us));
        }
        passed
    }

    #[test]
    fn a_flood_has_the_rate_and_one_burst() {
        let passed = passed(&mut Rate::new(400), 60_000_000, 250);
        assert!((400 * 60 + 195..=400 * 60 + 205).contains(&passed), "{passed}");
    }

    #[test]
    fn what_stays_below_the_rate_goes_on_also_after_a_stall() {
        let mut rate = Rate::new(400);
        for second in 0..60u64 {
            // 80 units a second, each other second all at its end.
            for unit in 0..80 {
                let now_us = second * 1_000_000 + if second % 2 == 0 { unit * 12_500 } else { 999_999 };
                assert!(rate.take(now_us), "{second} {unit}");
            }
        }
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!((0..10_000).filter(|_| Rate::new(0).take(5)).count(), 10_000);
        let mut rate = Rate::new(0);
        assert!((0..10_000).all(|_| rate.take(5)));
    }
}
