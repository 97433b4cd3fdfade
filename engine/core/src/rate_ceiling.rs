//! The congestion controller of trunks: a ceiling that the operator knows the path to carry, and loss under 5 % is noise.
//!
//! What a trunk carries is set by its rooms, not by the path, and all of it is stale after 100 ms: a window that halves at
//! each burst of an ocean link only moves the loss to the sender's own queue (CUBIC: 3 to 67 % there at 0.5 % on the way).
//! So the window is what the ceiling fills in a round trip and one delayed acknowledgement. More loss than 5 % over three
//! seconds is taken for congestion: the rate falls to nine tenths of what arrived, and grows back by a tenth each second.

use quinn_proto::congestion::{Controller, ControllerFactory};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// Loss is judged over so many seconds: one burst of 100 ms must not look like congestion.
const SECONDS: usize = 3;
/// Of what was sent: one twentieth.
const NOISE: u64 = 20;
/// With less than so many bytes in that time nothing is said of the path.
const JUDGED_BYTES: u64 = 64 * 1024;
/// An acknowledgement may wait so long at the peer.
const ACK_DELAY: Duration = Duration::from_millis(25);
/// Before the first sample.
const FIRST_RTT: Duration = Duration::from_millis(100);
const LEAST_PACKETS: u64 = 32;
/// The rate never falls under this part of the ceiling.
const LEAST_PART: u64 = 20;

#[derive(Clone, Copy, Default)]
struct Second {
    acked: u64,
    lost: u64,
}

#[derive(Clone)]
pub(crate) struct RateCeiling {
    /// Bytes a second.
    ceiling: u64,
    rate: u64,
    mtu: u64,
    rtt: Duration,
    /// Newest first.
    seconds: [Second; SECONDS],
    since: Instant,
    /// Seconds that are whole, since the last judgement.
    whole: usize,
}

impl RateCeiling {
    fn new(kbps: u32, now: Instant, mtu: u16) -> RateCeiling {
        let ceiling = u64::from(kbps) * 125;
        RateCeiling {
            ceiling,
            rate: ceiling,
            mtu: u64::from(mtu),
            rtt: FIRST_RTT,
            seconds: Default::default(),
            since: now,
            whole: 0,
        }
    }

    /// Begins another second when one has passed.
    fn tick(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) < SECOND {
            return;
        }
        self.since = now;
        self.whole += 1;
        if self.whole >= SECONDS {
            self.judge();
        }
        self.seconds.rotate_right(1);
        self.seconds[0] = Second::default();
    }

    fn judge(&mut self) {
        let sum = |of: fn(&Second) -> u64| self.seconds.iter().map(of).sum::<u64>();
        let (acked, lost) = (sum(|second| second.acked), sum(|second| second.lost));
        if acked + lost < JUDGED_BYTES {
            self.rate = self.ceiling;
        } else if lost * NOISE > acked + lost {
            self.rate = (acked / SECONDS as u64 * 9 / 10).clamp(self.ceiling / LEAST_PART, self.rate);
            self.whole = 0;
        } else {
            self.rate = (self.rate + self.rate / 10).min(self.ceiling);
        }
    }
}

impl Controller for RateCeiling {
    fn on_ack(&mut self, now: Instant, _sent: Instant, bytes: u64, _app_limited: bool, rtt: &RttEstimator) {
        self.tick(now);
        self.seconds[0].acked += bytes;
        self.rtt = rtt.get();
    }

    /// Persistent congestion, too, is only loss: a link that was cut carries the same as before when it is back.
    fn on_congestion_event(&mut self, now: Instant, _sent: Instant, _persistent: bool, lost_bytes: u64) {
        self.tick(now);
        self.seconds[0].lost += lost_bytes;
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = u64::from(new_mtu);
    }

    fn window(&self) -> u64 {
        let round = (self.rtt + ACK_DELAY).as_micros() as u64;
        (self.rate * round / 1_000_000).max(LEAST_PACKETS * self.mtu)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

pub(crate) struct RateCeilingConfig {
    pub kbps: u32,
}

impl ControllerFactory for RateCeilingConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(RateCeiling::new(self.kbps, now, current_mtu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KBPS: u32 = 20_000;
    const CEILING: u64 = KBPS as u64 * 125;

    /// So many seconds in which `acked` bytes arrive and `lost` do not, told each 10 ms.
    fn pass(controller: &mut RateCeiling, now: &mut Instant, seconds: u64, acked: u64, lost: u64) {
        for _ in 0..seconds * 100 {
            *now += Duration::from_millis(10);
            controller.tick(*now);
            controller.seconds[0].acked += acked / 100;
            if lost > 0 {
                controller.on_congestion_event(*now, *now, true, lost / 100);
            }
        }
    }

    #[test]
    fn the_window_is_what_the_ceiling_fills_in_a_round_trip() {
        let mut controller = RateCeiling::new(KBPS, Instant::now(), 1200);
        controller.rtt = Duration::from_millis(130);
        assert_eq!(controller.window(), CEILING * 155 / 1000);
        controller.rtt = Duration::from_millis(1);
        assert_eq!(controller.window(), CEILING * 26 / 1000);
        assert_eq!(RateCeiling::new(100, Instant::now(), 1200).window(), 32 * 1200, "some packets whatever the rate");
    }

    #[test]
    fn loss_under_a_twentieth_changes_nothing() {
        let mut now = Instant::now();
        let mut controller = RateCeiling::new(KBPS, now, 1200);
        pass(&mut controller, &mut now, 30, 400_000, 20_000);
        assert_eq!(controller.rate, CEILING);
        // Nor does a link that carries nothing for 100 ms.
        pass(&mut controller, &mut now, 3, 400_000, 0);
        pass(&mut controller, &mut now, 1, 360_000, 40_000);
        pass(&mut controller, &mut now, 2, 400_000, 0);
        assert_eq!(controller.rate, CEILING);
    }

    #[test]
    fn more_loss_brings_the_rate_down_to_what_arrives_and_it_comes_back() {
        let mut now = Instant::now();
        let mut controller = RateCeiling::new(KBPS, now, 1200);
        pass(&mut controller, &mut now, 4, 1_000_000, 100_000);
        assert!((850_000..=910_000).contains(&controller.rate), "{}", controller.rate);
        pass(&mut controller, &mut now, 8, 800_000, 0);
        assert!(controller.rate > 1_000_000);
        pass(&mut controller, &mut now, 30, 800_000, 0);
        assert_eq!(controller.rate, CEILING);
        pass(&mut controller, &mut now, 60, 40_000, 400_000);
        assert_eq!(controller.rate, CEILING / LEAST_PART);
        // Hardly anything sent says nothing.
        pass(&mut controller, &mut now, 10, 1_000, 1_000);
        assert_eq!(controller.rate, CEILING);
    }
}
