//! Checks a proof against an exported log: both views are folded from the file alone, without a database and without
//! keys.
//!
//! Sealed fields are left out of the comparison unless keys are given. Nothing here trusts the file: it has been
//! verified before, and only the result of its events counts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Seek};

use chrono::NaiveDate;
use daybook_domain::{KeyId, ReadModel};
use daybook_event_log::portable::Verified;
use daybook_event_log::{Position, RecordedEvent, Revision, StreamName};
use daybook_vault::Decryptor;
use serde::Serialize;

use super::days::Days;
use super::proof::{Proof, ProofDay, ProofError, ProofView, proof_days};
use super::row_comparison::RowDigests;
use crate::control::ids::Generation;
use crate::projection::change::{DecodedEvent, Interpreter};
use crate::projection::histories::Histories;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// Events between two progress reports, at which other tasks also get a turn.
const EVENTS_BETWEEN_LOOKS: u64 = 512;

/// The result of checking a proof against a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The proof's position, in the log from which it was made.
    pub position: Position,
    /// Events that the proof covers, counted from the first.
    pub events: u64,
    /// Covered events that the exported log lacks.
    pub missing_events: u64,
    /// The result for each generation of the proof.
    pub views: Vec<CheckedView>,
}

/// The result for one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedView {
    pub generation: Generation,
    /// Its reservations according to the log.
    pub reservations: u64,
    /// Days with a reservation in the proof or in the log.
    pub days_compared: u64,
    /// Days on which unsealed fields differ.
    pub differing_days: Days,
    /// The result with keys; none without.
    pub details: Option<CheckedDetails>,
}

/// The result with keys for one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedDetails {
    /// Days on which any field differs, except the untold days.
    pub differing_days: Days,
    /// Days of patients who were forgotten after the proof was made. Their former details can no longer be checked.
    pub untold_days: Days,
}

impl Checked {
    /// Whether the log matches the proof.
    pub fn agrees(&self) -> bool {
        let details =
            |view: &CheckedView| view.details.as_ref().is_none_or(|found| found.differing_days.is_empty());
        self.missing_events == 0
            && self.views.iter().all(|view| view.differing_days.is_empty() && details(view))
    }
}

/// Folds the events that a proof covers from an exported log, and compares both views day by day: all fields with keys,
/// only unsealed fields without.
///
/// # Errors
/// The file cannot be read again, or contains an event that cannot be folded.
pub async fn check_proof<R: BufRead + Seek>(
    proof: &Proof,
    log: Verified<R>,
    keys: Option<Decryptor>,
    decode_change: &dyn Fn(u64),
) -> Result<Checked, ProofError> {
    let has_keys = keys.is_some();
    let mut replay = ProofReplay::with(keys.unwrap_or_else(Decryptor::without_keys));
    let mut taken = 0;
    let discarded: BTreeSet<(&StreamName, Revision)> =
        proof.discarded.iter().map(|place| (&place.stream, place.revision)).collect();
    // Read to the end although only the first events count, so that a change of the file meanwhile is noticed.
    for event in log.events()? {
        let event = event?;
        if taken == proof.events {
            continue;
        }
        if !discarded.contains(&(&event.stream, event.revision)) {
            replay.take(&event)?;
        }
        taken += 1;
        if taken.is_multiple_of(EVENTS_BETWEEN_LOOKS) {
            decode_change(taken);
            tokio::task::yield_now().await;
        }
    }
    let untold = has_keys.then(|| replay.untold_days());
    let views = proof.views.iter().map(|view| check_view(view, &replay.histories, untold.as_ref()));
    Ok(Checked {
        position: proof.position,
        events: proof.events,
        missing_events: proof.events - taken,
        views: views.collect(),
    })
}

/// The events replayed so far.
struct ProofReplay {
    interpreter: Interpreter,
    histories: Histories,
    decryptor: Decryptor,
    /// Destroyed keys, each with a day on which it sealed something.
    destroyed: BTreeSet<(KeyId, NaiveDate)>,
}

impl ProofReplay {
    fn with(decryptor: Decryptor) -> Self {
        let (interpreter, histories) = (Interpreter::default(), Histories::default());
        Self { interpreter, histories, decryptor, destroyed: BTreeSet::new() }
    }

    fn take(&mut self, event: &RecordedEvent) -> Result<(), ProofError> {
        let decoded = DecodedEvent::read(event);
        let key = decoded.key().filter(|key| self.decryptor.is_destroyed(*key));
        self.destroyed.extend(key.zip(event.stream.page_date()));
        let change = self.interpreter.decode_change(decoded, &self.decryptor).map_err(ProofError::Event)?;
        self.histories.apply(change);
        Ok(())
    }

    /// Days whose sealed data belongs to keys that were destroyed by an event outside the replay.
    fn untold_days(&self) -> BTreeSet<NaiveDate> {
        let since = self.destroyed.iter().filter(|(key, _)| !self.interpreter.has_forgotten(*key));
        since.map(|(_, date)| *date).collect()
    }
}

fn check_view(view: &ProofView, histories: &Histories, untold: Option<&BTreeSet<NaiveDate>>) -> CheckedView {
    let row_digests = match view.generation.model {
        ReadModel::Legacy => row_digests::<LegacyRow>(histories),
        ReadModel::Dynamic => row_digests::<DynamicRow>(histories),
    };
    let days = proof_days(&row_digests.days, &row_digests.unsealed);
    let all: BTreeSet<NaiveDate> = view.days.keys().chain(days.keys()).copied().collect();
    let details = untold.map(|untold| CheckedDetails {
        differing_days: differing(&all, &view.days, &days, |day| (day.reservations, day.digest), untold),
        untold_days: Days::from_dates(untold.iter().copied()),
    });
    CheckedView {
        generation: view.generation,
        reservations: days.values().map(|day| day.reservations).sum(),
        days_compared: all.len() as u64,
        differing_days: differing(
            &all,
            &view.days,
            &days,
            |day| (day.reservations, day.unsealed),
            &BTreeSet::new(),
        ),
        details,
    }
}

fn row_digests<R: ReservationRow>(histories: &Histories) -> RowDigests {
    let mut row_digests = RowDigests::default();
    for row in histories.rows::<R>() {
        row_digests.add(&row.canonical(histories.reference()));
    }
    row_digests
}

/// Days on which a part of the day's digests differs, except some days.
fn differing<T: PartialEq>(
    all: &BTreeSet<NaiveDate>,
    proven: &BTreeMap<NaiveDate, ProofDay>,
    found: &BTreeMap<NaiveDate, ProofDay>,
    part: impl Fn(&ProofDay) -> T,
    but: &BTreeSet<NaiveDate>,
) -> Days {
    let differs = |day: &&NaiveDate| proven.get(day).map(&part) != found.get(day).map(&part);
    Days::from_dates(all.iter().filter(differs).filter(|day| !but.contains(day)).copied())
}
