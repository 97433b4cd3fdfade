//! The Hayate engine: QUIC, HTTP/3 and WebTransport over quinn-proto on one thread of its own.
//!
//! `api` is the whole surface: commands in, events out. Everything else is reached through it.
pub mod api;
pub mod cert;
mod clock;
mod congestion;
mod engine;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod h3;
mod io;
mod limits;
pub mod link;
pub mod media;
mod prefetch;
pub mod proxy;
mod queue;
mod rate_ceiling;
mod run;
mod tls;
mod wheel;

pub use engine::{Engine, Listening};
