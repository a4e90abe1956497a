//! The events of a few reservations, replayed as each view folds them, and which of them last changed each field.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use daybook_domain::{ReadModel, SubjectId};
use daybook_event_log::{
    Category, EventLog, Filter, Position, RecordedEvent, RecordedStream, Revision, StreamName,
};
use daybook_vault::Vault;
use futures_util::TryStreamExt;
use serde::Serialize;

use super::fields::Fields;
use super::suspect::Suspect;
use crate::control::error::ViewError;
use crate::control::ids::LeftOut;
use crate::projection::canonical::Access;
use crate::projection::change::{Change, Interpreter, ViewChange};
use crate::projection::fold::Fold;
use crate::projection::interpret::{interpret, interpret_sound};
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// An event, by where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenBy {
    /// Its position in the log.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Box<str>,
}

impl WrittenBy {
    fn of(event: &RecordedEvent) -> Self {
        let RecordedEvent { position, stream, revision, event_type: kind, .. } = event;
        Self { position: *position, stream: stream.clone(), revision: *revision, kind: (**kind).into() }
    }
}

/// What happened to one reservation, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Trail {
    steps: Vec<(WrittenBy, ViewChange)>,
}

/// What a trail comes to.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// What the reservation says; none where no event entered it.
    pub(super) fields: Option<Fields>,
    /// The day on which it was entered.
    pub(super) date: Option<NaiveDate>,
    entered_by: Option<WrittenBy>,
    writers: BTreeMap<&'static str, WrittenBy>,
}

impl Replayed {
    /// The event that last changed a field; that which entered the reservation, for the reservation as a whole.
    pub(super) fn writer(&self, field: &str) -> Option<&WrittenBy> {
        self.writers.get(field).or(self.entered_by.as_ref())
    }
}

/// Reads the pages of what was found to differ, up to a position, and who was forgotten. The interpreter knows what was
/// forgotten up to there.
pub(super) async fn read(
    log: &dyn EventLog,
    vault: &Vault,
    mut interpreter: Interpreter,
    (until, left_out): (Position, &LeftOut),
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
        for judged in interpret(&mut interpreter, vault, &page, left_out).await? {
            // What cannot be taken in is parked, and has written nothing.
            let Ok(effect) = judged.outcome else { continue };
            let trail = effect.reservation().and_then(|id| trails.get_mut(id));
            if let Some(trail) = trail {
                trail.steps.push((WrittenBy::of(judged.recorded), effect));
            }
        }
    }
    let privacy = log.read_all(Position::START, &Filter::categories([Category::Privacy])).await?;
    let mut forgettings = read_until(privacy, until).await?;
    forgettings.retain(|event| !left_out.contains(&event.position));
    let effects = interpret_sound(&mut interpreter, vault, &forgettings).await?;
    for trail in trails.values_mut() {
        trail.take_forgettings(&forgettings, &effects);
    }
    Ok(trails)
}

async fn read_until(mut events: RecordedStream, until: Position) -> Result<Vec<RecordedEvent>, ViewError> {
    let mut read = Vec::new();
    while let Some(event) = events.try_next().await?.filter(|event| event.position <= until) {
        read.push(event);
    }
    Ok(read)
}

impl Trail {
    /// Whose it ever was: mostly one patient's, but the old system may have corrected a number.
    fn subjects(&self) -> BTreeSet<SubjectId> {
        let subject = |effect: &ViewChange| {
            if let ViewChange::Enter { entry, .. }
            | ViewChange::Change { change: Change::Reimported(entry), .. } = effect
            {
                Some(entry.subject)
            } else {
                None
            }
        };
        self.steps.iter().filter_map(|(_, effect)| subject(effect)).collect()
    }

    /// Puts in their places the events that forget somebody whose the reservation was.
    fn take_forgettings(&mut self, events: &[RecordedEvent], effects: &[ViewChange]) {
        let subjects = self.subjects();
        for (event, effect) in events.iter().zip(effects) {
            if let ViewChange::Forget { subject } = effect
                && subjects.contains(subject)
            {
                self.steps.push((WrittenBy::of(event), ViewChange::Forget { subject: *subject }));
            }
        }
        self.steps.sort_by_key(|(event, _)| event.position);
    }

    /// Folds it as a view does.
    pub(super) fn replay(&self, model: ReadModel, reference: &Reference) -> Replayed {
        match model {
            ReadModel::Legacy => self.replay_as::<LegacyRow>(reference),
            ReadModel::Dynamic => self.replay_as::<DynamicRow>(reference),
        }
    }

    fn replay_as<R: ReservationRow>(&self, reference: &Reference) -> Replayed {
        let mut fold: Fold<R> = Fold::new(reference.clone());
        let mut replayed = Replayed::default();
        for (event, effect) in &self.steps {
            fold.apply(effect);
            let Some(row) = fold.rows.values().next() else { continue };
            if matches!(effect, ViewChange::Enter { .. }) {
                replayed.entered_by = Some(event.clone());
                replayed.date = Some(row.date());
            }
            let is_erased = matches!(effect, ViewChange::Forget { subject } if *subject == row.subject());
            replayed.take(event, is_erased, row.fact(reference).fields());
        }
        replayed
    }
}

impl Replayed {
    fn take(&mut self, event: &WrittenBy, is_erased: bool, fields: Fields) {
        let before = self.fields.take();
        for (at, (field, value)) in fields.iter().enumerate() {
            let former = before.as_ref().and_then(|before| before.get(at)).map(|(_, former)| former);
            // What was forgotten reads as erased from the beginning; the event that erased it is that of the forgetting.
            if former != Some(value) || is_erased && field.access == Access::Sealed {
                self.writers.insert(field.name, event.clone());
            }
        }
        self.fields = Some(fields);
    }
}
