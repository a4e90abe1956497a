//! The manifest of a backup: its log and position, digests of the views, and a checksum of each file.
//!
//! It must never contain a key, a patient's detail, or a path of the machine that made it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Utc};
use daybook_event_log::Position;
use daybook_projections::ViewSummary;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::wiring::LogIdentity;

/// Name of the file.
pub(in crate::cli) const MANIFEST_FILE: &str = "manifest.json";

/// Version of the format that this release reads and writes.
const FORM_VERSION: u32 = 1;

/// Bytes that are read at once to sum a file up.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A manifest is no larger than this: it holds a few numbers.
const MAX_BYTES: u64 = 1024 * 1024;

/// The contents of a manifest. Field names are storage format: they never change within a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Manifest {
    /// Release that made it.
    pub(in crate::cli) product_version: String,
    /// When it was made, by the clock of the machine.
    pub(in crate::cli) made_at: DateTime<Utc>,
    pub(in crate::cli) log: LogIdentity,
    /// Position of the last event that is in it.
    pub(in crate::cli) head: Position,
    pub(in crate::cli) events: u64,
    /// Keys of patients' details that are in it, wrapped by the master key, which is not.
    pub(in crate::cli) keys: u64,
    /// Version of the rules by which the views were folded.
    pub(in crate::cli) rules_version: u32,
    /// What each view held that served.
    pub(in crate::cli) views: Vec<ViewSummary>,
    pub(in crate::cli) files: Vec<FileSum>,
}

/// A file with its size and checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct FileSum {
    /// Its name in the folder.
    pub(in crate::cli) name: String,
    pub(in crate::cli) bytes: u64,
    /// SHA-256 of all of it, in hexadecimal digits.
    pub(in crate::cli) sha256: String,
}

/// The file: the manifest as written, and its own checksum, so that a changed digit is detected.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    daybook_backup: u32,
    #[serde(borrow)]
    manifest: &'a RawValue,
    sha256: String,
}

/// The part that all versions have.
#[derive(Deserialize)]
struct Header {
    daybook_backup: u32,
}

/// Why a manifest cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum ManifestError {
    /// It is not a manifest, or it was changed.
    #[error("this is not a manifest of `daybook backup`, or it was changed")]
    Changed,
    /// Its version is newer.
    #[error(
        "the manifest has version {0}, but this release reads {FORM_VERSION}. Use the release that wrote it"
    )]
    NewerForm(u32),
}

impl Manifest {
    /// The bytes of the file.
    pub(in crate::cli) fn write(&self) -> serde_json::Result<Vec<u8>> {
        let raw = RawValue::from_string(serde_json::to_string_pretty(self)?)?;
        let sha256 = sum(raw.get().as_bytes());
        let envelope = Envelope { daybook_backup: FORM_VERSION, manifest: &raw, sha256 };
        let mut json = serde_json::to_vec(&envelope)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Parses the file and checks its checksum.
    pub(in crate::cli) fn read(json: &[u8]) -> Result<Self, ManifestError> {
        let changed = |_: serde_json::Error| ManifestError::Changed;
        let header: Header = serde_json::from_slice(json).map_err(changed)?;
        if header.daybook_backup > FORM_VERSION {
            return Err(ManifestError::NewerForm(header.daybook_backup));
        }
        let envelope: Envelope<'_> = serde_json::from_slice(json).map_err(changed)?;
        let is_sound = header.daybook_backup == FORM_VERSION
            && json.ends_with(b"}\n")
            && envelope.sha256 == sum(envelope.manifest.get().as_bytes());
        if !is_sound {
            return Err(ManifestError::Changed);
        }
        serde_json::from_str(envelope.manifest.get()).map_err(changed)
    }

    /// Reads the file of a folder, with the checksum of the file itself.
    pub(in crate::cli) fn load(folder: &Path) -> anyhow::Result<(Self, String)> {
        let mut json = Vec::new();
        let file = File::open(folder.join(MANIFEST_FILE)).with_context(|| {
            format!(
                "`{}` is not a complete backup: its {MANIFEST_FILE}, which is written last, cannot be opened",
                folder.display()
            )
        })?;
        file.take(MAX_BYTES).read_to_end(&mut json).context("the manifest cannot be read")?;
        let manifest = Self::read(&json).with_context(|| format!("`{}`", folder.display()))?;
        Ok((manifest, sum(&json)))
    }
}

impl FileSum {
    /// Reads a file and computes its checksum. Blocks.
    pub(in crate::cli) fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(name);
        let read = || -> std::io::Result<(u64, String)> {
            let mut file = File::open(&path)?;
            let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK_BYTES]);
            loop {
                match file.read(&mut chunk)? {
                    0 => return Ok((bytes, hexadecimal(&hash.finalize()))),
                    read => {
                        hash.update(chunk.get(..read).unwrap_or_default());
                        bytes += read as u64;
                    }
                }
            }
        };
        let (bytes, sha256) = read().with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self { name: name.to_owned(), bytes, sha256 })
    }
}

/// SHA-256 in hexadecimal digits.
pub(in crate::cli) fn sum(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use uuid::Uuid;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            product_version: "1.2.3".to_owned(),
            made_at: DateTime::UNIX_EPOCH,
            log: LogIdentity { kind: "postgres".to_owned(), first_event: Uuid::from_u128(7) },
            head: Position::new(12, 12).unwrap(),
            events: 12,
            keys: 3,
            rules_version: 2,
            views: vec![],
            files: vec![FileSum { name: "log.jsonl".to_owned(), bytes: 3, sha256: sum(b"abc") }],
        }
    }

    #[test]
    fn a_manifest_reads_as_it_was_written() {
        assert_eq!(Manifest::read(&manifest().write().unwrap()), Ok(manifest()));
    }

    #[test]
    fn every_flipped_bit_of_it_is_found() {
        let written = manifest().write().unwrap();
        for at in 0..written.len() {
            for bit in 0..8 {
                let mut changed = written.clone();
                changed[at] ^= 1 << bit;
                assert!(Manifest::read(&changed).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_newer_version_and_half_a_file_are_distinguished() {
        let newer = br#"{"daybook_backup":2,"anything":[]}"#;
        assert_eq!(Manifest::read(newer), Err(ManifestError::NewerForm(2)));
        let written = manifest().write().unwrap();
        assert_eq!(Manifest::read(&written[..written.len() / 2]), Err(ManifestError::Changed));
    }

    #[test]
    fn a_checksum_covers_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), vec![b'x'; CHUNK_BYTES + 1]).unwrap();
        let found = FileSum::read(folder.path(), "a").unwrap();
        assert_eq!((found.bytes, found.sha256), (CHUNK_BYTES as u64 + 1, sum(&vec![b'x'; CHUNK_BYTES + 1])));
        assert!(FileSum::read(folder.path(), "b").is_err());
    }
}
