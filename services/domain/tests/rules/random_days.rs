//! Random hours, closures and bookings: search and write agree, and no minute has more bookings than seats.

use daybook_domain::hours::ClinicSlot;
use daybook_domain::requested_time::ParsedTime;
use daybook_domain::rules::TimeSlot;
use daybook_domain::schedule::Rejection;
use daybook_domain::time::Span;
use daybook_domain::{ClinicZone, ClockTime, HoursId, Period, RuleSet};
use proptest::prelude::*;

use crate::clinic::{BOTOX, Clinic, SKIN, service_id};

const CONSULTATION: &str = "srv_other_consultation";
const SERVICES: [&str; 3] = [BOTOX, SKIN, CONSULTATION];

const DATE: &str = "2026-12-15";

fn clock_time(minute: u32) -> ClockTime {
    ClockTime::new(minute / 60, minute % 60).unwrap_or(ClockTime::MIDNIGHT)
}

/// The clinic slots of one half: cut at some minutes, each part open or not.
fn any_half(from: u32, until: u32, only: Option<&'static str>) -> impl Strategy<Value = Vec<ClinicSlot>> {
    let part = (any::<bool>(), 1u32..4, prop::sample::select(vec![10u32, 20, 30, 45]), 0..6);
    let cuts = prop::collection::vec((from / 10)..(until / 10), 0..4);
    (cuts, prop::collection::vec(part, 5)).prop_map(move |(mut cuts, parts)| {
        cuts.extend([from / 10, until / 10]);
        cuts.sort_unstable();
        cuts.dedup();
        let spans = cuts.windows(2).map(|pair| (pair[0] * 10, pair[1] * 10));
        let open = spans.zip(parts).filter(|(_, (is_open, ..))| *is_open || only.is_none());
        open.map(|((start, end), (_, seats, interval, dates))| ClinicSlot {
            id: HoursId::parse(format!("{}_{start}", only.unwrap_or("all"))).unwrap(),
            period: Period::by_clock(clock_time(start)),
            span: Span { start: clock_time(start), end: clock_time(end) },
            slot_interval: interval,
            max_concurrent: seats,
            service: only.map(service_id),
            effective_from: (dates == 0).then(|| "2026-12-16".parse().unwrap()),
            effective_until: (dates == 1).then(|| "2026-12-15".parse().unwrap()),
        })
        .collect()
    })
}

fn any_hours() -> impl Strategy<Value = Vec<ClinicSlot>> {
    let noon = 12 * 60;
    (
        any_half(0, noon, None),
        any_half(noon, 24 * 60, None),
        any_half(8 * 60, noon, Some(SKIN)),
        any_half(noon, 20 * 60, Some(BOTOX)),
    )
        .prop_map(|(a, b, c, d)| [a, b, c, d].concat())
}

#[derive(Debug, Clone)]
enum Step {
    Book(&'static str, ParsedTime, RuleSet),
    Close(Span, Option<&'static str>),
}

fn any_step() -> impl Strategy<Value = Step> {
    let service = || prop::sample::select(SERVICES.to_vec());
    let rules = prop::sample::select(RuleSet::ALL.to_vec());
    let wish = prop_oneof![
        8 => (0u32..288).prop_map(|five| ParsedTime::At(clock_time(five * 5))),
        1 => prop::sample::select(Period::ALL.to_vec()).prop_map(ParsedTime::Period),
    ];
    prop_oneof![
        10 => (service(), wish, rules).prop_map(|(service, wish, rules)| Step::Book(service, wish, rules)),
        1 => (0u32..140, 1u32..20, prop::option::of(service())).prop_map(|(start, length, service)| {
            let end = (start + length).min(144) * 10;
            Step::Close(Span { start: clock_time(start * 10), end: clock_time(end) }, service)
        }),
    ]
}

/// The clinic slot whose seats a service takes at a minute: its own before a shared one, the last one outside the hours.
fn seats_at<'s>(slots: &'s [ClinicSlot], service: &str, minute: u32) -> Option<&'s ClinicSlot> {
    let service = service_id(service);
    let date = DATE.parse().unwrap();
    (0..=minute.min(24 * 60 - 1)).rev().find_map(|minute| {
        let open = slots.iter().filter(|slot| slot.applies_on(date) && slot.admits(&service));
        open.filter(|slot| slot.span.contains(clock_time(minute))).max_by_key(|slot| slot.service.is_some())
    })
}

/// In every minute of a booking, its seats hold all bookings that take them.
fn assert_seats_suffice(clinic: &Clinic, slots: &[ClinicSlot]) -> Result<(), TestCaseError> {
    for minute in (0..24 * 60).step_by(5) {
        let mut pools: Vec<(&ClinicSlot, u32)> = Vec::new();
        for (_, booking) in clinic.schedule.bookings() {
            let Some(start) = booking.placement.start().map(ClockTime::minutes) else { continue };
            prop_assert!(start + booking.total_minutes <= 24 * 60);
            if !(start..start + booking.total_minutes).contains(&minute) {
                continue;
            }
            let slot = seats_at(slots, booking.service.as_str(), minute).unwrap();
            match pools.iter_mut().find(|(pool, _)| pool.service == slot.service) {
                Some((_, taken)) => *taken += 1,
                None => pools.push((slot, 1)),
            }
        }
        for (slot, taken) in pools {
            prop_assert!(taken <= slot.max_concurrent, "{} in {} at {}", taken, slot.id, clock_time(minute));
        }
    }
    Ok(())
}

/// What is offered can be booked and nothing else, and the count of the day says whether anything is.
fn assert_search_is_write(clinic: &Clinic, service: &str) -> Result<(), TestCaseError> {
    for rules in RuleSet::ALL {
        let (listed, count) = (clinic.listed(service, rules), clinic.counted(service, rules));
        let is_bookable = listed.iter().any(|slot| slot.refusal.is_none());
        prop_assert_eq!(count.left > 0, is_bookable, "{} {:?}: {:?}", service, rules, count);
        prop_assert!(count.left <= count.limit, "{:?}", count);
        for slot in listed {
            let outcome = clinic.check(service, ParsedTime::At(slot.start), rules);
            let is_offered = slot.refusal.is_none();
            prop_assert_eq!(is_offered, outcome.is_ok(), "{} {:?}: {:?}", slot.start, rules, outcome);
            prop_assert!(!is_offered || slot.taken < slot.capacity, "{:?}", slot);
        }
    }
    Ok(())
}

/// A half can be asked for exactly if the treatment fits at some minute of it.
fn assert_halves_are_open_if_some_start_is(clinic: &Clinic, service: &str) -> Result<(), TestCaseError> {
    use Rejection::{
        ClinicClosed, DailyMinutesReached, DoesNotFit, OutsideHours, PeriodFull, TimeClosed, TimePassed,
    };
    let listed = clinic.listed(service, RuleSet::Dynamic);
    for (period, first) in Period::ALL.into_iter().zip([0, 12 * 60]) {
        let outcome = clinic.check(service, ParsedTime::Period(period), RuleSet::Dynamic);
        let fits = (first..first + 12 * 60).step_by(5).map(clock_time).any(|start| {
            let start = clinic.check(service, ParsedTime::At(start), RuleSet::Dynamic);
            let is_shut = |rejection| {
                matches!(
                    rejection,
                    ClinicClosed | OutsideHours | DoesNotFit { .. } | TimeClosed { .. } | TimePassed
                )
            };
            !start.is_err_and(is_shut)
        });
        match outcome {
            Ok(()) | Err(PeriodFull { .. } | DailyMinutesReached { .. }) => {
                prop_assert!(fits, "{period:?} of {service}: {outcome:?}");
            }
            // The last listed start may be earlier than the last minute at which the treatment would fit.
            Err(DoesNotFit { .. } | TimePassed) => {
                let is_free = |slot: &TimeSlot| slot.period == period && slot.refusal.is_none();
                prop_assert!(!listed.iter().any(is_free), "{period:?} of {service}: {outcome:?}");
            }
            Err(_) => prop_assert!(!fits, "{period:?} of {service}: {outcome:?}"),
        }
    }
    Ok(())
}

/// A daily limit in bookings and in minutes, for some of the services.
fn any_limits() -> impl Strategy<Value = Vec<(&'static str, u32, Option<u32>)>> {
    let limit = (prop::sample::select(SERVICES.to_vec()), 0u32..4, prop::option::of(0u32..300));
    prop::collection::vec(limit, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn search_is_write_and_no_minute_has_more_bookings_than_seats(
        slots in any_hours(),
        // Just before a multiple of five minutes, as all other times are such multiples.
        now in prop::option::of((0i64..288).prop_map(|five| five * 5 - 1)),
        limits in any_limits(),
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let mut clinic = Clinic::on(DATE, ClinicZone::SEOUL).open(slots.clone());
        for (service, daily_limit, minutes) in limits {
            clinic = clinic.limit(service, daily_limit, minutes);
        }
        if let Some(minute) = now {
            let midnight = "2026-12-14T15:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
            clinic.now.instant = midnight + chrono::TimeDelta::minutes(minute);
        }
        for step in steps {
            match step {
                Step::Book(service, wish, rules) => {
                    let _ = clinic.book(service, wish, rules);
                }
                Step::Close(span, service) => clinic = clinic.close(span, service),
            }
        }
        assert_seats_suffice(&clinic, &slots)?;
        for service in SERVICES {
            assert_search_is_write(&clinic, service)?;
            assert_halves_are_open_if_some_start_is(&clinic, service)?;
        }
    }
}

/// `DAYBOOK_TEST_CASES` raises the number of cases.
fn cases() -> u32 {
    std::env::var("DAYBOOK_TEST_CASES").map_or(256, |cases| cases.parse().expect("a number"))
}
