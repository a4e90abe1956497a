//! Half-days, stretches that meet, midnight, and the end of today.

use std::str::FromStr;

use RuleSet::{Dynamic, Legacy};
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot, HoursEvent};
use daybook_domain::requested_time::{Ambiguity, ParsedTime};
use daybook_domain::rules::{Day, impact};
use daybook_domain::schedule::{Closure, Rejection};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{ClinicZone, Period, RuleSet};

use crate::clinic::{AFTERNOON, BOTOX, Clinic, MORNING, SKIN, at, service_id, slot, span, time};

const UNDER_REVIEW: ParsedTime = ParsedTime::Ambiguous(Ambiguity::AmbiguousHour);

const CLOSED: Result<(), Rejection> = Err(Rejection::TimeClosed { reason: None });

/// Tuesday, 09:00 to 12:00 and 14:00 to 18:00.
fn tuesday() -> Clinic {
    Clinic::on("2026-12-15", ClinicZone::SEOUL).open([slot("09:00", "12:00"), slot("14:00", "18:00")])
}

fn with_seats(slot: ClinicSlot, max_concurrent: u32) -> ClinicSlot {
    ClinicSlot { max_concurrent, ..slot }
}

fn of_service(slot: ClinicSlot, service: &str) -> ClinicSlot {
    ClinicSlot { service: Some(service_id(service)), ..slot }
}

#[test]
fn a_half_that_is_closed_in_pieces_is_closed() {
    for rules in RuleSet::ALL {
        let clinic = tuesday().close(span("14:00", "16:00"), None).close(span("16:00", "18:00"), None);
        assert_eq!(clinic.check(BOTOX, AFTERNOON, rules), CLOSED, "{rules:?}");
        assert_eq!(clinic.check(BOTOX, MORNING, rules), Ok(()), "{rules:?}");
        assert_eq!(clinic.check(BOTOX, UNDER_REVIEW, rules), Ok(()), "{rules:?}");
        let clinic = clinic.close(span("00:00", "11:30"), None);
        assert_eq!(clinic.check(BOTOX, MORNING, rules), CLOSED, "{rules:?}");
        assert_eq!(clinic.check(BOTOX, UNDER_REVIEW, rules), CLOSED, "{rules:?}");
    }
}

#[test]
fn a_gap_between_closures_counts_only_if_the_treatment_fits_into_it() {
    for rules in RuleSet::ALL {
        // Gaps of 45 and 65 minutes.
        let clinic = tuesday().close(span("14:45", "15:30"), None).close(span("16:35", "18:00"), None);
        assert_eq!(clinic.check(BOTOX, AFTERNOON, rules), Ok(()), "{rules:?}");
        assert_eq!(clinic.check(SKIN, AFTERNOON, rules), CLOSED, "{rules:?}");
    }
}

#[test]
fn a_closure_of_one_service_closes_the_half_for_that_service_only() {
    for rules in RuleSet::ALL {
        let clinic = tuesday().close(span("14:00", "16:30"), Some(SKIN)).close(span("16:00", "17:20"), None);
        assert_eq!(clinic.check(SKIN, AFTERNOON, rules), CLOSED, "{rules:?}");
        assert_eq!(clinic.check(BOTOX, AFTERNOON, rules), Ok(()), "{rules:?}");
    }
}

#[test]
fn closures_reduce_the_minutes_of_a_half_once_even_if_they_overlap() {
    let mut clinic = tuesday().close(span("09:00", "10:00"), None).close(span("09:30", "10:30"), None);
    // 90 minutes are left.
    assert_eq!(clinic.book(BOTOX, MORNING, Dynamic), Ok(()));
    assert_eq!(clinic.book(BOTOX, at("10:30"), Dynamic), Ok(()));
    let full = Err(Rejection::PeriodFull { period: Period::Morning, left: 10 });
    assert_eq!(clinic.check(BOTOX, MORNING, Dynamic), full);
    assert_eq!(clinic.check(BOTOX, at("11:10"), Dynamic), full);
}

#[test]
fn a_booking_in_a_time_that_was_closed_later_takes_no_open_minutes() {
    let mut clinic = tuesday();
    for start in ["09:00", "09:40"] {
        assert_eq!(clinic.book(BOTOX, at(start), Dynamic), Ok(()));
    }
    let mut clinic = clinic.close(span("09:00", "10:20"), None);
    for start in ["10:20", "11:00"] {
        assert_eq!(clinic.book(BOTOX, at(start), Dynamic), Ok(()), "{start}");
    }
}

#[test]
fn a_booking_counts_the_seats_of_every_stretch_that_it_runs_into() {
    let stretches = || [with_seats(slot("09:00", "12:00"), 2), slot("12:00", "15:00")];
    for rules in RuleSet::ALL {
        let mut clinic = Clinic::on("2026-12-19", ClinicZone::SEOUL).open(stretches());
        assert_eq!(clinic.book(SKIN, at("12:00"), rules), Ok(()));
        assert!(clinic.check(SKIN, at("11:30"), rules).is_err(), "{rules:?}");
        assert_eq!(clinic.check(SKIN, at("10:50"), rules), Ok(()), "{rules:?}");
    }
    let mut clinic = Clinic::on("2026-12-19", ClinicZone::SEOUL).open(stretches());
    assert_eq!(clinic.book(SKIN, at("11:30"), Legacy), Ok(()), "the seat after noon is free");
    let taken = clinic.check(BOTOX, at("12:30"), Dynamic);
    assert!(matches!(taken, Err(Rejection::SlotTaken { .. })), "{taken:?}");
    assert_eq!(clinic.check(BOTOX, at("11:20"), Dynamic), Ok(()), "the second seat until noon");
}

#[test]
fn a_booking_that_runs_past_the_hours_keeps_its_seat_until_it_ends() {
    let mut clinic = tuesday();
    let mut late = clinic.service(SKIN).clone();
    late.duration = 190;
    clinic.catalog = daybook_domain::catalog::Catalog::from_services(
        clinic
            .catalog
            .in_order()
            .into_iter()
            .filter(|service| service.id != late.id)
            .cloned()
            .chain([late.clone()]),
    );
    // From 11:00 to 14:20, which the legacy rules allow.
    assert_eq!(clinic.book(SKIN, at("11:00"), Legacy), Ok(()));
    for rules in RuleSet::ALL {
        let taken = clinic.check(BOTOX, at("14:00"), rules);
        assert!(matches!(taken, Err(Rejection::SlotTaken { .. })), "{taken:?}");
        assert_eq!(clinic.check(BOTOX, at("14:20"), rules), Ok(()));
    }
    assert!(!clinic.offered(BOTOX, Legacy).contains(&"14:00".to_owned()));
}

#[test]
fn seats_of_one_service_and_shared_seats_are_counted_apart_along_a_booking() {
    let mut clinic = Clinic::on("2026-12-15", ClinicZone::SEOUL)
        .open([slot("09:00", "12:00"), of_service(with_seats(slot("10:00", "11:00"), 2), SKIN)]);
    // Its own seat from 10:30 to 11:00, then the shared seat to 11:40.
    assert_eq!(clinic.book(SKIN, at("10:30"), Legacy), Ok(()));
    assert_eq!(clinic.check(BOTOX, at("10:20"), Dynamic), Ok(()), "the shared seat is free until 11:00");
    let taken = clinic.check(BOTOX, at("10:30"), Dynamic);
    assert!(matches!(taken, Err(Rejection::SlotTaken { .. })), "{taken:?}");
    let taken = clinic.check(SKIN, at("10:00"), Legacy);
    assert!(
        matches!(taken, Err(Rejection::SlotTaken { .. })),
        "the shared seat is taken from 11:00: {taken:?}"
    );
}

#[test]
fn the_hours_of_another_service_do_not_decide_in_which_half_a_booking_is() {
    let other = ClinicSlot { period: Period::Afternoon, ..of_service(slot("08:00", "13:00"), SKIN) };
    let clinic = Clinic::on("2026-12-15", ClinicZone::SEOUL).open([slot("09:00", "12:00"), other]);
    assert_eq!(clinic.check(BOTOX, at("10:00"), Dynamic), Ok(()));
    assert_eq!(clinic.offered(BOTOX, Dynamic).len(), 5);
}

#[test]
fn a_stretch_to_midnight_offers_and_takes_only_what_ends_by_midnight() {
    for rules in RuleSet::ALL {
        let clinic = Clinic::on("2026-12-20", ClinicZone::SEOUL).open([slot("20:00", "24:00")]);
        let offered = clinic.offered(SKIN, rules);
        assert_eq!(offered, ["20:00", "20:30", "21:00", "21:30", "22:00", "22:30"], "{rules:?}");
        assert_eq!(clinic.check(SKIN, at("22:50"), rules), Ok(()), "{rules:?}");
        let too_late = Err(Rejection::DoesNotFit { needed: 70, left: 69 });
        assert_eq!(clinic.check(SKIN, at("22:51"), rules), too_late, "{rules:?}");
    }
}

#[test]
fn the_first_hour_of_the_day_is_offered_and_taken() {
    for rules in RuleSet::ALL {
        let mut clinic = Clinic::on("2026-12-15", ClinicZone::SEOUL).open([slot("00:00", "02:00")]);
        assert_eq!(clinic.offered(BOTOX, rules), ["00:00", "00:30", "01:00"], "{rules:?}");
        assert_eq!(clinic.book(BOTOX, at("00:30"), rules), Ok(()));
        assert_eq!(clinic.offered(BOTOX, rules), Vec::<String>::new(), "{rules:?}");
    }
}

#[test]
fn a_request_for_today_is_refused_once_nothing_of_it_can_begin() {
    // Seoul is nine hours ahead of UTC. The last listed starts of 40 minutes are 11:00 and 17:00.
    let passed = Err(Rejection::TimePassed);
    for rules in RuleSet::ALL {
        let on_the_day = |utc: &str| tuesday().at(&format!("2026-12-15T{utc}Z"));
        let clinic = on_the_day("01:59:59");
        assert_eq!(clinic.check(BOTOX, MORNING, rules), Ok(()), "{rules:?} 10:59");
        let clinic = on_the_day("02:00:00");
        assert_eq!(clinic.check(BOTOX, MORNING, rules), passed, "{rules:?} 11:00");
        assert_eq!(clinic.check(BOTOX, AFTERNOON, rules), Ok(()), "{rules:?} 11:00");
        assert_eq!(clinic.check(BOTOX, UNDER_REVIEW, rules), Ok(()), "{rules:?} 11:00");
        for clinic in [on_the_day("08:00:00"), on_the_day("14:30:00")] {
            for wish in [MORNING, AFTERNOON, UNDER_REVIEW, at("17:00")] {
                assert_eq!(clinic.check(BOTOX, wish, rules), passed, "{rules:?} {wish:?}");
            }
            assert_eq!(clinic.offered(BOTOX, rules), Vec::<String>::new());
        }
    }
}

#[test]
fn what_is_left_of_today_has_to_be_open() {
    // At 14:30 the afternoon is open until 15:00 only.
    let clinic = tuesday().close(span("15:00", "18:00"), None);
    for rules in RuleSet::ALL {
        assert_eq!(clinic.check(BOTOX, AFTERNOON, rules), Ok(()), "{rules:?}");
        let clinic = clinic.clone().at("2026-12-15T05:30:00Z");
        assert_eq!(clinic.check(BOTOX, AFTERNOON, rules), CLOSED, "{rules:?}");
    }
}

/// On the days on which clocks change, too: half of them are an hour longer or shorter than they look.
#[test]
fn a_closure_concerns_the_bookings_that_it_would_have_refused() {
    let zone = ClinicZone::from_str("Europe/Berlin").unwrap();
    for date in ["2027-03-28", "2027-10-31", "2027-06-01"] {
        let empty = Clinic::on(date, zone).open([slot("00:00", "24:00")]);
        for start in empty.offered(SKIN, Dynamic) {
            let mut booked = empty.clone();
            booked.book(SKIN, at(&start), Dynamic).unwrap();
            let (_, booking) = booked.schedule.bookings().next().unwrap();
            let day = Day::new(&booked.schedule, &booked.hours, booked.now);
            for hour in 0..23 {
                let closed = span(&format!("{hour:02}:15"), &format!("{:02}:15", hour + 1));
                let refused = empty.clone().close(closed, None).check(SKIN, at(&start), Dynamic) == CLOSED;
                let closure = Closure { span: closed, service: None, reason: None, fingerprint: None };
                let is_hit = impact::is_hit_by_closure(&day, &closure, booking);
                assert_eq!(is_hit, refused, "{date} {start} {closed:?}");
            }
        }
    }
}

#[test]
fn the_daily_limit_in_bookings_counts_under_the_legacy_rules_only() {
    let mut clinic = tuesday().limit(BOTOX, 1, None);
    clinic.book(BOTOX, at("09:00"), Dynamic).unwrap();
    let legacy = clinic.counted(BOTOX, Legacy);
    assert_eq!((legacy.booked, legacy.limit, legacy.left), (1, 1, 0));
    let dynamic = clinic.counted(BOTOX, Dynamic);
    let free = clinic.offered(BOTOX, Dynamic).len();
    assert_eq!((dynamic.booked, dynamic.limit, dynamic.left), (1, clinic.listed(BOTOX, Dynamic).len(), free));
    assert!(free > 0);
}

#[test]
fn rows_of_a_view_that_hold_any_number_are_listed_and_counted() {
    // As a view may have taken them from a log that another program wrote.
    let mut wild = [slot("09:00", "12:00"), slot("14:00", "18:00"), slot("20:00", "19:00")];
    (wild[0].max_concurrent, wild[0].slot_interval) = (u32::MAX, 0);
    (wild[1].max_concurrent, wild[1].slot_interval) = (0, u32::MAX);
    let mut clinic = tuesday();
    let day_of_week = DayOfWeek::from_date(clinic.schedule.date);
    let set = ClinicHoursSet { day_of_week, slots: wild.to_vec() };
    clinic.hours.evolve(&HoursEvent::ClinicHoursSet(set));
    for rules in RuleSet::ALL {
        let listed = clinic.listed(BOTOX, rules);
        let (first, last) = (listed.first().unwrap(), listed.last().unwrap());
        assert_eq!((first.start, first.refusal.clone()), (time("09:00"), None), "{rules:?}");
        assert_eq!((last.start, last.capacity), (time("14:00"), 0), "{rules:?}");
        assert!(clinic.check(BOTOX, MORNING, rules).is_ok(), "{rules:?}");
        clinic.counted(BOTOX, rules);
    }
}
