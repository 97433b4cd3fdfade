use crate::api::{EngineError, ProxyConfig};
use std::net::SocketAddr;

pub struct Proxy {
    addr: SocketAddr,
}

impl Proxy {
    pub fn start(_config: ProxyConfig) -> Result<Proxy, EngineError> {
        Err(EngineError {
            code: "not_yet",
            message: String::new(),
            address: None,
        })
    }
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
    pub fn stats(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}
