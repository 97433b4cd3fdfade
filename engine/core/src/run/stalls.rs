//! Waiting for work, and when the engine itself stood still: its thread had no core, or one turn took too long. Round
//! trips of that time are its own lateness, and no path's. Who took them for a path's would send more often, which is more
//! work.

use super::Run;
use std::time::Duration;

/// Later than that is a stall: an eighth of it, which one acknowledgement adds to a smoothed round trip, is no noise.
const STALL_US: u64 = 20_000;
/// A smoothed round trip has forgotten a stall after so long: some 25 acknowledgements of a viewer with large datagrams.
const FORGOTTEN_US: u64 = 1_500_000;
/// What goes on for longer is how things are: then round trips count again.
const MOST_US: u64 = 5_000_000;

#[derive(Default)]
pub(super) struct Stalls {
    since_us: u64,
    until_us: u64,
}

impl Stalls {
    /// The thread was to be somewhere at `due_us` and got there at `now_us`. True: it had stood still.
    pub fn arrived(&mut self, due_us: u64, now_us: u64) -> bool {
        if now_us < due_us + STALL_US {
            return false;
        }
        if now_us >= self.until_us {
            self.since_us = now_us;
        }
        self.until_us = now_us + FORGOTTEN_US;
        true
    }

    /// Smoothed round trips hold a stall.
    pub fn in_round_trips(&self, now_us: u64) -> bool {
        now_us < self.until_us && now_us < self.since_us + MOST_US
    }
}

impl Run {
    /// Gives when the wait was to be over at the latest.
    pub(super) fn wait(&mut self) -> u64 {
        let now = self.core.clock.now();
        let wheel_us = self.core.wheel.deadline_ms().map(|ms| ms * 1000);
        let links_us = self.core.link_wakes.deadline_us();
        let repeats_us = self.core.repeats.deadline_us();
        let flushes_us = self.core.flushes.deadline_us();
        let media_us = self.media.next_deadline_us();
        let deadlines = [wheel_us, links_us, repeats_us, flushes_us, media_us, Some(self.next_housekeeping_us)];
        let at_us = deadlines.into_iter().flatten().min().unwrap_or(now.us);
        let hurry = std::mem::take(&mut self.core.hurry);
        let timeout = if hurry { Duration::ZERO } else { Duration::from_micros(at_us.saturating_sub(now.us)) };
        self.readable.clear();
        let packets = self.core.io.stats().packets_in;
        let rest = Duration::from_micros(self.pace.rest_us(packets, self.turn_us, now.us)).min(timeout);
        if !rest.is_zero() {
            self.core.io.rest(rest);
            self.core.out.counters.rests += 1;
        }
        self.core.io.wait(Some(timeout - rest), &mut self.readable);
        now.us + timeout.as_micros() as u64
    }

    /// What the thread did was to be done at `due_us`.
    pub(super) fn arrived(&mut self, due_us: u64) -> u64 {
        let now_us = self.core.clock.now().us;
        self.core.out.counters.stalls += u64::from(self.stalls.arrived(due_us, now_us));
        now_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_in_round_trips_until_they_have_forgotten_it() {
        let mut stalls = Stalls::default();
        assert!(!stalls.in_round_trips(0));
        assert!(!stalls.arrived(1_000_000, 1_019_999));
        assert!(!stalls.in_round_trips(1_020_000));
        assert!(stalls.arrived(1_000_000, 1_020_000));
        assert!(stalls.in_round_trips(1_020_000) && stalls.in_round_trips(2_519_999));
        assert!(!stalls.in_round_trips(2_520_000));
    }

    #[test]
    fn stalls_without_end_hide_round_trips_for_five_seconds() {
        let mut stalls = Stalls::default();
        let seen = (10..30u64).map(|s| {
            let now_us = s * 1_000_000;
            stalls.arrived(now_us - 50_000, now_us);
            stalls.in_round_trips(now_us)
        });
        assert_eq!(seen.collect::<Vec<_>>(), [vec![true; 5], vec![false; 15]].concat());
        // After a pause the next one counts anew.
        assert!(stalls.arrived(39_000_000, 40_000_000) && stalls.in_round_trips(40_000_000));
    }
}
