//! The Hayate engine: QUIC, HTTP/3 and WebTransport over quinn-proto on one thread of its own.
//!
//! `api` is the whole surface: commands in, events out. Everything else is reached through it.
pub mod api;
pub mod proxy;
pub mod media;
pub mod link;
pub mod cert;
mod engine;

pub use engine::{Engine, Listening};
