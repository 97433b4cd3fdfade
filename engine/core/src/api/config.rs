//! How an engine, its listeners and connections are set up.

use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// Time from one datagram of a trunk to the next: bundles that come meanwhile share one. After a longer pause nothing waits.
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

/// A UDP proxy with an emulated link, for clients whose sockets are not ours (browsers). `tx` = client to target.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    pub listen: SocketAddr,
    pub target: SocketAddr,
    pub link: LinkPair,
    pub max_clients: usize,
}
