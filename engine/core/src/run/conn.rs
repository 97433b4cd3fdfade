//! One QUIC connection and, once there is one, its WebTransport session.

use super::repeats::Owed;
use super::session::H3;
use super::streams::AppStream;
use super::trunk::Shared;
use super::{Ended, Got, Out};
use crate::api::{CloseCause, DatagramMode, Event, SendOptions, SessionId, TransportLimits};
use crate::clock::Now;
use crate::h3;
use bytes::Bytes;
use quinn_proto::{self as q, ConnectionError, ConnectionHandle, Dir, StreamId};
use rustc_hash::FxHashMap;
use rustls::pki_types::CertificateDer;
use std::collections::VecDeque;
use std::sync::Arc;

/// A server drops a connection that is not a session after so long.
pub(super) const HANDSHAKE_US: u64 = 5_000_000;
/// Time for the peer to acknowledge the close capsule (or to close in its turn) before the connection goes anyway.
const CLOSING_US: u64 = 1_000_000;
/// Time for the peer to close the connection itself after it acknowledged the close capsule.
const LINGER_US: u64 = 300_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// QUIC and TLS.
    Handshake,
    /// HTTP/3 up to the answer to CONNECT.
    Connect,
    Open,
    /// The session is over; its close capsule, or the refusal, is on the way.
    Closing,
    /// Closed towards quinn, which keeps the connection for three probe timeouts.
    Dead,
}

counters! {
    /// Of one session.
    pub(super) struct SessionCounters {
        datagrams_in, datagrams_out, datagram_bytes_in, datagram_bytes_out,
        dropped_queue_full, dropped_expired, dropped_too_large, dropped_refused_unauthorised, dropped_unknown_session,
        stream_bytes_in, stream_bytes_out, probes_answered, packets_repeated,
    }
}

pub(super) struct Conn {
    pub q: q::Connection,
    pub index: u32,
    pub endpoint: u32,
    pub handle: ConnectionHandle,
    pub server: bool,
    /// The endpoint emulates a link: packets take the long way.
    pub linked: bool,
    /// Both sides show certificates: the application is told the peer's.
    pub tells_certificate: bool,
    pub phase: Phase,
    /// Counted in its endpoint's `handshaking`.
    pub handshaking: bool,
    /// 0: none yet (a server's, before CONNECT was accepted).
    pub session: SessionId,
    pub was_open: bool,
    /// `SessionClosed` was told.
    pub ended: bool,
    pub dirty: bool,
    /// The wheel has an entry at this time; u64::MAX: none.
    pub scheduled_ms: u64,
    /// Our own deadline: of the handshake, the next heartbeat, or the end of closing.
    pub deadline_us: Option<u64>,
    pub heartbeat_us: u64,
    pub datagram_sent_us: u64,
    pub received_us: u64,
    /// Packets, with their arrival, that wait for the next thing done with this connection: see `Core::defer`.
    pub deferred: Vec<(u64, q::ConnectionEvent)>,
    /// When streams were written last.
    pub stream_us: u64,
    pub mode: DatagramMode,
    /// In `Trunk` mode.
    pub shared: Option<Box<Shared>>,
    pub limits: Arc<TransportLimits>,
    /// Quarter stream id of the session, the prefix of its datagrams.
    pub quarter: u64,
    pub staged: VecDeque<(u64, Bytes)>,
    pub staged_bytes: usize,
    /// What quinn says is free in its datagram buffer when that is empty.
    pub empty_space: usize,
    pub h3: Option<Box<H3>>,
    pub streams: FxHashMap<StreamId, AppStream>,
    /// Streams that wait for the peer to allow them, each with its token.
    pub opening: [VecDeque<(u32, SendOptions)>; 2],
    /// Written to streams whose packets leave twice, and not sent yet.
    pub repeat: Owed,
    pub counters: SessionCounters,
}

impl Conn {
    pub fn limit_streams(&mut self, bidi: u32, uni: u32) {
        let count = |n: u32, own: u32| q::VarInt::from_u32(n.saturating_add(own).min(1 << 20));
        self.q.set_max_concurrent_streams(Dir::Bi, count(bidi, crate::limits::H3_BIDI));
        self.q.set_max_concurrent_streams(Dir::Uni, count(uni, crate::limits::H3_UNI));
        self.q.set_receive_window(crate::limits::receive_window(&self.limits, bidi.min(64), uni.min(64)));
    }

    /// All that quinn has to say. Datagrams go to `out.got`, the rest becomes events. False: it said nothing.
    pub fn drive(&mut self, now: Now, server: Option<&mut super::endpoint::Server>, out: &mut Out) -> bool {
        let mut server = server;
        let mut said = false;
        while let Some(event) = self.q.poll() {
            said = true;
            match event {
                q::Event::Connected => self.connected(now, out),
                q::Event::Stream(event) => self.stream_event(now, event, server.as_deref_mut(), out),
                q::Event::DatagramReceived => {
                    while let Some(data) = self.q.datagrams().recv() {
                        self.datagram_in(data, out);
                    }
                }
                q::Event::ConnectionLost { reason } => self.lost(reason, out),
                q::Event::HandshakeDataReady | q::Event::DatagramsUnblocked => {}
            }
        }
        said
    }

    fn datagram_in(&mut self, mut data: Bytes, out: &mut Out) {
        self.counters.datagrams_in += 1;
        self.counters.datagram_bytes_in += data.len() as u64;
        out.counters.datagrams_in += 1;
        let Some((quarter, prefix)) = h3::varint(&data) else {
            out.counters.dropped_unknown_session += 1;
            return;
        };
        if self.phase != Phase::Open || quarter != self.quarter {
            // Datagrams may overtake the CONNECT that they belong to: nobody misses the first few.
            self.counters.dropped_unknown_session += 1;
            out.counters.dropped_unknown_session += 1;
            return;
        }
        let _ = data.split_to(prefix);
        let probe = data.first() == Some(&0x02);
        match self.mode {
            DatagramMode::Refuse => {
                self.counters.dropped_refused_unauthorised += 1;
                out.counters.dropped_refused_unauthorised += 1;
            }
            DatagramMode::Deliver if !probe => {
                out.events.push(Event::Datagram { session: self.session, at_us: self.received_us, data });
            }
            _ => out.got.push_back(Got { conn: self.index, session: self.session, at_us: self.received_us, data }),
        }
    }

    pub fn connected(&mut self, now: Now, out: &mut Out) {
        self.phase = Phase::Connect;
        out.counters.handshakes += 1;
        self.start_h3(now, out);
    }

    fn lost(&mut self, reason: ConnectionError, out: &mut Out) {
        let handshake = self.phase == Phase::Handshake;
        self.phase = Phase::Dead;
        self.deadline_us = None;
        if handshake {
            out.counters.handshakes_failed += 1;
        }
        let cause = self.cause(reason);
        self.end(cause, out);
    }

    fn cause(&self, reason: ConnectionError) -> CloseCause {
        match reason {
            ConnectionError::ApplicationClosed(close) => {
                let code = close.error_code.into_inner();
                let reason = String::from_utf8_lossy(&close.reason).into_owned();
                match web_transport_proto::error_from_http3(code) {
                    Some(code) => CloseCause::Peer { code, reason },
                    None if code == h3::code::NO_ERROR => CloseCause::Peer { code: 0, reason },
                    None => CloseCause::Transport { code, reason },
                }
            }
            ConnectionError::TransportError(error) => self.tls_cause(u64::from(error.code), error.reason),
            // The peer says so: a server that wants another certificate of ours.
            ConnectionError::ConnectionClosed(close) => {
                self.tls_cause(u64::from(close.error_code), String::from_utf8_lossy(&close.reason).into_owned())
            }
            ConnectionError::Reset => CloseCause::Reset,
            ConnectionError::TimedOut => CloseCause::TimedOut,
            other => CloseCause::Transport { code: 0, reason: other.to_string() },
        }
    }

    /// TLS alerts: bad, unsupported, revoked, expired, unknown certificate, unknown CA, access, bad signature, none shown.
    fn tls_cause(&self, code: u64, reason: String) -> CloseCause {
        if !self.server && matches!(code.wrapping_sub(0x100), 42..=49 | 51 | 116) {
            CloseCause::Certificate { message: reason }
        } else {
            CloseCause::Transport { code, reason }
        }
    }

    /// DER of the peer's own certificate, where both sides show theirs.
    pub fn peer_certificate(&self) -> Option<Bytes> {
        let identity = self.tells_certificate.then(|| self.q.crypto_session().peer_identity())??;
        let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
        chain.first().map(|certificate| Bytes::copy_from_slice(certificate))
    }

    /// Tells the end of the session, once, and drops all that belonged to it.
    pub fn end(&mut self, cause: CloseCause, out: &mut Out) {
        out.counters.streams_open -= self.streams.len() as i64;
        let gone = q::VarInt::from_u64(h3::code::SESSION_GONE).unwrap_or(q::VarInt::MAX);
        for (id, stream) in self.streams.drain() {
            if stream.send.is_some() {
                let _ = self.q.send_stream(id).reset(gone);
            }
            if stream.recv.is_some() {
                let _ = self.q.recv_stream(id).stop(gone);
            }
        }
        self.streams.shrink_to_fit();
        self.opening = [VecDeque::new(), VecDeque::new()];
        out.counters.dropped_closed += self.staged.len() as u64;
        self.staged = VecDeque::new();
        self.staged_bytes = 0;
        if self.ended || self.session == 0 {
            return;
        }
        self.ended = true;
        out.closed.push(Ended {
            session: self.session,
            endpoint: self.endpoint,
            server: self.server,
            was_open: self.was_open,
        });
        out.events.push(Event::SessionClosed { session: self.session, cause });
    }

    /// Closes towards quinn: one CONNECTION_CLOSE, no more events.
    pub fn kill(&mut self, now: Now, code: u64, reason: &str) {
        if self.phase != Phase::Dead {
            self.phase = Phase::Dead;
            self.deadline_us = None;
            let code = q::VarInt::from_u64(code).unwrap_or(q::VarInt::MAX);
            self.q.close(now.at, code, Bytes::copy_from_slice(reason.as_bytes()));
        }
    }

    pub fn start_closing(&mut self, now: Now) {
        self.phase = Phase::Closing;
        self.deadline_us = Some(now.us + CLOSING_US);
    }

    /// The application ends the session.
    pub fn close(&mut self, now: Now, code: u32, reason: &str, out: &mut Out) {
        match self.phase {
            Phase::Open => {
                // Streams go first: a reset after the capsule could overtake it and show as an error.
                self.end(CloseCause::Local { code, reason: reason.to_owned() }, out);
                self.finish_request(&h3::close_capsule(code, reason), true);
                self.start_closing(now);
            }
            Phase::Handshake | Phase::Connect => {
                self.end(CloseCause::Local { code, reason: reason.to_owned() }, out);
                self.kill(now, h3::code::NO_ERROR, "");
            }
            Phase::Closing | Phase::Dead => {}
        }
    }

    /// The peer has our close capsule. A browser hands it to its page a little after it acknowledged it, and a connection
    /// that is gone by then reads as lost: a server leaves the end to the peer for a moment.
    pub fn close_told(&mut self, now: Now) {
        if self.server {
            let due_us = now.us + LINGER_US;
            self.deadline_us = Some(self.deadline_us.map_or(due_us, |at_us| at_us.min(due_us)));
        } else {
            self.kill(now, h3::code::NO_ERROR, "");
        }
    }

    /// Our own deadline passed.
    pub fn deadline(&mut self, now: Now, out: &mut Out) {
        match self.phase {
            Phase::Handshake | Phase::Connect => {
                out.counters.handshakes_timed_out += 1;
                self.end(CloseCause::TimedOut, out);
                self.kill(now, h3::code::NO_ERROR, "");
            }
            Phase::Closing => self.kill(now, h3::code::NO_ERROR, ""),
            Phase::Open | Phase::Dead => self.deadline_us = None,
        }
    }
}
