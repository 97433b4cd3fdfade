//! The golden vectors of codec/vectors as seeds.

use serde_json::Value;
use std::path::Path;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

/// Every `hex` and `uplink` of a file's cases.
pub fn hexes(file: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../codec/vectors/{file}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let mut found = Vec::new();
    for case in file["cases"].as_array().into_iter().flatten() {
        found.extend(case["hex"].as_str().map(unhex));
        for step in case["steps"].as_array().into_iter().flatten() {
            found.extend(step["uplink"].as_str().map(unhex));
        }
    }
    found
}
