//! The report of a comparison. It must never show more of a reservation than the comparison returns.

use std::fmt::Write as _;

use daybook_commands::LateBooking;
use daybook_projections::{Days, Declared, Difference, Mode, Verdict, WrittenBy};
use serde::Serialize;

use crate::cli::late_bookings;
use crate::cli::projection::parked::describe_parked;
use crate::output::{Align, Table, counted, grouped};

#[derive(Serialize)]
pub(super) struct VerdictReport<'a> {
    agrees: bool,
    kept_digests_agree: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
    /// Open bookings that a change concerns which their decision did not know. Both views show them alike.
    #[serde(skip_serializing_if = "is_empty")]
    late_bookings: &'a [LateBooking],
}

fn is_empty(late: &&[LateBooking]) -> bool {
    late.is_empty()
}

impl<'a> VerdictReport<'a> {
    pub(super) fn new(verdict: &'a Verdict, late_bookings: &'a [LateBooking]) -> Self {
        let kept_digests_agree = verdict.wrong_digests.is_empty();
        Self { agrees: verdict.agrees(), kept_digests_agree, verdict, late_bookings }
    }

    /// The report, for people.
    pub(super) fn describe(&self) -> String {
        let verdict = self.verdict;
        let mut lines = vec![conclusion(verdict), digests(verdict).to_string().trim_end().to_owned()];
        if !verdict.differing_days.is_empty() {
            lines.push(format!("Days that differ: {}.", name_days(&verdict.differing_days)));
        }
        if !verdict.wrong_digests.is_empty() {
            lines.push(format!(
                "Days whose stored digest does not match their rows: {}.\nNext: daybook projection rebuild all",
                name_days(&verdict.wrong_digests)
            ));
        }
        lines.extend(verdict.declared.as_ref().map(describe_declared));
        lines.extend(describe_parked(&verdict.parked));
        lines.extend(late_bookings::describe(self.late_bookings));
        lines.extend(verdict.differences.iter().map(describe_difference));
        lines.join("\n")
    }
}

fn conclusion(verdict: &Verdict) -> String {
    let Verdict { position, mode, .. } = verdict;
    let names: Vec<String> = verdict.generations.iter().map(ToString::to_string).collect();
    let names = names.join(" and ");
    let days = counted(verdict.days_compared, "day", "days");
    let how = match mode {
        Mode::Full => format!("all rows of {days} compared"),
        Mode::Quick => format!("the digests of {days} compared"),
    };
    if verdict.agrees() {
        return format!("{names} agree at position {position}: {how}.");
    }
    let differing = counted(verdict.differing, "reservation differs", "reservations differ");
    let listed =
        if verdict.differing > verdict.differences.len() as u64 { ", the first ones below" } else { "" };
    format!("{names} DIFFER at position {position}: {how}, {differing}{listed}.")
}

fn digests(verdict: &Verdict) -> Table {
    let mut table =
        Table::new(&[("generation", Align::Left), ("reservations", Align::Right), ("digest", Align::Left)]);
    for (generation, digest) in &verdict.digests {
        let rows = verdict.reservations.get(generation).copied().unwrap_or_default();
        table.row([generation.clone(), grouped(rows), digest.to_string()]);
    }
    table
}

/// The first days by name, and the number of the others.
pub(super) fn name_days(days: &Days) -> String {
    let first: Vec<String> = days.first.iter().map(ToString::to_string).collect();
    let rest = days.total - days.first.len() as u64;
    match rest {
        0 => first.join(", "),
        rest => format!("{} and {} more", first.join(", "), grouped(rest)),
    }
}

fn describe_declared(declared: &Declared) -> String {
    let Declared { exact, service_without_enum_value, period_without_time, time_under_review } = *declared;
    let kinds = [
        (period_without_time, "without a time"),
        (time_under_review, "under review"),
        (service_without_enum_value, "as 기타 상담"),
    ];
    let mut text = format!("{} exact", counted(exact, "row", "rows"));
    for (rows, kind) in kinds.into_iter().filter(|(rows, _)| *rows > 0) {
        // Writing into a String cannot fail.
        let _ = write!(text, ", {} {kind}", grouped(rows));
    }
    text + "."
}

fn describe_difference(difference: &Difference) -> String {
    let Difference { reservation, date, fields, wrong } = difference;
    let mut text = format!("\nReservation {reservation} of {date}: {}\n", describe_wrong(difference));
    let mut table = Table::new(&[
        ("field", Align::Left),
        ("generation", Align::Left),
        ("value", Align::Left),
        ("value by its events", Align::Left),
        ("written by", Align::Left),
    ]);
    for field in fields {
        for side in &field.sides {
            let mark = if wrong.contains(&side.generation) { " (wrong)" } else { "" };
            table.row([
                field.field.to_owned(),
                format!("{}{mark}", side.generation),
                side.value.clone(),
                side.replayed.clone(),
                side.written_by.as_ref().map_or_else(|| "no event".to_owned(), name_event),
            ]);
        }
    }
    text.push_str(table.to_string().trim_end());
    text
}

fn describe_wrong(difference: &Difference) -> String {
    let wrong: Vec<String> = difference.wrong.iter().map(ToString::to_string).collect();
    match wrong.as_slice() {
        [] => "both match their events, so the two views apply these events differently".to_owned(),
        [one] => format!("{one} does not match its events"),
        several => format!("{} do not match their events", several.join(" and ")),
    }
}

fn name_event(event: &WrittenBy) -> String {
    let WrittenBy { position, stream, revision, kind } = event;
    format!("{kind} at position {position} ({stream}, revision {revision})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_differences_fill_one_line_without_empty_kinds() {
        let all = Declared {
            exact: 12_409,
            service_without_enum_value: 4,
            period_without_time: 37,
            time_under_review: 0,
        };
        assert_eq!(describe_declared(&all), "12,409 rows exact, 37 without a time, 4 as 기타 상담.");
        assert_eq!(describe_declared(&Declared { exact: 1, ..Declared::default() }), "1 row exact.");
    }

    #[test]
    fn unnamed_days_are_counted() {
        let first = vec![chrono::NaiveDate::MIN];
        let day = chrono::NaiveDate::MIN.to_string();
        assert_eq!(name_days(&Days { total: 1, first: first.clone() }), day);
        assert_eq!(name_days(&Days { total: 1201, first }), format!("{day} and 1,200 more"));
    }
}
