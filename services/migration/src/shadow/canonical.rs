//! Reservations of either view reduced to one form and compared.

use std::collections::HashMap;

use chrono::NaiveTime;
use daybook_domain::{LegacyService, ReadModel};
use uuid::Uuid;

use super::difference::{AnswerPart, ReadDifference, compare_part};
use daybook_projections::projection::canonical::{CanonicalReservation, Time};
use daybook_projections::read::query::Reservation;

fn canonical(reservation: &Reservation, model: ReadModel) -> CanonicalReservation<'_> {
    CanonicalReservation {
        id: &reservation.id,
        date: reservation.preferred_date,
        service: reservation.service.unwrap_or(LegacyService::FOR_NEW_SERVICES).as_str(),
        minutes: reservation.estimated_duration,
        time: time(reservation, model),
        status: reservation.status.as_str(),
        status_changed_at: reservation.status_changed_at,
        status_changed_by: reservation.status_changed_by.as_deref(),
        created_at: reservation.created_at,
        updated_at: reservation.updated_at,
        version: i32::try_from(reservation.version).unwrap_or(i32::MAX),
        subject: Uuid::from_bytes(*reservation.subject.as_bytes()),
        patient_name: &reservation.patient_name,
        phone: &reservation.phone,
        email: reservation.email.as_deref(),
        birth_date: reservation.birth_date.map(|date| date.and_time(NaiveTime::MIN)),
        gender: reservation.gender.as_deref(),
        treatment_type: reservation.treatment_type.as_deref(),
        notes: reservation.notes.as_deref(),
        admin_notes: reservation.admin_notes.as_deref(),
    }
}

fn time(reservation: &Reservation, model: ReadModel) -> Time<'_> {
    let period = reservation.period.as_deref().and_then(|period| period.parse().ok());
    match (model, &reservation.time_slot_start, period) {
        (ReadModel::Legacy, ..) if reservation.is_text_overruled => Time::Review(&reservation.preferred_time),
        (ReadModel::Legacy, ..) => Time::from_text(&reservation.preferred_time),
        (ReadModel::Dynamic, Some(start), _) => Time::At((**start).into()),
        (ReadModel::Dynamic, None, Some(period)) => Time::Period(period),
        (ReadModel::Dynamic, None, None) => Time::Review(&reservation.preferred_time),
    }
}

/// Compares two lists of reservations: each reservation and, if those are equal, the order.
pub(super) fn compare(models: [ReadModel; 2], [left, right]: [&[Reservation]; 2]) -> Vec<ReadDifference> {
    let mut unseen: HashMap<&str, &Reservation> = right.iter().map(|one| (&*one.id, one)).collect();
    let mut differences = Vec::new();
    for one in left {
        let other = unseen.remove(&*one.id);
        let facts = [Some(canonical(one, models[0])), other.map(|other| canonical(other, models[1]))];
        if facts[0] != facts[1] {
            differences.extend(compare_facts(&one.id, &facts));
        }
    }
    for one in right.iter().filter(|one| unseen.contains_key(&*one.id)) {
        differences.extend(compare_facts(&one.id, &[None, Some(canonical(one, models[1]))]));
    }
    if differences.is_empty() {
        let misplaced = left.iter().zip(right).find(|(left, right)| left.id != right.id);
        differences.extend(misplaced.map(|(left, right)| {
            ReadDifference::of_list("order of the list", [(*left.id).into(), (*right.id).into()])
        }));
    }
    differences
}

fn compare_facts(id: &str, facts: &[Option<CanonicalReservation<'_>>; 2]) -> Vec<ReadDifference> {
    let fields = facts.each_ref().map(|fact| fact.as_ref().map(CanonicalReservation::fields));
    compare_part(&AnswerPart::Reservation(id.into()), fields.each_ref().map(Option::as_ref))
}
