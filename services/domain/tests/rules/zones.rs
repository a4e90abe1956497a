//! All zones of the zone database on the days on which their clocks change.

use std::collections::HashSet;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use daybook_domain::hours::ClinicSlot;
use daybook_domain::requested_time::ParsedTime;
use daybook_domain::schedule::Rejection;
use daybook_domain::time::{ClinicNow, Instant};
use daybook_domain::{ClinicZone, ClockTime, HoursId, Period, RuleSet};

use crate::clinic::{BOTOX, Clinic, SKIN, span};

/// Days of earlier years on which clocks did something unusual: a day that did not exist, midnight that did not exist,
/// half an hour, two hours, a change just after midnight.
const ODD_DAYS: [(Tz, &str); 12] = [
    (Tz::Pacific__Apia, "2011-12-30"),
    (Tz::Pacific__Fakaofo, "2011-12-30"),
    (Tz::Pacific__Kwajalein, "1993-08-21"),
    (Tz::Pacific__Kiritimati, "1994-12-31"),
    (Tz::America__Sao_Paulo, "2018-11-04"),
    (Tz::America__Goose_Bay, "2010-11-07"),
    (Tz::Australia__Lord_Howe, "2019-04-07"),
    (Tz::Antarctica__Troll, "2019-03-31"),
    (Tz::Asia__Pyongyang, "2018-05-05"),
    (Tz::Asia__Gaza, "2011-08-01"),
    (Tz::Africa__Cairo, "2010-08-11"),
    (Tz::America__Caracas, "2007-12-09"),
];

/// First and last year of the property. `DAYBOOK_TEST_YEARS=1900-2099` checks all that the database knows.
fn years() -> (i32, i32) {
    let chosen = std::env::var("DAYBOOK_TEST_YEARS").unwrap_or_else(|_| "2024-2027".to_owned());
    let (first, last) = chosen.split_once('-').expect("DAYBOOK_TEST_YEARS=FIRST-LAST");
    (first.parse().unwrap(), last.parse().unwrap())
}

fn offset(zone: Tz, instant: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()
}

/// The days on which a zone's clock changes, with their neighbours.
fn days_of_change(zone: Tz) -> HashSet<NaiveDate> {
    let (first, last) = years();
    let day = NaiveDate::from_ymd_opt(first, 1, 1).unwrap();
    let days = day.iter_days().take_while(|day| *day < NaiveDate::from_ymd_opt(last + 1, 1, 1).unwrap());
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let changes =
        days.filter(|day| offset(zone, midnight(*day)) != offset(zone, midnight(*day + Days::new(1))));
    let odd = ODD_DAYS.iter().filter(|(odd, _)| *odd == zone).map(|(_, day)| day.parse().unwrap());
    changes.chain(odd).flat_map(|day| (0..4).map(move |add| day - Days::new(1) + Days::new(add))).collect()
}

/// The first instant at which the clock shows a local time, by the zone database alone.
fn shown_at(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    zone.from_local_datetime(&local).earliest().map(|at| at.with_timezone(&Utc))
}

/// The same, or the first later time that the clock shows. It does not calculate: it tries every second.
fn shown_from(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let mut local = local;
    loop {
        if let Some(at) = shown_at(zone, local) {
            return at;
        }
        // A day that does not exist would take long by seconds.
        let step = if shown_at(zone, local + TimeDelta::minutes(1)).is_none() { 60 } else { 1 };
        local += TimeDelta::seconds(step);
    }
}

fn local(date: NaiveDate, minute: u32) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute))
}

fn clock_time(minute: u32) -> ClockTime {
    ClockTime::new(minute / 60, minute % 60).unwrap_or(ClockTime::MIDNIGHT)
}

#[test]
fn the_clock_of_a_day_shows_what_the_zone_database_says() {
    for zone in TZ_VARIANTS {
        let clinic_zone: ClinicZone = zone.name().parse().unwrap();
        for date in days_of_change(zone) {
            let clock = clinic_zone.day_clock(date);
            let mut earlier = None;
            // Clocks change at or just after a quarter of an hour.
            for minute in (0..=24 * 60).filter(|minute| matches!(minute % 15, 0 | 1 | 14)) {
                let (time, local) = (clock_time(minute), local(date, minute));
                let instant = clock.instant(time);
                match shown_at(zone, local) {
                    Some(at) => {
                        assert!(clock.shows(time), "{zone} {local}");
                        assert_eq!(instant, at.into(), "{zone} {local}");
                        let shown = if minute < 24 * 60 { time } else { ClockTime::MIDNIGHT };
                        assert_eq!(clock.time_at(instant), shown, "{zone} {local}");
                    }
                    None => {
                        assert!(!clock.shows(time), "{zone} {local} does not exist");
                        assert!(earlier.is_none_or(|earlier| earlier <= instant), "{zone} {local}");
                        assert!(instant <= shown_from(zone, local).into(), "{zone} {local}");
                    }
                }
                earlier = Some(instant);
            }
        }
    }
}

/// Hours that touch the change in different ways.
fn hours(date: NaiveDate, zone: Tz) -> Vec<Vec<ClinicSlot>> {
    let changed = (0..24 * 60).find(|minute| {
        let passed = |minute| shown_from(zone, local(date, minute));
        passed(minute + 1) - passed(*minute) != TimeDelta::minutes(1)
    });
    let around = changed.unwrap_or(12 * 60).next_multiple_of(30);
    let cuts = [around.saturating_sub(45), around, (around + 75).min(24 * 60)];
    vec![
        vec![stretch(0, 24 * 60, 30)],
        vec![stretch(0, cuts[0], 15), stretch(cuts[0], cuts[2], 20), stretch(cuts[2], 24 * 60, 30)],
        vec![stretch(0, cuts[1], 30), stretch(cuts[1], 24 * 60, 15)],
    ]
}

fn stretch(start: u32, end: u32, slot_interval: u32) -> ClinicSlot {
    ClinicSlot {
        id: HoursId::parse(format!("from_{start}")).unwrap(),
        period: Period::by_clock(clock_time(start)),
        span: daybook_domain::time::Span { start: clock_time(start), end: clock_time(end) },
        slot_interval,
        max_concurrent: 1,
        service: None,
        effective_from: None,
        effective_until: None,
    }
}

#[test]
fn on_every_day_of_change_search_and_write_agree_and_no_seat_is_taken_twice() {
    let mut seen = HashSet::new();
    for zone in TZ_VARIANTS {
        for date in days_of_change(zone) {
            // Zones that change in the same way at the same local time need one check.
            let midnight = local(date, 0).and_utc();
            let shape: Vec<i64> = (0..=24 * 2)
                .map(|half_hour| (shown_from(zone, local(date, half_hour * 30)) - midnight).num_seconds())
                .map(|second| second - (shown_from(zone, local(date, 0)) - midnight).num_seconds())
                .collect();
            if !seen.insert(shape) {
                continue;
            }
            for slots in hours(date, zone) {
                let slots: Vec<_> = slots.into_iter().filter(|slot| slot.span.minutes() > 0).collect();
                check_day(zone, date, &slots);
            }
        }
    }
}

fn check_day(zone: Tz, date: NaiveDate, slots: &[ClinicSlot]) {
    let clinic_zone: ClinicZone = zone.name().parse().unwrap();
    let empty = Clinic::on(&date.to_string(), clinic_zone).open(slots.to_vec());
    for (rules, service) in RuleSet::ALL.into_iter().zip([BOTOX, SKIN]) {
        let mut clinic = empty.clone();
        // A stride, so that bookings meet from both sides.
        for step in 0..24 * 12 {
            let minute = step * 5 * 7 % (24 * 60);
            let taken = clinic.book(service, ParsedTime::At(clock_time(minute)), rules);
            if let Ok(()) = taken {
                assert_bookings_are_apart(&clinic, zone, slots, rules);
            }
            if step % 60 == 0 {
                assert_search_is_write(&clinic, zone, slots, service, rules);
            }
        }
        assert_search_is_write(&clinic, zone, slots, service, rules);
        assert_the_past_is_judged_by_the_instant(&empty, zone, service, rules);
    }
}

fn assert_search_is_write(clinic: &Clinic, zone: Tz, slots: &[ClinicSlot], service: &str, rules: RuleSet) {
    let date = clinic.schedule.date;
    let total = TimeDelta::minutes(i64::from(clinic.service(service).total_minutes()));
    let offered = clinic.offered(service, rules);
    for slot in slots {
        let end = shown_from(zone, local(date, slot.span.end.minutes()));
        for minute in
            (slot.span.start.minutes()..slot.span.end.minutes()).step_by(slot.slot_interval as usize)
        {
            let start = clock_time(minute);
            let outcome = clinic.check(service, ParsedTime::At(start), rules);
            let is_offered = offered.contains(&start.to_string());
            let shown = shown_at(zone, local(date, minute));
            if shown.is_none() {
                assert_eq!(
                    outcome,
                    Err(if offered.is_empty() && is_no_day(zone, date) {
                        Rejection::ClinicClosed
                    } else {
                        Rejection::OutsideHours
                    }),
                    "{zone} {date} {start} does not exist"
                );
            }
            // The legacy rules accept a treatment that ends after the hours, but no list offers it.
            let is_left_out = rules == RuleSet::Legacy && shown.is_some_and(|at| at + total > end);
            if !is_left_out {
                assert_eq!(is_offered, outcome.is_ok(), "{zone} {date} {start} {rules:?}: {outcome:?}");
            }
            assert!(!is_offered || shown.is_some_and(|at| at + total <= end), "{zone} {date} {start}");
        }
    }
}

fn is_no_day(zone: Tz, date: NaiveDate) -> bool {
    shown_from(zone, local(date, 0)) == shown_from(zone, local(date, 24 * 60))
}

/// One seat: no two bookings overlap in elapsed time, and none runs past the day, or past the hours if the rules say so.
fn assert_bookings_are_apart(clinic: &Clinic, zone: Tz, slots: &[ClinicSlot], rules: RuleSet) {
    let date = clinic.schedule.date;
    let mut taken: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (_, booking) in clinic.schedule.bookings() {
        let start = booking.placement.start().unwrap();
        let at = shown_at(zone, local(date, start.minutes())).expect("a time that exists");
        let end = at + TimeDelta::minutes(i64::from(booking.total_minutes));
        assert!(end <= shown_from(zone, local(date, 24 * 60)), "{zone} {date} {start} ends after the day");
        let slot = slots.iter().find(|slot| slot.span.contains(start)).unwrap();
        let closing = shown_from(zone, local(date, slot.span.end.minutes()));
        assert!(rules == RuleSet::Legacy || end <= closing, "{zone} {date} {start} ends after the hours");
        taken.push((at, end));
    }
    taken.sort_unstable();
    for pair in taken.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{zone} {date} {rules:?}: {pair:?} overlap");
    }
}

fn assert_the_past_is_judged_by_the_instant(clinic: &Clinic, zone: Tz, service: &str, rules: RuleSet) {
    let date = clinic.schedule.date;
    let (day, night) = (shown_from(zone, local(date, 0)), shown_from(zone, local(date, 24 * 60)));
    let mut instant = day - TimeDelta::minutes(30);
    while instant < night {
        instant += TimeDelta::minutes(37);
        let now = ClinicNow { instant, ..clinic.now };
        let clinic = Clinic { now, ..clinic.clone() };
        for slot in clinic.listed(service, rules) {
            let at = shown_at(zone, local(date, slot.start.minutes())).unwrap();
            let is_offered = slot.refusal.is_none();
            // The clock may show the date again after it has shown the next one.
            let is_over = date < now.today();
            assert_eq!(is_offered, instant < at && !is_over, "{zone} {date} {} at {instant}", slot.start);
            let outcome = clinic.check(service, ParsedTime::At(slot.start), rules);
            assert_eq!(is_offered, outcome.is_ok(), "{zone} {date} {} at {instant}", slot.start);
        }
    }
}

fn clinic_in(zone: Tz, date: &str, start: &str, end: &str) -> Clinic {
    let mut slot = crate::clinic::slot(start, end);
    slot.span = span(start, end);
    Clinic::on(date, zone.name().parse().unwrap()).open([slot])
}

#[test]
fn a_time_that_the_clock_skips_is_neither_offered_nor_taken() {
    for rules in RuleSet::ALL {
        // At 02:00 the clock is set to 03:00.
        let clinic = clinic_in(Tz::Europe__Berlin, "2027-03-28", "01:00", "05:00");
        assert_eq!(clinic.offered(BOTOX, rules), ["01:00", "01:30", "03:00", "03:30", "04:00"], "{rules:?}");
        let skipped = clinic.check(BOTOX, ParsedTime::At(clock_time(150)), rules);
        assert_eq!(skipped, Err(Rejection::OutsideHours));
        let slot = &clinic.listed(BOTOX, rules)[1];
        assert_eq!(slot.end.to_string(), "03:10", "40 minutes after 01:30");
        // A closure of the skipped hour closes nothing.
        let clinic = clinic.close(span("02:00", "03:00"), None);
        assert_eq!(clinic.offered(BOTOX, rules).len(), 5);
    }
}

#[test]
fn a_time_that_the_clock_shows_twice_is_sold_once_and_lasts_as_long_as_it_takes() {
    for rules in RuleSet::ALL {
        // At 03:00 the clock is set to 02:00.
        let mut clinic = clinic_in(Tz::Europe__Berlin, "2026-10-25", "01:00", "04:00");
        assert_eq!(
            clinic.offered(SKIN, rules),
            ["01:00", "01:30", "02:00", "02:30"],
            "from 02:30 two hours and a half are left {rules:?}"
        );
        assert_eq!(clinic.book(SKIN, ParsedTime::At(clock_time(150)), rules), Ok(()));
        // It ends at 02:40 of the second pass, so 03:00 is free.
        assert_eq!(clinic.offered(BOTOX, rules), ["01:00", "01:30", "03:00"], "{rules:?}");
    }
}

#[test]
fn a_day_that_does_not_exist_is_closed() {
    let clinic = clinic_in(Tz::Pacific__Apia, "2011-12-30", "09:00", "18:00");
    for rules in RuleSet::ALL {
        assert_eq!(clinic.offered(BOTOX, rules), Vec::<String>::new());
        for wish in [ParsedTime::At(clock_time(600)), crate::clinic::MORNING] {
            assert_eq!(clinic.check(BOTOX, wish, rules), Err(Rejection::ClinicClosed));
        }
    }
    let clock = clinic.now.zone.day_clock(clinic.schedule.date);
    assert_eq!(clock.instant(clock_time(0)), clock.end());
    assert_eq!(clock.end(), Instant::from("2011-12-30T10:00:00Z".parse::<DateTime<Utc>>().unwrap()));
}
