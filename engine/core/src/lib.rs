//! The Hayate engine: QUIC, HTTP/3 and WebTransport over quinn-proto on one thread of its own.
//!
//! `api` is the whole surface: commands in, events out. Everything else is reached through it.
pub mod api;
mod engine;

pub use engine::{Engine, Listening};
