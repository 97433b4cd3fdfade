//! What the application asks for.

use super::conn::{Conn, Phase};
use super::datagrams::{with_prefix, ToSessions};
use super::{Core, Out, Run};
use crate::api::{CloseCause, Command, Event, SessionId, StatsOf};
use crate::clock::Now;
use crate::h3;
use crate::queue::Input;

impl Core {
    /// Work on a session's connection. Commands for sessions that are gone are counted: they crossed the close.
    fn with_session(&mut self, session: SessionId, work: impl FnOnce(&mut Conn, &mut Out)) {
        let Some(index) = self.sessions.get(&session).copied() else {
            self.out.counters.dropped_unknown_id += 1;
            return;
        };
        self.guarded(index, |core| {
            if let Some(conn) = core.conns[index as usize].as_mut() {
                work(conn, &mut core.out);
            }
            core.mark(index);
        });
    }

    fn is_open(&self, session: SessionId) -> bool {
        let conn = self.sessions.get(&session).and_then(|index| self.conns[*index as usize].as_ref());
        conn.is_some_and(|conn| conn.phase == Phase::Open)
    }

    /// Ends all at once; each peer is told by one packet.
    fn shutdown(&mut self, now: Now) {
        for index in 0..self.conns.len() as u32 {
            self.guarded(index, |core| {
                if let Some(conn) = core.conns[index as usize].as_mut() {
                    conn.end(CloseCause::Local { code: 0, reason: String::new() }, &mut core.out);
                    conn.kill(now, h3::code::NO_ERROR, "");
                }
                core.mark(index);
            });
        }
    }
}

impl Run {
    pub(super) fn input(&mut self, now: Now, input: Input) {
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Listen(new) => self.core.listen(now, *new),
            Input::Connect(new) => self.core.connect(now, *new),
            #[cfg(test)]
            Input::StandStill(time) => std::thread::sleep(time),
            #[cfg(test)]
            Input::PanicOn(session) => self.core.with_session(session, |_, _| panic!("asked for by a test")),
        }
    }

    fn stats(&mut self, now: Now, token: u32, of: StatsOf) -> Event {
        let stalled = self.stalls.in_round_trips(now.us);
        let core = &mut self.core;
        let values = match of {
            StatsOf::Engine => {
                let mut values = core.stats_engine();
                values.extend(self.media.stats());
                values
            }
            StatsOf::Endpoint(endpoint) => core.stats_endpoint(endpoint),
            StatsOf::Session(session) => {
                let mut values = core.stats_session(session);
                values.extend(self.media.stats_trunk(core.clock.now().us, session));
                values
            }
            StatsOf::Room(room) => self.media.stats_room(room),
            StatsOf::Slot(room, slot) => self.media.stats_slot(room, slot),
            StatsOf::Members(room) => {
                let members = self.media.members(room).into_iter();
                let rows = members.filter_map(|(session, class)| core.stats_member(session, class, stalled)).collect();
                return Event::Members { token, rows };
            }
        };
        Event::Stats { token, values }
    }

    fn command(&mut self, now: Now, command: Command) {
        let core = &mut self.core;
        match command {
            Command::Close { session, code, reason } => {
                core.with_session(session, |conn, out| conn.close(now, code, &reason, out));
            }
            Command::StopListening { endpoint, close } => core.stop_listening(now, endpoint, close),
            Command::SendDatagram { session, data } => core.send_to_session(now, session, with_prefix(&data)),
            Command::SetDatagramMode { session, mode } => {
                core.with_session(session, |conn, _| conn.set_mode(mode));
                if core.is_open(session) {
                    self.media.command(now.us, &command, &mut ToSessions { core, now });
                }
            }
            Command::SetStreamLimits { session, bidi, uni } => {
                core.with_session(session, |conn, _| conn.limit_streams(bidi, uni));
            }
            Command::OpenStream { session, token, bidi, send } => {
                core.with_session(session, |conn, out| conn.open_stream(token, bidi, send, out));
            }
            Command::StreamWrite { session, stream, data, fin } => {
                core.with_session(session, |conn, out| {
                    conn.stream_us = now.us;
                    conn.write_stream(stream, data, fin, out);
                });
            }
            Command::StreamReset { session, stream, code } => {
                core.with_session(session, |conn, out| conn.reset_stream(stream, code, out));
            }
            Command::StreamStop { session, stream, code } => {
                core.with_session(session, |conn, out| conn.stop_stream(stream, code, out));
            }
            Command::StreamOptions { session, stream, send } => {
                core.with_session(session, |conn, _| conn.send_options(stream, send));
            }
            Command::StreamCredit { session, stream, bytes } => {
                core.with_session(session, |conn, out| conn.credit_stream(stream, bytes, out));
            }
            Command::Stats { token, of } => {
                let event = self.stats(now, token, of);
                self.core.out.events.push(event);
            }
            Command::ReloadCertificates { endpoint } => core.check_certificates(Some(endpoint)),
            Command::Shutdown => {
                core.shutdown(now);
                self.stopping = true;
            }
            Command::RoomCreate { .. }
            | Command::RoomClose { .. }
            | Command::RoomJoin { .. }
            | Command::RoomLeave { .. }
            | Command::RoomPublish { .. }
            | Command::RoomUnpublish { .. }
            | Command::RoomFeed { .. }
            | Command::RoomSetClass { .. }
            | Command::RoomSend { .. } => {
                // A join or publish that crossed the session's end must not leave a ghost in the room.
                if let Command::RoomJoin { session, .. }
                | Command::RoomPublish { session, .. }
                | Command::RoomFeed { session, .. } = &command
                {
                    if !core.is_open(*session) {
                        core.out.counters.dropped_unknown_id += 1;
                        return;
                    }
                }
                self.media.command(now.us, &command, &mut ToSessions { core, now });
            }
        }
    }
}
