//! Which values a view can hold. Live views and rebuilds ask here before they write, so that both leave out the same
//! events, however events fall into batches and whichever way a row takes into PostgreSQL.
//!
//! PostgreSQL alone cannot decide it. A date that it reads from a binary COPY it may reject as text, and a value that a
//! later event of the same batch replaces never reaches it.

use std::collections::HashSet;
use std::hash::Hash;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use daybook_domain::ReadModel;
use daybook_domain::catalog::Service;
use daybook_domain::hours::ClinicSlot;
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::schedule::event::ServiceSnapshot;
use daybook_domain::time::DAY_MINUTES;
use tokio_postgres::error::SqlState;

use crate::control::error::EventFault;
use crate::projection::change::{Change, EventMeta, NewReservation, ViewChange};
use crate::projection::reference::{Reference, limit_id};

/// Years of dates and moments. PostgreSQL has no year 0, and the JSON of rows has four digits for a year.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// Nanoseconds from which on chrono means a leap second.
const LEAP_SECOND: u32 = 1_000_000_000;

const BAD_TEXT: EventFault = EventFault::Unstorable {
    what: "a text contains the character NUL",
    code: SqlState::UNTRANSLATABLE_CHARACTER,
};
const BAD_DATE: EventFault = EventFault::Unstorable {
    what: "a date is not in the years 0001 to 9999",
    code: SqlState::DATETIME_FIELD_OVERFLOW,
};
const BAD_MOMENT: EventFault = EventFault::Unstorable {
    what: "a time is not in the years 0001 to 9999, or in a leap second",
    code: SqlState::DATETIME_FIELD_OVERFLOW,
};
const BAD_START: EventFault =
    EventFault::Unstorable { what: "a booking starts at 24:00", code: SqlState::DATETIME_FIELD_OVERFLOW };
const BAD_NUMBER: EventFault = EventFault::Unstorable {
    what: "a number is above 2147483647",
    code: SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
};
const SAME_KEY: EventFault = EventFault::Unstorable {
    what: "two opening hours, services or limits have one id",
    code: SqlState::CARDINALITY_VIOLATION,
};

/// Checks every value that a change writes into a reservation or a closure of either view.
///
/// # Errors
/// The first value that no view can hold.
pub(crate) fn check(change: &ViewChange) -> Result<(), EventFault> {
    match change {
        ViewChange::Create { contents, .. } => check_contents(contents),
        ViewChange::Change { change, meta, .. } => {
            check_meta(meta)?;
            match change {
                Change::NoteChanged(note) => check_texts([note.as_deref()]),
                Change::Reimported(contents) => check_contents(contents),
                Change::Rescheduled(placement) => check_start(placement),
                Change::StatusChanged(_) => Ok(()),
            }
        }
        ViewChange::Close { closed, meta } => {
            check_meta(meta)?;
            check_date(closed.date)?;
            check_texts([closed.reason.as_deref()])
        }
        // What these make of the reference data is checked by `evolve_reference`.
        ViewChange::Catalog { meta, .. }
        | ViewChange::Hours { meta, .. }
        | ViewChange::Reopen { meta, .. } => check_meta(meta),
        ViewChange::Forget { .. } | ViewChange::ForgetReservation { .. } | ViewChange::Nothing => Ok(()),
    }
}

fn check_contents(contents: &NewReservation) -> Result<(), EventFault> {
    if let Some(details) = &contents.details {
        let optional = [&details.email, &details.notes, &details.admin_note, &details.unread_wish];
        check_texts([Some(details.patient_name.as_str()), Some(details.phone.as_str())])?;
        check_texts(optional.map(Option::as_deref))?;
        check_date(details.birth_date)?;
    }
    let ServiceSnapshot { id: _, code, legacy: _, name, duration, buffer } = &*contents.service;
    check_numbers([duration.checked_add(*buffer).unwrap_or(u32::MAX), contents.version])?;
    let changed_by = contents.status_changed_by.as_deref();
    check_texts([Some(&**code), Some(&**name), contents.requested_time.as_deref(), changed_by])?;
    check_start(&contents.placement)?;
    check_date(contents.date)?;
    [contents.created_at, contents.updated_at, contents.status_changed_at]
        .into_iter()
        .try_for_each(check_moment)
}

fn check_meta(meta: &EventMeta) -> Result<(), EventFault> {
    check_moment(meta.at)?;
    check_texts([Some(&*meta.actor)])
}

fn check_texts<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Result<(), EventFault> {
    let is_bad = texts.into_iter().flatten().any(|text| text.as_bytes().contains(&0));
    if is_bad { Err(BAD_TEXT) } else { Ok(()) }
}

fn check_numbers(numbers: impl IntoIterator<Item = u32>) -> Result<(), EventFault> {
    let is_bad = numbers.into_iter().any(|number| i32::try_from(number).is_err());
    if is_bad { Err(BAD_NUMBER) } else { Ok(()) }
}

fn check_date(date: NaiveDate) -> Result<(), EventFault> {
    if YEARS.contains(&date.year()) { Ok(()) } else { Err(BAD_DATE) }
}

/// The old system's text has no such time, so the two views would show another one.
fn check_start(placement: &SlotAssignment) -> Result<(), EventFault> {
    let is_bad = placement.start().is_some_and(|start| start.minutes() >= DAY_MINUTES);
    if is_bad { Err(BAD_START) } else { Ok(()) }
}

fn check_moment(at: NaiveDateTime) -> Result<(), EventFault> {
    if YEARS.contains(&at.year()) && at.nanosecond() < LEAP_SECOND { Ok(()) } else { Err(BAD_MOMENT) }
}

/// Applies a change of the catalog or the hours if some views can hold the rows that result. Other changes have no effect.
///
/// # Errors
/// A value that a view cannot hold, or two rows with one key; `reference` is unchanged then.
pub(crate) fn evolve_reference(
    reference: &mut Reference,
    change: &ViewChange,
    models: &[ReadModel],
) -> Result<(), EventFault> {
    let next = match change {
        ViewChange::Catalog { event, meta } => {
            let mut next = reference.clone();
            next.evolve_catalog(event, meta);
            next
        }
        ViewChange::Hours { event, meta } => {
            let mut next = reference.clone();
            next.evolve_hours(event, meta);
            next
        }
        ViewChange::Create { .. }
        | ViewChange::Change { .. }
        | ViewChange::Close { .. }
        | ViewChange::Reopen { .. }
        | ViewChange::Forget { .. }
        | ViewChange::ForgetReservation { .. }
        | ViewChange::Nothing => return Ok(()),
    };
    models.iter().try_for_each(|model| check_reference(&next, *model))?;
    *reference = next;
    Ok(())
}

fn check_reference(reference: &Reference, model: ReadModel) -> Result<(), EventFault> {
    reference.services(model).try_for_each(|service| check_service(service, reference))?;
    reference.opening_hours().try_for_each(check_opening_hours)?;
    let services = || reference.services(model);
    let has_own_keys = are_unique(reference.opening_hours().map(|slot| slot.id.as_str()))
        && are_unique(services().filter(|service| service.limit.is_some()).map(limit_id))
        && match model {
            ReadModel::Legacy => are_unique(services().map(|service| service.legacy)),
            ReadModel::Dynamic => are_unique(services().map(|service| &*service.code)),
        };
    if has_own_keys { Ok(()) } else { Err(SAME_KEY) }
}

fn check_service(service: &Service, reference: &Reference) -> Result<(), EventFault> {
    let optional = [&service.name_en, &service.description, &service.category];
    check_texts([Some(&*service.code), Some(&*service.name), reference.limit_reason(service)])?;
    check_texts(optional.map(Option::as_deref))?;
    let price = service.base_price.unwrap_or_default();
    check_numbers([service.duration, service.buffer, price, service.display_order])?;
    let limit = service.limit.map(|limit| [limit.daily_limit, limit.daily_limit_minutes.unwrap_or_default()]);
    check_numbers(limit.into_iter().flatten())
}

fn check_opening_hours(slot: &ClinicSlot) -> Result<(), EventFault> {
    check_numbers([slot.slot_interval, slot.max_concurrent])?;
    [slot.effective_from, slot.effective_until].into_iter().flatten().try_for_each(check_date)
}

fn are_unique<T: Eq + Hash>(mut keys: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    keys.all(|key| seen.insert(key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use daybook_domain::ClosureId;
    use daybook_domain::ServiceId;
    use daybook_domain::catalog::{CatalogEvent, ServiceDefined, ServiceLimitSet};
    use daybook_domain::hours::{ClinicHoursSet, HoursEvent, first_hours};
    use daybook_domain::schedule::event::TimeClosed;
    use daybook_domain::time::{DayOfWeek, Span};

    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn meta(at: NaiveDateTime) -> EventMeta {
        EventMeta { at, actor: Arc::from("desk") }
    }

    fn closed(date: NaiveDate, reason: Option<&str>, recorded: NaiveDateTime) -> ViewChange {
        let span = Span { start: "14:00".parse().unwrap(), end: "15:00".parse().unwrap() };
        let closure = ClosureId::parse("c-1").unwrap();
        let reason = reason.map(Into::into);
        let closed = TimeClosed { closure, date, span, service: None, reason, fingerprint: None };
        ViewChange::Close { closed, meta: meta(recorded) }
    }

    #[test]
    fn dates_and_moments_outside_four_digit_years_and_in_leap_seconds_are_refused() {
        let (day, now) = (at("2026-12-01T00:00:00").date(), at("2026-11-30T10:00:00"));
        let date = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        for (year, is_held) in [(-4, false), (0, false), (1, true), (9999, true), (10_000, false)] {
            assert_eq!(check(&closed(date(year), None, now)).is_ok(), is_held, "{year}");
            let moment = date(year).and_hms_opt(0, 0, 0).unwrap();
            assert_eq!(check(&closed(day, None, moment)).is_ok(), is_held, "{year}");
        }
        let leap = day.and_hms_micro_opt(23, 59, 59, 1_999_999).unwrap();
        assert!(check(&closed(day, None, leap)).is_err());
    }

    #[test]
    fn a_text_with_nul_is_refused_and_named_as_postgresql_names_it() {
        let day = at("2026-12-01T00:00:00");
        let fault = check(&closed(day.date(), Some("a\0b"), day)).unwrap_err().to_string();
        assert!(fault.contains("SQLSTATE 22P05"), "{fault}");
        assert!(check(&closed(day.date(), Some("회의"), day)).is_ok());
    }

    fn defined(code: &str, base_price: Option<u32>) -> ViewChange {
        let service = ServiceId::parse(format!("srv_{}", code.to_lowercase())).unwrap();
        let event = CatalogEvent::ServiceDefined(ServiceDefined {
            service,
            code: code.into(),
            legacy: None,
            name: "이름".into(),
            name_en: None,
            description: None,
            category: None,
            duration: 30,
            buffer: 5,
            base_price,
            display_order: 1,
        });
        ViewChange::Catalog { event, meta: meta(at("2026-11-30T10:00:00")) }
    }

    fn set(day: DayOfWeek, slots: Vec<ClinicSlot>) -> ViewChange {
        let event = HoursEvent::ClinicHoursSet(ClinicHoursSet { day_of_week: day, slots });
        ViewChange::Hours { event, meta: meta(at("2026-11-30T10:00:00")) }
    }

    #[test]
    fn a_price_above_an_integer_is_refused_only_by_the_view_that_shows_the_service() {
        let change = defined("PREMIUM_CARE", Some(3_000_000_000));
        let mut reference = Reference::default();
        assert!(evolve_reference(&mut reference, &change, &[ReadModel::Legacy]).is_ok());
        let mut reference = Reference::default();
        let fault = evolve_reference(&mut reference, &change, &ReadModel::ALL).unwrap_err().to_string();
        assert!(fault.contains("SQLSTATE 22003"), "{fault}");
        assert_eq!(reference.services(ReadModel::Dynamic).count(), 0, "nothing is changed");
    }

    #[test]
    fn opening_hours_with_an_id_of_another_weekday_are_refused_until_that_one_is_gone() {
        let mut reference = Reference::default();
        let monday = first_hours().remove(0);
        let mut evolve = |change| evolve_reference(&mut reference, &change, &ReadModel::ALL);
        evolve(set(monday.day_of_week, monday.slots.clone())).unwrap();
        let copied = || set(DayOfWeek::ALL[0], monday.slots.clone());
        let fault = evolve(copied()).unwrap_err().to_string();
        assert!(fault.contains("SQLSTATE 21000"), "{fault}");
        evolve(set(monday.day_of_week, vec![])).unwrap();
        evolve(copied()).unwrap();
    }

    #[test]
    fn two_limits_with_one_id_are_refused() {
        let mut reference = Reference::default();
        let mut evolve = |change: &ViewChange| evolve_reference(&mut reference, change, &ReadModel::ALL);
        let limit = |id: &str| {
            let service = ServiceId::parse(id).unwrap();
            let limit = ServiceLimitSet {
                service,
                daily_limit: 3,
                daily_limit_minutes: None,
                is_active: true,
                reason: None,
            };
            let meta = meta(at("2026-11-30T10:00:00"));
            ViewChange::Catalog { event: CatalogEvent::ServiceLimitSet(limit), meta }
        };
        // Codes that differ in case only have one limit id.
        let mut second = defined("CARE", None);
        if let ViewChange::Catalog { event: CatalogEvent::ServiceDefined(defined), .. } = &mut second {
            (defined.code, defined.service) = ("care".into(), ServiceId::parse("srv_care_2").unwrap());
        }
        for change in [&defined("CARE", None), &second, &limit("srv_care")] {
            evolve(change).unwrap();
        }
        assert!(evolve(&limit("srv_care_2")).is_err());
    }
}
