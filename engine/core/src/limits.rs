//! quinn-proto's configuration from an endpoint's limits.

use crate::api::TransportLimits;
use crate::congestion::UsedWindowConfig;
use crate::rate_ceiling::RateCeilingConfig;
use quinn_proto::{IdleTimeout, TransportConfig, VarInt};
use std::sync::Arc;
use std::time::Duration;

/// What HTTP/3 itself needs beside the application's streams: the CONNECT stream, and control plus two QPACK streams.
pub(crate) const H3_BIDI: u32 = 1;
pub(crate) const H3_UNI: u32 = 3;
/// Holds one packet's datagram; more than one waits in our own queue, where it has a limit in time.
pub(crate) const QUINN_DATAGRAM_BYTES: usize = 4096;
/// Datagrams are taken out each turn, so this bounds one turn's arrivals, not memory at rest.
const DATAGRAM_RECEIVE_BYTES: usize = 1 << 20;

fn varint(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}

/// A connection's window: all streams of the present limits may be full, within reason.
pub(crate) fn receive_window(limits: &TransportLimits, bidi: u32, uni: u32) -> VarInt {
    let streams = u64::from(bidi + uni).clamp(4, 16);
    varint(limits.stream_window_bytes as u64 * streams)
}

/// Of a path that nothing is known of yet: what is lost of the first flight is sent again after three times this, and not
/// after a second, as with the 333 ms of RFC 9002: relays are near.
const INITIAL_RTT: Duration = Duration::from_millis(100);

pub(crate) fn transport(limits: &TransportLimits) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let idle = IdleTimeout::from(VarInt::from_u32(limits.idle_timeout_ms));
    config
        .max_idle_timeout((limits.idle_timeout_ms > 0).then_some(idle))
        .keep_alive_interval((limits.keep_alive_ms > 0).then(|| Duration::from_millis(limits.keep_alive_ms.into())))
        .max_concurrent_bidi_streams(varint(u64::from(limits.max_bidi_streams) + u64::from(H3_BIDI)))
        .max_concurrent_uni_streams(varint(u64::from(limits.max_uni_streams) + u64::from(H3_UNI)))
        .stream_receive_window(varint(limits.stream_window_bytes as u64))
        .receive_window(receive_window(limits, limits.max_bidi_streams, limits.max_uni_streams))
        .send_window(limits.stream_send_bytes.max(64 * 1024) as u64 * 4)
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BYTES))
        .datagram_send_buffer_size(QUINN_DATAGRAM_BYTES)
        .enable_segmentation_offload(false)
        .initial_rtt(INITIAL_RTT)
        .initial_mtu(1200)
        .mtu_discovery_config(None)
        .allow_spin(false);
    match limits.rate_ceiling_kbps {
        0 => config.congestion_controller_factory(Arc::new(UsedWindowConfig::default())),
        kbps => config.congestion_controller_factory(Arc::new(RateCeilingConfig { kbps })),
    };
    Arc::new(config)
}
