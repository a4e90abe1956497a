//! The day schedule, as given/when/then: earlier commands, a command, and its events or rejection. No log, no clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::catalog::{Catalog, CatalogCommand, ServiceDraft, ServiceLimitSet, first_services};
use daybook_domain::hours::{Hours, first_hours};
use daybook_domain::requested_time::{self, Ambiguity};
use daybook_domain::rules::{Day, time_slots};
use daybook_domain::schedule::event::{ReservationImported, ServiceSnapshot};
use daybook_domain::schedule::{
    CloseTime, ClosedTime, DaySchedule, DecisionContext, Rejection, RequestReservation, ReservationChange,
    ReviewedTime, ScheduleCommand, ScheduleEvent, SlotAssignment, decide,
};
use daybook_domain::time::{ClinicNow, Span};
use daybook_domain::{
    ClinicZone, ClosureId, KeyId, PatientFingerprint, Period, ReadModel, ReservationId, RuleSet, Sealed,
    ServiceId, Status, SubjectId,
};
use proptest::prelude::*;

#[path = "schedule/rows.rs"]
mod rows;
#[path = "schedule/statuses.rs"]
mod statuses;
#[path = "schedule/strangers.rs"]
mod strangers;

use statuses::status_changes;

/// A clinic with its first services and hours, and the schedule of one day.
struct Clinic {
    catalog: Catalog,
    hours: Hours,
    now: ClinicNow,
    schedule: DaySchedule,
    retired: Option<ReadModel>,
}

const MONDAY: &str = "2026-11-30";

fn in_seoul(local: NaiveDateTime) -> ClinicNow {
    let instant = local.and_utc() - chrono::TimeDelta::hours(9);
    ClinicNow { instant, zone: ClinicZone::SEOUL }
}

impl Clinic {
    fn on(date: &str) -> Self {
        let mut catalog = Catalog::default();
        for command in first_services() {
            catalog.decide(command).unwrap().iter().for_each(|event| catalog.evolve(event));
        }
        let mut hours = Hours::default();
        for set in first_hours() {
            hours.decide(set).unwrap().iter().for_each(|event| hours.evolve(event));
        }
        let date: NaiveDate = date.parse().unwrap();
        let now = in_seoul("2026-11-20T10:00:00".parse().unwrap());
        Self { catalog, hours, now, schedule: DaySchedule::empty(date), retired: None }
    }

    fn when(&mut self, command: ScheduleCommand) -> Result<Vec<ScheduleEvent>, Rejection> {
        let context = DecisionContext {
            catalog: &self.catalog,
            hours: &self.hours,
            now: self.now,
            retired: self.retired,
        };
        let events = decide(&self.schedule, command, &context)?;
        events.iter().for_each(|event| self.schedule.evolve(event));
        Ok(events)
    }

    /// Outcomes are recorded in the evening of the day, everything else days before.
    fn set_clock_for(&mut self, command: &ScheduleCommand) {
        let is_outcome = matches!(command, ScheduleCommand::Change { change, .. }
            if matches!(change, ReservationChange::Complete | ReservationChange::MarkNoShow));
        let time = if is_outcome { self.schedule.date.and_hms_opt(23, 0, 0) } else { None };
        self.now = in_seoul(time.unwrap_or_else(|| "2026-11-20T10:00:00".parse().unwrap()));
    }

    #[track_caller]
    fn given(mut self, command: ScheduleCommand) -> Self {
        self.when(command).expect("given");
        self
    }

    /// With a service that has no old value.
    fn with_laser(mut self) -> Self {
        let Some(CatalogCommand::DefineService(botox)) = first_services().into_iter().next() else {
            panic!("the first services start with a definition")
        };
        let (service, code, legacy) = (ServiceId::parse("srv_laser").unwrap(), "LASER".into(), None);
        let laser = CatalogCommand::DefineService(ServiceDraft { service, code, legacy, ..botox });
        self.catalog.decide(laser).unwrap().iter().for_each(|event| self.catalog.evolve(event));
        self
    }

    fn limit(mut self, service: &str, daily_limit: u32, daily_limit_minutes: Option<u32>) -> Self {
        let set = ServiceLimitSet {
            service: ServiceId::parse(service).unwrap(),
            daily_limit,
            daily_limit_minutes,
            is_active: true,
            reason: None,
        };
        let events = self.catalog.decide(CatalogCommand::SetServiceLimit(set)).unwrap();
        events.iter().for_each(|event| self.catalog.evolve(event));
        self
    }
}

fn sealed() -> Sealed {
    Sealed { key: KeyId(uuid::Uuid::nil()), ciphertext: "".into() }
}

fn id(number: u32) -> ReservationId {
    ReservationId::parse(format!("r{number}")).unwrap()
}

fn request(number: u32, service: &str, text: &str, rules: RuleSet) -> ScheduleCommand {
    ScheduleCommand::Request(RequestReservation {
        reservation: id(number),
        subject: SubjectId::from_bytes([number as u8; 16]),
        details: sealed(),
        service: ServiceId::parse(service).unwrap(),
        requested_time: Some(text.into()),
        parsed_time: requested_time::parse(text),
        rules,
        fingerprint: None,
        is_keyed: false,
        stated_period: None,
        patient: PatientFingerprint::from_bytes([number as u8; 16]),
        stranger: None,
    })
}

fn change(number: u32, change: ReservationChange) -> ScheduleCommand {
    ScheduleCommand::Change { reservation: id(number), expected_version: None, change }
}

fn span(start: &str, end: &str) -> Span {
    Span { start: start.parse().unwrap(), end: end.parse().unwrap() }
}

const BOTOX: &str = "srv_wrinkle_botox"; // 40 minutes
const SKIN: &str = "srv_skin_care"; // 70 minutes
use RuleSet::{Dynamic, Legacy};

#[test]
fn a_seat_is_booked_once_under_either_rule_set() {
    for rules in RuleSet::ALL {
        let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "10:30", Legacy));
        let taken = clinic.when(request(2, SKIN, "10:00", rules)).unwrap_err();
        let Rejection::SlotTaken { alternatives } = taken else { panic!("{taken:?}") };
        assert!(!alternatives.is_empty() && alternatives.iter().all(|time| time.minutes() < 12 * 60));
        assert_eq!(
            clinic.when(request(3, BOTOX, "11:10", rules)).unwrap().len(),
            1,
            "a booking ends after its buffer"
        );
    }
}

#[test]
fn the_legacy_rules_accept_no_booking_of_a_service_that_the_legacy_view_cannot_show() {
    let mut clinic = Clinic::on(MONDAY).with_laser();
    let refused = clinic.when(request(1, "srv_laser", "10:30", Legacy));
    assert_eq!(refused, Err(Rejection::ServiceNotOffered));
    assert_eq!(clinic.when(request(1, "srv_laser", "10:30", Dynamic)).unwrap().len(), 1);
    // A repeated request finds its booking, and staff can move it, whatever its patient is routed to by then.
    assert_eq!(clinic.when(request(1, "srv_laser", "10:30", Legacy)), Ok(vec![]));
    let moved = ReservationChange::Reschedule { start: "11:00".parse().unwrap(), rules: Legacy };
    assert_eq!(clinic.when(change(1, moved)).unwrap().len(), 1);
    clinic.retired = Some(ReadModel::Legacy);
    assert_eq!(clinic.when(request(2, "srv_laser", "14:00", Legacy)).unwrap().len(), 1);
}

#[test]
fn the_legacy_limit_counts_what_the_legacy_view_shows() {
    let other = "srv_other_consultation";
    let mut clinic = Clinic::on(MONDAY).limit(other, 1, None).with_laser();
    clinic.when(request(1, "srv_laser", "09:00", Dynamic)).unwrap();
    let refused = clinic.when(request(2, other, "10:30", Legacy));
    assert_eq!(
        refused,
        Err(Rejection::DailyCountReached { limit: 1 }),
        "the other one is shown as this service"
    );
    assert_eq!(clinic.when(request(2, other, "10:30", Dynamic)).unwrap().len(), 1);
    assert_eq!(clinic.when(request(3, BOTOX, "14:00", Legacy)).unwrap().len(), 1);
}

#[test]
fn consecutive_bookings_share_a_seat() {
    let mut clinic = Clinic::on(MONDAY);
    let mut monday = first_hours().remove(0);
    monday.slots.iter_mut().for_each(|slot| slot.max_concurrent = 2);
    clinic.hours.decide(monday).unwrap().iter().for_each(|event| clinic.hours.evolve(event));
    let mut clinic =
        clinic.given(request(1, BOTOX, "09:00", Dynamic)).given(request(2, BOTOX, "09:40", Dynamic));
    assert!(
        clinic.when(request(3, SKIN, "09:00", Dynamic)).is_ok(),
        "only one of two seats is taken at any minute"
    );
    assert!(clinic.when(request(4, BOTOX, "09:20", Dynamic)).is_err());
}

#[test]
fn the_dynamic_rules_reject_a_time_at_which_the_treatment_does_not_fit() {
    let refused = Clinic::on(MONDAY).when(request(1, SKIN, "11:00", Dynamic));
    assert_eq!(refused, Err(Rejection::DoesNotFit { needed: 70, left: 60 }));
    let accepted = Clinic::on(MONDAY).when(request(1, SKIN, "11:00", Legacy)).unwrap();
    let ScheduleEvent::ReservationRequested(requested) = &accepted[0] else { panic!("{accepted:?}") };
    assert_eq!(requested.other_verdict.as_deref(), Some("DOES_NOT_FIT"), "the difference is recorded");
}

#[test]
fn after_the_retirement_of_the_legacy_view_only_the_dynamic_rules_decide() {
    let mut clinic = Clinic { retired: Some(ReadModel::Legacy), ..Clinic::on(MONDAY).limit(BOTOX, 1, None) };
    // The dynamic rules decide even if the request still names the legacy rules.
    let refused = clinic.when(request(1, SKIN, "11:00", Legacy));
    assert_eq!(refused, Err(Rejection::DoesNotFit { needed: 70, left: 60 }));
    for (number, start, rules) in [(2, "09:00", Legacy), (3, "10:00", Dynamic)] {
        let accepted = clinic.when(request(number, BOTOX, start, rules)).unwrap();
        let ScheduleEvent::ReservationRequested(requested) = &accepted[0] else { panic!("{accepted:?}") };
        assert_eq!((requested.judged_by, requested.other_verdict.as_deref()), (Dynamic, None));
    }
}

#[test]
fn no_list_of_free_times_contains_a_time_at_which_the_treatment_does_not_fit() {
    let clinic = Clinic::on(MONDAY);
    let service = clinic.catalog.get(&ServiceId::parse(SKIN).unwrap()).unwrap();
    let day = Day::new(&clinic.schedule, &clinic.hours, clinic.now);
    for rules in RuleSet::ALL {
        let starts: Vec<String> =
            time_slots(&day, service, rules).iter().map(|slot| slot.start.to_string()).collect();
        assert_eq!(
            starts,
            ["09:00", "09:30", "10:00", "10:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30"]
        );
    }
}

#[test]
fn the_legacy_rules_limit_bookings_per_day_and_the_dynamic_rules_minutes() {
    let clinic = || Clinic::on(MONDAY).limit(BOTOX, 1, Some(100)).given(request(1, BOTOX, "오전", Legacy));
    assert_eq!(
        clinic().when(request(2, BOTOX, "14:00", Legacy)),
        Err(Rejection::DailyCountReached { limit: 1 })
    );
    let mut clinic = clinic().given(request(2, BOTOX, "14:00", Dynamic));
    let refused = clinic.when(request(3, BOTOX, "15:00", Dynamic));
    assert_eq!(refused, Err(Rejection::DailyMinutesReached { limit: 100, consumed: 80, requested: 40 }));
}

#[test]
fn a_half_day_without_enough_minutes_is_rejected() {
    let mut clinic = Clinic::on(MONDAY);
    for number in 0..4 {
        clinic = clinic.given(request(number, BOTOX, "오전", Dynamic));
    }
    let refused = clinic.when(request(9, BOTOX, "오전", Dynamic));
    assert_eq!(refused, Err(Rejection::PeriodFull { period: daybook_domain::Period::Morning, left: 20 }));
}

#[test]
fn times_outside_the_hours_past_days_and_closed_days_are_rejected() {
    let on = |date: &str, text: &str| Clinic::on(date).when(request(1, BOTOX, text, Legacy)).unwrap_err();
    assert_eq!(on(MONDAY, "13:00"), Rejection::OutsideHours);
    assert_eq!(on("2026-12-06", "10:00"), Rejection::ClinicClosed);
    assert_eq!(on("2026-11-19", "10:00"), Rejection::DatePassed);
    assert_eq!(on("2026-11-20", "10:00"), Rejection::TimePassed);
    assert_eq!(on("2028-01-03", "10:00"), Rejection::DateTooFarAhead);
}

#[test]
fn a_closed_time_cannot_be_booked_until_it_is_reopened() {
    let closure = ClosureId::parse("c1").unwrap();
    let close = CloseTime {
        closure: closure.clone(),
        time: ClosedTime::Span(span("10:00", "11:00")),
        service: None,
        reason: Some("training".into()),
        fingerprint: None,
    };
    let mut clinic = Clinic::on(MONDAY).given(ScheduleCommand::CloseTime(close));
    let refused = clinic.when(request(1, BOTOX, "09:30", Legacy));
    assert_eq!(refused, Err(Rejection::TimeClosed { reason: Some("training".into()) }));
    clinic = clinic.given(ScheduleCommand::ReopenTime(closure));
    assert!(clinic.when(request(1, BOTOX, "09:30", Legacy)).is_ok());
}

#[test]
fn a_repeated_request_finds_its_own_booking_and_a_different_one_with_its_key_is_rejected() {
    let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "10:00", Legacy));
    assert_eq!(clinic.when(request(1, BOTOX, "10:00", Legacy)), Ok(vec![]));
    assert_eq!(clinic.when(request(1, SKIN, "10:00", Legacy)), Err(Rejection::KeyReused));
}

#[test]
fn an_ambiguous_time_goes_to_review_and_can_get_a_time() {
    let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "2시", Legacy));
    assert_eq!(
        clinic.schedule.booking(&id(1)).unwrap().placement,
        SlotAssignment::Review(Ambiguity::AmbiguousHour)
    );
    let assign = |start: &str| ScheduleCommand::Change {
        reservation: id(1),
        expected_version: Some(1),
        change: ReservationChange::AssignTime { start: start.parse().unwrap(), rules: Dynamic },
    };
    assert_eq!(clinic.when(assign("14:00")).unwrap().len(), 1);
    assert_eq!(clinic.when(assign("14:00")), Err(Rejection::VersionMismatch { expected: 1, actual: 2 }));
}

/// A row of the old system with this requested time.
fn row(clinic: &Clinic, number: u32, text: &str, status: Status) -> ReservationImported {
    let parsed_time = requested_time::parse(text);
    let is_ambiguous = matches!(parsed_time, requested_time::ParsedTime::Ambiguous(_));
    let made_at = "2025-03-04T01:02:03Z".parse().unwrap();
    ReservationImported {
        reservation: id(number),
        subject: SubjectId::from_bytes([number as u8; 16]),
        details: sealed(),
        service: ServiceSnapshot::from(clinic.catalog.get(&ServiceId::parse(BOTOX).unwrap()).unwrap()),
        date: clinic.schedule.date,
        wish: (!is_ambiguous).then(|| text.into()),
        placement: SlotAssignment::from_parsed(parsed_time, &clinic.hours, clinic.schedule.date),
        is_placed_here: None,
        status,
        created_at: made_at,
        updated_at: made_at,
        status_changed_at: made_at,
        status_changed_by: None,
        patient: None,
    }
}

fn import(clinic: &Clinic, number: u32, text: &str, status: Status) -> ScheduleCommand {
    ScheduleCommand::Import(row(clinic, number, text, status))
}

fn review(number: u32, time: ReviewedTime) -> ScheduleCommand {
    change(number, ReservationChange::ReviewTime(time))
}

fn at(start: &str) -> ReviewedTime {
    ReviewedTime::At(start.parse().unwrap())
}

#[test]
fn a_review_is_possible_for_past_and_cancelled_bookings() {
    for (date, status) in [(MONDAY, Status::Cancelled), ("2025-03-24", Status::Completed)] {
        let clinic = Clinic::on(date).given(first_entry(date));
        let command = import(&clinic, 2, "점심 후", status);
        let mut clinic = clinic.given(command);
        // A taken time, and one outside the hours: it is a fact and takes no seat.
        for time in [at("10:30"), at("20:00"), ReviewedTime::Period(Period::Morning)] {
            assert_eq!(clinic.when(review(2, time)).unwrap().len(), 1, "{date} {time:?}");
            assert_eq!(clinic.when(review(2, time)), Ok(vec![]), "reviewed before");
        }
        let booking = clinic.schedule.booking(&id(2)).unwrap();
        assert_eq!((booking.placement, booking.status), (SlotAssignment::Period(Period::Morning), status));
    }
}

/// Another entry of the day: a booking at 10:30, or a closure on a past day, because nobody can book there.
fn first_entry(date: &str) -> ScheduleCommand {
    if date == MONDAY {
        return request(1, BOTOX, "10:30", Legacy);
    }
    let closure = ClosureId::parse("c1").unwrap();
    ScheduleCommand::CloseTime(CloseTime {
        closure,
        time: ClosedTime::Span(span("10:00", "11:00")),
        service: None,
        reason: None,
        fingerprint: None,
    })
}

#[test]
fn a_reviewed_time_on_a_future_day_needs_a_free_seat_and_a_half_day_needs_none() {
    let clinic = Clinic::on(MONDAY).limit(BOTOX, 1, Some(40)).given(request(1, BOTOX, "10:30", Legacy));
    let command = import(&clinic, 2, "점심 후", Status::Confirmed);
    let mut clinic = clinic.given(command);
    let refused = clinic.when(review(2, at("10:30"))).unwrap_err();
    assert!(matches!(refused, Rejection::SlotTaken { .. }), "{refused:?}");
    assert_eq!(clinic.when(review(2, at("20:00"))), Err(Rejection::OutsideHours));
    assert_eq!(clinic.when(review(2, ReviewedTime::Period(Period::Morning))).unwrap().len(), 1);
    // The daily limit is reached, but the booking counts already. A second review is possible.
    assert_eq!(clinic.when(review(2, at("14:00"))).unwrap().len(), 1);
    assert_eq!(clinic.when(review(1, at("14:00"))), Err(Rejection::TimeNotReviewable));
}

#[test]
fn a_moved_booking_does_not_conflict_with_its_own_old_slot() {
    let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "10:00", Dynamic));
    let change = ReservationChange::Reschedule { start: "10:10".parse().unwrap(), rules: Dynamic };
    let moved = ScheduleCommand::Change { reservation: id(1), expected_version: None, change };
    assert_eq!(clinic.when(moved.clone()).unwrap().len(), 1);
    assert_eq!(clinic.when(moved), Ok(vec![]));
}

/// Any command of a random history.
fn any_command() -> impl Strategy<Value = ScheduleCommand> {
    let texts = prop::sample::select(vec![
        "09:00", "09:30", "10:00", "10:20", "11:30", "14:00", "17:30", "오전", "2시",
    ]);
    let services = prop::sample::select(vec![BOTOX, SKIN, "srv_other_consultation"]);
    let times = prop::sample::select(vec!["09:00", "09:40", "10:10", "14:30", "15:00"]);
    let rule_sets = prop::sample::select(RuleSet::ALL.to_vec());
    let status_changes = prop::sample::select(status_changes());
    prop_oneof![
        4 => (0u32..40, services, texts, rule_sets.clone()).prop_map(|(n, service, text, rules)| request(n, service, text, rules)),
        2 => (0u32..40, status_changes).prop_map(|(n, status_change)| change(n, status_change)),
        1 => (0u32..40, times, rule_sets, any::<bool>()).prop_map(|(n, start, rules, assign)| {
            let start = start.parse().unwrap();
            change(n, if assign { ReservationChange::AssignTime { start, rules } } else { ReservationChange::Reschedule { start, rules } })
        }),
        1 => (0u32..40, prop::sample::select(vec!["09:00", "10:10", "14:30"]), any::<bool>()).prop_map(|(n, start, whole)| {
            review(n, if whole { ReviewedTime::Period(Period::Morning) } else { at(start) })
        }),
    ]
}

/// The maximum number of occupied seats at any minute, counted without the code of the rules.
fn busiest_minute(schedule: &DaySchedule) -> usize {
    let held = schedule.bookings().map(|(_, booking)| booking).filter(|booking| booking.status.holds_seat());
    let spans: Vec<Span> = held.filter_map(|booking| booking.placement.span(booking.total_minutes)).collect();
    (0..24 * 60)
        .map(|minute| {
            spans.iter().filter(|span| span.start.minutes() <= minute && minute < span.end.minutes()).count()
        })
        .max()
        .unwrap_or(0)
}

proptest! {
    #[test]
    fn no_history_books_a_seat_twice(seats in 1u32..4, commands in prop::collection::vec(any_command(), 1..120)) {
        let mut clinic = Clinic::on(MONDAY);
        let mut monday = first_hours().remove(0);
        monday.slots.iter_mut().for_each(|slot| slot.max_concurrent = seats);
        clinic.hours.decide(monday).unwrap().iter().for_each(|event| clinic.hours.evolve(event));
        for command in commands {
            clinic.set_clock_for(&command);
            let _ = clinic.when(command);
            prop_assert!(busiest_minute(&clinic.schedule) <= seats as usize);
        }
    }

    #[test]
    fn a_repeated_command_causes_no_event(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut clinic = Clinic::on(MONDAY);
        for command in commands {
            clinic.set_clock_for(&command);
            if clinic.when(command.clone()).is_ok() {
                prop_assert_eq!(clinic.when(command), Ok(vec![]));
            }
        }
    }
}
