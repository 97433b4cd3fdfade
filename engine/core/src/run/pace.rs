//! Reading many packets at once. Viewers of a sparse flow acknowledge each packet, from as many places as there are
//! viewers: a thread that wakes for each of them spends more on waking than on what came.

/// Over which arrivals are counted.
const WINDOW_US: u64 = 20_000;
/// Packets of a window from which on the thread rests, and below which it no more does: 5000 and 3000 a second. With fewer
/// a wake each is cheap, and what comes goes on at once.
const MANY: u64 = 100;
const FEW: u64 = 60;
/// Turns begin no sooner after each other while it rests. A packet waits half of it in the mean.
const TURN_US: u64 = 500;
/// A shorter rest costs more than it saves.
const LEAST_US: u64 = 100;

#[derive(Default)]
pub(super) struct Pace {
    rests: bool,
    window_us: u64,
    packets: u64,
}

impl Pace {
    /// How long to leave the sockets alone, us. `packets`: all that ever came; `turn_us`: when the last turn began.
    pub fn rest_us(&mut self, packets: u64, turn_us: u64, now_us: u64) -> u64 {
        let passed_us = now_us.saturating_sub(self.window_us);
        if passed_us >= WINDOW_US {
            let came = (packets - self.packets) * WINDOW_US / passed_us;
            self.rests = came >= if self.rests { FEW } else { MANY };
            (self.window_us, self.packets) = (now_us, packets);
        }
        let rest_us = (turn_us + TURN_US).saturating_sub(now_us);
        if self.rests && rest_us >= LEAST_US {
            rest_us
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A turn each `turn_us` that brings `packets`, for a second; whether the last ones were followed by a rest.
    fn rests(pace: &mut Pace, now_us: &mut u64, came: &mut u64, turn_us: u64, packets: u64) -> bool {
        let mut rest_us = 0;
        for _ in 0..1_000_000 / turn_us {
            *now_us += turn_us;
            *came += packets;
            rest_us = pace.rest_us(*came, *now_us - 50, *now_us);
        }
        rest_us > 0
    }

    #[test]
    fn it_rests_while_much_comes() {
        let (mut pace, mut now_us, mut came) = (Pace::default(), 1_000_000, 0);
        let mut at = |turn_us, packets| rests(&mut pace, &mut now_us, &mut came, turn_us, packets);
        assert!(!at(250, 1), "4000 a second");
        assert!(at(125, 1), "8000 a second");
        assert!(at(500, 2), "4000 a second, in the turns that resting makes");
        assert!(!at(500, 1), "2000 a second");
    }

    #[test]
    fn a_rest_ends_a_turn_s_length_after_the_turn_began() {
        let mut pace = Pace { rests: true, window_us: 1_000_000, packets: 0 };
        assert_eq!(pace.rest_us(0, 1_000_100, 1_000_150), 450);
        assert_eq!(pace.rest_us(0, 1_000_100, 1_000_550), 0, "too short");
        assert_eq!(pace.rest_us(0, 1_000_100, 1_004_000), 0, "a long turn");
    }
}
