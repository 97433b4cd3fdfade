//! What `cargo test` runs of the targets: seeds, the kept corpus, and every input that ever broke something.

use hayate_fuzz::random::Random;
use hayate_fuzz::{Target, TARGETS};
use std::path::Path;

/// Blind mutations of each seed: a smoke test of the targets themselves.
const MUTATIONS: usize = 2000;

/// One input a line, in hex; `#` begins a comment.
fn lines(folder: &str, name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{name}.hex"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let hex = |line: &str| -> Vec<u8> {
        assert!(line.len().is_multiple_of(2), "half a byte in {name}: {line}");
        (0..line.len() / 2).map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).expect("hex")).collect()
    };
    text.lines()
        .map(|line| line.split('#').next().unwrap_or("").trim())
        .filter(|line| !line.is_empty())
        .map(hex)
        .collect()
}

fn checked() -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().filter(|target| target.name != "planted")
}

#[test]
fn seeds_and_some_mutations_of_them_pass() {
    for target in checked() {
        let mut random = Random::new(11);
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in &seeds {
            (target.run)(seed);
        }
        for _ in 0..MUTATIONS {
            let mut data = seeds[random.below(seeds.len())].clone();
            random.mutate(&mut data, target.max_bytes);
            (target.run)(&data);
        }
    }
}

#[test]
fn the_kept_corpus_passes() {
    for target in checked() {
        for input in lines("corpus", target.name) {
            (target.run)(&input);
        }
    }
}

#[test]
fn inputs_that_broke_something_pass() {
    for target in checked() {
        for input in lines("crashes", target.name) {
            (target.run)(&input);
        }
    }
}

#[test]
fn the_planted_fault_is_a_fault() {
    let target = hayate_fuzz::target("planted").expect("the target");
    let fault = b"haya\x00\x06\xf1\x00\x00\x00\x00\x69";
    (target.run)(&fault[..11]);
    assert!(std::panic::catch_unwind(|| (target.run)(fault)).is_err());
}
