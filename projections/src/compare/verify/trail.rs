//! The events of a few reservations, replayed as each view folds them, and the event that last changed each field.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use daybook_domain::{ReadModel, SubjectId};
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, Revision, StreamName};
use daybook_vault::Vault;
use serde::Serialize;

use super::fields::Fields;
use super::suspect::Suspect;
use crate::control::error::ViewError;
use crate::control::ids::SkippedPositions;
use crate::projection::canonical::Access;
use crate::projection::change::{Change, Interpreter, ViewChange};
use crate::projection::fold::Fold;
use crate::projection::interpret::{interpret, interpret_sound, read_until};
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// Identifies an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenBy {
    /// Its position in the log.
    pub position: Position,
    pub stream: StreamName,
    /// Its revision in the stream.
    pub revision: Revision,
    #[serde(rename = "type")]
    pub kind: Box<str>,
}

impl WrittenBy {
    fn from_event(event: &RecordedEvent) -> Self {
        let RecordedEvent { position, stream, revision, event_type: kind, .. } = event;
        Self { position: *position, stream: stream.clone(), revision: *revision, kind: (**kind).into() }
    }
}

/// The events of one reservation in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Trail {
    steps: Vec<(WrittenBy, ViewChange)>,
}

/// The result of replaying a trail.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The reservation's fields; none if no event created it.
    pub(super) fields: Option<Fields>,
    /// The day on which it was created.
    pub(super) date: Option<NaiveDate>,
    entered_by: Option<WrittenBy>,
    writers: BTreeMap<&'static str, WrittenBy>,
}

impl Replayed {
    /// The event that last changed a field. For the reservation as a whole, the event that created it.
    pub(super) fn writer(&self, field: &str) -> Option<&WrittenBy> {
        self.writers.get(field).or(self.entered_by.as_ref())
    }
}

/// Reads the streams of the differing reservations and the forgettings up to a position. The interpreter already knows
/// the forgettings up to there.
pub(super) async fn read(
    log: &dyn EventLog,
    vault: &Vault,
    mut interpreter: Interpreter,
    (until, skipped): (Position, &SkippedPositions),
    suspects: &[Suspect],
) -> Result<HashMap<String, Trail>, ViewError> {
    let mut trails: HashMap<String, Trail> =
        suspects.iter().map(|suspect| (suspect.reservation.clone(), Trail::default())).collect();
    if trails.is_empty() {
        return Ok(trails);
    }
    let dates: BTreeSet<NaiveDate> =
        suspects.iter().flat_map(|suspect| [suspect.dates.0, suspect.dates.1]).collect();
    for date in dates {
        let page =
            read_until(log.read_stream(&StreamName::page(date), Revision::FIRST).await?, until).await?;
        for interpreted in interpret(&mut interpreter, vault, &page, skipped).await? {
            // An event that cannot be applied is parked and has written nothing.
            let Ok(change) = interpreted.outcome else { continue };
            let trail = change.reservation().and_then(|id| trails.get_mut(id));
            if let Some(trail) = trail {
                trail.steps.push((WrittenBy::from_event(interpreted.recorded), change));
            }
        }
    }
    let privacy = log.read_all(Position::START, &Filter::categories([Category::Privacy])).await?;
    let mut forgettings = read_until(privacy, until).await?;
    forgettings.retain(|event| !skipped.contains(&event.position));
    let changes = interpret_sound(&mut interpreter, vault, &forgettings).await?;
    for trail in trails.values_mut() {
        trail.take_forgettings(&forgettings, &changes);
    }
    Ok(trails)
}

impl Trail {
    /// Every patient it belonged to: usually one, but the old system may have corrected a phone number.
    fn subjects(&self) -> BTreeSet<SubjectId> {
        let subject = |change: &ViewChange| {
            if let ViewChange::Create { contents, .. }
            | ViewChange::Change { change: Change::Reimported(contents), .. } = change
            {
                Some(contents.subject)
            } else {
                None
            }
        };
        self.steps.iter().filter_map(|(_, change)| subject(change)).collect()
    }

    /// Inserts the forgettings of its patients at their positions.
    fn take_forgettings(&mut self, events: &[RecordedEvent], changes: &[ViewChange]) {
        let subjects = self.subjects();
        for (event, change) in events.iter().zip(changes) {
            if let ViewChange::Forget { subject } = change
                && subjects.contains(subject)
            {
                self.steps.push((WrittenBy::from_event(event), ViewChange::Forget { subject: *subject }));
            }
        }
        self.steps.sort_by_key(|(event, _)| event.position);
    }

    /// Folds the trail as one view does.
    pub(super) fn replay(&self, model: ReadModel, reference: &Reference) -> Replayed {
        match model {
            ReadModel::Legacy => self.replay_as::<LegacyRow>(reference),
            ReadModel::Dynamic => self.replay_as::<DynamicRow>(reference),
        }
    }

    fn replay_as<R: ReservationRow>(&self, reference: &Reference) -> Replayed {
        let mut fold: Fold<R> = Fold::new(reference.clone());
        let mut replayed = Replayed::default();
        for (event, change) in &self.steps {
            fold.apply(change);
            let Some(row) = fold.rows.values().next() else { continue };
            if matches!(change, ViewChange::Create { .. }) {
                replayed.entered_by = Some(event.clone());
                replayed.date = Some(row.date());
            }
            let is_erased = matches!(change, ViewChange::Forget { subject } if *subject == row.subject());
            replayed.take(event, is_erased, row.canonical(reference).fields());
        }
        replayed
    }
}

impl Replayed {
    fn take(&mut self, event: &WrittenBy, is_erased: bool, fields: Fields) {
        let before = self.fields.take();
        for (at, (field, value)) in fields.iter().enumerate() {
            let former = before.as_ref().and_then(|before| before.get(at)).map(|(_, former)| former);
            // Forgotten data reads as erased from the start, so the forgetting is recorded as the event that erased it.
            if former != Some(value) || is_erased && field.access == Access::Sealed {
                self.writers.insert(field.name, event.clone());
            }
        }
        self.fields = Some(fields);
    }
}
