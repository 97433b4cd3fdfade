//! The floor under a fan-out: what the kernel alone costs to send so many small datagrams, by raw sendmmsg over
//! loopback to receivers that drain. `floor --bytes N --packets N --sockets N --json`.

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::{size_of, zeroed};
    use std::net::{Ipv4Addr, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    const BATCH: usize = 64;
    const LONGEST: Duration = Duration::from_secs(10);
    /// Packets in flight before the sender waits: the receivers' buffers hold them, so that none is dropped.
    const IN_FLIGHT: u64 = 512;

    pub struct Options {
        pub bytes: usize,
        pub packets: u64,
        pub sockets: usize,
    }

    pub struct Measured {
        pub us_per_packet: f64,
        pub sent: u64,
        pub received: u64,
    }

    fn thread_cpu() -> Duration {
        // SAFETY: `now` is a valid timespec for the call to fill.
        let now = unsafe {
            let mut now: libc::timespec = zeroed();
            libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now);
            now
        };
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    }

    /// Best effort: an unpinned thread measures as well, only less steadily.
    fn pin(core: usize) {
        // SAFETY: the set is plain data, sized as told, and belongs to the calling thread.
        unsafe {
            let mut set: libc::cpu_set_t = zeroed();
            libc::CPU_SET(core, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
        }
    }

    fn drain(sockets: Vec<UdpSocket>, received: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
        let mut buffer = [0u8; 2048];
        while !stop.load(Ordering::Relaxed) {
            let mut idle = true;
            for socket in &sockets {
                while socket.recv(&mut buffer).is_ok() {
                    received.fetch_add(1, Ordering::Relaxed);
                    idle = false;
                }
            }
            if idle {
                std::thread::yield_now();
            }
        }
    }

    fn send_all(options: &Options, socket: &UdpSocket, ports: &[u16], received: &AtomicU64) -> (Duration, u64) {
        let payload = vec![0x5au8; options.bytes];
        let mut vectors: Vec<libc::iovec> =
            (0..BATCH).map(|_| libc::iovec { iov_base: payload.as_ptr() as *mut _, iov_len: payload.len() }).collect();
        // SAFETY: all-zero is a valid sockaddr_in and mmsghdr.
        let mut addresses: Vec<libc::sockaddr_in> = vec![unsafe { zeroed() }; BATCH];
        let mut messages: Vec<libc::mmsghdr> = vec![unsafe { zeroed() }; BATCH];
        for i in 0..BATCH {
            addresses[i].sin_family = libc::AF_INET as _;
            addresses[i].sin_addr.s_addr = u32::from(Ipv4Addr::LOCALHOST).to_be();
            let header = &mut messages[i].msg_hdr;
            header.msg_name = std::ptr::from_mut(&mut addresses[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as _;
            header.msg_iov = &mut vectors[i];
            header.msg_iovlen = 1;
        }
        let end = Instant::now() + LONGEST;
        let (mut sent, mut cpu, mut next) = (0u64, Duration::ZERO, 0);
        while sent < options.packets && Instant::now() < end {
            if sent.saturating_sub(received.load(Ordering::Relaxed)) > IN_FLIGHT {
                std::thread::yield_now();
                continue;
            }
            let count = BATCH.min((options.packets - sent) as usize);
            for address in &mut addresses[..count] {
                address.sin_port = ports[next].to_be();
                next = (next + 1) % ports.len();
            }
            let before = thread_cpu();
            // SAFETY: `count` headers are filled in; what they point at outlives the call.
            let done = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count as _, 0) };
            cpu += thread_cpu() - before;
            sent += done.max(0) as u64;
        }
        (cpu, sent)
    }

    pub fn measure(options: &Options) -> std::io::Result<Measured> {
        let mut receivers = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..options.sockets {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            ports.push(socket.local_addr()?.port());
            receivers.push(socket);
        }
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sender.set_nonblocking(true)?;
        let two_cores = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let received = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let drainer = {
            let (received, stop) = (received.clone(), stop.clone());
            std::thread::spawn(move || {
                if two_cores {
                    pin(1);
                }
                drain(receivers, received, stop);
            })
        };
        if two_cores {
            pin(0);
        }
        let (cpu, sent) = send_all(options, &sender, &ports, &received);
        let patience = Instant::now() + Duration::from_secs(1);
        while received.load(Ordering::Relaxed) < sent && Instant::now() < patience {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        let _ = drainer.join();
        Ok(Measured {
            us_per_packet: cpu.as_secs_f64() * 1e6 / sent.max(1) as f64,
            sent,
            received: received.load(Ordering::Relaxed),
        })
    }

    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<(Options, bool), String> {
        let (mut options, mut json) = (Options { bytes: 170, packets: 500_000, sockets: 200 }, false);
        while let Some(name) = args.next() {
            if name == "--json" {
                json = true;
                continue;
            }
            let value = args.next().and_then(|value| value.parse::<u64>().ok());
            let value = value.ok_or_else(|| format!("{name} needs a number"))?;
            match name.as_str() {
                "--bytes" if (1..=1472).contains(&value) => options.bytes = value as usize,
                "--packets" if value > 0 => options.packets = value,
                "--sockets" if (1..=4096).contains(&value) => options.sockets = value as usize,
                _ => return Err(format!("unknown or out of range: {name} {value}")),
            }
        }
        Ok((options, json))
    }
}

#[cfg(target_os = "linux")]
fn main() {
    let (options, json) = linux::parse(std::env::args().skip(1)).unwrap_or_else(|problem| {
        eprintln!("{problem}\nusage: floor [--bytes N] [--packets N] [--sockets N] [--json]");
        std::process::exit(2);
    });
    let measured = linux::measure(&options).unwrap_or_else(|error| {
        eprintln!("floor: {error}");
        std::process::exit(1);
    });
    let linux::Measured { us_per_packet, sent, received } = measured;
    let bytes = options.bytes;
    if json {
        println!(
            "{{\"floor_us_per_packet\":{us_per_packet:.3},\"packets\":{sent},\"bytes\":{bytes},\"received\":{received}}}"
        );
    } else {
        println!("{us_per_packet:.3} us a packet of {bytes} bytes, {sent} sent, {received} received");
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("floor: sendmmsg is Linux only");
    std::process::exit(2);
}
