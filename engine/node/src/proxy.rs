//! The UDP proxy with an emulated link, as a class. Its thread belongs to the core's `Proxy`.

use crate::config::NativeProxyConfig;
use crate::{address, failure, guarded, Address, Failure};
use hayate_core::proxy::Proxy;
use napi_derive::napi;

#[napi]
pub struct NativeProxy {
    proxy: Option<Proxy>,
    address: std::net::SocketAddr,
}

#[napi]
impl NativeProxy {
    #[napi(factory)]
    pub fn start(config: NativeProxyConfig) -> Result<NativeProxy, Failure> {
        guarded(|| {
            let proxy = Proxy::start(config.into_core()?).map_err(crate::refused)?;
            let address = proxy.addr();
            Ok(NativeProxy { proxy: Some(proxy), address })
        })
    }

    #[napi]
    pub fn address(&self) -> Address {
        address(self.address)
    }

    /// Names and values; `closed` after `close`.
    #[napi]
    pub fn stats(&self) -> Result<Vec<(String, f64)>, Failure> {
        guarded(|| {
            let proxy = self.proxy.as_ref().ok_or_else(|| failure("closed", "the proxy is closed"))?;
            Ok(proxy.stats().into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        })
    }

    /// Ends the thread and joins it. Idempotent.
    #[napi]
    pub fn close(&mut self) -> Result<(), Failure> {
        guarded(|| {
            self.proxy = None;
            Ok(())
        })
    }
}
