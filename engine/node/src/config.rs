//! Plain objects from JavaScript to the configuration of the core. All defaults are filled in by `engine/src/options.ts`
//! so that every field is here and one place says what a default is.

use crate::{failure, Failure};
use hayate_core::api;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

#[napi(object)]
pub struct NativeEngineConfig {
    /// 0 auto, 1 fast, 2 portable.
    pub io: u32,
    pub event_queue_bytes: u32,
    pub event_queue_ms: u32,
    pub socket_buffer_bytes: u32,
    pub handshakes_per_turn: u32,
}

#[napi(object)]
pub struct NativeLimits {
    pub idle_timeout_ms: u32,
    pub keep_alive_ms: u32,
    pub max_bidi_streams: u32,
    pub max_uni_streams: u32,
    pub datagram_queue_bytes: u32,
    pub datagram_queue_ms: u32,
    pub stream_window_bytes: u32,
    pub stream_send_bytes: u32,
    pub max_datagram_bytes: u32,
    pub rate_ceiling_kbps: u32,
    pub trunk_flush_ms: u32,
}

#[napi(object)]
pub struct NativeLinkProfile {
    pub delay_ms: f64,
    pub jitter_ms: f64,
    pub loss: f64,
    pub burst_good_ms: f64,
    pub burst_bad_ms: f64,
    pub outage_every_ms: f64,
    pub outage_for_ms: f64,
    pub rate_kbps: f64,
    pub queue_ms: f64,
    pub reorder: f64,
    pub duplicate: f64,
    pub seed: f64,
}

#[napi(object)]
pub struct NativeLink {
    pub tx: NativeLinkProfile,
    pub rx: NativeLinkProfile,
    pub rebind_every_ms: u32,
}

#[napi(object)]
pub struct NativeListenConfig {
    /// An address, not a name.
    pub host: String,
    pub port: u32,
    /// PEM files; without them self-signed.
    pub cert_path: Option<String>,
    pub key_path: Option<String>,
    pub self_signed_names: Vec<String>,
    pub self_signed_days: u32,
    pub self_signed_dir: Option<String>,
    pub client_ca: Option<String>,
    pub paths: Vec<String>,
    pub origins: Vec<String>,
    pub max_sessions: u32,
    pub retry_above: u32,
    pub datagrams: u32,
    pub heartbeat_ms: u32,
    pub limits: NativeLimits,
    pub link: Option<NativeLink>,
}

#[napi(object)]
pub struct NativeConnectConfig {
    pub url: String,
    /// An address, not a name.
    pub host: String,
    pub port: u32,
    pub origin: Option<String>,
    /// SHA-256 hashes one after the other.
    pub certificate_hashes: Buffer,
    pub roots_pem: Option<String>,
    /// PEM files, both or neither.
    pub identity_cert: Option<String>,
    pub identity_key: Option<String>,
    pub server_name: Option<String>,
    pub connect_timeout_ms: u32,
    pub datagrams: u32,
    pub limits: NativeLimits,
    pub socket_group: u32,
    pub own_socket: bool,
    pub link: Option<NativeLink>,
}

#[napi(object)]
pub struct NativeProxyConfig {
    pub host: String,
    pub port: u32,
    pub target_host: String,
    pub target_port: u32,
    pub link: NativeLink,
    pub max_clients: u32,
}

pub fn datagram_mode(mode: u32) -> api::DatagramMode {
    match mode {
        0 => api::DatagramMode::Refuse,
        1 => api::DatagramMode::Deliver,
        2 => api::DatagramMode::Room,
        _ => api::DatagramMode::Trunk,
    }
}

fn socket_addr(host: &str, port: u32) -> Result<std::net::SocketAddr, Failure> {
    let ip: std::net::IpAddr =
        host.parse().map_err(|_| failure("invalid_argument", format!("not an address: {host}")))?;
    let port = u16::try_from(port).map_err(|_| failure("invalid_argument", format!("not a port: {port}")))?;
    Ok(std::net::SocketAddr::new(ip, port))
}

impl NativeEngineConfig {
    pub fn into_core(self) -> api::EngineConfig {
        api::EngineConfig {
            io: match self.io {
                1 => api::IoKind::Fast,
                2 => api::IoKind::Portable,
                _ => api::IoKind::Auto,
            },
            event_queue_bytes: self.event_queue_bytes as usize,
            event_queue_ms: self.event_queue_ms,
            socket_buffer_bytes: self.socket_buffer_bytes as usize,
            handshakes_per_turn: self.handshakes_per_turn as usize,
        }
    }
}

impl NativeLimits {
    fn into_core(self) -> api::TransportLimits {
        api::TransportLimits {
            idle_timeout_ms: self.idle_timeout_ms,
            keep_alive_ms: self.keep_alive_ms,
            max_bidi_streams: self.max_bidi_streams,
            max_uni_streams: self.max_uni_streams,
            datagram_queue_bytes: self.datagram_queue_bytes as usize,
            datagram_queue_ms: self.datagram_queue_ms,
            stream_window_bytes: self.stream_window_bytes as usize,
            stream_send_bytes: self.stream_send_bytes as usize,
            max_datagram_bytes: self.max_datagram_bytes as usize,
            rate_ceiling_kbps: self.rate_ceiling_kbps,
            trunk_flush_ms: self.trunk_flush_ms,
        }
    }
}

impl NativeLinkProfile {
    fn into_core(self) -> api::LinkProfile {
        api::LinkProfile {
            delay_ms: self.delay_ms,
            jitter_ms: self.jitter_ms,
            loss: self.loss,
            burst_good_ms: self.burst_good_ms,
            burst_bad_ms: self.burst_bad_ms,
            outage_every_ms: self.outage_every_ms,
            outage_for_ms: self.outage_for_ms,
            rate_kbps: self.rate_kbps,
            queue_ms: self.queue_ms,
            reorder: self.reorder,
            duplicate: self.duplicate,
            seed: self.seed as u64,
        }
    }
}

impl NativeLink {
    fn into_core(self) -> api::LinkPair {
        api::LinkPair { tx: self.tx.into_core(), rx: self.rx.into_core(), rebind_every_ms: self.rebind_every_ms }
    }
}

impl NativeListenConfig {
    pub fn into_core(self) -> Result<api::ListenConfig, Failure> {
        let addr = socket_addr(&self.host, self.port)?;
        let certificate = match (self.cert_path, self.key_path) {
            (Some(cert), Some(key)) => api::CertificateSource::Pem { cert: cert.into(), key: key.into() },
            _ => api::CertificateSource::SelfSigned {
                names: self.self_signed_names,
                days: self.self_signed_days,
                dir: self.self_signed_dir.map(Into::into),
            },
        };
        Ok(api::ListenConfig {
            addr,
            certificate,
            client_ca: self.client_ca.map(Into::into),
            paths: self.paths,
            origins: self.origins,
            max_sessions: self.max_sessions,
            retry_above: self.retry_above,
            datagrams: datagram_mode(self.datagrams),
            heartbeat_ms: self.heartbeat_ms,
            limits: self.limits.into_core(),
            link: self.link.map(NativeLink::into_core),
        })
    }
}

impl NativeConnectConfig {
    pub fn into_core(self) -> Result<api::ConnectConfig, Failure> {
        let addr = socket_addr(&self.host, self.port)?;

        let (hashes, rest) = self.certificate_hashes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(failure("invalid_argument", "a certificate hash has 32 bytes"));
        }
        Ok(api::ConnectConfig {
            url: self.url,
            addr,
            origin: self.origin,
            certificate_hashes: hashes.to_vec(),
            roots_pem: self.roots_pem.map(Into::into),
            identity: self
                .identity_cert
                .zip(self.identity_key)
                .map(|(cert, key)| api::Identity { cert: cert.into(), key: key.into() }),
            server_name: self.server_name,
            connect_timeout_ms: self.connect_timeout_ms,
            datagrams: datagram_mode(self.datagrams),
            limits: self.limits.into_core(),
            socket_group: self.socket_group,
            own_socket: self.own_socket,
            link: self.link.map(NativeLink::into_core),
        })
    }
}

impl NativeProxyConfig {
    pub fn into_core(self) -> Result<api::ProxyConfig, Failure> {
        Ok(api::ProxyConfig {
            listen: socket_addr(&self.host, self.port)?,
            target: socket_addr(&self.target_host, self.target_port)?,
            link: self.link.into_core(),
            max_clients: self.max_clients as usize,
        })
    }
}
