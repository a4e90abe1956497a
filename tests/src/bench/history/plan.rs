//! The steps of each reservation in a history, and their order.
//!
//! It is pure and deterministic: two runs must never differ in what they measure.

use daybook_domain::schedule::SlotAssignment;
use daybook_domain::{ClockTime, Period};

/// One event of one reservation. The number identifies the reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Request(usize),
    Confirm(usize),
    Note(usize),
    Cancel(usize),
    Complete(usize),
}

impl Step {
    pub(super) const fn reservation(self) -> usize {
        match self {
            Self::Request(number)
            | Self::Confirm(number)
            | Self::Note(number)
            | Self::Cancel(number)
            | Self::Complete(number) => number,
        }
    }
}

/// How many later requests come before the next steps of a reservation.
const CONFIRMED_AFTER: usize = 40;
const NOTED_AFTER: usize = 60;
const CANCELLED_AFTER: usize = 300;
const COMPLETED_AFTER: usize = 1000;

/// The steps of all reservations in the order of the log. Of ten reservations eight are confirmed and two cancelled;
/// three of the confirmed ones are completed, and two have a note.
pub(super) fn steps(reservations: u32) -> impl Iterator<Item = Step> {
    let all = reservations as usize;
    (0..all + COMPLETED_AFTER).flat_map(move |index| {
        let due = |after: usize| index.checked_sub(after).filter(|number| *number < all);
        let tenth = |number: &usize| number % 10;
        [
            due(0).map(Step::Request),
            due(CONFIRMED_AFTER).filter(|number| tenth(number) >= 2).map(Step::Confirm),
            due(NOTED_AFTER).filter(|number| matches!(tenth(number), 1 | 5)).map(Step::Note),
            due(CANCELLED_AFTER).filter(|number| tenth(number) < 2).map(Step::Cancel),
            due(COMPLETED_AFTER).filter(|number| tenth(number) >= 7).map(Step::Complete),
        ]
        .into_iter()
        .flatten()
    })
}

const fn at(hour: u32, minute: u32, period: Period) -> SlotAssignment {
    match ClockTime::new(hour, minute) {
        Some(start) => SlotAssignment::At { start, period },
        None => SlotAssignment::Period(period),
    }
}

/// Requested times as people type them, and the slots they are parsed to.
const REQUESTED_TIMES: [(&str, SlotAssignment); 8] = [
    ("09:00", at(9, 0, Period::Morning)),
    ("오전 10시", at(10, 0, Period::Morning)),
    ("11:30", at(11, 30, Period::Morning)),
    ("오전", SlotAssignment::Period(Period::Morning)),
    ("오후 2시", at(14, 0, Period::Afternoon)),
    ("오후 3시 30분", at(15, 30, Period::Afternoon)),
    ("4:00 PM", at(16, 0, Period::Afternoon)),
    ("17:00", at(17, 0, Period::Afternoon)),
];

pub(super) fn requested_time(number: usize) -> (&'static str, SlotAssignment) {
    let (text, placement) =
        REQUESTED_TIMES.get(number % REQUESTED_TIMES.len()).copied().unwrap_or(REQUESTED_TIMES[0]);
    (text, placement)
}

#[cfg(test)]
mod tests {

    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_reservation_has_two_and_a_half_events_on_average() {
        assert_eq!(steps(1000).count(), 2500);
    }

    #[test]
    fn every_reservation_starts_with_its_request_and_ends_at_most_once() {
        let mut seen: HashMap<usize, Vec<Step>> = HashMap::new();
        for step in steps(100) {
            seen.entry(step.reservation()).or_default().push(step);
        }
        for (number, steps) in seen {
            assert_eq!(steps[0], Step::Request(number));
            let has = |step| steps.contains(&step);
            assert!(has(Step::Confirm(number)) != has(Step::Cancel(number)), "{steps:?}");
            assert!(!has(Step::Complete(number)) || has(Step::Confirm(number)), "{steps:?}");
        }
    }

    #[test]
    fn a_requested_time_parses_to_its_recorded_slot() {
        use daybook_domain::requested_time::{ParsedTime, parse};
        for (text, placement) in REQUESTED_TIMES {
            match (parse(text), placement) {
                (ParsedTime::At(read), SlotAssignment::At { start, .. }) => assert_eq!(read, start, "{text}"),
                (ParsedTime::Period(read), SlotAssignment::Period(period)) => {
                    assert_eq!(read, period, "{text}")
                }
                (read, placement) => panic!("{text}: {read:?} is not {placement:?}"),
            }
        }
    }
}
