//! The values of commands on a day schedule: whatever passes here, both views can hold.

use chrono::NaiveDate;

use super::command::CloseTime;
use super::event::ReservationImported;
use super::rejection::Rejection;
use super::slot_assignment::SlotAssignment;
use crate::catalog::Catalog;
use crate::time::{DAY_MINUTES, Period};
use crate::value::{self, Checks, Range, Relation, Text};

/// Checks that a treatment can start at the time of a slot: `24:00` belongs to the next day.
pub(super) fn check_start(placement: &SlotAssignment) -> Result<(), Rejection> {
    match placement.start() {
        Some(start) if start.minutes() >= DAY_MINUTES => Err(Rejection::OutsideHours),
        _ => Ok(()),
    }
}

/// Checks that a half-day which is named beside a clock time contains it. A text that nobody has read is not compared.
pub(super) fn check_stated_period(
    placement: &SlotAssignment,
    stated: Option<Period>,
) -> Result<(), Rejection> {
    let is_other = stated.is_some() && placement.period().is_some_and(|period| stated != Some(period));
    if is_other { Err(Rejection::OtherPeriod) } else { Ok(()) }
}

/// Checks the text of a requested time that the event holds in plain.
pub(super) fn check_requested_time(text: Option<&str>) -> Result<(), Rejection> {
    let checked = Checks::default()
        .check_some("preferred_time", text, |text| value::REQUESTED_TIME.check(text))
        .finish();
    Ok(checked?)
}

/// Checks a row of the old system. Only the vault can check its sealed texts, so whoever seals them does.
pub(super) fn check_row(
    row: &ReservationImported,
    date: NaiveDate,
    catalog: &Catalog,
) -> Result<(), Rejection> {
    let known = catalog.get(&row.service.id).ok_or(Rejection::ServiceNotFound)?;
    let service_fits = known.legacy == row.service.legacy;
    // A service that was defined before there were ranges keeps its name.
    let own_name = Some(&*row.service.name).filter(|name| **name != *known.name);
    let starts = check_start(&row.placement).is_ok();
    let moments = [
        ("createdAt", row.created_at),
        ("updatedAt", row.updated_at),
        ("statusChangedAt", row.status_changed_at),
    ];
    let mut checks = Checks::default();
    checks
        .check("preferredDate", value::CLINIC_DAYS.check(date))
        .check(
            "preferredDate",
            if row.date == date { Ok(()) } else { Err(Range::Relation(Relation::OwnDay)) },
        )
        .check("service", if service_fits { Ok(()) } else { Err(Range::Relation(Relation::KnownService)) })
        .check_some("serviceName", own_name, |name| value::SERVICE_NAME.check(name))
        .check("durationMinutes", value::DURATION.check(row.service.duration))
        .check("bufferMinutes", value::BUFFER.check(row.service.buffer))
        .check("preferredTime", if starts { Ok(()) } else { Err(Range::Starts) })
        .check_some("preferredTime", row.wish.as_deref(), |text| value::REQUESTED_TIME.check_characters(text))
        .check_some("statusChangedBy", row.status_changed_by.as_deref(), |text| {
            Text { min: 0, ..value::ACTOR }.check_characters(text)
        });
    for (field, moment) in moments {
        checks.check(field, value::MOMENTS.check(moment));
    }
    Ok(checks.finish()?)
}

/// Checks a closure.
pub(super) fn check_closure(closure: &CloseTime, date: NaiveDate) -> Result<(), Rejection> {
    let checked = Checks::default()
        .check("date", value::CLINIC_DAYS.check(date))
        .check_some("reason", closure.reason.as_deref(), |reason| value::REASON.check(reason))
        .finish();
    Ok(checked?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::first_services;
    use crate::id::{ClosureId, ReservationId, SubjectId};
    use crate::schedule::ClosedTime;
    use crate::schedule::event::ServiceSnapshot;
    use crate::sealed::{KeyId, Sealed};
    use crate::time::Span;
    use crate::vocabulary::{LegacyService, Status};

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        for command in first_services() {
            catalog.decide(command).unwrap().iter().for_each(|event| catalog.evolve(event));
        }
        catalog
    }

    fn row(change: impl FnOnce(&mut ReservationImported)) -> Result<(), String> {
        let catalog = catalog();
        let date: NaiveDate = "2025-03-28".parse().unwrap();
        let at = "2025-03-04T01:02:03Z".parse().unwrap();
        let mut row = ReservationImported {
            reservation: ReservationId::parse("old-1").unwrap(),
            subject: SubjectId::from_bytes([1; 16]),
            details: Sealed { key: KeyId(uuid::Uuid::nil()), ciphertext: "".into() },
            service: ServiceSnapshot::from(catalog.by_legacy(LegacyService::SkinCare).unwrap()),
            date,
            wish: Some("10:00".into()),
            placement: SlotAssignment::At { start: "10:00".parse().unwrap(), period: Period::Morning },
            is_placed_here: None,
            status: Status::Confirmed,
            created_at: at,
            updated_at: at,
            status_changed_at: at,
            status_changed_by: Some("desk@clinic.example".into()),
            patient: None,
        };
        change(&mut row);
        check_row(&row, date, &catalog).map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn a_row_that_a_view_cannot_hold_is_refused_by_its_columns() {
        assert_eq!(row(|_| {}), Ok(()));
        let start = |text: &str| SlotAssignment::At { start: text.parse().unwrap(), period: Period::Morning };
        let cases: [(&str, Result<(), String>); 9] = [
            ("preferredDate", row(|row| row.date = "2025-03-29".parse().unwrap())),
            ("preferredTime", row(|row| row.wish = Some("10:00\0".into()))),
            ("preferredTime", row(|row| row.placement = start("24:00"))),
            ("createdAt", row(|row| row.created_at = "0000-01-01T00:00:00Z".parse().unwrap())),
            ("updatedAt", row(|row| row.updated_at = "2016-12-31T23:59:60.999Z".parse().unwrap())),
            ("statusChangedBy", row(|row| row.status_changed_by = Some("a\0b".into()))),
            ("service", row(|row| row.service.legacy = None)),
            ("durationMinutes", row(|row| row.service.duration = u32::MAX)),
            ("serviceName", row(|row| row.service.name = "\u{202e}".into())),
        ];
        for (column, refused) in cases {
            assert!(refused.clone().is_err_and(|fault| fault.starts_with(column)), "{column}: {refused:?}");
        }
        let unknown = row(|row| row.service.id = crate::id::ServiceId::parse("srv_none").unwrap());
        assert_eq!(unknown, Err(Rejection::ServiceNotFound.to_string()));
    }

    #[test]
    fn a_closure_is_in_the_calendar_and_its_reason_is_visible() {
        let check = |date: &str, reason: &str| {
            let span = Span { start: "10:00".parse().unwrap(), end: "11:00".parse().unwrap() };
            let closure = ClosureId::parse("c1").unwrap();
            let time = ClosedTime::Span(span);
            let closure =
                CloseTime { closure, time, service: None, reason: Some(reason.into()), fingerprint: None };
            check_closure(&closure, date.parse().unwrap()).map_err(|rejection| rejection.to_string())
        };
        assert_eq!(check("2026-12-01", "점검\n오후"), Ok(()));
        let outside = Err("date: 1900-01-01 to 2199-12-31".to_owned());
        assert_eq!((check("0000-01-01", "점검"), check("2200-01-01", "점검")), (outside.clone(), outside));
        assert!(check("2026-12-01", "\u{200b}").is_err_and(|fault| fault.starts_with("reason")));
    }
}
