//! A wire in memory, for fuzzing: what arrives is put in, what leaves is taken out, nothing waits.

use super::batch::Batch;
use super::{Io, IoStats, Received, Wake};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Packets of one read, as the sockets have it.
const RECV_BATCH: usize = 32;

pub(crate) type Packet = (SocketAddr, Vec<u8>);

/// Both ends of the wire. The engine has one socket at a time here.
#[derive(Default)]
pub(crate) struct Queues {
    pub arriving: VecDeque<Packet>,
    pub left: Vec<Packet>,
}

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

pub(crate) struct Wire {
    queues: Arc<Mutex<Queues>>,
    key: Option<u32>,
    read: Vec<Packet>,
    batch: Batch,
}

impl Wire {
    pub fn new(queues: Arc<Mutex<Queues>>) -> Wire {
        Wire { queues, key: None, read: Vec::new(), batch: Batch::new() }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Io for Wire {
    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(Nobody)
    }

    fn add(&mut self, key: u32, _socket: UdpSocket) -> io::Result<()> {
        self.key = Some(key);
        Ok(())
    }

    fn remove(&mut self, key: u32) {
        self.key.take_if(|own| *own == key);
    }

    fn wait(&mut self, _timeout: Option<Duration>, readable: &mut Vec<u32>) {
        if !self.queues().arriving.is_empty() {
            readable.extend(self.key);
        }
    }

    fn recv(&mut self, _key: u32) -> Received {
        let mut queues = self.queues();
        let packets = queues.arriving.len().min(RECV_BATCH);
        let read = queues.arriving.drain(..packets).collect();
        let more = !queues.arriving.is_empty();
        drop(queues);
        self.read = read;
        Received { packets, more }
    }

    fn packet(&self, index: usize) -> (SocketAddr, &[u8]) {
        let (from, data) = &self.read[index];
        (*from, data)
    }

    fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    fn flush(&mut self) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        for index in 0..self.batch.waiting() {
            let (_, to, data) = self.batch.packet(index);
            queues.left.push((to, data.to_vec()));
        }
        drop(queues);
        self.batch.clear();
    }

    fn stats(&self) -> IoStats {
        IoStats { bytes_out: self.batch.bytes, ..IoStats::default() }
    }
}
