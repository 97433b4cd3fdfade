//! CONNECT on both sides: what a client asks and what a server answers before the application hears of a session.

use super::conn::{Conn, Phase};
use super::endpoint::Server;
use super::session::{read, Piece, Special, HEADERS_BYTES};
use super::Out;
use crate::api::{CloseCause, Event};
use crate::clock::Now;
use crate::h3::code;
use http::StatusCode;
use quinn_proto::{Dir, StreamId, VarInt};
use web_transport_proto as wt;

impl Conn {
    /// Client: the server's SETTINGS allow CONNECT.
    pub(super) fn settings(&mut self, now: Now, settings: &wt::Settings, out: &mut Out) {
        let Some(request) = self.h3.as_mut().and_then(|h3| h3.connect.take()) else { return };
        if settings.supports_webtransport() == 0 {
            self.fail(now, code::MISSING_SETTINGS, "the server has no WebTransport", out);
            return;
        }
        let mut bytes = Vec::new();
        let id = self.q.streams().open(Dir::Bi);
        match id {
            Some(id) if request.encode(&mut bytes).is_ok() && self.write_all(id, &bytes) => {
                if let Some(h3) = self.h3.as_mut() {
                    h3.request = Some(id);
                }
            }
            _ => self.fail(now, code::MESSAGE, "CONNECT could not be sent", out),
        }
    }

    /// Server: a request stream up to its HEADERS.
    pub(super) fn read_connect(
        &mut self,
        now: Now,
        id: StreamId,
        mut buffer: Vec<u8>,
        server: Option<&mut Server>,
        out: &mut Out,
    ) -> (Option<Special>, bool) {
        let Some(server) = server else {
            self.drop_stream(id, code::REQUEST_REJECTED);
            return (None, false);
        };
        loop {
            let mut rest = &buffer[..];
            match wt::ConnectRequest::decode(&mut rest) {
                Ok(request) => {
                    let rest = rest.to_vec();
                    self.decide(now, id, &request, server, out);
                    if self.phase == Phase::Open && !rest.is_empty() {
                        self.capsules(now, &rest, out);
                    }
                    return (None, false);
                }
                Err(wt::ConnectError::UnexpectedEnd) if buffer.len() < HEADERS_BYTES => {}
                Err(error) => {
                    let status = match error {
                        wt::ConnectError::WrongMethod(_) => 405,
                        wt::ConnectError::WrongProtocol(_) => 404,
                        wt::ConnectError::FieldSectionTooLarge | wt::ConnectError::UnexpectedEnd => 431,
                        _ => 400,
                    };
                    self.refuse(now, id, status, server, out);
                    return (None, false);
                }
            }
            match read(&mut self.q, id, 4096, &mut buffer) {
                Piece::Some => {}
                Piece::Blocked => return (Some(Special::Request(buffer)), false),
                Piece::Fin | Piece::Reset(_) => {
                    self.drop_stream(id, code::MESSAGE);
                    return (None, false);
                }
            }
        }
    }

    /// CONNECT is answered here, before the application hears of a session.
    fn decide(&mut self, now: Now, id: StreamId, request: &wt::ConnectRequest, server: &mut Server, out: &mut Out) {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = header("origin");
        let config = &server.config;
        let status = if self.phase != Phase::Connect {
            429
        } else if !config.paths.is_empty() && !config.paths.iter().any(|path| path == request.url.path()) {
            404
        } else if origin.is_some_and(|origin| !config.origins.is_empty() && !config.origins.iter().any(|o| o == origin))
        {
            403
        } else if server.draining || server.sessions >= config.max_sessions {
            503
        } else {
            200
        };
        if status != 200 {
            self.refuse(now, id, status, server, out);
            return;
        }
        let mut bytes = Vec::new();
        if wt::ConnectResponse::OK.encode(&mut bytes).is_err() || !self.write_all(id, &bytes) {
            self.fail(now, code::MESSAGE, "no answer to CONNECT", out);
            return;
        }
        let path = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let origin = origin.map(str::to_owned);
        self.session = out.next_session();
        server.sessions += 1;
        server.counters.sessions += 1;
        self.opened(now, id, out);
        let mut remote = self.q.remote_address();
        remote.set_ip(remote.ip().to_canonical());
        out.events.push(Event::SessionIncoming {
            endpoint: server.id,
            session: self.session,
            path,
            origin,
            remote,
            certificate: self.peer_certificate(),
        });
        self.release_early(out);
    }

    fn opened(&mut self, now: Now, id: StreamId, out: &mut Out) {
        if let Some(h3) = self.h3.as_mut() {
            h3.request = Some(id);
        }
        self.quarter = u64::from(id) / 4;
        self.phase = Phase::Open;
        self.was_open = true;
        self.deadline_us = (self.heartbeat_us > 0).then_some(now.us + self.heartbeat_us);
        out.counters.sessions += 1;
        out.counters.sessions_open += 1;
        out.opened.push((self.session, self.index));
    }

    fn refuse(&mut self, now: Now, id: StreamId, status: u16, server: &mut Server, out: &mut Out) {
        server.counters.refuse(status);
        out.counters.refuse(status);
        let mut bytes = Vec::new();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let _ = wt::ConnectResponse::new(status).encode(&mut bytes);
        let _ = self.write_all(id, &bytes);
        let _ = self.q.send_stream(id).finish();
        let _ = self.q.recv_stream(id).stop(VarInt::from_u32(code::NO_ERROR as u32));
        if self.phase == Phase::Connect {
            if let Some(h3) = self.h3.as_mut() {
                h3.request = Some(id);
                h3.initiator = true;
            }
            self.start_closing(now);
        }
    }

    pub(super) fn read_answer(&mut self, now: Now, id: StreamId, bytes: &[u8], out: &mut Out) {
        let Some(h3) = self.h3.as_mut() else { return };
        h3.answer.extend_from_slice(bytes);
        let mut rest = &h3.answer[..];
        match wt::ConnectResponse::decode(&mut rest) {
            Ok(_) => {
                let rest = rest.to_vec();
                h3.answer = Vec::new();
                self.opened(now, id, out);
                let room = self.q.datagrams().max_size().unwrap_or(0).saturating_sub(1);
                let max_datagram = room.min(self.limits.max_datagram_bytes) as u32;
                let certificate = self.peer_certificate();
                out.events.push(Event::SessionReady { session: self.session, max_datagram, certificate });
                self.release_early(out);
                self.capsules(now, &rest, out);
            }
            Err(wt::ConnectError::UnexpectedEnd) if h3.answer.len() < HEADERS_BYTES => {}
            Err(wt::ConnectError::WrongStatus(Some(status)) | wt::ConnectError::ErrorStatus(status)) => {
                out.counters.refuse(status.as_u16());
                self.end(CloseCause::Refused { status: status.as_u16() }, out);
                self.kill(now, code::NO_ERROR, "");
            }
            Err(error) => self.fail(now, code::MESSAGE, &error.to_string(), out),
        }
    }
}
