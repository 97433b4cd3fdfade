//! Endpoints: a socket with its quinn endpoint. Listeners have one each, clients one a socket group.

use super::conn::{Conn, Phase, SessionCounters, HANDSHAKE_US};
use super::links::Links;
use super::receive::INCOMING_MOST;
use super::session::H3;
use super::stats::ListenerCounters;
use super::{Core, NO_CONN};
use crate::api::{CloseCause, DatagramMode, EndpointId, Event, ListenConfig, TransportLimits};
use crate::cert::CertStore;
use crate::clock::Now;
use crate::queue::{NewClient, NewListener};
use crate::{h3, io, limits, tls};
use quinn_proto::{
    self as q, ConnectionHandle, EndpointConfig, Incoming, RandomConnectionIdGenerator, ServerConfig, TransportConfig,
};
use rustls::server::danger::ClientCertVerifier;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;
use web_transport_proto as wt;

pub(super) struct Server {
    pub id: EndpointId,
    pub config: ListenConfig,
    pub certificates: CertStore,
    /// Who vouches for clients, where they must show certificates.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    transport: Arc<TransportConfig>,
    pub limits: Arc<TransportLimits>,
    pub waiting: VecDeque<Incoming>,
    pub draining: bool,
    /// The socket goes with the last connection.
    pub closing: bool,
    pub sessions: u32,
    pub counters: ListenerCounters,
}

pub(super) struct Endpoint {
    pub q: q::Endpoint,
    /// Index of the connection of each quinn handle.
    pub handles: Vec<u32>,
    pub server: Option<Box<Server>>,
    /// Clients: the socket group, and the family to bind again.
    pub group: Option<(u32, bool)>,
    pub links: Option<Box<Links>>,
    pub connections: u32,
    pub handshaking: u32,
    pub packets_in: u64,
}

impl Endpoint {
    pub fn incoming(&self) -> usize {
        self.server.as_ref().map_or(0, |server| server.waiting.len())
    }
}

pub(super) fn server_config(
    tls: Arc<dyn q::crypto::ServerConfig>,
    transport: &Arc<TransportConfig>,
) -> Arc<ServerConfig> {
    let mut config = ServerConfig::with_crypto(tls);
    // A waiting connection holds its first packets only: enough for a ClientHello with large key shares.
    config.transport_config(transport.clone()).max_incoming(INCOMING_MOST);
    config.incoming_buffer_size(16 * 1024).incoming_buffer_size_total(8 << 20).migration(true);
    Arc::new(config)
}

pub(super) fn any_address(v6: bool) -> SocketAddr {
    if v6 {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    }
}

/// How a server addresses a client's connections: on a socket of its own the address says it all, as browsers have it, and
/// each packet is 8 bytes shorter.
fn client_ids(own_socket: bool) -> Arc<EndpointConfig> {
    let mut config = EndpointConfig::default();
    if own_socket {
        config.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(0)));
    }
    Arc::new(config)
}

impl Core {
    fn add_endpoint(&mut self, endpoint: Endpoint) -> u32 {
        let free = self.endpoints.iter().position(Option::is_none);
        let key = free.unwrap_or(self.endpoints.len());
        if free.is_none() {
            self.endpoints.push(None);
        }
        self.endpoints[key] = Some(Box::new(endpoint));
        self.wake_links(key as u32);
        key as u32
    }

    pub(super) fn listen(&mut self, now: Now, new: NewListener) {
        let transport = limits::transport(&new.config.limits);
        let config = server_config(new.tls, &transport);
        let links = new.config.link.clone().map(|pair| Box::new(Links::new(pair, now)));
        let server = Server {
            id: new.endpoint,
            limits: Arc::new(new.config.limits.clone()),
            config: new.config,
            certificates: new.certificates,
            clients: new.clients,
            transport,
            waiting: VecDeque::new(),
            draining: false,
            closing: false,
            sessions: 0,
            counters: ListenerCounters::default(),
        };
        let endpoint = Endpoint {
            q: q::Endpoint::new(Arc::default(), Some(config), false, None),
            handles: Vec::new(),
            server: Some(Box::new(server)),
            group: None,
            links,
            connections: 0,
            handshaking: 0,
            packets_in: 0,
        };
        let key = self.add_endpoint(endpoint);
        if let Err(error) = self.io.add(key, new.socket) {
            self.out
                .events
                .push(Event::Panic { message: format!("socket of endpoint {} lost: {error}", new.endpoint) });
            self.endpoints[key as usize] = None;
        }
    }

    pub(super) fn connect(&mut self, now: Now, new: NewClient) {
        let session = new.session;
        let failed = |message: String| Event::SessionClosed {
            session,
            cause: CloseCause::Transport { code: 0, reason: message },
        };
        let key = match self.client_endpoint(now, &new) {
            Ok(key) => key,
            Err(error) => return self.out.events.push(failed(error.to_string())),
        };
        let Some(endpoint) = self.endpoints[key as usize].as_mut() else { return };
        let mut config = q::ClientConfig::new(new.tls);
        config.transport_config(limits::transport(&new.config.limits));
        let host = new.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let host = new.config.server_name.as_deref().unwrap_or(host).to_owned();
        let shows = new.config.identity.is_some();
        let (handle, connection) = match endpoint.q.connect(now.at, config, new.config.addr, &host) {
            Ok(made) => made,
            Err(error) => {
                self.out.events.push(failed(error.to_string()));
                return self.remove_if_unused(key);
            }
        };
        let mut request = wt::ConnectRequest::new(new.url);
        if let Some(origin) = new.config.origin.as_deref().and_then(|o| http::HeaderValue::from_str(o).ok()) {
            request = request.with_header(http::header::ORIGIN, origin);
        }
        let limits = Arc::new(new.config.limits);
        let index = self.add_conn(now, key, handle, connection, limits, new.config.datagrams, false);
        if let Some(conn) = self.conns[index as usize].as_mut() {
            conn.session = session;
            conn.tells_certificate = shows;
            conn.deadline_us = Some(now.us + u64::from(new.config.connect_timeout_ms) * 1000);
            conn.h3 = Some(Box::new(H3::client(request)));
        }
        self.sessions.insert(session, index);
    }

    /// The endpoint of the socket group; made when there is none.
    fn client_endpoint(&mut self, now: Now, new: &NewClient) -> std::io::Result<u32> {
        if let Some(key) = self.groups.get(&new.config.socket_group) {
            return Ok(*key);
        }
        let v6 = new.config.addr.is_ipv6();
        let socket = io::bind(any_address(v6), self.socket_buffer_bytes)?;
        let endpoint = Endpoint {
            q: q::Endpoint::new(client_ids(new.config.own_socket), None, false, None),
            handles: Vec::new(),
            server: None,
            group: Some((new.config.socket_group, v6)),
            links: new.config.link.clone().map(|pair| Box::new(Links::new(pair, now))),
            connections: 0,
            handshaking: 0,
            packets_in: 0,
        };
        let key = self.add_endpoint(endpoint);
        if let Err(error) = self.io.add(key, socket) {
            self.endpoints[key as usize] = None;
            return Err(error);
        }
        self.groups.insert(new.config.socket_group, key);
        Ok(key)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn add_conn(
        &mut self,
        now: Now,
        key: u32,
        handle: ConnectionHandle,
        mut connection: q::Connection,
        limits: Arc<TransportLimits>,
        mode: DatagramMode,
        server: bool,
    ) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() as u32 - 1
        });
        let mut heartbeat_us = 0;
        let mut linked = false;
        let mut tells_certificate = false;
        if let Some(endpoint) = self.endpoints[key as usize].as_mut() {
            if endpoint.handles.len() <= handle.0 {
                endpoint.handles.resize(handle.0 + 1, NO_CONN);
            }
            endpoint.handles[handle.0] = index;
            endpoint.connections += 1;
            endpoint.handshaking += 1;
            linked = endpoint.links.is_some();
            tells_certificate = endpoint.server.as_ref().is_some_and(|server| server.clients.is_some());
            heartbeat_us = endpoint.server.as_ref().map_or(0, |s| u64::from(s.config.heartbeat_ms) * 1000);
        }
        let empty_space = connection.datagrams().send_buffer_space();
        self.conns[index as usize] = Some(Box::new(Conn {
            q: connection,
            index,
            endpoint: key,
            handle,
            server,
            linked,
            tells_certificate,
            phase: Phase::Handshake,
            handshaking: true,
            session: 0,
            was_open: false,
            ended: false,
            dirty: false,
            scheduled_ms: u64::MAX,
            deadline_us: Some(now.us + HANDSHAKE_US),
            heartbeat_us,
            datagram_sent_us: now.us,
            received_us: now.us,
            mode,
            shared: None,
            limits,
            quarter: 0,
            deferred: Vec::new(),
            stream_us: 0,
            staged: VecDeque::new(),
            staged_bytes: 0,
            empty_space,
            h3: None,
            streams: Default::default(),
            opening: Default::default(),
            repeat: Default::default(),
            counters: SessionCounters::default(),
        }));
        self.mark(index);
        index
    }

    /// Forgets a connection that quinn's endpoint no longer knows.
    pub(super) fn remove_conn(&mut self, index: u32) {
        let Some(mut conn) = self.conns[index as usize].take() else { return };
        conn.end(CloseCause::Reset, &mut self.out);
        self.free.push(index);
        let key = conn.endpoint;
        if let Some(endpoint) = self.endpoints[key as usize].as_mut() {
            endpoint.connections -= 1;
            endpoint.handshaking -= u32::from(conn.handshaking);
            endpoint.handles[conn.handle.0] = NO_CONN;
        }
        self.remove_closed(key);
    }

    pub(super) fn remove_if_unused(&mut self, key: u32) {
        let Some(endpoint) = self.endpoints[key as usize].as_ref() else { return };
        if endpoint.connections > 0 || endpoint.server.is_some() {
            return;
        }
        // What waits in an emulated link would come after the close: nobody listens any more.
        if let Some((group, _)) = endpoint.group {
            self.groups.remove(&group);
        }
        self.io.remove(key);
        self.repeats.forget(key);
        self.endpoints[key as usize] = None;
    }

    fn endpoint_key(&self, id: EndpointId) -> Option<u32> {
        let is = |e: &Option<Box<Endpoint>>| e.as_ref().and_then(|e| e.server.as_ref()).is_some_and(|s| s.id == id);
        self.endpoints.iter().position(is).map(|key| key as u32)
    }

    pub(super) fn stop_listening(&mut self, now: Now, id: EndpointId, close: bool) {
        let Some(key) = self.endpoint_key(id) else {
            // Its socket was lost at the start.
            if close {
                self.out.events.push(Event::ListenerClosed { endpoint: id });
            }
            return;
        };
        let Some(server) = self.endpoints[key as usize].as_mut().and_then(|e| e.server.as_mut()) else { return };
        server.draining = true;
        server.closing |= close;
        for index in 0..self.conns.len() as u32 {
            let Some(conn) = self.conns[index as usize].as_mut() else { continue };
            if conn.endpoint != key {
                continue;
            }
            if close && conn.phase == Phase::Open {
                conn.close(now, 0, "", &mut self.out);
            } else if close {
                conn.kill(now, h3::code::NO_ERROR, "");
            } else if conn.phase == Phase::Open {
                conn.send_drain();
            }
            self.mark(index);
        }
        if close {
            self.refuse_waiting(now, key);
            self.remove_closed(key);
        }
    }

    /// A closed listener's socket goes with its last connection.
    fn remove_closed(&mut self, key: u32) {
        let Some(endpoint) = self.endpoints[key as usize].as_mut() else { return };
        let unused = endpoint.connections == 0;
        let server = endpoint.server.take_if(|server| unused && server.closing);
        self.remove_if_unused(key);
        if let Some(server) = server {
            self.out.events.push(Event::ListenerClosed { endpoint: server.id });
        }
    }

    /// All endpoints, or one.
    pub(super) fn check_certificates(&mut self, only: Option<EndpointId>) {
        for endpoint in self.endpoints.iter_mut().flatten() {
            let Some(server) = endpoint.server.as_mut() else { continue };
            if only.is_some_and(|id| id != server.id) || !server.certificates.poll(SystemTime::now()) {
                continue;
            }
            let (chain, key) = server.certificates.current();
            // The store checked that key and certificate belong together.
            let Ok(tls) = tls::server(chain, key, server.clients.clone()) else { continue };
            endpoint.q.set_server_config(Some(server_config(tls, &server.transport)));
            let hashes = server.certificates.hashes();
            self.out.events.push(Event::CertificateChanged { endpoint: server.id, hashes });
        }
    }
}
