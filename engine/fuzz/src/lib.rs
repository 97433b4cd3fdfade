//! Fuzz targets of the engine: any bytes in, and a panic where something that must hold does not. What covers what is in
//! README.md.

mod bundle;
mod first_packets;
mod h3;
mod input;
mod media_ops;
mod peer;
mod plain;
mod planted;
pub mod random;
mod session;
mod vectors;

pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Inputs to begin with, made from the golden vectors and by the encoders.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longer inputs are not made.
    pub max_bytes: usize,
}

pub const TARGETS: [Target; 7] = [
    Target { name: "bundle", run: bundle::run, seeds: bundle::seeds, max_bytes: 1300 },
    Target { name: "media_ops", run: media_ops::run, seeds: media_ops::seeds, max_bytes: 4096 },
    Target { name: "h3", run: h3::run, seeds: h3::seeds, max_bytes: 2048 },
    Target { name: "first_packets", run: first_packets::run, seeds: first_packets::seeds, max_bytes: 4096 },
    Target { name: "listener", run: session::listener, seeds: session::listener_seeds, max_bytes: 2048 },
    Target { name: "dialler", run: session::dialler, seeds: session::dialler_seeds, max_bytes: 2048 },
    // The negative control: a fault that must be found.
    Target { name: "planted", run: planted::run, seeds: planted::seeds, max_bytes: 64 },
];

pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
