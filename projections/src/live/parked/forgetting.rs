//! Patients who were forgotten while an event of theirs was parked. A late event must have the effect that it would
//! have had in time: erased data never comes back, and nothing that was booked afterwards is erased.

use std::collections::{BTreeMap, HashSet};

use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::{Event, ReservationId, SubjectId};
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, codec};
use deadpool_postgres::GenericClient;
use uuid::Uuid;

use crate::control::error::ViewError;
use crate::control::ids::{BlockingKey, Generation};
use crate::projection::change::ViewChange;
use crate::projection::interpret::{InterpretedEvent, read_until};

/// Events of a category after one position up to another.
async fn between(
    log: &dyn EventLog,
    after: Position,
    to: Position,
    category: Category,
) -> Result<Vec<RecordedEvent>, ViewError> {
    read_until(log.read_all(after, &Filter::categories([category])).await?, to).await
}

/// The forgettings between two positions.
pub(super) async fn read(
    log: &dyn EventLog,
    after: Position,
    to: Position,
) -> Result<Vec<RecordedEvent>, ViewError> {
    between(log, after, to, Category::Privacy).await
}

/// Inserts forgettings among late events: for each reservation, those after its first late event.
pub(super) fn add<'a>(events: &mut Vec<InterpretedEvent<'a>>, forgotten: &'a [RecordedEvent]) {
    let mut since: BTreeMap<ReservationId, Position> = BTreeMap::new();
    for event in events.iter() {
        if let Ok(ViewChange::Create { .. } | ViewChange::Change { .. }) = &event.outcome {
            let id = event.blocking_key.as_ref().and_then(|id| ReservationId::parse(id.as_str()).ok());
            if let Some(id) = id {
                since.entry(id).or_insert(event.recorded.position);
            }
        }
    }
    for recorded in forgotten {
        // One that cannot be decoded is parked or discarded itself.
        let Ok((Event::Privacy(PrivacyEvent::SubjectForgotten(said)), _)) = codec::decode(recorded) else {
            continue;
        };
        let late = since.iter().filter(|(_, first)| **first < recorded.position);
        events.extend(late.map(|(reservation, _)| forget_one(recorded, said.subject, reservation)));
    }
    events.sort_by_key(|event| event.recorded.position);
}

fn forget_one<'a>(
    recorded: &'a RecordedEvent,
    subject: SubjectId,
    reservation: &ReservationId,
) -> InterpretedEvent<'a> {
    InterpretedEvent {
        recorded,
        blocking_key: Some(BlockingKey::named(reservation.as_str())),
        outcome: Ok(ViewChange::ForgetReservation { subject, reservation: reservation.clone() }),
    }
}

/// Replaces a parked forgetting by one for each reservation that the patient had at its position. Later bookings stay.
pub(super) async fn late(
    client: &impl GenericClient,
    log: &dyn EventLog,
    generation: Generation,
    to: Position,
    events: &mut Vec<InterpretedEvent<'_>>,
) -> Result<(), ViewError> {
    let mut late = Vec::new();
    for event in events.iter_mut() {
        let Ok(ViewChange::Forget { subject }) = event.outcome else { continue };
        let booked_later =
            booked_by(subject, &between(log, event.recorded.position, to, Category::Daybook).await?);
        let sql = format!("SELECT id FROM {}.reservations WHERE subject = $1", generation.schema());
        for row in client.query(&sql, &[&Uuid::from_bytes(*subject.as_bytes())]).await? {
            let id = ReservationId::parse(row.try_get::<_, Box<str>>(0)?)
                .map_err(|_| ViewError::Row { generation })?;
            if !booked_later.contains(&id) {
                late.push(forget_one(event.recorded, subject, &id));
            }
        }
        event.outcome = Ok(ViewChange::Nothing);
    }
    events.extend(late);
    Ok(())
}

/// Reservations that these events create for a patient.
fn booked_by(subject: SubjectId, events: &[RecordedEvent]) -> HashSet<ReservationId> {
    let booked = |recorded: &RecordedEvent| match codec::decode(recorded).ok()?.0 {
        Event::Schedule(ScheduleEvent::ReservationRequested(e)) if e.subject == subject => {
            Some(e.reservation)
        }
        Event::Schedule(ScheduleEvent::ReservationImported(e)) if e.subject == subject => Some(e.reservation),
        Event::Schedule(ScheduleEvent::ReservationReimported(e)) if e.subject == subject => {
            Some(e.reservation)
        }
        Event::Schedule(ScheduleEvent::ReservationMovedIn(e)) if e.row.subject == subject => {
            Some(e.row.reservation)
        }
        Event::Schedule(_)
        | Event::Catalog(_)
        | Event::Hours(_)
        | Event::Routing(_)
        | Event::Privacy(_)
        | Event::Idempotency(_)
        | Event::Access(_) => None,
    };
    events.iter().filter_map(booked).collect()
}
