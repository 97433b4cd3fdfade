//! The HTTP/3 streams of a connection: SETTINGS, stream heads, the capsules of the CONNECT stream.

use super::conn::{Conn, Phase};
use super::endpoint::Server;
use super::Out;
use crate::api::{CloseCause, Event};
use crate::clock::Now;
use crate::h3::{self, code, Capsule, Capsules, FramePart, Frames};
use quinn_proto::{self as q, Dir, ReadError, ReadableError, StreamEvent, StreamId, VarInt};
use web_transport_proto as wt;

/// Streams of a session that is not open yet, kept unread (so flow control bounds their bytes).
const EARLY_STREAMS: usize = 16;
/// A type and a session id.
const HEAD_BYTES: usize = 16;
/// CONNECT's or its answer's HEADERS frame, and what came before it.
pub(super) const HEADERS_BYTES: usize = 16 * 1024 + 64;
const SETTINGS_BYTES: usize = 4096;

/// What a stream of the peer is, as far as we know.
pub(super) enum Special {
    /// Its type and session id are not complete.
    Head(Vec<u8>),
    /// The peer's control stream: SETTINGS so far, then frames.
    Control(Vec<u8>, Option<Frames>),
    /// QPACK streams: nothing in them concerns a peer without a dynamic table.
    Discard,
    Request(Vec<u8>),
    /// A stream of the session that CONNECT has not opened yet.
    Early(u64),
}

#[derive(Default)]
pub(super) struct H3 {
    specials: Vec<(StreamId, Special)>,
    has_control: bool,
    /// The CONNECT stream.
    pub request: Option<StreamId>,
    /// Client: what to ask for, once SETTINGS are there; then the answer so far.
    pub connect: Option<wt::ConnectRequest>,
    pub answer: Vec<u8>,
    capsules: Capsules,
    /// We wrote the close, or the refusal: when it is acknowledged the connection ends.
    pub initiator: bool,
}

impl H3 {
    pub(super) fn client(request: wt::ConnectRequest) -> H3 {
        H3 { connect: Some(request), ..H3::default() }
    }
}

pub(super) enum Piece {
    Some,
    Blocked,
    Fin,
    Reset(VarInt),
}

/// Reads at most `max` bytes to the end of `buffer`.
pub(super) fn read(q: &mut q::Connection, id: StreamId, max: usize, buffer: &mut Vec<u8>) -> Piece {
    let mut stream = q.recv_stream(id);
    let mut chunks = match stream.read(true) {
        Ok(chunks) => chunks,
        Err(ReadableError::ClosedStream | ReadableError::IllegalOrderedRead) => return Piece::Blocked,
    };
    match chunks.next(max) {
        Ok(Some(chunk)) => {
            buffer.extend_from_slice(&chunk.bytes);
            Piece::Some
        }
        Ok(None) => Piece::Fin,
        Err(ReadError::Blocked) => Piece::Blocked,
        Err(ReadError::Reset(code)) => Piece::Reset(code),
    }
}

impl Conn {
    pub(super) fn start_h3(&mut self, now: Now, out: &mut Out) {
        self.h3.get_or_insert_with(Box::default);
        match self.q.streams().open(Dir::Uni) {
            Some(id) if self.write_all(id, &h3::settings()) => {}
            _ => self.fail(now, code::STREAM_CREATION, "no control stream", out),
        }
    }

    /// Small protocol messages only: what does not fit a fresh window is a peer that we do not serve.
    pub(super) fn write_all(&mut self, id: StreamId, bytes: &[u8]) -> bool {
        self.q.send_stream(id).write(bytes) == Ok(bytes.len())
    }

    /// A violation of HTTP/3 that ends the connection.
    pub(super) fn fail(&mut self, now: Now, code: u64, reason: &str, out: &mut Out) {
        out.counters.h3_errors += 1;
        self.end(CloseCause::Transport { code, reason: reason.to_owned() }, out);
        self.kill(now, code, reason);
    }

    pub(super) fn drop_stream(&mut self, id: StreamId, code: u64) {
        let code = VarInt::from_u64(code).unwrap_or(VarInt::MAX);
        if id.dir() == Dir::Bi {
            let _ = self.q.send_stream(id).reset(code);
        }
        let _ = self.q.recv_stream(id).stop(code);
    }

    /// Writes the last bytes of the CONNECT stream.
    pub(super) fn finish_request(&mut self, bytes: &[u8], initiator: bool) {
        let Some(h3) = self.h3.as_mut() else { return };
        let Some(id) = h3.request else { return };
        h3.initiator = initiator;
        let _ = self.write_all(id, bytes);
        let _ = self.q.send_stream(id).finish();
    }

    pub(super) fn send_drain(&mut self) {
        if let Some(id) = self.h3.as_ref().and_then(|h3| h3.request) {
            self.write_all(id, &h3::drain_capsule());
        }
    }

    pub(super) fn stream_event(&mut self, now: Now, event: StreamEvent, server: Option<&mut Server>, out: &mut Out) {
        if self.phase == Phase::Dead {
            return;
        }
        let request = self.h3.as_ref().and_then(|h3| h3.request);
        match event {
            StreamEvent::Opened { dir } => {
                let mut server = server;
                while let Some(id) = self.q.streams().accept(dir) {
                    if let Some(h3) = self.h3.as_mut() {
                        h3.specials.push((id, Special::Head(Vec::new())));
                    }
                    self.special(now, id, server.as_deref_mut(), out);
                }
            }
            StreamEvent::Readable { id } if Some(id) == request => self.read_request(now, id, out),
            StreamEvent::Readable { id } if self.streams.contains_key(&id) => self.pump_recv(id, out),
            StreamEvent::Readable { id } => self.special(now, id, server, out),
            StreamEvent::Writable { id } => self.pump_send(id, out),
            StreamEvent::Finished { id } if Some(id) == request => {
                if self.phase == Phase::Closing && self.h3.as_ref().is_some_and(|h3| h3.initiator) {
                    self.close_told(now);
                }
            }
            StreamEvent::Stopped { id, .. } if Some(id) == request => {}
            StreamEvent::Finished { id } => self.acknowledged(id, out),
            StreamEvent::Stopped { id, error_code } => self.stopped(id, error_code, out),
            StreamEvent::Available { dir } => self.open_waiting(dir, out),
        }
    }

    /// Reads on in a stream that is not (yet) the application's.
    fn special(&mut self, now: Now, id: StreamId, server: Option<&mut Server>, out: &mut Out) {
        let mut server = server;
        loop {
            let Some(h3) = self.h3.as_mut() else { return };
            let Some(at) = h3.specials.iter().position(|(known, _)| *known == id) else { return };
            let (_, special) = h3.specials.swap_remove(at);
            let next = match special {
                Special::Head(buffer) => self.read_head(now, id, buffer, out),
                Special::Control(buffer, frames) => self.read_control(now, id, buffer, frames, out),
                Special::Discard => {
                    let mut buffer = Vec::new();
                    while let Piece::Some = read(&mut self.q, id, 4096, &mut buffer) {
                        buffer.clear();
                    }
                    (Some(Special::Discard), false)
                }
                Special::Request(buffer) => self.read_connect(now, id, buffer, server.as_deref_mut(), out),
                Special::Early(session) => (Some(Special::Early(session)), false),
            };
            let (Some(special), again) = next else { return };
            if let Some(h3) = self.h3.as_mut() {
                h3.specials.push((id, special));
            }
            if !again {
                return;
            }
        }
    }

    /// Returns what the stream is now, and whether to read on at once.
    fn read_head(&mut self, now: Now, id: StreamId, mut buffer: Vec<u8>, out: &mut Out) -> (Option<Special>, bool) {
        let bidi = id.dir() == Dir::Bi;
        loop {
            if let Some((typ, at)) = h3::varint(&buffer) {
                let session = h3::varint(&buffer[at..]);
                match (typ, session) {
                    (0x41, Some((session, _))) if bidi => return self.session_stream(id, session, out),
                    (0x54, Some((session, _))) if !bidi => return self.session_stream(id, session, out),
                    (0x41, None) if bidi => {}
                    (0x54, None) if !bidi => {}
                    _ if bidi && self.server => return (Some(Special::Request(buffer)), true),
                    _ if bidi => {
                        self.drop_stream(id, code::FRAME_UNEXPECTED);
                        return (None, false);
                    }
                    (0x00, _) => {
                        let second = self.h3.as_mut().is_some_and(|h3| std::mem::replace(&mut h3.has_control, true));
                        if second {
                            self.fail(now, code::STREAM_CREATION, "two control streams", out);
                            return (None, false);
                        }
                        return (Some(Special::Control(buffer, None)), true);
                    }
                    (0x02 | 0x03, _) => return (Some(Special::Discard), true),
                    _ => {
                        self.drop_stream(id, code::STREAM_CREATION);
                        return (None, false);
                    }
                }
            }
            if buffer.len() >= HEAD_BYTES {
                self.drop_stream(id, code::STREAM_CREATION);
                return (None, false);
            }
            // Byte by byte: what follows the head is the application's, and stays in quinn until it reads.
            match read(&mut self.q, id, 1, &mut buffer) {
                Piece::Some => {}
                Piece::Blocked => return (Some(Special::Head(buffer)), false),
                Piece::Fin | Piece::Reset(_) => {
                    if bidi {
                        self.drop_stream(id, code::STREAM_CREATION);
                    }
                    return (None, false);
                }
            }
        }
    }

    /// A WebTransport stream: to the application when its session is open.
    fn session_stream(&mut self, id: StreamId, session: u64, out: &mut Out) -> (Option<Special>, bool) {
        let request = self.h3.as_ref().and_then(|h3| h3.request).map(u64::from);
        match self.phase {
            Phase::Open if request == Some(session) => {
                self.incoming(id, out);
                (None, false)
            }
            Phase::Handshake | Phase::Connect if request.is_none_or(|request| request == session) => {
                let early = |(_, special): &&(StreamId, Special)| matches!(special, Special::Early(_));
                let waiting = self.h3.as_ref().map_or(0, |h3| h3.specials.iter().filter(early).count());
                if waiting >= EARLY_STREAMS {
                    self.drop_stream(id, code::BUFFERED_STREAM_REJECTED);
                    return (None, false);
                }
                (Some(Special::Early(session)), false)
            }
            _ => {
                self.drop_stream(id, code::SESSION_GONE);
                (None, false)
            }
        }
    }

    /// The session is open: streams that came before it are its own.
    pub(super) fn release_early(&mut self, out: &mut Out) {
        let Some(h3) = self.h3.as_mut() else { return };
        let request = h3.request.map(u64::from);
        let mut early = Vec::new();
        h3.specials.retain(|(id, special)| match special {
            Special::Early(session) => {
                early.push((*id, *session));
                false
            }
            _ => true,
        });
        early.sort_unstable();
        for (id, session) in early {
            if Some(session) == request {
                self.incoming(id, out);
            } else {
                self.drop_stream(id, code::BUFFERED_STREAM_REJECTED);
            }
        }
    }

    fn read_control(
        &mut self,
        now: Now,
        id: StreamId,
        mut buffer: Vec<u8>,
        mut frames: Option<Frames>,
        out: &mut Out,
    ) -> (Option<Special>, bool) {
        loop {
            if frames.is_none() && buffer.len() > 1 {
                let mut rest = &buffer[..];
                match wt::Settings::decode(&mut rest) {
                    Ok(settings) => {
                        buffer.drain(..buffer.len() - rest.len());
                        frames = Some(Frames::default());
                        self.settings(now, &settings, out);
                    }
                    Err(wt::SettingsError::UnexpectedEnd) if buffer.len() < SETTINGS_BYTES => {}
                    Err(_) => {
                        self.fail(now, code::MISSING_SETTINGS, "no SETTINGS", out);
                        return (None, false);
                    }
                }
            }
            if let Some(frames) = frames.as_mut() {
                let mut goaway = false;
                let _ = frames.push(&buffer, |part| {
                    goaway |= matches!(part, FramePart::Start(h3::GOAWAY_FRAME));
                    Ok(())
                });
                buffer.clear();
                if goaway && self.phase == Phase::Open {
                    out.events.push(Event::SessionDraining { session: self.session });
                }
            }
            match read(&mut self.q, id, 1024, &mut buffer) {
                Piece::Some => {}
                Piece::Blocked | Piece::Fin | Piece::Reset(_) => {
                    buffer.shrink_to_fit();
                    return (Some(Special::Control(buffer, frames)), false);
                }
            }
            if self.phase == Phase::Dead {
                return (None, false);
            }
        }
    }

    /// The CONNECT stream has something: the answer (client), then capsules.
    fn read_request(&mut self, now: Now, id: StreamId, out: &mut Out) {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let piece = read(&mut self.q, id, 4096, &mut bytes);
            match (piece, self.phase) {
                (Piece::Blocked, _) | (_, Phase::Dead) => return,
                (Piece::Some, Phase::Connect) => self.read_answer(now, id, &bytes, out),
                (Piece::Some, Phase::Open) => self.capsules(now, &bytes, out),
                (Piece::Some, _) => {}
                (Piece::Fin, Phase::Open) => self.peer_closed(now, 0, String::new(), out),
                (Piece::Reset(code), Phase::Open) => {
                    let code = code.into_inner();
                    self.end(CloseCause::Transport { code, reason: "CONNECT stream reset".into() }, out);
                    self.kill(now, h3::code::NO_ERROR, "");
                }
                (Piece::Fin | Piece::Reset(_), Phase::Connect) => {
                    self.fail(now, code::MESSAGE, "CONNECT was not answered", out);
                }
                (Piece::Fin | Piece::Reset(_), _) => return,
            }
        }
    }

    pub(super) fn capsules(&mut self, now: Now, bytes: &[u8], out: &mut Out) {
        let Some(h3) = self.h3.as_mut() else { return };
        let mut capsules = Vec::new();
        let result = h3.capsules.push(bytes, &mut capsules);
        for capsule in capsules {
            match capsule {
                Capsule::Drain => out.events.push(Event::SessionDraining { session: self.session }),
                Capsule::Close { code, reason } => {
                    self.peer_closed(now, code, reason, out);
                    return;
                }
            }
        }
        if result.is_err() {
            self.fail(now, code::MESSAGE, "malformed capsule", out);
        }
    }

    /// The peer ends the QUIC connection too, when it sees our FIN acknowledged; if not, our deadline does.
    fn peer_closed(&mut self, now: Now, code: u32, reason: String, out: &mut Out) {
        self.deliver_rest(now, out);
        if self.phase != Phase::Open {
            return;
        }
        self.end(CloseCause::Peer { code, reason }, out);
        self.finish_request(&[], false);
        self.start_closing(now);
    }

    /// What came with the close or before it, and what quinn has not told of yet, as far as the windows allow.
    fn deliver_rest(&mut self, now: Now, out: &mut Out) {
        // New streams are told before anything else: they are all here, some with half a head.
        let Some(h3) = self.h3.as_ref() else { return };
        let head = |(id, special): &(StreamId, Special)| matches!(special, Special::Head(_)).then_some(*id);
        let mut heads: Vec<StreamId> = h3.specials.iter().filter_map(head).collect();
        heads.sort_unstable();
        for id in heads {
            self.special(now, id, None, out);
        }
        let mut ids: Vec<StreamId> = self.streams.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.pump_recv(id, out);
        }
    }
}
