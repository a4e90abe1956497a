//! Answers reduced to one form, whichever view gave them, and compared field by field.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveTime;
use daybook_domain::{LegacyService, ReadModel};
use uuid::Uuid;

use super::{ReadDifference, ViewAnswer, days};
use daybook_projections::compare::verify::{Fields, NOT_SHOWN, WHOLE, differing_names, find_field};
use daybook_projections::projection::canonical::{Access, CanonicalReservation, Time};
use daybook_projections::read::query::Reservation;

/// What the differences of a list as a whole are called.
const ORDER: &str = "order of the list";
const TOTAL: &str = "total of the list";

/// Something that an answer speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AnswerPart {
    Reservation(Box<str>),
    /// Something else, by a name that stands before the field's.
    Other(Box<str>),
}

/// An answer in parts that are not all reservations.
pub(super) type Parts = BTreeMap<AnswerPart, Fields>;

/// A reservation of a view without what depends on the view.
fn canonical(reservation: &Reservation, model: ReadModel) -> CanonicalReservation<'_> {
    CanonicalReservation {
        id: &reservation.id,
        date: reservation.preferred_date,
        service: reservation.service.unwrap_or(LegacyService::OtherConsultation).as_str(),
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

/// What two answers differ in.
pub(super) fn differences(models: [ReadModel; 2], said: [&ViewAnswer; 2]) -> Vec<ReadDifference> {
    match said {
        [
            ViewAnswer::Reservations { items: left, total: left_total },
            ViewAnswer::Reservations { items: right, total: right_total },
        ] => {
            let mut found = reservations(models, [left, right]);
            if left_total != right_total {
                let shown =
                    |total: &Option<i64>| total.map_or("none".into(), |total| total.to_string().into());
                found.push(whole(TOTAL, [shown(left_total), shown(right_total)]));
            }
            found
        }
        [ViewAnswer::Days(left), ViewAnswer::Days(right)] => parts([days::parts(left), days::parts(right)]),
        // The same question has answers of the same kind.
        [ViewAnswer::Reservations { .. }, ViewAnswer::Days(_)]
        | [ViewAnswer::Days(_), ViewAnswer::Reservations { .. }] => vec![],
    }
}

/// What two lists of reservations differ in: each reservation, and where those are the same, their order.
pub(super) fn reservations(models: [ReadModel; 2], sides: [&[Reservation]; 2]) -> Vec<ReadDifference> {
    let [left, right] = sides;
    let mut unseen: HashMap<&str, &Reservation> = right.iter().map(|one| (&*one.id, one)).collect();
    let mut found = Vec::new();
    for one in left {
        let other = unseen.remove(&*one.id);
        let facts = [Some(canonical(one, models[0])), other.map(|other| canonical(other, models[1]))];
        if facts[0] != facts[1] {
            found.extend(of_facts(&one.id, &facts));
        }
    }
    for one in right.iter().filter(|one| unseen.contains_key(&*one.id)) {
        found.extend(of_facts(&one.id, &[None, Some(canonical(one, models[1]))]));
    }
    if found.is_empty() {
        let misplaced = left.iter().zip(right).find(|(left, right)| left.id != right.id);
        found.extend(misplaced.map(|(left, right)| whole(ORDER, [(*left.id).into(), (*right.id).into()])));
    }
    found
}

fn of_facts(id: &str, facts: &[Option<CanonicalReservation<'_>>; 2]) -> Vec<ReadDifference> {
    let fields = facts.each_ref().map(|fact| fact.as_ref().map(CanonicalReservation::fields));
    of_fields(&AnswerPart::Reservation(id.into()), fields.each_ref().map(Option::as_ref))
}

/// What two answers differ in part by part.
fn parts(sides: [Parts; 2]) -> Vec<ReadDifference> {
    let [left, right] = &sides;
    let only_right = right.keys().filter(|about| !left.contains_key(about));
    let all = left.keys().chain(only_right);
    all.flat_map(|about| of_fields(about, [left.get(about), right.get(about)])).collect()
}

fn of_fields(about: &AnswerPart, sides: [Option<&Fields>; 2]) -> Vec<ReadDifference> {
    let names = match sides {
        [Some(left), Some(right)] => differing_names(left, right),
        [_, _] => vec![WHOLE],
    };
    names.into_iter().map(|name| difference(about, name, sides)).collect()
}

fn difference(about: &AnswerPart, name: &'static str, sides: [Option<&Fields>; 2]) -> ReadDifference {
    let found = sides.map(|fields| fields.and_then(|fields| find_field(fields, name)));
    let is_shown = found.iter().flatten().all(|(field, _)| field.access == Access::Shown);
    let show = |side: usize| match (sides[side], found[side]) {
        (None, _) => "missing".into(),
        (Some(_), None) => "there".into(),
        (Some(_), Some((_, said))) if is_shown => said.as_str().into(),
        (Some(_), Some(_)) => NOT_SHOWN.into(),
    };
    let (reservation, field) = match about {
        AnswerPart::Reservation(id) => (Some(id.clone()), name.into()),
        AnswerPart::Other(what) if name == WHOLE => (None, what.clone()),
        AnswerPart::Other(what) => (None, format!("{what}: {name}").into()),
    };
    ReadDifference { reservation, field, sides: [show(0), show(1)] }
}

fn whole(what: &str, sides: [Box<str>; 2]) -> ReadDifference {
    ReadDifference { reservation: None, field: what.into(), sides }
}
