//! Whether a view takes writes at all. If it does not, no event is the cause of a failure, and none may be parked for it.
//!
//! What is written here is undone by the caller.

use std::sync::Arc;

use chrono::{NaiveDateTime, SubsecRound, Utc};
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::schedule::event::{ServiceSnapshot, TimeClosed};
use daybook_domain::time::{ClockTime, Period, Span};
use daybook_domain::{ClosureId, Gender, ReservationId, Status, SubjectId, TreatmentType};
use daybook_vault::PatientDetails;
use deadpool_postgres::Transaction;

use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::projection::change::{EventMeta, NewReservation, ViewChange};
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::store::rows;

/// The id of the sample, which no reservation and no closure has.
const SAMPLE: &str = "00000000-0000-0000-0000-000000000000";

/// Writes a new reservation and a new closure, and then what the view has. Rows with the id `other_than` are left out.
///
/// # Errors
/// The view does not take writes, or PostgreSQL fails.
pub(super) async fn check<R: ReservationRow>(
    transaction: &Transaction<'_>,
    generation: Generation,
    reference: &Reference,
    other_than: &str,
) -> Result<(), ViewError> {
    let now = Utc::now().naive_utc().trunc_subsecs(3);
    let samples = [closure(now), reservation::<R>(reference, now)];
    let samples: Vec<ViewChange> = samples.into_iter().flatten().collect();
    let changes: Vec<&ViewChange> = samples.iter().collect();
    rows::apply::<R>(transaction, generation, &changes, reference.clone()).await?;
    rows::rewrite::<R>(transaction, generation, reference, other_than).await
}

fn reservation<R: ReservationRow>(reference: &Reference, now: NaiveDateTime) -> Option<ViewChange> {
    // Without a service nothing can be booked.
    let service: ServiceSnapshot = reference.services(R::MODEL).next()?.into();
    let details = PatientDetails {
        patient_name: "홍길동".into(),
        phone: "010-0000-0000".into(),
        email: Some("sample@example.com".into()),
        birth_date: now.date(),
        gender: Gender::Female,
        treatment_type: TreatmentType::FirstVisit,
        notes: None,
        admin_note: None,
        unread_wish: None,
    };
    let contents = NewReservation {
        subject: SubjectId::from_bytes([0; 16]),
        details: Some(details),
        service: Arc::new(service),
        date: now.date(),
        requested_time: Some("10:00".into()),
        is_requested_time_sealed: false,
        is_assigned_by_staff: false,
        placement: SlotAssignment::At { start: ClockTime::new(10, 0)?, period: Period::Morning },
        status: Status::Pending,
        created_at: now,
        updated_at: now,
        status_changed_at: now,
        status_changed_by: None,
        version: 1,
    };
    let reservation = ReservationId::parse(SAMPLE).ok()?;
    Some(ViewChange::Create { reservation, contents: Box::new(contents) })
}

fn closure(now: NaiveDateTime) -> Option<ViewChange> {
    let span = Span { start: ClockTime::new(14, 0)?, end: ClockTime::new(15, 0)? };
    let (closure, date) = (ClosureId::parse(SAMPLE).ok()?, now.date());
    let closed = TimeClosed { closure, date, span, service: None, reason: None, fingerprint: None };
    Some(ViewChange::Close { closed, meta: EventMeta { at: now, actor: Arc::from("sample") } })
}
