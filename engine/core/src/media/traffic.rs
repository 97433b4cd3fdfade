//! What went through a room. Everything that goes out counts once a receiver.

#[derive(Default)]
pub struct Traffic {
    pub bundles_in: u64,
    pub bundles_out: u64,
    pub units_in: u64,
    /// For the first time; repeats count as repairs.
    pub units_out: u64,
    pub bytes_out: u64,
    pub joins_refused: u64,
    pub repair_units_out: u64,
    /// Repeats, and the datagrams that held nothing else.
    pub repair_bytes_out: u64,
    /// Units that were too old to be sent or repeated.
    pub dropped_stale: u64,
    /// Units that others pushed out before they were sent or repeated.
    pub dropped_full: u64,
    /// Requests of viewers for what they lack, and those of them beyond what one may have.
    pub requests_in: u64,
    pub requests_over: u64,
    by_voice: [ByVoice; 4],
}

/// Of the classes with as many voice units a datagram.
#[derive(Clone, Copy, Default)]
struct ByVoice {
    bundles_out: u64,
    units_out: u64,
    repair_bytes_out: u64,
}

const BY_VOICE: [[&str; 3]; 4] = [
    ["bundles_out_1", "units_out_1", "repair_bytes_out_1"],
    ["bundles_out_2", "units_out_2", "repair_bytes_out_2"],
    ["bundles_out_3", "units_out_3", "repair_bytes_out_3"],
    ["bundles_out_4", "units_out_4", "repair_bytes_out_4"],
];

impl Traffic {
    /// A datagram of `bytes` and so many new units, to so many receivers.
    pub fn count_out(&mut self, voice: u8, receivers: u64, units: u64, bytes: usize) {
        self.bundles_out += receivers;
        self.units_out += receivers * units;
        self.bytes_out += receivers * bytes as u64;
        let class = &mut self.by_voice[usize::from(voice.clamp(1, 4)) - 1];
        class.bundles_out += receivers;
        class.units_out += receivers * units;
    }

    pub fn count_repair(&mut self, voice: u8, receivers: u64, units: u64, bytes: u64) {
        self.repair_units_out += receivers * units;
        self.repair_bytes_out += receivers * bytes;
        self.by_voice[usize::from(voice.clamp(1, 4)) - 1].repair_bytes_out += receivers * bytes;
    }

    /// Adds to what the plane tells of all rooms.
    pub fn add_to(&self, totals: &mut Totals) {
        let own = [
            self.bundles_in,
            self.bundles_out,
            self.units_in,
            self.units_out,
            self.repair_units_out,
            self.repair_bytes_out,
            self.dropped_stale,
            self.dropped_full,
        ];
        for (sum, own) in totals.0.iter_mut().zip(own) {
            *sum += own;
        }
    }

    pub fn append_to(&self, out: &mut Vec<(&'static str, f64)>) {
        out.extend([
            ("bundles_in", self.bundles_in as f64),
            ("bundles_out", self.bundles_out as f64),
            ("units_in", self.units_in as f64),
            ("units_out", self.units_out as f64),
            ("bytes_out", self.bytes_out as f64),
            ("joins_refused", self.joins_refused as f64),
            ("repair_units_out", self.repair_units_out as f64),
            ("repair_bytes_out", self.repair_bytes_out as f64),
            ("dropped_stale", self.dropped_stale as f64),
            ("dropped_full", self.dropped_full as f64),
            ("requests_in", self.requests_in as f64),
            ("requests_over", self.requests_over as f64),
        ]);
        for (class, names) in self.by_voice.iter().zip(BY_VOICE) {
            let values = [class.bundles_out, class.units_out, class.repair_bytes_out];
            out.extend(names.into_iter().zip(values.map(|value| value as f64)));
        }
    }
}

/// Of all rooms, those that are no more included.
#[derive(Clone, Default)]
pub struct Totals([u64; TOTALS.len()]);

const TOTALS: [&str; 8] = [
    "bundles_in",
    "bundles_out",
    "units_in",
    "units_out",
    "repair_units_out",
    "repair_bytes_out",
    "dropped_stale",
    "dropped_full",
];

impl Totals {
    pub fn append_to(&self, out: &mut Vec<(&'static str, f64)>) {
        out.extend(TOTALS.into_iter().zip(self.0.map(|value| value as f64)));
    }
}
