//! Writes a clinic's history straight into the log: years of bookings and their changes.
//!
//! Events are encoded and details sealed by the product's own code. It must never write anything that the write side
//! could not have written.

mod plan;

use std::collections::HashMap;

use anyhow::Context;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use daybook_commands::NewReservation;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::{
    AdminNoteWritten, ReservationCancelled, ReservationCompleted, ReservationConfirmed, ReservationRequested,
    ServiceSnapshot,
};
use daybook_domain::{Actor, Event, ReadModel, ReservationId, RuleSet, Sealed, SubjectId};
use daybook_event_log::{EventId, Metadata, NewEvent, StreamName, encode};
use daybook_vault::{Encryptor, sealing_context};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::json_text::JsonText;
use crate::clinic::{Clinic, request};
use plan::{Step, requested_time, steps};

const RESERVATIONS_A_DAY: u32 = 80;

const RESERVATIONS_A_PATIENT: u32 = 2;

/// The first day of the history.
const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2023, 1, 2) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// Time between two events.
const PACE: TimeDelta = TimeDelta::minutes(3);

const COPY_SQL: &str = "\
    COPY event_log.events (position, revision, event_id, stream, kind, payload, metadata) \
    FROM STDIN (FORMAT binary)";

const COLUMNS: [Type; 7] =
    [Type::INT8, Type::INT8, Type::UUID, Type::TEXT, Type::TEXT, Type::JSON, Type::JSON];

/// A written history.
#[derive(Debug)]
pub struct History {
    /// The reservations, oldest first.
    pub reservations: Vec<ReservationId>,
    /// Events in the log, including those of the clinic's first start.
    pub events: u64,
}

/// Writes a history of this many reservations, with 2.5 events each on average.
///
/// # Errors
/// If the log or the vault cannot be written.
pub async fn write(clinic: &Clinic, reservations: u32) -> anyhow::Result<History> {
    let invented = InventedHistory::new(clinic, reservations).await?;
    let client = clinic.database.connect().await?;
    let head = clinic.log.head().await?.commit();
    let mut writer = Box::pin(BinaryCopyInWriter::new(client.copy_in(COPY_SQL).await?, &COLUMNS));
    let mut last_revisions: HashMap<NaiveDate, i64> = HashMap::new();
    let mut position = i64::try_from(head)?;
    for step in steps(reservations) {
        position += 1;
        let (date, event) = invented.event(step, position)?;
        let revision = last_revisions.entry(date).or_insert(-1);
        *revision += 1;
        let (stream, kind) = (StreamName::page(date), event.event_type.as_str());
        let (payload, metadata) = (JsonText(event.payload), JsonText(event.metadata));
        let row: [&(dyn ToSql + Sync); 7] =
            [&position, revision, &event.id.0, &stream.as_str(), &kind, &payload, &metadata];
        writer.as_mut().write(&row).await?;
    }
    writer.as_mut().finish().await?;
    // As autovacuum would leave it: both sides of the figure read pages whose hint bits are set.
    client.batch_execute("VACUUM (ANALYZE) event_log.events").await?;
    let reservations = invented.entries.into_iter().map(|entry| entry.reservation).collect();
    Ok(History { reservations, events: u64::try_from(position)? })
}

/// The reservations, before their events are written.
struct InventedHistory {
    entries: Vec<Entry>,
    services: Vec<ServiceSnapshot>,
    encryptor: Encryptor,
}

struct Entry {
    reservation: ReservationId,
    subject: SubjectId,
    date: NaiveDate,
    booking: NewReservation,
}

impl InventedHistory {
    async fn new(clinic: &Clinic, reservations: u32) -> anyhow::Result<Self> {
        let catalog = clinic.commands.catalog();
        let services = catalog.in_order().into_iter().map(ServiceSnapshot::from).collect();
        let mut entries = Vec::with_capacity(reservations as usize);
        for number in 0..reservations {
            let patient = number / RESERVATIONS_A_PATIENT;
            let booking = request(patient, "srv_skin_care", "2023-01-02", "", ReadModel::Legacy);
            let day = FIRST_DAY.checked_add_days(Days::new(u64::from(number / RESERVATIONS_A_DAY)));
            entries.push(Entry {
                reservation: ReservationId::parse(Uuid::new_v4().to_string())?,
                subject: clinic.commands.subject(&booking.phone),
                date: day.context("the date of a step is out of range")?,
                booking,
            });
        }
        let subjects: Vec<SubjectId> = entries.iter().map(|entry| entry.subject).collect();
        let encryptor = clinic.vault.keys_for(&subjects).await?;
        Ok(Self { entries, services, encryptor })
    }

    /// The event of a step, and the date of its day schedule.
    fn event(&self, step: Step, position: i64) -> anyhow::Result<(NaiveDate, NewEvent)> {
        let entry = self.entries.get(step.reservation()).context("a step has no reservation")?;
        let reservation = entry.reservation.clone();
        let event = match step {
            Step::Request(number) => ScheduleEvent::ReservationRequested(self.requested(entry, number)?),
            Step::Confirm(_) => ScheduleEvent::ReservationConfirmed(ReservationConfirmed { reservation }),
            Step::Complete(_) => ScheduleEvent::ReservationCompleted(ReservationCompleted { reservation }),
            Step::Cancel(_) => {
                let reason = Some(self.seal(entry, "일정이 바뀌었습니다")?);
                ScheduleEvent::ReservationCancelled(ReservationCancelled { reservation, reason })
            }
            Step::Note(_) => {
                let note = self.seal(entry, "주차 안내를 드렸습니다")?;
                ScheduleEvent::AdminNoteWritten(AdminNoteWritten { reservation, note })
            }
        };
        let actor = if matches!(step, Step::Request(_)) {
            Actor::public()
        } else {
            Actor::named("desk@clinic.example")
        };
        let metadata = Metadata {
            correlation_id: Some(Uuid::new_v4()),
            read_model: Some(ReadModel::Legacy),
            ..Metadata::new(actor, recorded_at(position))
        };
        Ok((entry.date, encode(EventId(Uuid::now_v7()), &Event::Schedule(event), &metadata)))
    }

    fn requested(&self, entry: &Entry, number: usize) -> anyhow::Result<ReservationRequested> {
        let service =
            self.services.get(number % self.services.len()).context("the clinic has no services")?;
        let (text, placement) = requested_time(number);
        Ok(ReservationRequested {
            reservation: entry.reservation.clone(),
            subject: entry.subject,
            details: self.seal(entry, &entry.booking.details.to_text())?,
            service: service.clone(),
            date: entry.date,
            wish: Some(text.into()),
            placement,
            judged_by: RuleSet::Legacy,
            other_verdict: None,
            fingerprint: None,
            patient: None,
            stranger: None,
        })
    }

    fn seal(&self, entry: &Entry, text: &str) -> anyhow::Result<Sealed> {
        Ok(self.encryptor.seal(entry.subject, sealing_context(&entry.reservation), text)?)
    }
}

fn recorded_at(position: i64) -> DateTime<Utc> {
    let first = FIRST_DAY.and_time(chrono::NaiveTime::MIN).and_utc();
    first + PACE * i32::try_from(position).unwrap_or(i32::MAX)
}
