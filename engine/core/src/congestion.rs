//! A congestion controller that decides by itself whether the window limits the sender.
//!
//! quinn-proto calls a connection "application limited" by its LAST `poll_transmit`: a loop that polls once a datagram
//! (the fan-out path) is never limited, so its window grows with each acknowledgement for ever; a loop that polls until
//! nothing comes out is always limited when nothing blocked, so its window never grows. Neither says whether the window
//! was used. Here it may grow while at least half of it was in flight in the last round trip: so it never exceeds twice
//! what was needed, and a sender that the 1 ms timer paces a little below its window still grows.

use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use quinn_proto::RttEstimator;
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

struct Acked {
    now: Instant,
    sent: Instant,
    bytes: u64,
    rtt: RttEstimator,
}

/// Wraps a controller and overrides what it is told about application limits.
pub(crate) struct UsedWindow {
    inner: Box<dyn Controller>,
    /// The acknowledgements of one ACK frame: what was in flight before them is known at their end only.
    acked: Vec<Acked>,
    lost_bytes: u64,
    /// Most bytes in flight in the last full round trip and in this one.
    peak_last: u64,
    peak: u64,
    round_start: Option<Instant>,
    /// `inner.window()`, which quinn asks for several times a packet.
    window: u64,
}

impl UsedWindow {
    fn new(inner: Box<dyn Controller>) -> UsedWindow {
        let window = inner.window();
        UsedWindow { inner, acked: Vec::new(), lost_bytes: 0, peak_last: 0, peak: 0, round_start: None, window }
    }

    /// Takes the acknowledgements that were held back, with what is in flight after them.
    fn settle(&mut self, in_flight: u64) {
        let Some(newest) = self.acked.iter().map(|a| a.sent).max() else { return };
        let before = in_flight + self.lost_bytes + self.acked.iter().map(|a| a.bytes).sum::<u64>();
        self.lost_bytes = 0;
        let now = self.acked[0].now;
        // A round ends when something sent after its start is acknowledged.
        if self.round_start.is_none_or(|start| newest >= start) {
            self.round_start = Some(now);
            self.peak_last = self.peak;
            self.peak = 0;
        }
        self.peak = self.peak.max(before);
        let used = self.peak.max(self.peak_last);
        for acked in self.acked.drain(..) {
            let app_limited = used < self.inner.window() / 2;
            self.inner.on_ack(acked.now, acked.sent, acked.bytes, app_limited, &acked.rtt);
        }
    }
}

impl Controller for UsedWindow {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _app_limited: bool, rtt: &RttEstimator) {
        self.acked.push(Acked { now, sent, bytes, rtt: *rtt });
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, _app_limited: bool, largest: Option<u64>) {
        self.settle(in_flight);
        let app_limited = self.peak.max(self.peak_last) < self.inner.window() / 2;
        self.inner.on_end_acks(now, in_flight, app_limited, largest);
        self.window = self.inner.window();
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        self.lost_bytes += lost_bytes;
        self.inner.on_congestion_event(now, sent, persistent, lost_bytes);
        self.window = self.inner.window();
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
        self.window = self.inner.window();
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(UsedWindow::new(self.inner.clone_box()))
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
        Box::new(UsedWindow::new(self.cubic.clone().build(now, current_mtu)))
    }
}

#[cfg(test)]
#[path = "congestion_tests.rs"]
mod tests;
