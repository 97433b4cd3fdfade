//! Any bytes as a datagram: a typed error, or a bundle whose units add up; a probe whose answer echoes it.

use crate::vectors::hexes;
use hayate_core::media::{answer_probe, Bundle};

pub fn run(data: &[u8]) {
    if let Some(reply) = answer_probe(data, 1, 2) {
        assert_eq!((reply.len(), &reply[2..12]), (24, &data[1..11]));
    }
    let Ok(bundle) = Bundle::parse(data) else {
        return;
    };
    assert!(data.len() <= 1000 && data.ends_with(bundle.units_wire));
    let (mut used, mut count, mut bytes, mut age) = (0u8, 0, 0, u16::MAX);
    for unit in bundle.units() {
        assert!(unit.payload.len() <= 900 && unit.kind < 3 && unit.age16 <= age);
        assert!(unit.full || unit.sequence < 256);
        age = unit.age16;
        used |= 1 << unit.slot;
        count += 1;
        bytes += unit.wire.len();
    }
    assert!(count > 0);
    assert_eq!((used, count, bytes), (bundle.slots, bundle.unit_count, bundle.units_wire.len()));
}

pub fn seeds() -> Vec<Vec<u8>> {
    ["bundle", "probe", "missing", "trunk"].into_iter().flat_map(hexes).collect()
}
