//! `daybook projection audit`: compares the log with the number of events that a view has applied, and repairs single days.

mod report;

use std::str::FromStr;

use anyhow::ensure;
use chrono::NaiveDate;
use clap::Args;
use daybook_domain::ReservationId;
use daybook_projections::audit::{Audit, AuditProgress, MAX_REPORTED_DAYS, Repair, Repaired};
use daybook_projections::{Auditor, Generation, generation};

use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};
use report::{AuditReport, describe, describe_repairs};

const SCOPE: &str = "\
The audit counts events. It does not find a wrong value in a field; `daybook projection verify` does.

--repair derives rows from the log again, as a rebuild would, and changes no other rows. It does not repair services, limits and \
hours; a rebuild does.";

#[derive(Args)]
#[command(after_help = SCOPE)]
pub(in crate::cli) struct Arguments {
    /// Generation, such as legacy_3 [default: all live ones]
    generation: Option<Generation>,
    /// Repair a reservation by its id, a day such as 2026-12-01, or `all` days that the audit finds
    #[arg(long, value_name = "WHAT")]
    repair: Option<RepairTarget>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RepairTarget {
    /// All days that differ.
    All,
    /// One reservation or day.
    One(Repair),
}

impl FromStr for RepairTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Ok(date) = NaiveDate::from_str(text) {
            return Ok(Self::One(Repair::Day(date)));
        }
        ReservationId::parse(text)
            .map(|id| Self::One(Repair::Reservation(id)))
            .map_err(|error| format!("use a day, the id of a reservation, or `all`: {error}"))
    }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    with_backend(settings, IfMissing::Refused, async |backend| execute(backend, arguments).await).await
}

async fn execute(backend: &Backend, arguments: Arguments) -> anyhow::Result<Exit> {
    let auditor = backend.auditor();
    let (generation, confirmation, format) = (arguments.generation, arguments.confirmation, arguments.format);
    match arguments.repair {
        None => {
            let report = AuditReport::from(audit(&auditor, generation).await?);
            format.print(&report, || describe(&report))?;
            Ok(if report.agrees { Exit::Done } else { Exit::Failed })
        }
        Some(RepairTarget::One(what)) => {
            let generations = match generation {
                Some(generation) => vec![generation],
                None => live(backend).await?,
            };
            confirmation.require(change(&generations, &describe_one(&what))).await?;
            let wanted = generations.into_iter().map(|generation| (generation, what.clone())).collect();
            let repaired = repair(&auditor, wanted).await?;
            format.print(&repaired, || describe_repairs(&repaired))?;
            Ok(Exit::Done)
        }
        Some(RepairTarget::All) => repair_all(&auditor, generation, confirmation, format).await,
    }
}

async fn live(backend: &Backend) -> anyhow::Result<Vec<Generation>> {
    let live = generation::live(&backend.pool.get().await?).await?;
    Ok(live.into_iter().map(|status| status.generation).collect())
}

/// Audits and shows progress.
async fn audit(auditor: &Auditor, only: Option<Generation>) -> anyhow::Result<Vec<Audit>> {
    let progress_bar = ProgressBar::new("events");
    let on_progress = |progress: AuditProgress| {
        progress_bar.update("counting the log", progress.events, Some(progress.read_fraction));
    };
    Ok(auditor.audit(only, &on_progress).await?)
}

/// Repairs the days that an audit finds, and audits again. The second audit decides the exit code.
async fn repair_all(
    auditor: &Auditor,
    only: Option<Generation>,
    confirmation: Confirmation,
    format: Format,
) -> anyhow::Result<Exit> {
    let audits = audit(auditor, only).await?;
    let mut wanted = Vec::new();
    for audit in &audits {
        let (generation, disagreeing) = (audit.generation, audit.disagreeing);
        ensure!(
            disagreeing <= MAX_REPORTED_DAYS as u64,
            "{disagreeing} days of {generation} differ, more than the {MAX_REPORTED_DAYS} that can be repaired one by one. Next: daybook \
projection rebuild {}",
            generation.model
        );
        wanted.extend(audit.pages.iter().map(|page| (generation, Repair::Day(page.date))));
    }
    let mut repaired = Vec::new();
    if !wanted.is_empty() {
        let generations: Vec<Generation> = audits.iter().map(|audit| audit.generation).collect();
        let pages = counted(wanted.len() as u64, "day that differs", "days that differ");
        confirmation.require(change(&generations, &pages)).await?;
        repaired = repair(auditor, wanted).await?;
    }
    let report = AuditReport { repaired, ..AuditReport::from(audit(auditor, only).await?) };
    format.print(&report, || format!("{}{}", describe_repairs(&report.repaired), describe(&report)))?;
    Ok(if report.agrees { Exit::Done } else { Exit::Failed })
}

async fn repair(auditor: &Auditor, wanted: Vec<(Generation, Repair)>) -> anyhow::Result<Vec<Repaired>> {
    let mut repaired = Vec::with_capacity(wanted.len());
    for (generation, what) in wanted {
        repaired.push(auditor.repair(generation, &what).await?);
    }
    Ok(repaired)
}

fn change(generations: &[Generation], what: &str) -> String {
    let names: Vec<String> = generations.iter().map(Generation::to_string).collect();
    format!(
        "This derives {what} of {} from the log again and replaces the rows. Reads continue; the views pause meanwhile.",
        names.join(" and ")
    )
}

fn describe_one(what: &Repair) -> String {
    match what {
        Repair::Reservation(id) => format!("reservation {id}"),
        Repair::Day(date) => format!("the day {date}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_day_a_reservation_and_all_are_distinguished() {
        let day = RepairTarget::One(Repair::Day(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()));
        assert_eq!("2026-12-01".parse(), Ok(day));
        assert_eq!("all".parse(), Ok(RepairTarget::All));
        let id = ReservationId::parse("old-17").unwrap();
        assert_eq!("old-17".parse(), Ok(RepairTarget::One(Repair::Reservation(id))));
        assert!("two words".parse::<RepairTarget>().is_err());
    }
}
