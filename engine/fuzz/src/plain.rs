//! QUIC without secrets: a handshake of the same shape as TLS 1.3 (hello, parameters, finished) whose keys do nothing. A
//! handshake costs microseconds and each byte of an input reaches the code behind the packet protection. What it leaves out,
//! rustls and ring, has `first_packets`.

use bytes::BytesMut;
use quinn_proto::crypto::{self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError, TransportErrorCode};
use std::any::Any;
use std::sync::Arc;

/// Of both sides.
pub struct Plain;

struct NoKey;

impl HeaderKey for NoKey {
    fn decrypt(&self, _pn_offset: usize, _packet: &mut [u8]) {}
    fn encrypt(&self, _pn_offset: usize, _packet: &mut [u8]) {}
    fn sample_size(&self) -> usize {
        0
    }
}

impl PacketKey for NoKey {
    fn encrypt(&self, _packet: u64, _buf: &mut [u8], _header_len: usize) {}
    fn decrypt(&self, _packet: u64, _header: &[u8], _payload: &mut BytesMut) -> Result<(), CryptoError> {
        Ok(())
    }
    fn tag_len(&self) -> usize {
        0
    }
    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }
    fn integrity_limit(&self) -> u64 {
        u64::MAX
    }
}

fn keys() -> Keys {
    Keys {
        header: KeyPair { local: Box::new(NoKey), remote: Box::new(NoKey) },
        packet: KeyPair { local: Box::new(NoKey), remote: Box::new(NoKey) },
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Client: its parameters are to be sent. Server: they have not come.
    Hello,
    /// Server: an empty message, and the keys of the handshake. Client: waits for them.
    Shake,
    /// Server: its parameters, and the keys of the data. Client: waits for them.
    Parameters,
    /// Client: an empty message, and the keys of the data. Server: waits for it.
    Finish,
    Done,
}

struct Session {
    side: Side,
    step: Step,
    /// The server's message came and its keys were not taken up yet.
    owed: bool,
    own: TransportParameters,
    theirs: Option<TransportParameters>,
    /// What came of a message.
    held: Vec<u8>,
}

fn put(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
}

fn out_of_turn() -> TransportError {
    TransportError {
        code: TransportErrorCode::PROTOCOL_VIOLATION,
        frame: None,
        reason: "a message out of its turn".into(),
    }
}

impl Session {
    fn new(side: Side, params: &TransportParameters) -> Box<Session> {
        Box::new(Session { side, step: Step::Hello, owed: false, own: *params, theirs: None, held: Vec::new() })
    }

    /// The next whole message.
    fn message(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(u16::from_be_bytes([*self.held.first()?, *self.held.get(1)?]));
        let body = self.held.get(2..2 + length)?.to_vec();
        self.held.drain(..2 + length);
        Some(body)
    }

    fn parameters(&mut self, body: &[u8]) -> Result<bool, TransportError> {
        self.theirs = Some(TransportParameters::read(self.side, &mut &body[..])?);
        Ok(true)
    }

    fn own_parameters(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.own.write(&mut out);
        out
    }
}

impl crypto::Session for Session {
    fn initial_keys(&self, _dst_cid: &ConnectionId, _side: Side) -> Keys {
        keys()
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        self.step != Step::Done
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.held.extend_from_slice(buf);
        let mut told = false;
        while let Some(body) = self.message() {
            match (self.side, self.step) {
                (Side::Server, Step::Hello) => {
                    told = self.parameters(&body)?;
                    self.step = Step::Shake;
                }
                (Side::Server, Step::Finish) => self.step = Step::Done,
                (Side::Client, Step::Shake) => {
                    self.step = Step::Parameters;
                    self.owed = true;
                }
                (Side::Client, Step::Parameters) if !self.owed => {
                    told = self.parameters(&body)?;
                    self.step = Step::Finish;
                }
                // As TLS: no message but those, in this order.
                _ => return Err(out_of_turn()),
            }
        }
        Ok(told)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        Ok(self.theirs)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        match (self.side, self.step) {
            (Side::Client, Step::Hello) => {
                put(buf, &self.own_parameters());
                self.step = Step::Shake;
                None
            }
            (Side::Client, Step::Parameters) if std::mem::take(&mut self.owed) => Some(keys()),
            (Side::Client, Step::Finish) => {
                put(buf, &[]);
                self.step = Step::Done;
                Some(keys())
            }
            (Side::Server, Step::Shake) => {
                put(buf, &[]);
                self.step = Step::Parameters;
                Some(keys())
            }
            (Side::Server, Step::Parameters) => {
                put(buf, &self.own_parameters());
                self.step = Step::Finish;
                Some(keys())
            }
            _ => None,
        }
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        Some(KeyPair { local: Box::new(NoKey), remote: Box::new(NoKey) })
    }

    fn is_valid_retry(&self, _orig_dst_cid: &ConnectionId, _header: &[u8], _payload: &[u8]) -> bool {
        true
    }

    fn export_keying_material(
        &self,
        _output: &mut [u8],
        _label: &[u8],
        _context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}

impl crypto::ClientConfig for Plain {
    fn start_session(
        self: Arc<Self>,
        _version: u32,
        _server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn crypto::Session>, ConnectError> {
        Ok(Session::new(Side::Client, params))
    }
}

impl crypto::ServerConfig for Plain {
    fn initial_keys(&self, _version: u32, _dst_cid: &ConnectionId) -> Result<Keys, crypto::UnsupportedVersion> {
        Ok(keys())
    }

    fn retry_tag(&self, _version: u32, _orig_dst_cid: &ConnectionId, _packet: &[u8]) -> [u8; 16] {
        [0; 16]
    }

    fn start_session(self: Arc<Self>, _version: u32, params: &TransportParameters) -> Box<dyn crypto::Session> {
        Session::new(Side::Server, params)
    }
}
