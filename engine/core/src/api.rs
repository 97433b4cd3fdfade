//! The engine's surface: plain values that cross threads. Commands go in by `Engine::send`, events come out in batches
//! after one `EventSink::wake` a loop turn. Ids are chosen by the caller or counted up by the engine; never reused.

use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

pub type SessionId = u32;
pub type EndpointId = u32;
pub type RoomId = u32;
/// The QUIC stream id: below 2^53 in practice, so JavaScript holds it as a number.
pub type StreamId = u64;

/// Called from the engine thread when events wait and none were waiting before. Must not block.
pub trait EventSink: Send + 'static {
    fn wake(&self);
}

#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// `Fast` is epoll + recvmmsg + sendmmsg (Linux only), `Portable` is mio + quinn-udp, `Auto` the best there is.
    pub io: IoKind,
    /// Events (datagrams first) that JavaScript has not fetched: over these limits the oldest datagrams are dropped.
    pub event_queue_bytes: usize,
    pub event_queue_ms: u32,
    pub socket_buffer_bytes: usize,
    /// New connections whose handshake is started in one loop turn; the rest wait behind the media.
    pub handshakes_per_turn: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoKind {
    Auto,
    Fast,
    Portable,
}

/// What to do with datagrams that arrive on a session. Probes are answered natively in all modes but `Refuse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramMode {
    /// Drop and count (`refused_unauthorised`): before the token was accepted.
    Refuse,
    /// To JavaScript, whole.
    Deliver,
    /// Bundles go to the room the session publishes in; others are dropped and counted; nothing reaches JavaScript.
    Room,
    /// A session between two relays, docs/protocol.md section "Trunk": its bundles go to the rooms that it feeds, those to
    /// it share datagrams, its clock is probed. It stays one until it ends.
    Trunk,
}

#[derive(Clone, Debug)]
pub struct TransportLimits {
    pub idle_timeout_ms: u32,
    pub keep_alive_ms: u32,
    pub max_bidi_streams: u32,
    pub max_uni_streams: u32,
    /// Datagrams of one session that wait for the network: over these limits the oldest go, counted by reason.
    pub datagram_queue_bytes: usize,
    pub datagram_queue_ms: u32,
    /// Received stream bytes that the application has not credited, for one stream.
    pub stream_window_bytes: usize,
    /// Written stream bytes accepted ahead of the network, for one stream.
    pub stream_send_bytes: usize,
    pub max_datagram_bytes: usize,
    /// Congestion control by a ceiling of so many kbit/s that takes loss under 5 % for noise, as trunks need it; 0: CUBIC.
    pub rate_ceiling_kbps: u32,
    /// How long a bundle on a trunk waits for others to share its datagram.
    pub trunk_flush_ms: u32,
}

#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// Reloaded when a file changes; a bad file keeps the last good pair.
    Pem { cert: PathBuf, key: PathBuf },
    /// P-256, at most 14 days; kept in `dir` when given (so that a restart keeps its hash); the next certificate is
    /// made and its hash published a day before it is served.
    SelfSigned { names: Vec<String>, days: u32, dir: Option<PathBuf> },
}

#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// Dual-stack when `[::]`; port 0 picks one.
    pub addr: SocketAddr,
    pub certificate: CertificateSource,
    /// PEM file of the roots that a client's certificate must come from; None: clients show none.
    pub client_ca: Option<PathBuf>,
    /// Exact paths; empty = all.
    pub paths: Vec<String>,
    /// Exact origins; empty = all. A request without an Origin header (not a browser) passes.
    pub origins: Vec<String>,
    pub max_sessions: u32,
    /// Handshakes under way above which unvalidated addresses get a Retry; twice that: refused.
    pub retry_above: u32,
    pub datagrams: DatagramMode,
    /// A heartbeat datagram (0x04) goes to a session that was sent no datagram for so long; 0 = never.
    pub heartbeat_ms: u32,
    pub limits: TransportLimits,
    pub link: Option<LinkPair>,
}

#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// `https://host:port/path`; the host is an address or a name already resolved into `addr`.
    pub url: String,
    pub addr: SocketAddr,
    pub origin: Option<String>,
    /// SHA-256 of certificates to accept, as `serverCertificateHashes`; empty = `roots` decide.
    pub certificate_hashes: Vec<[u8; 32]>,
    /// PEM file of trusted roots for when no hash is given; None: nothing is trusted without a hash.
    pub roots_pem: Option<PathBuf>,
    /// The certificate that this side shows when it is asked for one.
    pub identity: Option<Identity>,
    /// The name that the server's certificate must bear, in place of the URL's host.
    pub server_name: Option<String>,
    pub connect_timeout_ms: u32,
    pub datagrams: DatagramMode,
    pub limits: TransportLimits,
    /// One socket for each distinct `socket_group` (sessions with equal numbers share one). Sharing needs `link` equal.
    pub socket_group: u32,
    /// No other session is in `socket_group`: the socket tells the connection, so its packets need no connection id.
    pub own_socket: bool,
    pub link: Option<LinkPair>,
}

/// PEM files of a certificate chain and its key, read at each connect.
#[derive(Clone, Debug)]
pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Emulated link, one direction. Deterministic for a seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkProfile {
    pub delay_ms: f64,
    /// Uniform in +- jitter around the delay; packets do not overtake each other unless `reorder` says so.
    pub jitter_ms: f64,
    /// Independent loss probability, 0..1.
    pub loss: f64,
    /// Gilbert-Elliott by time: mean milliseconds in the good and in the bad state; all is lost in the bad one.
    pub burst_good_ms: f64,
    pub burst_bad_ms: f64,
    /// All is lost in the first `outage_for_ms` of each `outage_every_ms` of the clock; 0 = never. The clock is the
    /// machine's, so links of different processes that say the same go dark together.
    pub outage_every_ms: f64,
    pub outage_for_ms: f64,
    /// 0 = unlimited.
    pub rate_kbps: f64,
    /// Queue before the rate limiter, in ms of its rate; over it packets are dropped. 0 = 200.
    pub queue_ms: f64,
    /// Probability that a packet skips its delay and so overtakes.
    pub reorder: f64,
    pub duplicate: f64,
    pub seed: u64,
}

/// `tx`: what the socket's owner sends; `rx`: what it receives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkPair {
    pub tx: LinkProfile,
    pub rx: LinkProfile,
    /// The owner's source port changes so often (NAT rebinding); 0 = never. Proxy only: changes its upstream port.
    pub rebind_every_ms: u32,
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

#[derive(Clone, Debug)]
pub struct RoomConfig {
    pub alias: u32,
    /// Refusal window for capture times, see docs/protocol.md section 3.
    pub max_age_ms: u32,
    pub max_ahead_ms: u32,
    pub max_members: u32,
}

/// How one member of a room gets its datagrams. Payloads are built once for all members of equal class. The default,
/// which a joiner has: each uplink bundle at once, as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryClass {
    /// 1..=4 voice units (of the slot with the most) share a datagram with the motion of their time; 1: nothing is held.
    pub voice: u8,
    /// Longest wait of the first held unit: a pause in the voice must not stall motion. 0 with `voice` 1.
    pub hold_ms: u8,
    pub repair: Repair,
    /// A repeat leaves in the first datagram at least so long after its original's. With `Request`: what is asked for
    /// sooner after it was sent is on its way still.
    pub spacing_ms: u8,
    pub layer: Layer,
    /// Mask of the slots that are heard.
    pub slots: u8,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer closed the session with a code (WebTransport CLOSE_WEBTRANSPORT_SESSION).
    Peer {
        code: u32,
        reason: String,
    },
    /// This side did.
    Local {
        code: u32,
        reason: String,
    },
    /// CONNECT was answered with this status.
    Refused {
        status: u16,
    },
    TimedOut,
    /// TLS: no certificate hash matched, or no trust.
    Certificate {
        message: String,
    },
    /// QUIC or HTTP/3 error from either side.
    Transport {
        code: u64,
        reason: String,
    },
    Reset,
}

#[derive(Debug)]
pub enum Event {
    /// A server session that passed path, origin and load: it is open.
    SessionIncoming {
        endpoint: EndpointId,
        session: SessionId,
        path: String,
        origin: Option<String>,
        remote: SocketAddr,
        /// DER of the client's certificate, where the listener asks for one.
        certificate: Option<Bytes>,
    },
    /// A client session is open.
    SessionReady {
        session: SessionId,
        max_datagram: u32,
        /// DER of the server's certificate, when this side showed its own.
        certificate: Option<Bytes>,
    },
    /// Peer asked to drain (WebTransport DRAIN or GOAWAY).
    SessionDraining {
        session: SessionId,
    },
    /// Last event of a session. All its streams are gone with it.
    SessionClosed {
        session: SessionId,
        cause: CloseCause,
    },
    /// `at_us`: CLOCK_MONOTONIC when the packet was read from the socket.
    Datagram {
        session: SessionId,
        at_us: u64,
        data: Bytes,
    },
    StreamOpened {
        session: SessionId,
        token: u32,
        stream: StreamId,
    },
    StreamIncoming {
        session: SessionId,
        stream: StreamId,
        bidi: bool,
    },
    StreamData {
        session: SessionId,
        stream: StreamId,
        data: Bytes,
        fin: bool,
    },
    /// So many written bytes left the queue: back-pressure credit.
    StreamDrained {
        session: SessionId,
        stream: StreamId,
        bytes: u32,
    },
    /// The peer acknowledged all that was written, FIN included. Told again when all halves ended (FIN acknowledged or
    /// read, reset, stopped): then it is the last event of the stream.
    StreamFinished {
        session: SessionId,
        stream: StreamId,
    },
    StreamReset {
        session: SessionId,
        stream: StreamId,
        code: u32,
    },
    StreamStopped {
        session: SessionId,
        stream: StreamId,
        code: u32,
    },
    RoomSynced {
        room: RoomId,
        slot: u8,
        generation: u8,
        offset_us: i64,
        uncertainty_us: u32,
    },
    Stats {
        token: u32,
        values: Vec<(&'static str, f64)>,
    },
    /// Empty for an unknown room. In no order.
    Members {
        token: u32,
        rows: Vec<MemberStats>,
    },
    CertificateChanged {
        endpoint: EndpointId,
        hashes: Vec<[u8; 32]>,
    },
    /// The listener was closed, its last connection is forgotten, and its port is free.
    ListenerClosed {
        endpoint: EndpointId,
    },
    /// A loop turn panicked: the connection at fault was dropped, the engine goes on.
    Panic {
        message: String,
    },
}

/// A UDP proxy with an emulated link, for clients whose sockets are not ours (browsers). `tx` = client to target.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    pub listen: SocketAddr,
    pub target: SocketAddr,
    pub link: LinkPair,
    pub max_clients: usize,
}

/// Errors of calls that answer at once. `code` is stable: `bind_failed`, `bad_certificate`, `bad_url`, `unknown_id`, ...
#[derive(Clone, Debug)]
pub struct EngineError {
    pub code: &'static str,
    pub message: String,
    pub address: Option<IpAddr>,
}
