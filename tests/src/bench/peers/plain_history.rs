//! A clinic's history in plain text, for libraries that seal nothing: one JSON object per line, in the order of the
//! log.
//!
//! The patients are invented. It must never omit an event that changes a reservation in Daybook.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::ReservationRequested;
use daybook_domain::{Event, Gender, Period, ReservationId, Sealed, TreatmentType};
use daybook_event_log::{Category, Filter, Position, RecordedEvent, decode};
use daybook_vault::{Decryptor, Opened, PatientDetails, sealing_context};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::clinic::Clinic;

/// The history as a file, which is deleted when this value is dropped.
#[derive(Debug)]
pub(super) struct PlainHistory {
    file: NamedTempFile,
    /// Number of events in the file.
    pub(super) events: u64,
}

impl PlainHistory {
    pub(super) async fn write(clinic: &Clinic) -> anyhow::Result<Self> {
        let decryptor = clinic.vault.load_all_keys().await?;
        let mut recorded =
            clinic.log.read_all(Position::START, &Filter::categories([Category::Daybook])).await?;
        let mut writer = BufWriter::new(NamedTempFile::new()?);
        let mut events = 0;
        while let Some(event) = recorded.try_next().await? {
            writeln!(writer, "{}", plain_event(&event, &decryptor)?)?;
            events += 1;
        }
        Ok(Self { file: writer.into_inner()?, events })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// One event: its reservation, type, time, actor and payload.
fn plain_event(recorded: &RecordedEvent, decryptor: &Decryptor) -> anyhow::Result<Value> {
    let (event, metadata) = decode(recorded)?;
    let Event::Schedule(event) = event else { bail!("the stream {} is not a day schedule", recorded.stream) };
    let (reservation, detail) = match event {
        ScheduleEvent::ReservationRequested(e) => {
            let entry = entry(&e, decryptor)?;
            (e.reservation, Some(("entry", entry)))
        }
        ScheduleEvent::AdminNoteWritten(e) => {
            let note = open(&e.note, &e.reservation, decryptor)?;
            (e.reservation, Some(("note", note.into())))
        }
        ScheduleEvent::ReservationConfirmed(e) => (e.reservation, None),
        ScheduleEvent::ReservationCancelled(e) => (e.reservation, None),
        ScheduleEvent::ReservationCompleted(e) => (e.reservation, None),
        ScheduleEvent::ReservationImported(_)
        | ScheduleEvent::ReservationReimported(_)
        | ScheduleEvent::ReservationMovedOut(_)
        | ScheduleEvent::ReservationMovedIn(_)
        | ScheduleEvent::ReservationRejected(_)
        | ScheduleEvent::ReservationNoShowMarked(_)
        | ScheduleEvent::ReservationNoShowCorrected(_)
        | ScheduleEvent::ReservationCompletionCorrected(_)
        | ScheduleEvent::ReservationRescheduled(_)
        | ScheduleEvent::ReservationTimeAssigned(_)
        | ScheduleEvent::TimeClosed(_)
        | ScheduleEvent::TimeReopened(_) => bail!("the libraries cannot apply a {}", recorded.event_type),
    };
    let mut line = json!({
        "type": &*recorded.event_type,
        "reservation": reservation.as_str(),
        "at": metadata.recorded_at.naive_utc(),
        "actor": metadata.actor.as_str(),
    });
    if let (Some(line), Some((name, detail))) = (line.as_object_mut(), detail) {
        line.insert(name.to_owned(), detail);
    }
    Ok(line)
}

/// The fields of a new reservation, named like the columns of the view. The end of its slot is already computed.
fn entry(e: &ReservationRequested, decryptor: &Decryptor) -> anyhow::Result<Value> {
    let text = open(&e.details, &e.reservation, decryptor)?;
    let details = PatientDetails::from_text(&text).context("the details cannot be opened")?;
    let minutes = e.service.duration + e.service.buffer;
    let span = e.placement.span(minutes);
    Ok(json!({
        "patientName": details.patient_name,
        "phone": details.phone,
        "email": details.email,
        "birthDate": details.birth_date.and_time(chrono::NaiveTime::MIN),
        "gender": Gender::as_str(details.gender),
        "treatmentType": TreatmentType::as_str(details.treatment_type),
        "preferredDate": e.date,
        "requestedTime": e.wish,
        "notes": details.notes,
        "adminNotes": details.admin_note,
        "serviceId": e.service.id.as_str(),
        "serviceName": e.service.name,
        "estimatedDuration": minutes,
        "period": e.placement.period().map(Period::as_str),
        "timeSlotStart": span.map(|span| span.start.to_string()),
        "timeSlotEnd": span.map(|span| span.end.to_string()),
        "subject": Uuid::from_bytes(*e.subject.as_bytes()),
    }))
}

fn open(sealed: &Sealed, reservation: &ReservationId, decryptor: &Decryptor) -> anyhow::Result<String> {
    match decryptor.open(sealed, sealing_context(reservation))? {
        Opened::Text(text) => Ok(text),
        Opened::Erased => bail!("a patient of this history was forgotten"),
    }
}
