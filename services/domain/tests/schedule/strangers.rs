//! The bounds on requests of strangers: overlapping bookings, a day's places, and bounds that the caller counts.

use daybook_domain::schedule::event::Stranger;
use daybook_domain::schedule::{
    BookingBound, BoundReached, ExceededBounds, MAX_DAY_ENTRIES, MAX_STRANGER_DAY_ENTRIES, StrangerRequest,
};
use daybook_domain::{PatientFingerprint, RequestFingerprint};

use super::*;

const STRANGER: StrangerRequest =
    StrangerRequest { recorded: Stranger { network: None }, exceeded: WITHIN, may_overlap: false };

const WITHIN: ExceededBounds = ExceededBounds { common: None, number: None, patient: None };

/// A request of this patient.
fn from(patient: u32, stranger: Option<StrangerRequest>, command: ScheduleCommand) -> ScheduleCommand {
    let ScheduleCommand::Request(request) = command else { return command };
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&patient.to_be_bytes());
    let patient = PatientFingerprint::from_bytes(bytes);
    ScheduleCommand::Request(RequestReservation { patient, stranger, ..request })
}

/// A stranger's request for a time that a person has to read: it takes no seat.
fn unread(number: u32) -> ScheduleCommand {
    from(number, Some(STRANGER), request(number, BOTOX, "퇴근하고요", Legacy))
}

fn with_fingerprint(command: ScheduleCommand, is_keyed: bool) -> ScheduleCommand {
    let ScheduleCommand::Request(request) = command else { return command };
    let fingerprint = Some(RequestFingerprint::from_bytes([9; 16]));
    ScheduleCommand::Request(RequestReservation { fingerprint, is_keyed, ..request })
}

/// A clinic on whose days many bookings fit.
fn roomy() -> Clinic {
    Clinic::on(MONDAY).limit(BOTOX, 1000, None).limit(SKIN, 1000, None)
}

/// A day on which strangers took all their places.
fn crowded() -> Clinic {
    let mut clinic = Clinic::on(MONDAY);
    let Ok(events) = clinic.when(unread(0)) else { panic!("a first request") };
    let [ScheduleEvent::ReservationRequested(first)] = events.as_slice() else { panic!("one event") };
    for number in 1..MAX_STRANGER_DAY_ENTRIES as u32 {
        let mut event = first.clone();
        event.reservation = id(number);
        // Another service, so that the daily limit has room.
        event.service.id = ServiceId::parse("srv_gone").unwrap();
        event.service.legacy = Some(daybook_domain::LegacyService::BodyCare);
        clinic.schedule.evolve(&ScheduleEvent::ReservationRequested(event));
    }
    clinic
}

fn day_is_full() -> Result<Vec<ScheduleEvent>, Rejection> {
    Err(Rejection::BoundReached(BoundReached::new(BookingBound::Day, None)))
}

#[test]
fn a_patient_has_one_open_booking_at_a_time_unless_the_clinic_asks_for_it() {
    for (second, service, is_refused) in [
        // The first one is at 10:30, for 30 minutes, and its buffer is the clinic's time.
        ("10:50", BOTOX, true),
        ("11:00", BOTOX, false),
        ("10:00", SKIN, true),
        ("11:10", BOTOX, false),
        ("오전", BOTOX, true),
        ("오전", SKIN, false),
        ("오후", BOTOX, false),
        ("퇴근하고요", BOTOX, false),
    ] {
        let mut clinic = roomy();
        clinic.hours = two_seats();
        let first = from(1, Some(STRANGER), request(1, BOTOX, "10:30", Legacy));
        let mut clinic = clinic.given(first);
        let asked = request(2, service, second, Legacy);
        let refused = clinic.when(from(1, Some(STRANGER), asked.clone()));
        assert_eq!(refused == Err(Rejection::OverlappingBooking), is_refused, "{second} {refused:?}");
        if !is_refused {
            continue;
        }
        let lenient = StrangerRequest { may_overlap: true, ..STRANGER };
        for other in [from(2, Some(STRANGER), asked.clone()), from(1, None, asked.clone())] {
            assert!(decided(&clinic, other).is_ok(), "{second}");
        }
        assert!(decided(&clinic, from(1, Some(lenient), asked)).is_ok());
    }
}

#[test]
fn two_texts_that_nobody_has_read_are_one_booking_until_the_first_is_over() {
    let mut clinic = roomy().given(unread(1));
    let again = from(1, Some(STRANGER), request(2, BOTOX, "저녁쯤", Legacy));
    assert_eq!(clinic.when(again.clone()), Err(Rejection::OverlappingBooking));
    let mut clinic = clinic.given(change(1, ReservationChange::Reject { reason: None }));
    assert_eq!(clinic.when(again).unwrap().len(), 1);
}

#[test]
fn a_booking_of_the_clinic_counts_for_its_patient_too() {
    let mut clinic = roomy().given(from(7, None, request(1, BOTOX, "퇴근하고요", Legacy)));
    let stranger = from(7, Some(STRANGER), request(2, BOTOX, "저녁쯤", Legacy));
    assert_eq!(clinic.when(stranger), Err(Rejection::OverlappingBooking));
}

#[test]
fn strangers_who_fill_a_day_leave_the_clinic_its_places() {
    let mut clinic = crowded();
    assert_eq!(clinic.schedule.open_of_strangers(), MAX_STRANGER_DAY_ENTRIES);
    assert_eq!(clinic.when(unread(20_000)), day_is_full());
    assert_eq!(clinic.when(from(1, None, request(20_001, BOTOX, "10:30", Legacy))).unwrap().len(), 1);
    let closure = ScheduleCommand::CloseTime(CloseTime {
        closure: ClosureId::parse("c1").unwrap(),
        time: ClosedTime::Period(Period::Afternoon),
        service: None,
        reason: None,
        fingerprint: None,
    });
    assert_eq!(clinic.when(closure).unwrap().len(), 1);
    assert_eq!(clinic.schedule.open_of_clinic(), 2);
    // A booking that is over frees its place.
    for (number, over) in
        [(1, ReservationChange::Reject { reason: None }), (2, ReservationChange::Cancel { reason: None })]
    {
        let mut clinic = crowded().given(change(number, over));
        assert_eq!(clinic.when(unread(20_002)).unwrap().len(), 1);
        assert_eq!(clinic.when(unread(20_003)), day_is_full());
    }
}

#[test]
fn entries_that_are_over_do_not_fill_a_day_for_the_clinic() {
    let mut clinic = Clinic::on(MONDAY);
    let lift = |clinic: &mut Clinic, number: usize| {
        let closure = ClosureId::parse(format!("c{number}")).unwrap();
        let time = ClosedTime::Span(span("09:00", "09:10"));
        let close =
            CloseTime { closure: closure.clone(), time, service: None, reason: None, fingerprint: None };
        clinic.when(ScheduleCommand::CloseTime(close))?;
        clinic.when(ScheduleCommand::ReopenTime(closure))
    };
    for number in 0..=MAX_DAY_ENTRIES {
        lift(&mut clinic, number).unwrap();
    }
    assert_eq!(clinic.schedule.open_of_clinic(), 0);
}

/// A request of a stranger, over these bounds.
fn over(exceeded: ExceededBounds) -> StrangerRequest {
    StrangerRequest { exceeded, ..STRANGER }
}

/// Each bound exceeded alone.
fn each_bound() -> [(BoundReached, ExceededBounds); 4] {
    let reached = |bound| BoundReached::new(bound, None);
    let [all, network, number, patient] =
        [BookingBound::All, BookingBound::Network, BookingBound::Number, BookingBound::Patient].map(reached);
    [
        (all, ExceededBounds { common: Some(all), ..WITHIN }),
        (network, ExceededBounds { common: Some(network), ..WITHIN }),
        (number, ExceededBounds { number: Some(number), ..WITHIN }),
        (patient, ExceededBounds { patient: Some(patient), ..WITHIN }),
    ]
}

#[test]
fn an_exceeded_bound_refuses_new_bookings_only() {
    for (reached, exceeded) in each_bound() {
        let book = |number, stranger| from(1, Some(stranger), request(number, BOTOX, "퇴근하고요", Legacy));
        let mut clinic = roomy().given(with_fingerprint(book(1, STRANGER), false));
        let over = over(exceeded);
        assert_eq!(clinic.when(with_fingerprint(book(1, over), true)), Ok(vec![]), "a repeated request");
        let double_click = clinic.when(with_fingerprint(book(2, over), false));
        let expected = if reached.bound == BookingBound::Patient {
            Rejection::AlreadyRequested(id(1))
        } else {
            Rejection::BoundReached(reached)
        };
        assert_eq!(double_click, Err(expected));
        let sister = from(2, Some(over), request(3, BOTOX, "퇴근하고요", Legacy));
        assert_eq!(clinic.when(sister), Err(Rejection::BoundReached(reached)));
    }
}

/// The birth date is part of the patient. While one of these bounds is exceeded, the right one gets the answer of all others.
#[test]
fn beyond_the_bounds_of_a_network_of_all_or_of_a_number_every_birth_date_gets_the_same_answer() {
    let right =
        |stranger| with_fingerprint(from(1, Some(stranger), request(2, BOTOX, "퇴근하고요", Legacy)), false);
    let wrong = |stranger| from(2, Some(stranger), request(2, BOTOX, "퇴근하고요", Legacy));
    let patient = Some(BoundReached::new(BookingBound::Patient, None));
    let booked = with_fingerprint(from(1, Some(STRANGER), request(1, BOTOX, "퇴근하고요", Legacy)), false);
    let clinic = roomy().given(booked);
    for (reached, exceeded) in each_bound().into_iter().take(3) {
        let refused = Rejection::BoundReached(reached);
        assert!(!refused.depends_on_patient());
        // The right birth date overlaps, is a double click, or is that of a patient with five bookings.
        for right in [right(over(exceeded)), right(over(ExceededBounds { patient, ..exceeded }))] {
            assert_eq!(decided(&clinic, right), Err(refused.clone()));
        }
        assert_eq!(decided(&clinic, wrong(over(exceeded))), Err(refused));
    }
    let [told, full] = [WITHIN, ExceededBounds { patient, ..WITHIN }].map(|exceeded| right(over(exceeded)));
    for told in [told, full] {
        assert!(decided(&clinic, told).unwrap_err().depends_on_patient());
    }
    let crowded = crowded();
    for patient in [0, 1] {
        let late = from(patient, Some(STRANGER), request(30_000, BOTOX, "퇴근하고요", Legacy));
        assert_eq!(decided(&crowded, with_fingerprint(late, false)), day_is_full());
    }
}

fn decided(clinic: &Clinic, command: ScheduleCommand) -> Result<Vec<ScheduleEvent>, Rejection> {
    let Clinic { catalog, hours, now, schedule, retired } = clinic;
    decide(schedule, command, &DecisionContext { catalog, hours, now: *now, retired: *retired })
}

/// The first hours, with two seats.
fn two_seats() -> Hours {
    let mut hours = Hours::default();
    for mut set in first_hours() {
        set.slots.iter_mut().for_each(|slot| slot.max_concurrent = 2);
        hours.decide(set).unwrap().iter().for_each(|event| hours.evolve(event));
    }
    hours
}

/// Half-days of strangers do not stand in the desk's way, and those that the clinic then accepts are no dead end.
#[test]
fn beyond_the_limits_of_a_day_its_bookings_can_still_be_moved() {
    for rules in [Legacy, Dynamic] {
        let mut clinic = Clinic::on(MONDAY).limit(BOTOX, 2, Some(80));
        clinic.hours = two_seats();
        let stranger = |number| from(number, Some(STRANGER), request(number, BOTOX, "오전", rules));
        let desk = |number, time| from(number, None, request(number, BOTOX, time, rules));
        let mut clinic = clinic.given(stranger(1)).given(stranger(2));
        let full = clinic.when(from(3, Some(STRANGER), request(3, BOTOX, "10:00", rules)));
        assert!(
            matches!(full, Err(Rejection::DailyCountReached { .. } | Rejection::DailyMinutesReached { .. })),
            "{full:?}"
        );
        let clinic = clinic.given(desk(4, "10:00")).given(desk(5, "11:00"));
        let mut clinic =
            clinic.given(change(1, ReservationChange::Confirm)).given(change(2, ReservationChange::Confirm));
        let moved = ReservationChange::Reschedule { start: "09:00".parse().unwrap(), rules };
        assert_eq!(clinic.when(change(1, moved)).map(|events| events.len()), Ok(1), "{rules:?}");
    }
}
