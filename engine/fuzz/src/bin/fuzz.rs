//! All targets under libFuzzer; HAYATE_FUZZ_TARGET names the one that runs.
#![no_main]

use hayate_fuzz::Target;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static TARGET: OnceLock<&Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("HAYATE_FUZZ_TARGET").unwrap_or_default();
        hayate_fuzz::target(&name).unwrap_or_else(|| panic!("HAYATE_FUZZ_TARGET names no target: {name:?}"))
    });
    (target.run)(data);
});
