//! A proof: the contents of two views at a position, day by day. Anybody with the log can recompute it.
//!
//! It contains numbers, dates and digests, no reservation data. A digest does not hide data perfectly: somebody who
//! guesses a whole reservation can confirm the guess with the day's full digest. So a proof needs the same protection
//! as the log.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_event_log::Position;
use daybook_event_log::portable::FileError;
use serde::{Deserialize, Serialize};

use super::row_comparison::RowDigests;
use super::verdict::Verdict;
use crate::control::error::ViewError;
use crate::control::ids::{EventPlace, FOLD_VERSION, Generation};
use crate::projection::canonical::Digest;
use crate::projection::day_digests::{DayDigest, DayDigests, reservations, total};

/// The format version that this release writes, and the only one that it reads.
const FORM_VERSION: u32 = 1;

/// The contents of two generations at a position. The field names are the file format and never change within a
/// version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Identifies the document; its value is the format version.
    daybook_proof: u32,
    rules_version: u32,
    /// The position in the log from which it was made. An export has no positions.
    pub position: Position,
    /// Events in the log up to that position.
    pub events: u64,
    /// Discarded events, which no view applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<EventPlace>,
    /// The contents of each generation.
    pub views: Vec<ProofView>,
}

/// The contents of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct ProofView {
    pub generation: Generation,
    pub reservations: u64,
    /// Digest of all its reservations: the sum of the days' digests.
    pub digest: Digest,
    pub days: BTreeMap<NaiveDate, ProofDay>,
}

/// The contents of a generation on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofDay {
    pub reservations: u64,
    /// Sum of the reservations' hashes.
    pub digest: Digest,
    /// Sum of the hashes of the unsealed fields, which can be computed without a key.
    pub unsealed: Digest,
}

/// Why a proof cannot be checked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub enum ProofError {
    /// The document is not a proof.
    #[error("this is not a proof written by `daybook projection verify --proof`, or it was changed")]
    NotAProof,
    /// The format is newer than this release.
    #[error(
        "the proof has format {version}, but this release reads format {FORM_VERSION}; use the release that wrote it"
    )]
    NewerForm { version: u32 },
    /// The fold version is another.
    #[error(
        "the proof was made with fold version {version}, but this release has version {FOLD_VERSION}; check it with the \
         release that wrote it, or make a new one with `daybook projection verify --proof`"
    )]
    OtherRules { version: u32 },
    /// The exported log is damaged.
    #[error("the exported log cannot be used")]
    Log(#[from] FileError),
    /// An event of the export cannot be folded. Positions in an export count from 1.
    #[error("an event of the exported log cannot be folded")]
    Event(#[source] ViewError),
}

/// The part that all format versions share.
#[derive(Deserialize)]
struct Header {
    daybook_proof: u32,
}

impl Proof {
    pub(super) fn new(
        verdict: &Verdict,
        events: u64,
        discarded: Vec<EventPlace>,
        row_digests: &[RowDigests; 2],
    ) -> Self {
        let views = verdict.generations.iter().zip(row_digests).map(|(generation, row_digests)| ProofView {
            generation: *generation,
            reservations: reservations(&row_digests.days),
            digest: total(&row_digests.days),
            days: proof_days(&row_digests.days, &row_digests.unsealed),
        });
        Self {
            daybook_proof: FORM_VERSION,
            rules_version: FOLD_VERSION,
            position: verdict.position,
            events,
            discarded,
            views: views.collect(),
        }
    }

    /// Parses a document and checks that this release supports it.
    ///
    /// # Errors
    /// [`ProofError`] with the reason.
    pub fn read(json: &[u8]) -> Result<Self, ProofError> {
        let header: Header = serde_json::from_slice(json).map_err(|_| ProofError::NotAProof)?;
        if header.daybook_proof > FORM_VERSION {
            return Err(ProofError::NewerForm { version: header.daybook_proof });
        }
        let proof: Self = serde_json::from_slice(json).map_err(|_| ProofError::NotAProof)?;
        match proof.rules_version {
            FOLD_VERSION if proof.views.iter().all(ProofView::adds_up) => Ok(proof),
            FOLD_VERSION => Err(ProofError::NotAProof),
            version => Err(ProofError::OtherRules { version }),
        }
    }
}

impl ProofView {
    fn adds_up(&self) -> bool {
        let days = self.days.values();
        let reservations = days.clone().fold(0u64, |sum, day| sum.saturating_add(day.reservations));
        let digest = days.fold(Digest::EMPTY, |sum, day| sum.with(day.digest));
        (reservations, digest) == (self.reservations, self.digest)
    }
}

/// A view's days from both kinds of digests.
pub(super) fn proof_days(full: &DayDigests, unsealed: &DayDigests) -> BTreeMap<NaiveDate, ProofDay> {
    let days = full.iter().map(|(date, day)| {
        let DayDigest { reservations, digest } = *day;
        let unsealed = unsealed.get(date).map_or(Digest::EMPTY, |day| day.digest);
        (*date, ProofDay { reservations: reservations.unsigned_abs(), digest, unsealed })
    });
    days.collect()
}
