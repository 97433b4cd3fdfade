//! The application's streams: what it writes waits here until quinn takes it, what it has not credited stays in quinn.

use super::conn::{Conn, Phase};
use super::Out;
use crate::api::{Event, SendOptions};
use crate::h3;
use bytes::Bytes;
use quinn_proto::{Dir, ReadError, StreamId, VarInt, WriteError};
use std::collections::VecDeque;

/// One chunk of received data at most.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct SendHalf {
    queue: VecDeque<Bytes>,
    queued: usize,
    /// Of the queue's first bytes, those that the application did not write (the stream's head).
    own: usize,
    /// The packets that carry what is written leave once more after so long; 0: they do not.
    repeat_ms: u8,
    fin: bool,
    fin_sent: bool,
}

#[derive(Default)]
pub(super) struct RecvHalf {
    /// Delivered and not yet credited.
    outstanding: usize,
}

#[derive(Default)]
pub(super) struct AppStream {
    pub send: Option<SendHalf>,
    pub recv: Option<RecvHalf>,
}

fn stream_id(id: u64) -> StreamId {
    StreamId::from(VarInt::from_u64(id).unwrap_or(VarInt::MAX))
}

impl Conn {
    /// A stream of the peer's whose head was read.
    pub(super) fn incoming(&mut self, id: StreamId, out: &mut Out) {
        let bidi = id.dir() == Dir::Bi;
        let send = bidi.then(SendHalf::default);
        self.streams.insert(id, AppStream { send, recv: Some(RecvHalf::default()) });
        out.counters.streams += 1;
        out.counters.streams_open += 1;
        out.events.push(Event::StreamIncoming { session: self.session, stream: id.into(), bidi });
        self.pump_recv(id, out);
    }

    pub(super) fn open_stream(&mut self, token: u32, bidi: bool, send: SendOptions, out: &mut Out) {
        let dir = if bidi { Dir::Bi } else { Dir::Uni };
        self.opening[dir as usize].push_back((token, send));
        self.open_waiting(dir, out);
    }

    pub(super) fn open_waiting(&mut self, dir: Dir, out: &mut Out) {
        if self.phase != Phase::Open {
            return;
        }
        while !self.opening[dir as usize].is_empty() {
            let Some(id) = self.q.streams().open(dir) else { return };
            let Some((token, options)) = self.opening[dir as usize].pop_front() else { return };
            let _ = self.q.send_stream(id).set_priority(options.priority);
            let mut head = Vec::with_capacity(10);
            h3::put_varint(&mut head, if dir == Dir::Bi { 0x41 } else { 0x54 });
            h3::put_varint(&mut head, self.quarter * 4);
            let own = head.len();
            let queue = VecDeque::from([head.into()]);
            let send = SendHalf { queue, queued: own, own, repeat_ms: options.repeat_ms, ..SendHalf::default() };
            let recv = (dir == Dir::Bi).then(RecvHalf::default);
            self.streams.insert(id, AppStream { send: Some(send), recv });
            out.counters.streams += 1;
            out.counters.streams_open += 1;
            out.events.push(Event::StreamOpened { session: self.session, token, stream: id.into() });
            self.pump_send(id, out);
        }
    }

    pub(super) fn write_stream(&mut self, id: u64, data: Bytes, fin: bool, out: &mut Out) {
        let id = stream_id(id);
        let Some(send) = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()) else { return };
        if send.fin {
            return;
        }
        // One write may be larger than the limit, a second one on top of it is a caller that ignores back-pressure.
        if send.queued > self.limits.stream_send_bytes.max(1) * 2 {
            out.counters.streams_overrun += 1;
            self.reset_stream(id.into(), 0, out);
            out.events.push(Event::StreamStopped { session: self.session, stream: id.into(), code: 0 });
            return;
        }
        send.fin = fin;
        send.queued += data.len();
        if !data.is_empty() {
            send.queue.push_back(data);
        }
        self.pump_send(id, out);
    }

    /// Hands as much to quinn as it takes.
    pub(super) fn pump_send(&mut self, id: StreamId, out: &mut Out) {
        let Some(send) = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()) else { return };
        let mut drained = 0;
        let mut open = true;
        while !send.queue.is_empty() {
            match self.q.send_stream(id).write_chunks(send.queue.make_contiguous()) {
                Ok(written) => {
                    send.queue.drain(..written.chunks);
                    send.queued -= written.bytes;
                    let own = send.own.min(written.bytes);
                    send.own -= own;
                    drained += written.bytes - own;
                    if send.repeat_ms > 0 {
                        self.repeat.owe(written.bytes, send.repeat_ms);
                    }
                }
                Err(WriteError::Blocked) => break,
                // A `Stopped` event is on its way, or the stream is gone.
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => {
                    open = false;
                    break;
                }
            }
        }
        if open && send.queue.is_empty() && send.fin && !send.fin_sent {
            send.fin_sent = true;
            let _ = self.q.send_stream(id).finish();
        }
        if drained > 0 {
            self.counters.stream_bytes_out += drained as u64;
            out.counters.stream_bytes_out += drained as u64;
            let (session, stream) = (self.session, id.into());
            out.events.push(Event::StreamDrained { session, stream, bytes: drained as u32 });
        }
    }

    /// Delivers what the credit allows.
    pub(super) fn pump_recv(&mut self, id: StreamId, out: &mut Out) {
        let window = self.limits.stream_window_bytes;
        let (session, stream) = (self.session, u64::from(id));
        let Some(recv) = self.streams.get_mut(&id).and_then(|stream| stream.recv.as_mut()) else { return };
        let mut ended = false;
        let mut reset = None;
        // One chunk is held back, so that the last one carries the FIN.
        let mut held: Option<Bytes> = None;
        {
            let mut half = self.q.recv_stream(id);
            let Ok(mut chunks) = half.read(true) else { return };
            while recv.outstanding < window {
                match chunks.next((window - recv.outstanding).min(CHUNK_BYTES)) {
                    Ok(Some(chunk)) => {
                        recv.outstanding += chunk.bytes.len();
                        self.counters.stream_bytes_in += chunk.bytes.len() as u64;
                        out.counters.stream_bytes_in += chunk.bytes.len() as u64;
                        if let Some(data) = held.replace(chunk.bytes) {
                            out.events.push(Event::StreamData { session, stream, data, fin: false });
                        }
                    }
                    Ok(None) => {
                        ended = true;
                        break;
                    }
                    Err(ReadError::Blocked) => break,
                    Err(ReadError::Reset(code)) => {
                        reset = Some(code);
                        break;
                    }
                }
            }
        }
        if held.is_some() || ended {
            let data = held.unwrap_or_default();
            out.events.push(Event::StreamData { session, stream, data, fin: ended });
        }
        if let Some(code) = reset {
            out.events.push(Event::StreamReset { session, stream, code: h3::from_http3(code) });
        }
        if ended || reset.is_some() {
            self.recv_ended(id, out);
        }
    }

    pub(super) fn credit_stream(&mut self, id: u64, bytes: u32, out: &mut Out) {
        let id = stream_id(id);
        if let Some(recv) = self.streams.get_mut(&id).and_then(|stream| stream.recv.as_mut()) {
            recv.outstanding = recv.outstanding.saturating_sub(bytes as usize);
            self.pump_recv(id, out);
        }
    }

    pub(super) fn reset_stream(&mut self, id: u64, code: u32, out: &mut Out) {
        let id = stream_id(id);
        if self.streams.get(&id).is_some_and(|stream| stream.send.is_some()) {
            let _ = self.q.send_stream(id).reset(h3::to_http3(code));
            self.send_ended(id, out);
        }
    }

    pub(super) fn stop_stream(&mut self, id: u64, code: u32, out: &mut Out) {
        let id = stream_id(id);
        if self.streams.get(&id).is_some_and(|stream| stream.recv.is_some()) {
            let _ = self.q.recv_stream(id).stop(h3::to_http3(code));
            self.recv_ended(id, out);
        }
    }

    pub(super) fn send_options(&mut self, id: u64, options: SendOptions) {
        let id = stream_id(id);
        if let Some(send) = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()) {
            send.repeat_ms = options.repeat_ms;
            let _ = self.q.send_stream(id).set_priority(options.priority);
        }
    }

    pub(super) fn stopped(&mut self, id: StreamId, code: VarInt, out: &mut Out) {
        if self.streams.get(&id).is_some_and(|stream| stream.send.is_some()) {
            // quinn leaves the answer (RESET_STREAM) to us; without it the stream is never freed.
            let _ = self.q.send_stream(id).reset(code);
            let (session, stream) = (self.session, id.into());
            out.events.push(Event::StreamStopped { session, stream, code: h3::from_http3(code) });
            self.send_ended(id, out);
        }
    }

    /// The peer has all that was written, FIN included. The other half may still wait for somebody to learn that.
    pub(super) fn acknowledged(&mut self, id: StreamId, out: &mut Out) {
        if self.streams.get(&id).is_some_and(|stream| stream.recv.is_some()) {
            out.events.push(Event::StreamFinished { session: self.session, stream: id.into() });
        }
        self.send_ended(id, out);
    }

    fn send_ended(&mut self, id: StreamId, out: &mut Out) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.send = None;
            self.forget_if_done(id, out);
        }
    }

    fn recv_ended(&mut self, id: StreamId, out: &mut Out) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.recv = None;
            self.forget_if_done(id, out);
        }
    }

    fn forget_if_done(&mut self, id: StreamId, out: &mut Out) {
        if self.streams.get(&id).is_some_and(|stream| stream.send.is_none() && stream.recv.is_none()) {
            self.streams.remove(&id);
            out.counters.streams_open -= 1;
            out.events.push(Event::StreamFinished { session: self.session, stream: id.into() });
        }
    }
}
