//! Open bookings that were decided before a change of the hours or the catalog was known, as commands report them.

use daybook_commands::LateBooking;

use crate::output::{Align, Table, counted};

/// Most bookings that are described. JSON has all of them.
const MAX_DESCRIBED: usize = 50;

/// What to do about them. Nothing if there are none.
pub(super) fn describe(late: &[LateBooking]) -> Option<String> {
    if late.is_empty() {
        return None;
    }
    let mut table = Table::new(&[
        ("booking", Align::Left),
        ("day", Align::Left),
        ("time", Align::Left),
        ("status", Align::Left),
        ("service", Align::Left),
        ("change", Align::Left),
        ("position", Align::Right),
    ]);
    for booking in late.iter().take(MAX_DESCRIBED) {
        let change = &booking.change;
        table.row([
            booking.id.to_string(),
            booking.date.to_string(),
            describe_time(booking),
            booking.status.as_str().to_owned(),
            booking.service.to_string(),
            format!("{}@{} {}", change.stream, change.revision, change.kind),
            change.position.to_string(),
        ]);
    }
    let others = match late.len().saturating_sub(MAX_DESCRIBED) {
        0 => String::new(),
        others => format!("And {others} more; --json lists all.\n"),
    };
    Some(format!(
        "{} decided before a change was known, and no longer {} what the clinic offers:\n{}\n{others}\
         Next: call the patients, then move or cancel the bookings. Or take the change back.",
        counted(late.len() as u64, "booking was", "bookings were"),
        if late.len() == 1 { "fits" } else { "fit" },
        table.to_string().trim_end(),
    ))
}

fn describe_time(booking: &LateBooking) -> String {
    match (booking.start, booking.period) {
        (Some(start), _) => start.to_string(),
        (None, Some(period)) => period.as_str().to_owned(),
        (None, None) => "under review".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_commands::MissedChange;
    use daybook_domain::{ReservationId, ServiceId, Status};
    use daybook_event_log::{Position, Revision, StreamName};

    use super::*;

    #[test]
    fn a_late_booking_is_named_with_the_change_and_what_to_do() {
        let change = MissedChange {
            stream: StreamName::hours(),
            revision: Revision::FIRST.plus(6),
            position: Position::from_parts(41, 41).unwrap(),
            kind: "ClinicHoursSet".into(),
        };
        let late = LateBooking {
            id: ReservationId::parse("r1").unwrap(),
            date: "2026-12-01".parse().unwrap(),
            start: "10:00".parse().ok(),
            period: None,
            status: Status::Pending,
            service: ServiceId::parse("srv_wrinkle_botox").unwrap(),
            position: Position::from_parts(42, 42).unwrap(),
            change,
        };
        assert_eq!(describe(&[]), None);
        let text = describe(std::slice::from_ref(&late)).unwrap();
        assert!(text.starts_with("1 booking was decided before a change was known"), "{text}");
        for part in ["r1", "2026-12-01", "10:00", "hours-main@6 ClinicHoursSet", "Next: "] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(describe(&vec![late; MAX_DESCRIBED + 2]).unwrap().contains("And 2 more"));
    }
}
