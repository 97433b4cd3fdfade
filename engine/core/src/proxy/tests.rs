use super::*;
use crate::api::{LinkPair, LinkProfile};
use std::net::UdpSocket as StdSocket;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn socket(addr: &str) -> StdSocket {
    let socket = StdSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn start(listen: &str, target: &StdSocket, link: LinkPair, max_clients: usize) -> Proxy {
    let target = target.local_addr().unwrap();
    Proxy::start(ProxyConfig { listen: listen.parse().unwrap(), target, link, max_clients }).unwrap()
}

/// Waits until the proxy has published a count; the test fails when it never does.
fn wait_for(proxy: &Proxy, name: &str, least: f64) -> f64 {
    let end = Instant::now() + PATIENCE;
    loop {
        let stats = proxy.stats();
        let value = stats.iter().find(|stat| stat.0 == name).expect("a stat of this name").1;
        if value >= least {
            return value;
        }
        assert!(Instant::now() < end, "{name} stays at {value}");
        std::thread::yield_now();
    }
}

/// There and back through the proxy; what the client got and the address the target saw.
fn echo(client: &StdSocket, proxy: &Proxy, target: &StdSocket, text: &[u8]) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    client.send_to(text, proxy.addr()).unwrap();
    let (length, seen) = target.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], text);
    target.send_to(&buffer[..length], seen).unwrap();
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!(from, proxy.addr());
    (buffer[..length].to_vec(), seen)
}

#[test]
fn packets_go_both_ways_and_each_client_has_a_port_of_its_own() {
    let target = socket("127.0.0.1:0");
    let proxy = start("127.0.0.1:0", &target, LinkPair::default(), 8);
    let (a, b) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let (text, seen_a) = echo(&a, &proxy, &target, b"from a");
    assert_eq!(text, b"from a");
    let (text, seen_b) = echo(&b, &proxy, &target, b"from b");
    assert_eq!(text, b"from b");
    assert_ne!(seen_a, seen_b);
    assert_eq!(echo(&a, &proxy, &target, b"again").1, seen_a);
    assert_eq!(wait_for(&proxy, "up_packets_out", 3.0), 3.0);
    assert_eq!(wait_for(&proxy, "down_bytes", 17.0), 17.0);
    assert_eq!(wait_for(&proxy, "clients", 2.0), 2.0);
}

#[test]
fn ipv6_listens_in_front_of_an_ipv4_target() {
    let target = socket("127.0.0.1:0");
    let proxy = start("[::1]:0", &target, LinkPair::default(), 8);
    let client = socket("[::1]:0");
    assert_eq!(echo(&client, &proxy, &target, b"six").0, b"six");
}

#[test]
fn the_link_delays_each_direction_by_its_own_time() {
    let target = socket("127.0.0.1:0");
    let delay = |delay_ms| LinkProfile { delay_ms, ..LinkProfile::default() };
    let link = LinkPair { tx: delay(30.0), rx: delay(15.0), rebind_every_ms: 0 };
    let proxy = start("127.0.0.1:0", &target, link, 8);
    let client = socket("127.0.0.1:0");
    let (mut buffer, sent) = ([0; 64], Instant::now());
    client.send_to(b"x", proxy.addr()).unwrap();
    let (_, seen) = target.recv_from(&mut buffer).unwrap();
    let arrived = Instant::now();
    assert!(arrived - sent >= Duration::from_millis(30));
    target.send_to(b"y", seen).unwrap();
    client.recv_from(&mut buffer).unwrap();
    assert!(arrived.elapsed() >= Duration::from_millis(15));
}

#[test]
fn loss_of_all_lets_nothing_through_and_counts_it() {
    let target = socket("127.0.0.1:0");
    let tx = LinkProfile { loss: 1.0, ..LinkProfile::default() };
    let proxy = start("127.0.0.1:0", &target, LinkPair { tx, ..LinkPair::default() }, 8);
    let client = socket("127.0.0.1:0");
    for _ in 0..10 {
        client.send_to(b"x", proxy.addr()).unwrap();
    }
    assert_eq!(wait_for(&proxy, "up_lost", 10.0), 10.0);
    target.set_nonblocking(true).unwrap();
    assert!(target.recv_from(&mut [0; 16]).is_err());
}

#[test]
fn clients_beyond_the_limit_are_refused_and_counted() {
    let target = socket("127.0.0.1:0");
    let proxy = start("127.0.0.1:0", &target, LinkPair::default(), 1);
    let (a, b) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    echo(&a, &proxy, &target, b"first");
    b.send_to(b"second", proxy.addr()).unwrap();
    assert_eq!(wait_for(&proxy, "clients_refused", 1.0), 1.0);
    echo(&a, &proxy, &target, b"still here");
}

#[test]
fn an_idle_client_is_forgotten_and_comes_back_by_another_port() {
    let target = socket("127.0.0.1:0");
    let config = ProxyConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        target: target.local_addr().unwrap(),
        link: LinkPair::default(),
        max_clients: 1,
    };
    let proxy = Proxy::start_with(config, 50_000).unwrap();
    let client = socket("127.0.0.1:0");
    let (_, before) = echo(&client, &proxy, &target, b"here");
    wait_for(&proxy, "clients_expired", 1.0);
    assert_eq!(wait_for(&proxy, "up_packets_out", 1.0), 1.0, "its counts stay");
    let (_, after) = echo(&client, &proxy, &target, b"again");
    assert_ne!(before, after);
}

#[test]
fn rebinding_changes_the_port_that_the_target_sees() {
    let target = socket("127.0.0.1:0");
    let link = LinkPair { rebind_every_ms: 20, ..LinkPair::default() };
    let proxy = start("127.0.0.1:0", &target, link, 8);
    let client = socket("127.0.0.1:0");
    let mut buffer = [0; 64];
    let mut ports = std::collections::BTreeSet::new();
    let end = Instant::now() + PATIENCE;
    while ports.len() < 3 {
        assert!(Instant::now() < end, "only {ports:?}");
        client.send_to(b"x", proxy.addr()).unwrap();
        ports.insert(target.recv_from(&mut buffer).unwrap().1.port());
    }
    assert!(wait_for(&proxy, "rebinds", 2.0) >= 2.0);
}

#[test]
fn a_taken_port_is_a_typed_error_and_dropping_the_proxy_frees_its_own() {
    let target = socket("127.0.0.1:0");
    let proxy = start("127.0.0.1:0", &target, LinkPair::default(), 8);
    let addr = proxy.addr();
    let config = ProxyConfig { listen: addr, target: addr, link: LinkPair::default(), max_clients: 1 };
    let error = Proxy::start(config.clone()).err().unwrap();
    assert_eq!((error.code, error.address), ("bind_failed", Some(addr.ip())));
    drop(proxy);
    assert!(Proxy::start(config).is_ok());
}
