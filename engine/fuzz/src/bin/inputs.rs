//! `hayate-fuzz-inputs list` prints the targets as JSON, `seeds TARGET FOLDER` writes what a run begins with, and
//! `blind TARGET COUNT SEED` runs so many mutated seeds without looking at coverage: what the negative control is held against.

use hayate_fuzz::random::Random;
use hayate_fuzz::{target, TARGETS};
use std::path::Path;

fn seeds(name: &str, folder: &str) -> Result<String, String> {
    let target = target(name).ok_or("no such target")?;
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let seeds = (target.seeds)();
    for (at, seed) in seeds.iter().enumerate() {
        std::fs::write(Path::new(folder).join(format!("seed-{at:03}")), seed).map_err(|error| error.to_string())?;
    }
    Ok(format!("{{\"seeds\":{}}}", seeds.len()))
}

fn blind(name: &str, count: &str, seed: &str) -> Result<String, String> {
    let target = target(name).ok_or("no such target")?;
    let count: u64 = count.parse().map_err(|_| "COUNT is no number")?;
    let mut random = Random::new(seed.parse().map_err(|_| "SEED is no number")?);
    let seeds = (target.seeds)();
    let mut found = 0u64;
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..count {
        let mut data = seeds[random.below(seeds.len())].clone();
        random.mutate(&mut data, target.max_bytes);
        found += u64::from(std::panic::catch_unwind(|| (target.run)(&data)).is_err());
    }
    Ok(format!("{{\"inputs\":{count},\"found\":{found}}}"))
}

fn list() -> String {
    let each =
        TARGETS.iter().map(|target| format!("{{\"name\":\"{}\",\"maxBytes\":{}}}", target.name, target.max_bytes));
    format!("[{}]", each.collect::<Vec<_>>().join(","))
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["list"] => Ok(list()),
        ["seeds", name, folder] => seeds(name, folder),
        ["blind", name, count, seed] => blind(name, count, seed),
        _ => Err("usage: list | seeds TARGET FOLDER | blind TARGET COUNT SEED".into()),
    };
    match done {
        Ok(text) => println!("{text}"),
        Err(text) => {
            eprintln!("{text}");
            std::process::exit(2);
        }
    }
}
