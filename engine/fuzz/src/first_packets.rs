//! Datagrams of strangers at a listener with its own TLS: whole packets of any bytes, and Initial packets sealed with the keys
//! that everybody may know, so that frames and ClientHellos of any bytes reach what is behind the packet protection. Retries
//! come too, and their tokens go back.

use crate::input::Input;
use crate::session::{forget, listen_config};
use bytes::BytesMut;
use hayate_core::fuzzing::{self, Host};
use quinn_proto::{crypto, ClientConfig, ConnectionId, Endpoint};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const V1: u32 = 1;
/// Of a client's first datagram, at least.
const FIRST_BYTES: usize = 1200;
const TAG_BYTES: usize = 16;

struct Door {
    host: Host,
    tls: Arc<dyn crypto::ServerConfig>,
    /// What the last Retry said: the id that its packets must bear from now on, and the token.
    retry: Option<(Vec<u8>, Vec<u8>)>,
}

fn open() -> Door {
    let mut host = Host::new();
    let tls = host.listen(listen_config(), None).expect("a listener");
    host.turn();
    Door { host, tls, retry: None }
}

fn put_varint16(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes());
}

impl Door {
    /// Initial, 0-RTT or any other long header's packet around these frames.
    fn sealed(&self, first: u8, id: &[u8], token: &[u8], number: u8, frames: &[u8], fill: bool) -> Vec<u8> {
        let mut packet = vec![first & 0xfc];
        packet.extend_from_slice(&V1.to_be_bytes());
        packet.push(id.len() as u8);
        packet.extend_from_slice(id);
        packet.extend_from_slice(&[4, 1, 2, 3, 4]);
        if first & 0x30 == 0 {
            put_varint16(&mut packet, token.len());
            packet.extend_from_slice(token);
        }
        let body = frames.len().max(4);
        let body = if fill { body.max(FIRST_BYTES.saturating_sub(packet.len() + 3 + TAG_BYTES)) } else { body };
        put_varint16(&mut packet, 1 + body + TAG_BYTES);
        let number_at = packet.len();
        packet.push(number);
        let header = packet.len();
        packet.extend_from_slice(frames);
        packet.resize(header + body + TAG_BYTES, 0);
        let Ok(keys) = self.tls.initial_keys(V1, &ConnectionId::new(id)) else { return packet };
        keys.packet.remote.encrypt(number.into(), &mut packet, header);
        keys.header.remote.encrypt(number_at, &mut packet);
        packet
    }

    fn hear(&mut self) {
        for (_, data) in self.host.left() {
            // A Retry: its sender's id is the next one to write to; the last 16 bytes are a tag.
            if data.len() > 30 && data[0] & 0xf0 == 0xf0 {
                let at = 6 + usize::from(data[5]);
                let Some(length) = data.get(at).map(|length| usize::from(*length)) else { continue };
                let (id, token) =
                    (data.get(at + 1..at + 1 + length), data.get(at + 1 + length..data.len() - TAG_BYTES));
                self.retry = id.zip(token).map(|(id, token)| (id.to_vec(), token.to_vec()));
            }
        }
        self.host.events();
    }
}

/// The CRYPTO frame of a genuine first packet.
fn hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| genuine().unwrap_or_default())
}

/// A client of our own says hello, and its packet is opened again.
fn genuine() -> Option<Vec<u8>> {
    let tls = fuzzing::client_tls().ok()?;
    let mut endpoint = Endpoint::new(Arc::default(), None, false, Some([3; 32]));
    let now = fuzzing::now();
    let (_, mut conn) =
        endpoint.connect(now, ClientConfig::new(tls), ([127, 0, 0, 1], 4433).into(), "localhost").ok()?;
    let mut packet = Vec::new();
    let transmit = conn.poll_transmit(now, 1, &mut packet)?;
    packet.truncate(transmit.size);
    let id_bytes = usize::from(packet[5]);
    let id = ConnectionId::new(&packet[6..6 + id_bytes]);
    let keys = open().tls.initial_keys(V1, &id).ok()?;
    // Behind the ids an empty token, and a length of two bytes.
    let at = 6 + id_bytes + 1 + usize::from(packet[6 + id_bytes]) + 1 + 2;
    keys.header.remote.decrypt(at, &mut packet);
    let number_bytes = usize::from(packet[0] & 3) + 1;
    let number = packet[at..at + number_bytes].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let header = packet[..at + number_bytes].to_vec();
    let mut payload = BytesMut::from(&packet[at + number_bytes..]);
    keys.packet.remote.decrypt(number, &header, &mut payload).ok()?;
    let end = payload.iter().rposition(|byte| *byte != 0)? + 1;
    Some(payload[..end].to_vec())
}

fn step(op: u8, input: &mut Input<'_>, door: &mut Door) {
    let choice = input.byte();
    let from: SocketAddr = ([127, 0, 0, 2 + (choice & 3)], 7000 + u16::from(choice >> 4)).into();
    let id = [choice >> 2; 8];
    let packet = match op % 8 {
        0 => input.long().to_vec(),
        1 | 2 => {
            let number = input.byte();
            door.sealed(0xc0, &id, &[], number, input.long(), op & 0x40 == 0)
        }
        3 => {
            let token = input.short();
            door.sealed(0xc0, &id, token, 0, input.long(), true)
        }
        4 => match door.retry.take() {
            Some((id, token)) => door.sealed(0xc0, &id, &token, 1, input.long(), true),
            None => return,
        },
        // 0-RTT, Handshake and Retry, which nobody may send yet.
        5 => door.sealed(0xc0 | (choice & 0x30), &id, &[], 0, input.long(), true),
        6 => {
            // Several packets in one datagram.
            let first = input.short();
            let mut both = door.sealed(0xc0, &id, &[], 0, first, false);
            both.extend(door.sealed(0xc0, &id, &[], 1, input.long(), true));
            both
        }
        _ => {
            fuzzing::skip(Duration::from_millis(u64::from(choice) * 4));
            door.host.turn();
            return door.hear();
        }
    };
    door.host.arrives(from, packet);
    if op & 0x80 == 0 {
        door.host.turn();
        door.hear();
    }
}

thread_local! {
    static DOOR: RefCell<Option<Door>> = const { RefCell::new(None) };
}

pub fn run(bytes: &[u8]) {
    DOOR.with_borrow_mut(|kept| {
        let mut door = kept.take().unwrap_or_else(open);
        let mut input = Input::new(bytes);
        while !input.is_empty() {
            step(input.byte(), &mut input, &mut door);
        }
        forget(&mut door.host);
        door.retry = None;
        *kept = Some(door);
    });
}

pub fn seeds() -> Vec<Vec<u8>> {
    let hello = hello();
    let long = |head: &[u8], bytes: &[u8]| [head, &(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let first = long(&[1, 4, 0], hello);
    let ping = long(&[1, 8, 0], &[1]);
    // Enough of them that the listener asks for a Retry.
    let many: Vec<u8> = (0..6).flat_map(|n| long(&[1, 16 * n + 4, 0], hello)).collect();
    vec![
        first.clone(),
        ping.clone(),
        [&first[..], &[7, 20], &ping, &[7, 255]].concat(),
        [&many[..], &long(&[4, 1], hello), &[7, 9]].concat(),
        long(&[5, 0x24], &[1]),
        [&[6, 4, 1, 1][..], &(hello.len() as u16).to_be_bytes(), hello].concat(),
        long(&[0, 0], &[0xc0, 0x6b, 0x33, 0x43, 0xcf, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0]),
        long(&[0, 0], &[0x40; 60]),
        [&[3, 4, 5, 1, 2, 3, 4, 5][..], &(hello.len() as u16).to_be_bytes(), hello].concat(),
    ]
}
