//! What a comparison tells people. It must never show more of a reservation than the comparison gives out.

use std::fmt::Write as _;

use daybook_projections::{Days, Declared, Difference, Mode, Verdict, WrittenBy};
use serde::Serialize;

use crate::output::{Align, Table, counted, grouped};

/// The verdict with its conclusion.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    agrees: bool,
    kept_digests_agree: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl<'a> From<&'a Verdict> for Shown<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self { agrees: verdict.agrees(), kept_digests_agree: verdict.wrong_digests.is_empty(), verdict }
    }
}

/// The verdict, for people.
pub(super) fn describe(verdict: &Verdict) -> String {
    let mut lines = vec![conclusion(verdict), digests(verdict).to_string().trim_end().to_owned()];
    if !verdict.differing_days.is_empty() {
        lines.push(format!("Days that differ: {}.", name_days(&verdict.differing_days)));
    }
    if !verdict.wrong_digests.is_empty() {
        lines.push(format!(
            "Days whose kept digest is not that of their rows: {}. Rebuild the views.",
            name_days(&verdict.wrong_digests)
        ));
    }
    lines.extend(verdict.declared.as_ref().map(describe_declared));
    lines.extend(verdict.differences.iter().map(describe_difference));
    lines.join("\n")
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
        return format!("{names} say the same at position {position}: {how}.");
    }
    let differing = counted(verdict.differing, "reservation differs", "reservations differ");
    let listed =
        if verdict.differing > verdict.differences.len() as u64 { ", the first of them below" } else { "" };
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

/// How many days, and which: as many as are named.
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
        ("says", Align::Left),
        ("its events say", Align::Left),
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
        [] => "both hold what their events say, so the two views fold these events differently".to_owned(),
        [one] => format!("{one} does not hold what its events say"),
        several => format!("{} do not hold what their events say", several.join(" and ")),
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
    fn what_is_declared_is_said_in_one_line_without_what_there_is_none_of() {
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
    fn days_that_are_not_named_are_counted() {
        let first = vec![chrono::NaiveDate::MIN];
        let day = chrono::NaiveDate::MIN.to_string();
        assert_eq!(name_days(&Days { total: 1, first: first.clone() }), day);
        assert_eq!(name_days(&Days { total: 1201, first }), format!("{day} and 1,200 more"));
    }
}
