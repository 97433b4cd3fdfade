use super::*;

fn packet(n: u32, bytes: usize) -> LinkPacket {
    let mut data = vec![0; bytes.max(4)];
    data[..4].copy_from_slice(&n.to_be_bytes());
    LinkPacket { peer: ([127, 0, 0, 1], 9).into(), local: None, ecn: None, data }
}

/// Sends `count` packets `gap_us` apart; (number, sent, arrived) of each arrival in order.
fn run(profile: &LinkProfile, count: u32, gap_us: u64, bytes: usize) -> (Vec<(u32, u64, u64)>, LinkStats) {
    let mut link = Link::new(profile);
    let mut arrivals = Vec::new();
    let start = 1_000_000;
    let mut drain = |link: &mut Link, until: u64| {
        while let Some(due) = link.next_deadline_us().filter(|due| *due <= until) {
            let packet = link.poll(due).expect("due");
            let n = u32::from_be_bytes(packet.data[..4].try_into().unwrap());
            arrivals.push((n, start + u64::from(n) * gap_us, due));
        }
    };
    for n in 0..count {
        let now = start + u64::from(n) * gap_us;
        drain(&mut link, now);
        link.offer(now, packet(n, bytes));
    }
    drain(&mut link, u64::MAX);
    (arrivals, link.stats())
}

fn mean_delay_ms(arrivals: &[(u32, u64, u64)]) -> f64 {
    arrivals.iter().map(|a| (a.2 - a.1) as f64).sum::<f64>() / arrivals.len() as f64 / 1000.0
}

#[test]
fn an_empty_profile_passes_everything_at_once() {
    let (arrivals, stats) = run(&LinkProfile::default(), 1000, 10, 100);
    assert!(arrivals.iter().enumerate().all(|(i, a)| a.0 as usize == i && a.1 == a.2));
    assert_eq!((stats.delivered, stats.waiting, stats.lost), (1000, 0, 0));
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let profile = LinkProfile {
        delay_ms: 20.0,
        jitter_ms: 8.0,
        loss: 0.05,
        burst_good_ms: 200.0,
        burst_bad_ms: 20.0,
        rate_kbps: 2000.0,
        reorder: 0.01,
        duplicate: 0.01,
        seed: 7,
        ..LinkProfile::default()
    };
    let first = run(&profile, 5000, 2000, 120);
    assert_eq!(first, run(&profile, 5000, 2000, 120));
    assert_ne!(first.0, run(&LinkProfile { seed: 8, ..profile }, 5000, 2000, 120).0);
}

#[test]
fn delay_and_jitter_have_the_mean_and_range_asked_for() {
    let profile = LinkProfile { delay_ms: 35.0, jitter_ms: 5.0, seed: 1, ..LinkProfile::default() };
    let (arrivals, _) = run(&profile, 20_000, 20_000, 100);
    let mean = mean_delay_ms(&arrivals);
    assert!((mean - 35.0).abs() < 0.1, "mean {mean}");
    let delays: Vec<u64> = arrivals.iter().map(|a| a.2 - a.1).collect();
    assert!(delays.iter().all(|d| (30_000..=40_000).contains(d)));
    assert!(delays.iter().any(|d| *d < 30_200) && delays.iter().any(|d| *d > 39_800));
}

#[test]
fn jitter_alone_never_reorders() {
    let profile = LinkProfile { delay_ms: 30.0, jitter_ms: 30.0, seed: 2, ..LinkProfile::default() };
    let (arrivals, _) = run(&profile, 20_000, 1000, 100);
    assert!(arrivals.windows(2).all(|w| w[0].0 < w[1].0));
}

#[test]
fn reorder_lets_its_share_overtake() {
    let profile = LinkProfile { delay_ms: 30.0, reorder: 0.05, seed: 3, ..LinkProfile::default() };
    let (arrivals, stats) = run(&profile, 20_000, 5000, 100);
    let early = arrivals.iter().filter(|a| a.2 == a.1).count();
    assert!((900..1100).contains(&early), "{early}");
    assert_eq!(stats.reordered, early as u64);
    assert!(arrivals.windows(2).any(|w| w[0].0 > w[1].0));
}

#[test]
fn independent_loss_has_its_rate_and_no_runs_beyond_chance() {
    let profile = LinkProfile { loss: 0.02, seed: 4, ..LinkProfile::default() };
    let (arrivals, stats) = run(&profile, 100_000, 1000, 100);
    let rate = stats.lost as f64 / 100_000.0;
    assert!((rate - 0.02).abs() < 0.0015, "rate {rate}");
    assert_eq!(arrivals.len() as u64 + stats.lost, 100_000);
    let runs = arrivals.windows(2).filter(|w| w[1].0 - w[0].0 > 1).count() as f64;
    let mean_run = stats.lost as f64 / runs;
    assert!((mean_run - 1.0 / 0.98).abs() < 0.02, "mean run {mean_run}");
}

#[test]
fn bursts_have_the_mean_length_and_share_asked_for_whatever_the_packet_rate() {
    let profile = LinkProfile { burst_good_ms: 285.0, burst_bad_ms: 15.0, seed: 5, ..LinkProfile::default() };
    for gap_us in [500, 1000] {
        let count = 1_000_000;
        let (arrivals, stats) = run(&profile, count, gap_us, 20);
        let share = stats.burst_lost as f64 / f64::from(count);
        assert!((share - 0.05).abs() < 0.005, "share {share}");
        let gaps: Vec<f64> = arrivals
            .windows(2)
            .filter(|w| w[1].0 - w[0].0 > 1)
            .map(|w| (f64::from(w[1].0 - w[0].0) - 1.0) * gap_us as f64 / 1000.0)
            .collect();
        // A burst is seen only when a packet falls into it; the rest of an exponential is as long as the whole.
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((mean - 15.0).abs() < 1.5, "mean burst {mean} ms of {}", gaps.len());
        let long = gaps.iter().filter(|gap| **gap > 30.0).count() as f64 / gaps.len() as f64;
        assert!((long - (-2.0f64).exp()).abs() < 0.03, "share over twice the mean {long}");
    }
}

#[test]
fn outages_come_by_the_clock_and_lose_all() {
    let profile = LinkProfile { outage_every_ms: 400.0, outage_for_ms: 100.0, ..LinkProfile::default() };
    let (arrivals, stats) = run(&profile, 1200, 1000, 20);
    assert_eq!(stats.burst_lost, 300);
    assert!(arrivals.iter().all(|a| a.1 / 1000 % 400 >= 100));
}

#[test]
fn a_long_silence_costs_no_steps_and_keeps_the_share() {
    let profile = LinkProfile { burst_good_ms: 0.01, burst_bad_ms: 0.01, seed: 6, ..LinkProfile::default() };
    let mut link = Link::new(&profile);
    for n in 0..2000u64 {
        link.offer(n * 3_600_000_000, packet(0, 4));
        link.poll(n * 3_600_000_000);
    }
    let lost = link.stats().burst_lost;
    assert!((900..1100).contains(&lost), "{lost}");
}

#[test]
fn the_rate_limit_paces_and_its_queue_is_bounded_in_time() {
    // 1000 kbit/s and 125-byte packets: one each ms. Twice that is offered.
    let profile = LinkProfile { rate_kbps: 1000.0, queue_ms: 50.0, ..LinkProfile::default() };
    let (arrivals, stats) = run(&profile, 20_000, 500, 125);
    let spacing = (arrivals[arrivals.len() - 1].2 - arrivals[0].2) as f64 / (arrivals.len() - 1) as f64;
    assert!((spacing - 1000.0).abs() < 1.0, "{spacing}");
    let worst = arrivals.iter().map(|a| a.2 - a.1).max().unwrap();
    assert!((49_000..=52_000).contains(&worst), "{worst}");
    assert!((stats.queue_full as f64 / 20_000.0 - 0.5).abs() < 0.01, "{}", stats.queue_full);
}

#[test]
fn duplicates_come_after_their_original_at_their_rate() {
    let profile = LinkProfile { delay_ms: 10.0, duplicate: 0.1, seed: 9, ..LinkProfile::default() };
    let (arrivals, stats) = run(&profile, 20_000, 1000, 100);
    assert!((stats.duplicated as f64 / 20_000.0 - 0.1).abs() < 0.01);
    assert_eq!(arrivals.len() as u64, 20_000 + stats.duplicated);
}

#[test]
fn memory_is_bounded() {
    let mut link = Link::new(&LinkProfile { delay_ms: 1000.0, duplicate: 1.0, ..LinkProfile::default() });
    for n in 0..10_000 {
        link.offer(0, packet(n, 4));
    }
    let stats = link.stats();
    assert_eq!(stats.waiting, MAX_PACKETS as u64);
    assert_eq!(stats.offered + stats.duplicated, stats.waiting + stats.queue_full);
}

#[test]
fn odd_values_and_a_clock_that_steps_back_do_no_harm() {
    let odd = LinkProfile {
        delay_ms: f64::NAN,
        jitter_ms: -3.0,
        loss: f64::NAN,
        rate_kbps: f64::NAN,
        duplicate: 7.0,
        ..LinkProfile::default()
    };
    let mut link = Link::new(&odd);
    link.offer(5_000, packet(0, 10));
    link.offer(1_000, packet(1, 10));
    assert_eq!((0..9).filter_map(|_| link.poll(0)).count(), 4);
    assert_eq!(link.next_deadline_us(), None);
}
