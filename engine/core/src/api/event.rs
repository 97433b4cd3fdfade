//! What an engine tells.

use super::*;

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
