//! `daybook projection audit`: what the log holds against what a view has applied, and the repair of single pages.

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
use crate::wiring::{Backend, IfMissing};
use report::{Found, describe, describe_repairs};

const SCOPE: &str = "\
It counts, and sees no field that holds a wrong value where the count is right: `daybook projection verify` compares those.

--repair derives rows anew from the log, as a rebuild would, and leaves all others alone. Services, limits and hours are not \
repaired; a rebuild writes them anew.";

#[derive(Args)]
#[command(after_help = SCOPE)]
pub(in crate::cli) struct Arguments {
    /// Which generation, such as legacy_3 [default: all that serve]
    generation: Option<Generation>,
    /// Derive anew: one reservation by its id, a day such as 2026-12-01, or `all` pages that the audit finds
    #[arg(long, value_name = "WHAT")]
    repair: Option<Wish>,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// What is to be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    /// All pages that do not agree.
    All,
    /// One thing.
    One(Repair),
}

impl FromStr for Wish {
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
            .map_err(|error| format!("this is no day, not `all`, and no reservation's id: {error}"))
    }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let outcome = carry_out(&backend, arguments).await;
    backend.close().await?;
    outcome
}

async fn carry_out(backend: &Backend, arguments: Arguments) -> anyhow::Result<Exit> {
    let auditor = backend.auditor();
    let (generation, consent, format) = (arguments.generation, arguments.consent, arguments.format);
    match arguments.repair {
        None => {
            let found = Found::from(look(&auditor, generation).await?);
            format.print(&found, || describe(&found))?;
            Ok(if found.agrees { Exit::Done } else { Exit::Failed })
        }
        Some(Wish::One(what)) => {
            let generations = match generation {
                Some(generation) => vec![generation],
                None => live(backend).await?,
            };
            consent.to(change(&generations, &describe_one(&what))).await?;
            let wanted = generations.into_iter().map(|generation| (generation, what.clone())).collect();
            let repaired = repair(&auditor, wanted).await?;
            format.print(&repaired, || describe_repairs(&repaired))?;
            Ok(Exit::Done)
        }
        Some(Wish::All) => repair_all(&auditor, generation, consent, format).await,
    }
}

async fn live(backend: &Backend) -> anyhow::Result<Vec<Generation>> {
    let live = generation::live(&backend.pool.get().await?).await?;
    Ok(live.into_iter().map(|standing| standing.generation).collect())
}

/// Audits, and tells how far it is.
async fn look(auditor: &Auditor, only: Option<Generation>) -> anyhow::Result<Vec<Audit>> {
    let meter = ProgressBar::new("events");
    let tell = |progress: AuditProgress| {
        meter.tell("counting the log", progress.events, Some(progress.read_fraction));
    };
    Ok(auditor.audit(only, &tell).await?)
}

/// Repairs the pages that an audit finds, and audits again: the answer is the second one's.
async fn repair_all(
    auditor: &Auditor,
    only: Option<Generation>,
    consent: Confirmation,
    format: Format,
) -> anyhow::Result<Exit> {
    let audits = look(auditor, only).await?;
    let mut wanted = Vec::new();
    for audit in &audits {
        let (generation, disagreeing) = (audit.generation, audit.disagreeing);
        ensure!(
            disagreeing <= MAX_REPORTED_DAYS as u64,
            "{disagreeing} pages of {generation} do not agree, more than the {MAX_REPORTED_DAYS} that are repaired one by one; \
             `daybook projection rebuild {}` builds it anew",
            generation.model
        );
        wanted.extend(audit.pages.iter().map(|page| (generation, Repair::Day(page.date))));
    }
    let mut repaired = Vec::new();
    if !wanted.is_empty() {
        let generations: Vec<Generation> = audits.iter().map(|audit| audit.generation).collect();
        let pages = counted(wanted.len() as u64, "page that does not agree", "pages that do not agree");
        consent.to(change(&generations, &pages)).await?;
        repaired = repair(auditor, wanted).await?;
    }
    let found = Found { repaired, ..Found::from(look(auditor, only).await?) };
    format.print(&found, || format!("{}{}", describe_repairs(&found.repaired), describe(&found)))?;
    Ok(if found.agrees { Exit::Done } else { Exit::Failed })
}

async fn repair(auditor: &Auditor, wanted: Vec<(Generation, Repair)>) -> anyhow::Result<Vec<Repaired>> {
    let mut repaired = Vec::with_capacity(wanted.len());
    for (generation, what) in wanted {
        repaired.push(auditor.repair(generation, &what).await?);
    }
    Ok(repaired)
}

/// What is going to happen.
fn change(generations: &[Generation], what: &str) -> String {
    let names: Vec<String> = generations.iter().map(Generation::to_string).collect();
    format!(
        "This derives {what} of {} anew from the log and replaces the rows that are there. Reads go on; the views stand still \
         for that moment.",
        names.join(" and ")
    )
}

fn describe_one(what: &Repair) -> String {
    match what {
        Repair::Reservation(id) => format!("reservation {id}"),
        Repair::Day(date) => format!("the page of {date}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_day_a_reservation_and_all_are_told_apart() {
        let day = Wish::One(Repair::Day(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()));
        assert_eq!("2026-12-01".parse(), Ok(day));
        assert_eq!("all".parse(), Ok(Wish::All));
        let id = ReservationId::parse("old-17").unwrap();
        assert_eq!("old-17".parse(), Ok(Wish::One(Repair::Reservation(id))));
        assert!("two words".parse::<Wish>().is_err());
    }
}
