//! The corpus of free-text times: every line parses as listed, with the clinic's first hours. Nothing here needs a log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::NaiveDate;
use daybook_domain::hours::{Hours, first_hours};
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::{ClockTime, Period, requested_time};

const CORPUS: &str = include_str!("../../../tests/fixtures/preferred_time_corpus.tsv");

fn date_of(weekday: &str) -> NaiveDate {
    let monday = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
    let index =
        ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"].iter().position(|name| *name == weekday).unwrap();
    monday + chrono::Days::new(index as u64)
}

fn clinic_hours() -> Hours {
    let mut hours = Hours::default();
    for set in first_hours() {
        hours.decide(set).unwrap().iter().for_each(|event| hours.evolve(event));
    }
    hours
}

#[test]
fn every_line_of_the_corpus_parses_as_listed() {
    let hours = clinic_hours();
    let mut lines = 0;
    for line in CORPUS.lines().skip(1) {
        let [raw, weekday, time, period] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let parsed = match SlotAssignment::from_parsed(requested_time::parse(raw), &hours, date_of(weekday)) {
            SlotAssignment::At { start, period } => (start.to_string(), period.as_str()),
            SlotAssignment::Period(period) => ("-".to_owned(), period.as_str()),
            SlotAssignment::Review(_) => ("REVIEW".to_owned(), ""),
        };
        assert_eq!(parsed, (time.to_owned(), period), "{raw:?} on {weekday}");
        lines += 1;
    }
    assert_eq!(lines, 80);
}

#[test]
fn a_half_day_never_gets_a_time() {
    for period in Period::ALL {
        assert_eq!(requested_time::parse(period.korean()), requested_time::ParsedTime::Period(period));
        assert_eq!(SlotAssignment::Period(period).legacy_text().as_deref(), Some(period.korean()));
    }
}

#[test]
fn every_time_parses_back_from_its_text_in_the_old_column() {
    for minute in 0..24 * 60 {
        let start = ClockTime::new(minute / 60, minute % 60).unwrap();
        let text = SlotAssignment::At { start, period: Period::by_clock(start) }.legacy_text().unwrap();
        assert_eq!(requested_time::parse(&text), requested_time::ParsedTime::At(start), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_crashes_the_parser(text in "\\PC{0,40}") {
        let _ = requested_time::parse(&text);
    }

    #[test]
    fn a_parsed_text_contains_nothing_but_a_time(text in "[가-힣a-z0-9 :.~-]{0,24}") {
        if !matches!(requested_time::parse(&text), requested_time::ParsedTime::Ambiguous(_)) {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            proptest::prop_assert!(digits <= 14, "{text}");
        }
    }
}
