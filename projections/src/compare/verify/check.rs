//! A proof held against an exported log: both views folded anew from the file alone, without a database and without keys.
//!
//! What is sealed is left out of what is compared, unless keys are given. Nothing here trusts the file: it takes one that was
//! read through and found sound, and only what its events come to counts.

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
use super::recount::Tally;
use crate::control::ids::Generation;
use crate::projection::change::{Decoded, Interpreter};
use crate::projection::histories::Histories;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// So many events are taken between two looks around: progress is told, and whoever waits on the same task gets a turn.
const EVENTS_BETWEEN_LOOKS: u64 = 512;

/// What holding a proof against a log came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Position of the proof, in the log that it was made of.
    pub position: Position,
    /// Events that the proof is about: so many, from the first on.
    pub events: u64,
    /// Those of them that the exported log lacks.
    pub missing_events: u64,
    /// What was found for each generation of the proof.
    pub views: Vec<CheckedView>,
}

/// What was found for one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedView {
    /// Which.
    pub generation: Generation,
    /// Its reservations, by the log.
    pub reservations: u64,
    /// Days that the proof or the log has a reservation on.
    pub days_compared: u64,
    /// Days on which they differ in what is not sealed.
    pub differing_days: Days,
    /// What was found with keys; none without.
    pub details: Option<CheckedDetails>,
}

/// What was found with keys for one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedDetails {
    /// Days on which the proof and the log differ in anything, but for those that cannot be told.
    pub differing_days: Days,
    /// Days of patients who were forgotten since the proof was made: what they said then nobody can tell any more.
    pub untold_days: Days,
}

impl Checked {
    /// Whether the log comes to what the proof says.
    pub fn agrees(&self) -> bool {
        let details =
            |view: &CheckedView| view.details.as_ref().is_none_or(|found| found.differing_days.is_empty());
        self.missing_events == 0
            && self.views.iter().all(|view| view.differing_days.is_empty() && details(view))
    }
}

/// Folds the events that a proof is about out of an exported log, and compares both views day by day: with keys all that they
/// say, without them what is not sealed.
///
/// # Errors
/// When the file cannot be read again, or holds an event that cannot be folded.
pub async fn check_proof<R: BufRead + Seek>(
    proof: &Proof,
    log: Verified<R>,
    keys: Option<Decryptor>,
    tell: &dyn Fn(u64),
) -> Result<Checked, ProofError> {
    let has_keys = keys.is_some();
    let mut gathering = Gathering::with(keys.unwrap_or_else(Decryptor::without_keys));
    let mut taken = 0;
    let discarded: BTreeSet<(&StreamName, Revision)> =
        proof.discarded.iter().map(|place| (&place.stream, place.revision)).collect();
    // To the end, though only the first of them count: so that it shows if the file changes meanwhile.
    for event in log.events()? {
        let event = event?;
        if taken == proof.events {
            continue;
        }
        if !discarded.contains(&(&event.stream, event.revision)) {
            gathering.take(&event)?;
        }
        taken += 1;
        if taken.is_multiple_of(EVENTS_BETWEEN_LOOKS) {
            tell(taken);
            tokio::task::yield_now().await;
        }
    }
    let untold = has_keys.then(|| gathering.untold_days());
    let views = proof.views.iter().map(|view| judge(view, &gathering.histories, untold.as_ref()));
    Ok(Checked {
        position: proof.position,
        events: proof.events,
        missing_events: proof.events - taken,
        views: views.collect(),
    })
}

/// What is gathered of the events.
struct Gathering {
    interpreter: Interpreter,
    histories: Histories,
    opener: Decryptor,
    /// Keys that are destroyed, each with a day on which something was sealed with it.
    destroyed: BTreeSet<(KeyId, NaiveDate)>,
}

impl Gathering {
    fn with(opener: Decryptor) -> Self {
        let (interpreter, histories) = (Interpreter::default(), Histories::default());
        Self { interpreter, histories, opener, destroyed: BTreeSet::new() }
    }

    fn take(&mut self, event: &RecordedEvent) -> Result<(), ProofError> {
        let decoded = Decoded::read(event);
        let key = decoded.key().filter(|key| self.opener.is_destroyed(*key));
        self.destroyed.extend(key.zip(event.stream.page_date()));
        let told = self.interpreter.tell(decoded, &self.opener).map_err(ProofError::Event)?;
        self.histories.take_in(told);
        Ok(())
    }

    /// Days of what was sealed with keys that were destroyed by an event that is not among those taken.
    fn untold_days(&self) -> BTreeSet<NaiveDate> {
        let since = self.destroyed.iter().filter(|(key, _)| !self.interpreter.has_forgotten(*key));
        since.map(|(_, date)| *date).collect()
    }
}

fn judge(view: &ProofView, histories: &Histories, untold: Option<&BTreeSet<NaiveDate>>) -> CheckedView {
    let tally = match view.generation.model {
        ReadModel::Legacy => tally::<LegacyRow>(histories),
        ReadModel::Dynamic => tally::<DynamicRow>(histories),
    };
    let days = proof_days(&tally.days, &tally.unsealed);
    let all: BTreeSet<NaiveDate> = view.days.keys().chain(days.keys()).copied().collect();
    let details = untold.map(|untold| CheckedDetails {
        differing_days: differing(&all, &view.days, &days, |day| (day.reservations, day.digest), untold),
        untold_days: Days::of(untold.iter().copied()),
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

fn tally<R: ReservationRow>(histories: &Histories) -> Tally {
    let mut tally = Tally::default();
    for row in histories.rows::<R>() {
        tally.take(&row.fact(histories.reference()));
    }
    tally
}

/// Days on which a part of what is known of a day differs, but for some.
fn differing<T: PartialEq>(
    all: &BTreeSet<NaiveDate>,
    proven: &BTreeMap<NaiveDate, ProofDay>,
    found: &BTreeMap<NaiveDate, ProofDay>,
    part: impl Fn(&ProofDay) -> T,
    but: &BTreeSet<NaiveDate>,
) -> Days {
    let differs = |day: &&NaiveDate| proven.get(day).map(&part) != found.get(day).map(&part);
    Days::of(all.iter().filter(differs).filter(|day| !but.contains(day)).copied())
}
