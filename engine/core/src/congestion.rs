//! A congestion controller that decides by itself whether the window limits the sender.
//!
//! quinn-proto calls a connection "application limited" by its LAST `poll_transmit`: a loop that polls once a datagram
//! (the fan-out path) is never limited, so its window grows with each acknowledgement for ever; a loop that polls until
//! nothing comes out is always limited when nothing blocked, so its window never grows. Neither says whether the window
//! was used. Here it may grow while at least half of it was in flight in the last round trip: so it never exceeds twice
//! what was needed, and a sender that the 1 ms timer paces a little below its window still grows.

use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics, Cubic, CubicConfig};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

/// CUBIC that is told by the rule above about application limits.
pub(crate) struct UsedWindow {
    inner: Cubic,
    /// The acknowledgements of one ACK frame, as departure and bytes: what was in flight before them is known at their
    /// end only.
    acked: Vec<(Instant, u64)>,
    /// The estimate that all of them were told with.
    rtt: Option<RttEstimator>,
    lost_bytes: u64,
    /// Most bytes in flight in the last full round trip and in this one.
    peak_last: u64,
    peak: u64,
    round_start: Option<Instant>,
}

impl UsedWindow {
    fn new(inner: Cubic) -> UsedWindow {
        UsedWindow { inner, acked: Vec::new(), rtt: None, lost_bytes: 0, peak_last: 0, peak: 0, round_start: None }
    }

    /// Takes the acknowledgements that were held back, with what is in flight after them.
    fn settle(&mut self, now: Instant, in_flight: u64) {
        let (Some(rtt), Some(newest)) = (self.rtt, self.acked.iter().map(|(sent, _)| *sent).max()) else { return };
        let before = in_flight + self.lost_bytes + self.acked.iter().map(|(_, bytes)| bytes).sum::<u64>();
        self.lost_bytes = 0;
        // A round ends when something sent after its start is acknowledged.
        if self.round_start.is_none_or(|start| newest >= start) {
            self.round_start = Some(now);
            self.peak_last = self.peak;
            self.peak = 0;
        }
        self.peak = self.peak.max(before);
        for at in 0..self.acked.len() {
            let (sent, bytes) = self.acked[at];
            self.inner.on_ack(now, sent, bytes, self.app_limited(), &rtt);
        }
        self.acked.clear();
    }

    fn app_limited(&self) -> bool {
        self.peak.max(self.peak_last) < self.inner.window() / 2
    }
}

impl Controller for UsedWindow {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, _now: Instant, sent: Instant, bytes: u64, _app_limited: bool, rtt: &RttEstimator) {
        self.acked.push((sent, bytes));
        self.rtt = Some(*rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, _app_limited: bool, largest: Option<u64>) {
        self.settle(now, in_flight);
        self.inner.on_end_acks(now, in_flight, self.app_limited(), largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        self.lost_bytes += lost_bytes;
        self.inner.on_congestion_event(now, sent, persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.inner.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(UsedWindow::new(self.inner.clone()))
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// CUBIC with the rule above.
#[derive(Default)]
pub(crate) struct UsedWindowConfig {
    cubic: Arc<CubicConfig>,
}

impl ControllerFactory for UsedWindowConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(UsedWindow::new(Cubic::new(self.cubic.clone(), now, current_mtu)))
    }
}

#[cfg(test)]
#[path = "congestion_tests.rs"]
mod tests;
