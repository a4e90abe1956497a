//! The report of a rehearsal, for people.

use std::collections::BTreeMap;

use daybook_domain::routing::Gate;
use daybook_migration::rehearsal::{StageReport, Traffic, WayBack};

use super::Outcome;
use crate::output::{Align, Table, counted, grouped};

pub(super) fn describe(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let conclusion = if report.passed { "passed" } else { "FAILED" };
    let mut lines = vec![
        format!(
            "The rehearsal {conclusion}: {} of the log up to position {}, {} booked, {:.1} s (copying {:.1} s, building the \
             views {:.1} s). The live log and views were not touched.",
            counted(report.reservations, "reservation", "reservations"),
            outcome.copied_to,
            grouped(report.booked),
            outcome.copying_seconds + outcome.building_seconds + report.seconds,
            outcome.copying_seconds,
            outcome.building_seconds,
        ),
        describe_stages(&report.stages),
        describe_ways_back(&report.stages),
        format!(
            "A retirement waits {:.0} s longer, for other processes and their last readers.",
            report.waits_left_out_seconds
        ),
    ];
    lines.extend(report.brought_back_seconds.map(|seconds| {
        format!("The legacy view was retired in the log, and was built again first, in {seconds:.1} s.")
    }));
    if report.booked == 0 {
        let unbooked = "No booking was made, since every time that was tried is taken or closed: only reads were rehearsed.";
        lines.push(unbooked.to_owned());
    }
    lines.extend(report.stages.iter().filter_map(describe_gates));
    lines.extend(report.stages.iter().flat_map(describe_faults));
    lines.extend(report.stopped.as_ref().map(|why| format!("It could not go on: {why}")));
    lines.join("\n")
}

fn describe_stages(stages: &[StageReport]) -> String {
    let mut table = Table::new(&[
        ("stage", Align::Left),
        ("entered in", Align::Right),
        ("by legacy", Align::Right),
        ("by dynamic", Align::Right),
        ("booked", Align::Right),
        ("compared", Align::Right),
        ("differ", Align::Right),
        ("failed", Align::Right),
        ("rows", Align::Left),
    ]);
    for stage in stages {
        let Traffic { by_legacy, by_dynamic, booked, compared, mismatched, .. } = stage.traffic;
        let rows = match stage.held.as_ref().map(|held| (held.is_clean(), held.expected)) {
            Some((true, expected)) => format!("all {}", grouped(expected)),
            Some((false, expected)) => format!("NOT all {}", grouped(expected)),
            None => "NOT counted".to_owned(),
        };
        let numbers = [by_legacy, by_dynamic, booked, compared, mismatched, failed(&stage.traffic)];
        let cells = [stage.stage.to_string(), milliseconds(stage.entered_seconds)].into_iter();
        table.row(cells.chain(numbers.map(grouped)).chain([rows]));
    }
    table.to_string().trim_end().to_owned()
}

fn describe_ways_back(stages: &[StageReport]) -> String {
    let mut table = Table::new(&[
        ("back to legacy from", Align::Left),
        ("view built again", Align::Right),
        ("in force after", Align::Right),
        ("rows lost", Align::Right),
        ("shown in part", Align::Left),
        ("differ", Align::Right),
        ("failed", Align::Right),
    ]);
    for (stage, back) in stages.iter().filter_map(|stage| Some((stage.stage, stage.back.as_ref()?))) {
        let WayBack { restored_seconds, in_force_seconds, lost, shown_in_part, traffic, .. } = back;
        table.row([
            stage.to_string(),
            restored_seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
            milliseconds(*in_force_seconds),
            grouped(*lost),
            kinds(shown_in_part),
            grouped(traffic.mismatched),
            grouped(failed(traffic)),
        ]);
    }
    table.to_string().trim_end().to_owned()
}

const fn failed(traffic: &Traffic) -> u64 {
    traffic.failed + traffic.missing + traffic.apart
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

fn kinds(declared: &BTreeMap<&'static str, u64>) -> String {
    let kinds_with_rows =
        declared.iter().map(|(kind, rows)| format!("{} {}", grouped(*rows), kind.replace('_', " ")));
    kinds_with_rows.collect::<Vec<_>>().join(", ")
}

/// The gates that a real advance would find unmet.
fn describe_gates(stage: &StageReport) -> Option<String> {
    let unmet: Vec<&str> = stage.shut.iter().copied().map(Gate::as_str).collect();
    (!unmet.is_empty()).then(|| format!("Unmet gates before {}: {}.", stage.stage, unmet.join(", ")))
}

/// Faults of a stage and of the way back from it.
fn describe_faults(stage: &StageReport) -> Vec<String> {
    let name = stage.stage.as_str();
    let mut lines = describe_traffic(&format!("In {name}"), &stage.traffic);
    if let Some(back) = &stage.back {
        lines.extend(describe_traffic(&format!("Back from {name}"), &back.traffic));
    }
    let held = stage.held.iter().chain(stage.back.as_ref().map(|back| &back.held));
    for held in held.filter(|held| !held.is_clean()) {
        let views = held.views.iter().map(|view| format!("{} has {}", view.generation, view.reservations));
        lines.push(format!(
            "In {name} at position {}: {} expected, {}; the views differ in {}.",
            held.position,
            held.expected,
            views.collect::<Vec<_>>().join(", "),
            counted(held.differing, "reservation", "reservations"),
        ));
    }
    lines
}

fn describe_traffic(place: &str, traffic: &Traffic) -> Vec<String> {
    let differences = traffic.differences.iter().map(|difference| {
        let [legacy, dynamic] = &difference.sides;
        let reservation = difference.reservation.as_deref().unwrap_or("a day");
        format!("{place}: {reservation} differs in {}: legacy {legacy}, dynamic {dynamic}.", difference.field)
    });
    let failures = traffic.failures.iter().map(|failure| format!("{place}: {failure}"));
    let mut lines: Vec<String> = differences.chain(failures).collect();
    if traffic.missing > 0 {
        let missing = counted(traffic.missing, "answer", "answers");
        lines.push(format!("{place}: {missing} lacked a reservation that is there."));
    }
    if traffic.refused > 0 {
        let refused = counted(traffic.refused, "booking", "bookings");
        lines.push(format!("{place}: {refused} found no free time; that is no fault."));
    }
    lines
}
