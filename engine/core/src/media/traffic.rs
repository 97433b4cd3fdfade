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
    by_voice: [ByVoice; 4],
}

/// Of the classes with as many voice units a datagram.
#[derive(Clone, Copy, Default)]
struct ByVoice {
    bundles_out: u64,
    units_out: u64,
}

const BUNDLES_OUT: [&str; 4] = ["bundles_out_1", "bundles_out_2", "bundles_out_3", "bundles_out_4"];
const UNITS_OUT: [&str; 4] = ["units_out_1", "units_out_2", "units_out_3", "units_out_4"];

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

    pub fn count_repair(&mut self, receivers: u64, units: u64, bytes: u64) {
        self.repair_units_out += receivers * units;
        self.repair_bytes_out += receivers * bytes;
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
        ]);
        for (class, names) in self.by_voice.iter().zip(BUNDLES_OUT.iter().zip(UNITS_OUT)) {
            out.extend([(*names.0, class.bundles_out as f64), (names.1, class.units_out as f64)]);
        }
    }
}
