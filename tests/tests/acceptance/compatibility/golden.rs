//! The golden files of earlier commits stay as they are, byte for byte. More may be added.
//!
//! What they mean is tested beside the code that reads them.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::text_of;

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn every_recorded_golden_file_is_there_and_unchanged() {
    let recorded = text_of("golden.sha256");
    let mut changed = Vec::new();
    for line in recorded.lines() {
        let (expected, path) = line.split_once("  ").unwrap();
        match std::fs::read(workspace().join(path)) {
            Ok(bytes) if sum(&bytes) == expected => {}
            Ok(_) => changed.push(format!("{path} has changed")),
            Err(error) => changed.push(format!("{path}: {error}")),
        }
    }
    assert!(recorded.lines().count() > 30);
    assert_eq!(changed, [""; 0]);
}

#[test]
fn every_recorded_fingerprint_of_a_fold_is_there_and_unchanged() {
    let path = workspace().join("tests/fixtures/golden_histories/fingerprints.tsv");
    let kept = std::fs::read_to_string(path).unwrap();
    let kept: Vec<&str> = kept.lines().collect();
    let recorded = text_of("fingerprints.tsv");
    let gone: Vec<&str> = recorded.lines().filter(|line| !kept.contains(line)).collect();
    assert_eq!(gone, [""; 0]);
}
