//! Packets that came: to their connection, or into the queue of handshakes that wait for their turn.

use super::Core;
use crate::clock::Now;
use crate::link::LinkPacket;
use bytes::BytesMut;
use quinn_proto::{self as q, ConnectionEvent, DatagramEvent, Incoming};
use std::net::SocketAddr;

/// Connections that wait for their handshake to be started, beside `retry_above`.
pub(super) const INCOMING_MOST: usize = 4096;

impl Core {
    /// Reads a socket until it is empty, four batches at most. Each packet waits for the next one's header to be read: its
    /// connection is on the way to the cache meanwhile.
    pub(super) fn receive(&mut self, key: u32) {
        for _ in 0..4 {
            let received = self.io.recv(key);
            let now = self.clock.now();
            let mut held: Option<(u32, ConnectionEvent)> = None;
            for i in 0..received.packets {
                let (from, data) = self.io.packet(i);
                let Some(endpoint) = self.endpoints[key as usize].as_mut() else { return };
                endpoint.packets_in += 1;
                if let Some(links) = endpoint.links.as_mut() {
                    let packet = LinkPacket { peer: from, local: None, ecn: None, data: data.to_vec() };
                    links.rx.offer(now.us, packet);
                    continue;
                }
                let (bytes, data) = (data.len(), BytesMut::from(data));
                let Some((index, event)) = self.route(now, key, from, data) else { continue };
                let Some(event) = self.defer(now, index, bytes, event) else { continue };
                self.expect(index);
                if let Some((before, event)) = held.replace((index, event)) {
                    self.take(now, before, event);
                    if before != index {
                        self.settle(now, before);
                    }
                }
            }
            if let Some((last, event)) = held {
                self.take(now, last, event);
                self.settle(now, last);
            }
            self.wake_links(key);
            if !received.more {
                return;
            }
        }
    }

    /// A packet that comes alone.
    pub(super) fn packet(&mut self, now: Now, key: u32, from: SocketAddr, data: BytesMut) {
        if let Some((index, event)) = self.route(now, key, from, data) {
            self.take(now, index, event);
            self.settle(now, index);
        }
    }

    /// The connection that a packet is for, and what to tell it. None: it was for the endpoint, or for nobody.
    fn route(&mut self, now: Now, key: u32, from: SocketAddr, data: BytesMut) -> Option<(u32, ConnectionEvent)> {
        let endpoint = self.endpoints[key as usize].as_mut()?;
        self.response.clear();
        match endpoint.q.handle(now.at, from, None, None, data, &mut self.response)? {
            DatagramEvent::ConnectionEvent(handle, event) => return Some((endpoint.handles[handle.0], event)),
            DatagramEvent::NewConnection(incoming) => self.incoming(now, key, incoming),
            DatagramEvent::Response(transmit) => self.respond(now, key, &transmit),
        }
        None
    }

    fn take(&mut self, now: Now, index: u32, event: ConnectionEvent) {
        self.guarded(index, |core| {
            core.catch_up(now, index);
            if let Some(conn) = core.conns.get_mut(index as usize).and_then(Option::as_mut) {
                conn.received_us = now.us;
                conn.q.handle_event(event);
            }
        });
    }

    /// After the packets of a connection. One that has nothing to tell and nothing to send (viewers acknowledge, no more)
    /// is done with at once, while the cache holds it; any other waits for its place in the turn.
    fn settle(&mut self, now: Now, index: u32) {
        self.guarded(index, |core| {
            if core.drive_one(now, index) || core.waits(index) || core.transmit_one(now, index) {
                core.mark(index);
            } else {
                core.rest(now, index);
            }
        });
    }

    /// Sends what quinn's endpoint left in `response`.
    fn respond(&mut self, now: Now, key: u32, transmit: &q::Transmit) {
        let slot = self.io.slot();
        slot.extend_from_slice(&self.response[..transmit.size]);
        self.commit(now, key, transmit.destination);
    }

    /// A first packet: to the queue, or a Retry, or a refusal, by load.
    fn incoming(&mut self, now: Now, key: u32, incoming: Incoming) {
        let Some(endpoint) = self.endpoints[key as usize].as_mut() else { return };
        let Some(server) = endpoint.server.as_mut() else { return endpoint.q.ignore(incoming) };
        let under_way = endpoint.handshaking as usize + server.waiting.len();
        let retry_above = server.config.retry_above.max(1) as usize;
        self.response.clear();
        // Who keeps coming would keep the socket of a closed listener open.
        if server.closing || under_way >= retry_above * 2 || server.waiting.len() >= INCOMING_MOST {
            self.out.counters.handshakes_refused += 1;
            server.counters.handshakes_refused += 1;
            let transmit = endpoint.q.refuse(incoming, &mut self.response);
            return self.respond(now, key, &transmit);
        }
        if under_way >= retry_above && !incoming.remote_address_validated() {
            self.out.counters.retries += 1;
            server.counters.retries += 1;
            // Refused only when the address is validated already.
            if let Ok(transmit) = endpoint.q.retry(incoming, &mut self.response) {
                self.respond(now, key, &transmit);
            }
            return;
        }
        server.waiting.push_back(incoming);
    }

    /// Starts a bounded number of handshakes. True: more wait.
    pub(super) fn accept_some(&mut self, now: Now) -> bool {
        let mut left = self.handshakes_per_turn;
        for key in 0..self.endpoints.len() {
            while let Some(endpoint) = self.endpoints[key].as_mut() {
                let Some(server) = endpoint.server.as_mut() else { break };
                if left == 0 {
                    if server.waiting.is_empty() {
                        break;
                    }
                    return true;
                }
                let Some(incoming) = server.waiting.pop_front() else { break };
                left -= 1;
                let (limits, mode) = (server.limits.clone(), server.config.datagrams);
                self.response.clear();
                match endpoint.q.accept(incoming, now.at, &mut self.response, None) {
                    Ok((handle, connection)) => {
                        self.add_conn(now, key as u32, handle, connection, limits, mode, true);
                    }
                    Err(error) => {
                        self.out.counters.handshakes_failed += 1;
                        server.counters.handshakes_failed += 1;
                        if let Some(transmit) = error.response {
                            self.respond(now, key as u32, &transmit);
                        }
                    }
                }
            }
        }
        false
    }

    pub(super) fn refuse_waiting(&mut self, now: Now, key: u32) {
        while let Some(endpoint) = self.endpoints[key as usize].as_mut() {
            let Some(incoming) = endpoint.server.as_mut().and_then(|s| s.waiting.pop_front()) else { return };
            self.response.clear();
            let transmit = endpoint.q.refuse(incoming, &mut self.response);
            self.respond(now, key, &transmit);
        }
    }
}
