//! A proof: what two views held at a position, day by day, so that anybody who has the log can reckon it anew.
//!
//! It holds numbers, dates and digests and nothing of what a reservation says. A digest is no seal, though: who guesses all
//! of a reservation rightly can tell by a day's full digest that it was right. So a proof is to be kept as the log is.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_event_log::Position;
use daybook_event_log::portable::FileError;
use serde::{Deserialize, Serialize};

use super::recount::Tally;
use super::verdict::Verdict;
use crate::control::error::ViewError;
use crate::control::ids::{FOLD_VERSION, Generation, Place};
use crate::projection::canonical::Digest;
use crate::projection::day_digests::{DayDigest, DayDigests, reservations, total};

/// Version of the form that this release writes, and the only one that it reads.
const FORM_VERSION: u32 = 1;

/// What two generations held at a position. Field names are the format: they never change within a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// What the document is, and the version of its form.
    daybook_proof: u32,
    /// Version of the rules by which events are folded and rows are reduced.
    rules_version: u32,
    /// The position in the log that it was made of. An export has no positions.
    pub position: Position,
    /// Events that the log holds up to there.
    pub events: u64,
    /// Events that every view leaves out because somebody decided so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<Place>,
    /// What each generation held.
    pub views: Vec<ProofView>,
}

/// What a generation held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofView {
    /// Which.
    pub generation: Generation,
    /// Its reservations.
    pub reservations: u64,
    /// Digest of all their facts: the sum of those of the days.
    pub digest: Digest,
    /// By day.
    pub days: BTreeMap<NaiveDate, ProofDay>,
}

/// What a generation held of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofDay {
    /// Reservations.
    pub reservations: u64,
    /// Sum of the hashes of all that they say.
    pub digest: Digest,
    /// Sum of the hashes of what is not sealed of it, which takes no key to reckon.
    pub unsealed: Digest,
}

/// Why a proof cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The document is none.
    #[error("this is no proof that `daybook projection verify --proof` has written, or it was changed")]
    NotAProof,
    /// Its form is newer.
    #[error("the proof has form {version}, this release reads {FORM_VERSION}; use the release that wrote it")]
    NewerForm {
        /// The version that it names.
        version: u32,
    },
    /// It was made by other rules.
    #[error(
        "the proof was made by version {version} of the rules, this release folds by {FOLD_VERSION}; check it with the \
         release that wrote it, or make a new one with `daybook projection verify --proof`"
    )]
    OtherRules {
        /// The version that it names.
        version: u32,
    },
    /// The export is not sound.
    #[error("the exported log cannot be used")]
    Log(#[from] FileError),
    /// An event of the export cannot be folded. Positions in an export are counted from 1.
    #[error("an event of the exported log cannot be folded")]
    Event(#[source] ViewError),
}

/// As far as every form has it.
#[derive(Deserialize)]
struct Header {
    daybook_proof: u32,
}

impl Proof {
    pub(super) fn of(verdict: &Verdict, events: u64, discarded: Vec<Place>, tallies: &[Tally; 2]) -> Self {
        let views = verdict.generations.iter().zip(tallies).map(|(generation, tally)| ProofView {
            generation: *generation,
            reservations: reservations(&tally.days),
            digest: total(&tally.days),
            days: proof_days(&tally.days, &tally.unsealed),
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

    /// Reads a document, and makes sure that this release can check it.
    ///
    /// # Errors
    /// Why it cannot.
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

/// The days of a view from both kinds of its digests.
pub(super) fn proof_days(full: &DayDigests, unsealed: &DayDigests) -> BTreeMap<NaiveDate, ProofDay> {
    let days = full.iter().map(|(date, day)| {
        let DayDigest { reservations, digest } = *day;
        let unsealed = unsealed.get(date).map_or(Digest::EMPTY, |day| day.digest);
        (*date, ProofDay { reservations: reservations.unsigned_abs(), digest, unsealed })
    });
    days.collect()
}
