//! The engine's surface: plain values that cross threads. Commands go in by `Engine::send`, events come out in batches
//! after one `EventSink::wake` a loop turn. Ids are chosen by the caller or counted up by the engine; never reused.

mod config;
mod event;

pub use config::*;
pub use event::*;

use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

pub type SessionId = u32;
pub type EndpointId = u32;
pub type RoomId = u32;
/// The QUIC stream id: below 2^53 in practice, so JavaScript holds it as a number.
pub type StreamId = u64;

/// Called from the engine thread when events wait and none were waiting before. Must not block.
pub trait EventSink: Send + 'static {
    fn wake(&self);
}

/// How one stream is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Of a connection's streams that have something to send, the highest go first; equal ones take turns.
    pub priority: i32,
    /// The packets that carry what was written leave once more after so long, byte for byte: a lost one costs this and
    /// not the round trips of its recovery. The peer discards the copy by its packet number. 0: never.
    pub repeat_ms: u8,
}

#[derive(Debug)]
pub enum Command {
    Close {
        session: SessionId,
        code: u32,
        reason: String,
    },
    /// Refuse new sessions on an endpoint (503) and tell the present ones to drain; `close`: end them (code 0), and the
    /// socket with the last of them.
    StopListening {
        endpoint: EndpointId,
        close: bool,
    },
    SendDatagram {
        session: SessionId,
        data: Bytes,
    },
    SetDatagramMode {
        session: SessionId,
        mode: DatagramMode,
    },
    SetStreamLimits {
        session: SessionId,
        bidi: u32,
        uni: u32,
    },
    OpenStream {
        session: SessionId,
        token: u32,
        bidi: bool,
        send: SendOptions,
    },
    StreamWrite {
        session: SessionId,
        stream: StreamId,
        data: Bytes,
        fin: bool,
    },
    StreamReset {
        session: SessionId,
        stream: StreamId,
        code: u32,
    },
    StreamStop {
        session: SessionId,
        stream: StreamId,
        code: u32,
    },
    /// Of a stream of either side's, from what is written next on.
    StreamOptions {
        session: SessionId,
        stream: StreamId,
        send: SendOptions,
    },
    /// The application has consumed so many received bytes.
    StreamCredit {
        session: SessionId,
        stream: StreamId,
        bytes: u32,
    },
    RoomCreate {
        room: RoomId,
        config: RoomConfig,
    },
    RoomClose {
        room: RoomId,
    },
    /// The session hears the room: first the units since each slot's last motion key.
    RoomJoin {
        room: RoomId,
        session: SessionId,
    },
    RoomLeave {
        room: RoomId,
        session: SessionId,
    },
    /// The session's bundles become this slot's units. Probing its clock starts; `RoomSynced` follows.
    RoomPublish {
        room: RoomId,
        session: SessionId,
        slot: u8,
        generation: u8,
    },
    RoomUnpublish {
        room: RoomId,
        slot: u8,
    },
    /// Bundles of a session in `Trunk` mode that bear this alias (the peer's) are units of this room, as far as their slots
    /// are in the mask; 0 ends that. What a slot holds stays until it is unpublished or a newer generation comes.
    RoomFeed {
        room: RoomId,
        session: SessionId,
        alias: u32,
        slots: u8,
    },
    /// From the next datagram on; what the member's class held goes to it first. Who is no member: nothing happens.
    RoomSetClass {
        room: RoomId,
        session: SessionId,
        class: DeliveryClass,
    },
    /// One opaque datagram to every member.
    RoomSend {
        room: RoomId,
        data: Bytes,
    },
    Stats {
        token: u32,
        of: StatsOf,
    },
    /// Reload certificates now (they are also checked each second).
    ReloadCertificates {
        endpoint: EndpointId,
    },
    Shutdown,
}

#[derive(Clone, Copy, Debug)]
pub struct RoomConfig {
    pub alias: u32,
    /// Refusal window for capture times, see docs/protocol.md section 3.
    pub max_age_ms: u32,
    pub max_ahead_ms: u32,
    pub max_members: u32,
    /// New units of one publisher that are passed on, half of them at once; 0: any number. What trunks feed was counted
    /// where it came into the cluster.
    pub units_per_second: u32,
}

/// How one member of a room gets its datagrams. Payloads are built once for all members of equal class. The default,
/// which a joiner has: each uplink bundle at once, as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryClass {
    /// 1..=4 voice units (of the slot with the most) share a datagram with the motion of their time; 1: nothing is held.
    pub voice: u8,
    /// Longest wait of the first held unit: a pause in the voice must not stall motion. With `voice` 1 only units of `patient`
    /// slots wait.
    pub hold_ms: u8,
    pub repair: Repair,
    /// A repeat leaves in the first datagram at least so long after its original's. With `Request`: what is asked for
    /// sooner after it was sent is on its way still.
    pub spacing_ms: u8,
    pub layer: Layer,
    /// Mask of the slots that are heard.
    pub slots: u8,
    /// With `voice` 1: mask of the slots whose units wait for a datagram of the others. What comes from afar has no time to
    /// wait, what comes from near it has, and rides along.
    pub patient: u8,
    /// Repeats leave when they are due, and do not wait for what comes next: members in `Trunk` mode, whatever they ask for.
    pub prompt: bool,
}

impl Default for DeliveryClass {
    fn default() -> Self {
        DeliveryClass {
            voice: 1,
            hold_ms: 0,
            repair: Repair::None,
            spacing_ms: 0,
            layer: Layer::All,
            slots: u8::MAX,
            patient: 0,
            prompt: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repair {
    None,
    /// Each unit once more.
    Repeat,
    /// As `Repeat`, and with the next datagrams the motion since and with the last key.
    SinceKey,
    /// What a member asks for, to that one.
    Request,
}

/// What of a slot goes to a member. Events always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    All,
    /// Motion keys and voice.
    Keys,
    /// No motion.
    Voice,
}

/// One member of a room and its connection. Counts grow for as long as the connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberStats {
    pub session: SessionId,
    /// Smoothed; 0 while it holds a time in which the engine itself stood still.
    pub rtt_us: u32,
    pub min_rtt_us: u32,
    pub packets_out: u64,
    pub packets_lost: u64,
    pub datagrams_out: u64,
    /// Datagrams dropped before they were sent, whatever the reason.
    pub dropped: u64,
    /// Datagrams waiting now.
    pub queue_bytes: u32,
    pub cwnd: u32,
    pub class: DeliveryClass,
}

#[derive(Clone, Copy, Debug)]
pub enum StatsOf {
    Engine,
    Endpoint(EndpointId),
    Session(SessionId),
    Room(RoomId),
    /// One liver of a room: uplink counters and lag since the last such request.
    Slot(RoomId, u8),
    /// All members of a room; `Event::Members` answers.
    Members(RoomId),
}

/// Errors of calls that answer at once. `code` is stable: `bind_failed`, `bad_certificate`, `bad_url`, `unknown_id`, ...
#[derive(Clone, Debug)]
pub struct EngineError {
    pub code: &'static str,
    pub message: String,
    pub address: Option<IpAddr>,
}
