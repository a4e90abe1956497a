//! The data from which free times are computed, reduced to one form: bookings, closures, hours and services.
//!
//! The period of a booking with a known time is left out, because the enum view derives it from the current hours. Services
//! without an enum value are left out, and their bookings carry the value that the enum view shows.

use daybook_domain::catalog::{Catalog, Service};
use daybook_domain::hours::ClinicSlot;
use daybook_domain::schedule::{Booking, SlotAssignment};
use daybook_domain::{LegacyService, ReservationId, ServiceId};

use super::difference::{AnswerPart, Parts};
use daybook_projections::compare::verify::Fields;
use daybook_projections::projection::canonical::{Access, Field};
use daybook_projections::read::query::{ClosedTime, Days};

pub(super) fn parts(days: &Days) -> Parts {
    let mut parts = Parts::new();
    for (date, sheet) in &days.sheets {
        let date = date.to_string();
        let bookings = sheet.book.bookings();
        parts.extend(bookings.map(|(id, booking)| booking_part(id, booking, &date, &days.catalog)));
        parts.extend(sheet.closed.iter().map(|closed| closure_part(closed, &date)));
    }
    parts.extend(days.hours.week().map(|(day, slot)| hours_part(day.number(), slot)));
    parts.extend(days.catalog.in_order().into_iter().filter_map(service_part));
    parts
}

fn shown(name: &'static str, value: impl ToString) -> (Field, String) {
    (Field { name, access: Access::Shown }, value.to_string())
}

/// For texts by staff: they may mention a patient.
fn hidden(name: &'static str, value: &str) -> (Field, String) {
    (Field { name, access: Access::Named }, value.to_owned())
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn service_or_all(service: Option<&ServiceId>) -> &str {
    service.map_or("all", ServiceId::as_str)
}

fn booking_part(
    id: &ReservationId,
    booking: &Booking,
    date: &str,
    catalog: &Catalog,
) -> (AnswerPart, Fields) {
    let value = catalog.get(&booking.service).and_then(|service| service.legacy);
    let fields = vec![
        shown("date", date),
        shown("service", value.unwrap_or(LegacyService::FOR_NEW_SERVICES)),
        shown("minutes", booking.total_minutes),
        shown("time", time(&booking.placement)),
        shown("status", booking.status),
        shown("version", booking.version),
        shown("subject", booking.subject),
    ];
    (AnswerPart::Reservation(id.as_str().into()), fields)
}

fn time(placement: &SlotAssignment) -> String {
    match placement {
        SlotAssignment::At { start, .. } => format!("at {start}"),
        SlotAssignment::Period(period) => format!("in the {}", period.as_str()),
        SlotAssignment::Review(_) => "review".to_owned(),
    }
}

fn closure_part(closed: &ClosedTime, date: &str) -> (AnswerPart, Fields) {
    let ClosedTime { id, closure, created_by } = closed;
    let fields = vec![
        shown("date", date),
        shown("start", closure.span.start),
        shown("end", closure.span.end),
        shown("service", service_or_all(closure.service.as_ref())),
        hidden("reason", closure.reason.as_deref().unwrap_or_default()),
        hidden("created by", created_by),
    ];
    (AnswerPart::Other(format!("closure {}", id.as_str()).into()), fields)
}

fn hours_part(day: u8, slot: &ClinicSlot) -> (AnswerPart, Fields) {
    let fields = vec![
        shown("day of week", day),
        shown("period", slot.period.as_str()),
        shown("start", slot.span.start),
        shown("end", slot.span.end),
        shown("interval", slot.slot_interval),
        shown("capacity", slot.max_concurrent),
        shown("service", service_or_all(slot.service.as_ref())),
        shown("from", or_none(slot.effective_from)),
        shown("until", or_none(slot.effective_until)),
    ];
    (AnswerPart::Other(format!("hours {}", slot.id.as_str()).into()), fields)
}

fn service_part(service: &Service) -> Option<(AnswerPart, Fields)> {
    let value = service.legacy?;
    let limit = service.limit.as_ref();
    let fields = vec![
        shown("id", service.id.as_str()),
        shown("code", &service.code),
        shown("name", &service.name),
        shown("duration", service.duration),
        shown("buffer", service.buffer),
        shown("is active", service.is_active),
        shown("order", service.display_order),
        shown("daily limit", or_none(limit.map(|limit| limit.daily_limit))),
        shown("daily minutes", or_none(limit.and_then(|limit| limit.daily_limit_minutes))),
        shown("limit is active", limit.is_some_and(|limit| limit.is_active)),
    ];
    Some((AnswerPart::Other(format!("service {value}").into()), fields))
}
