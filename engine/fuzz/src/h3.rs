//! HTTP/3 and WebTransport by themselves: varints, SETTINGS, CONNECT and its answer with QPACK, frames and capsules. What a
//! parser accepts it gives again after encoding, and how a stream is cut makes no difference.

use hayate_core::fuzzing as engine;
use web_transport_proto as wt;

fn cut(data: &[u8], piece: usize) -> (Vec<Option<(u32, String)>>, bool) {
    engine::capsules(data.chunks(piece.max(1)))
}

fn capsules(data: &[u8], piece: usize) {
    let whole = cut(data, data.len());
    assert_eq!(whole, cut(data, piece));
    for (code, reason) in whole.0.into_iter().flatten() {
        assert!(reason.len() <= 1024);
        let again = cut(&engine::close_capsule(code, &reason), usize::MAX);
        assert_eq!(again, (vec![Some((code, reason))], true));
    }
}

fn settings(data: &[u8]) {
    let mut rest = data;
    if let Ok(settings) = wt::Settings::decode(&mut rest) {
        assert!(rest.len() < data.len());
        let mut again = Vec::new();
        settings.encode(&mut again);
        let decoded = wt::Settings::decode(&mut &again[..]).expect("what was encoded");
        assert_eq!(decoded.supports_webtransport(), settings.supports_webtransport());
    }
}

/// What the engine asks of a URL. A fragment or a user name, which a malformed `:path` or `:authority` may bring, is not sent on.
fn target(url: &url::Url) -> (Option<&str>, Option<u16>, &str, Option<&str>) {
    (url.host_str(), url.port(), url.path(), url.query())
}

fn request(data: &[u8]) {
    let mut rest = data;
    let Ok(request) = wt::ConnectRequest::decode(&mut rest) else { return };
    assert!(rest.len() < data.len());
    let mut again = Vec::new();
    if request.encode(&mut again).is_ok() {
        let decoded = wt::ConnectRequest::decode(&mut &again[..]).expect("what was encoded");
        assert_eq!(target(&decoded.url), target(&request.url));
    }
    let _ = request.headers.get("origin").map(|value| value.to_str().is_ok());
}

fn response(data: &[u8]) {
    let mut rest = data;
    if let Ok(response) = wt::ConnectResponse::decode(&mut rest) {
        assert!(rest.len() < data.len() && response.status.is_success());
    }
}

pub fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    if let Some((value, length)) = engine::varint(data) {
        assert!(length <= data.len() && value < 1 << 62);
        let theirs = wt::VarInt::decode(&mut &data[..]).expect("as much as ours needs");
        assert_eq!(theirs.into_inner(), value);
    }
    match choice & 3 {
        0 => capsules(data, usize::from(choice >> 2)),
        1 => settings(data),
        2 => request(data),
        _ => response(data),
    }
}

/// HEADERS of a CONNECT to this URL.
pub fn connect(url: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let url: url::Url = url.parse().expect("a URL");
    wt::ConnectRequest::new(url).encode(&mut out).expect("short headers");
    out
}

/// The answer 200.
pub fn accepted() -> Vec<u8> {
    let mut out = Vec::new();
    wt::ConnectResponse::OK.encode(&mut out).expect("short headers");
    out
}

pub fn seeds() -> Vec<Vec<u8>> {
    let with = |choice: u8, bytes: &[u8]| [&[choice], bytes].concat();
    let grease = [0x21, 3, 9, 9, 9, 0x00, 4, 0x17, 2, 7, 7];
    let close = engine::close_capsule(4_000_000_000, "終わり");
    let control = engine::settings();
    vec![
        with(0x0c, &[&grease[..], &engine::drain_capsule(), &close].concat()),
        with(0x04, &close),
        // Without the stream's type.
        with(1, &control[1..]),
        with(1, &control),
        with(2, &connect("https://localhost/")),
        with(2, &connect("https://relay.example:4433/live/room?token=a&b=%20c#part")),
        with(3, &accepted()),
        // GET by the static table.
        with(2, &[&[0x01, 16, 0, 0, 0xc0 | 17, 0xc0 | 23, 0xc0 | 1, 0x50, 9][..], b"localhost"].concat()),
        // Huffman: `authority` of two characters.
        with(2, &[0x01, 8, 0, 0, 0x50, 0x82, 0x1c, 0x64, 0xc1, 0xcf]),
    ]
}
