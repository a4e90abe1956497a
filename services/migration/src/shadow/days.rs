//! What the free times of days are drawn up from, reduced to one form: bookings, closures, hours and services.
//!
//! A booking's half of the day is left out where its time is known: the enum view has to go by today's hours for it. Services
//! without an enum value are left out of the services, and bookings of them stand as the enum view shows them.

use daybook_domain::catalog::{Catalog, Service};
use daybook_domain::hours::ClinicSlot;
use daybook_domain::schedule::{Booking, SlotAssignment};
use daybook_domain::{LegacyService, ReservationId};

use super::canonical::{AnswerPart, Parts};
use daybook_projections::compare::verify::Fields;
use daybook_projections::projection::canonical::{Access, Field};
use daybook_projections::read::query::{ClosedTime, Days};

/// All that is comparable.
pub(super) fn parts(days: &Days) -> Parts {
    let mut parts = Parts::new();
    for (date, sheet) in &days.sheets {
        let bookings = sheet.book.bookings();
        parts.extend(
            bookings.map(|(id, booking)| part_of_booking(id, booking, &date.to_string(), &days.catalog)),
        );
        parts.extend(sheet.closed.iter().map(|closed| part_of_closure(closed, &date.to_string())));
    }
    parts.extend(days.hours.week().map(|(day, slot)| part_of_hours(day.number(), slot)));
    parts.extend(days.catalog.in_order().into_iter().filter_map(part_of_service));
    parts
}

fn shown(name: &'static str, value: impl ToString) -> (Field, String) {
    (Field { name, access: Access::Shown }, value.to_string())
}

/// What staff wrote may speak of a patient.
fn hidden(name: &'static str, value: &str) -> (Field, String) {
    (Field { name, access: Access::Named }, value.to_owned())
}

fn part_of_booking(
    id: &ReservationId,
    booking: &Booking,
    date: &str,
    catalog: &Catalog,
) -> (AnswerPart, Fields) {
    let value = catalog.get(&booking.service).and_then(|service| service.legacy);
    let fields = vec![
        shown("date", date),
        shown("service", value.unwrap_or(LegacyService::OtherConsultation)),
        shown("minutes", booking.total_minutes),
        shown("time", place(&booking.placement)),
        shown("status", booking.status),
        shown("version", booking.version),
        shown("subject", booking.subject),
    ];
    (AnswerPart::Reservation(id.as_str().into()), fields)
}

fn place(placement: &SlotAssignment) -> String {
    match placement {
        SlotAssignment::At { start, .. } => format!("at {start}"),
        SlotAssignment::Period(period) => format!("in the {}", period.as_str()),
        SlotAssignment::Review(_) => "review".to_owned(),
    }
}

fn part_of_closure(closed: &ClosedTime, date: &str) -> (AnswerPart, Fields) {
    let ClosedTime { id, closure, created_by } = closed;
    let fields = vec![
        shown("date", date),
        shown("start", closure.span.start),
        shown("end", closure.span.end),
        shown("service", closure.service.as_ref().map_or("all", |service| service.as_str())),
        hidden("reason", closure.reason.as_deref().unwrap_or_default()),
        hidden("created by", created_by),
    ];
    (AnswerPart::Other(format!("closure {}", id.as_str()).into()), fields)
}

fn part_of_hours(day: u8, slot: &ClinicSlot) -> (AnswerPart, Fields) {
    let date = |date: Option<chrono::NaiveDate>| date.map_or("none".to_owned(), |date| date.to_string());
    let fields = vec![
        shown("day of week", day),
        shown("period", slot.period.as_str()),
        shown("start", slot.span.start),
        shown("end", slot.span.end),
        shown("interval", slot.slot_interval),
        shown("capacity", slot.max_concurrent),
        shown("service", slot.service.as_ref().map_or("all", |service| service.as_str())),
        shown("from", date(slot.effective_from)),
        shown("until", date(slot.effective_until)),
    ];
    (AnswerPart::Other(format!("hours {}", slot.id.as_str()).into()), fields)
}

fn part_of_service(service: &Service) -> Option<(AnswerPart, Fields)> {
    let value = service.legacy?;
    let number = |number: Option<u32>| number.map_or("none".to_owned(), |number| number.to_string());
    let limit = service.limit.as_ref();
    let fields = vec![
        shown("id", service.id.as_str()),
        shown("code", &service.code),
        shown("name", &service.name),
        shown("duration", service.duration),
        shown("buffer", service.buffer),
        shown("is active", service.is_active),
        shown("order", service.display_order),
        shown("daily limit", number(limit.map(|limit| limit.daily_limit))),
        shown("daily minutes", number(limit.and_then(|limit| limit.daily_limit_minutes))),
        shown("limit is active", limit.is_some_and(|limit| limit.is_active)),
    ];
    Some((AnswerPart::Other(format!("service {value}").into()), fields))
}
