//! `daybook forget`: makes a patient's details unreadable, in the log and in both views.
//!
//! It must never repeat the phone number: not in a question, not in an error, not in the log.

use std::io::{self, IsTerminal};

use anyhow::Context;
use clap::Args;
use daybook_commands::Origin;
use daybook_domain::phone::{Phone, Region};
use daybook_event_log::Position;
use daybook_projections::{ErasureReport, Generation, RewriteReport};
use serde::Serialize;
use uuid::Uuid;

use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ask, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, Scratch, operator, with_engine};

const CHANGE: &str = "\
This destroys the keys that seal name, phone number and notes of everybody who booked with this number, families too, \
and erases these details from both views, from former and from past ones. The bookings stay, without a person. It cannot \
be undone. Backups and exports that were made before still have the details: delete them. Then the tables are written anew, so that the database's files forget as well: reads of a view wait meanwhile, about \
a second for 50,000 reservations.";

#[derive(Args)]
pub(super) struct Arguments {
    /// Phone number of the patient; without it, it is read from standard input, where other users cannot see it
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// Do not write the tables anew: reads do not wait, but the database's files keep erased details until their space is used
    /// again
    #[arg(long)]
    without_rewrite: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Report {
    keys_destroyed: usize,
    position: Position,
    views_reached: usize,
    /// What was erased in generations that do not serve.
    erased: ErasureReport,
    /// The tables that were written anew; none if that was not wanted.
    files: Option<RewriteReport>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let phone = read_phone(settings.region, arguments.phone).await?;
    arguments.confirmation.require(CHANGE).await?;
    let is_rewriting = !arguments.without_rewrite;
    let report = with_engine(settings, IfMissing::Refused, async |backend| {
        forget(backend, &phone, is_rewriting).await
    })
    .await?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

async fn forget(backend: &Backend, phone: &Phone, is_rewriting: bool) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(operator()) };
    let forgotten = backend.commands.forget(phone, origin).await?;
    // Only afterwards: until a live view has reached the position, a promotion may make a kept one of it.
    let reached = backend.views_at(forgotten.position).await;
    let rebuild = backend.rebuild();
    let erased = rebuild.erase_forgotten().await.context("run `daybook forget` again to complete it")?;
    Scratch::drop_leftovers(backend).await?;
    let files = match is_rewriting {
        true => Some(rebuild.rewrite_files(backend.is_private()).await.context(
            "the patient is forgotten, but files of the database may still hold the details; run `daybook forget` again",
        )?),
        false => None,
    };
    Ok(Report {
        keys_destroyed: forgotten.keys.len(),
        position: forgotten.position,
        views_reached: reached?.len(),
        erased,
        files,
    })
}

fn describe(report: &Report) -> String {
    let keys = report.keys_destroyed as u64;
    let mut lines = vec![if keys == 0 {
        "Nothing was changed: no patient with this phone number is known, or they were forgotten already."
            .to_owned()
    } else {
        let views = counted(report.views_reached as u64, "view no longer shows", "views no longer show");
        let keys = counted(keys, "key was", "keys were");
        format!("{keys} destroyed at position {}; {views} the patient's details.", report.position)
    }];
    let ErasureReport { generations, reservations } = &report.erased;
    if *reservations > 0 {
        let reservations = counted(*reservations, "reservation", "reservations");
        lines.push(format!("Erased in views that do not serve: {reservations} in {}.", names(generations)));
    }
    match report.files.as_ref().map(|files| files.in_use.as_slice()) {
        None => lines.push(
            "Files of the database may hold erased details until their space is used again.".to_owned(),
        ),
        Some([]) => {}
        Some(in_use) => lines.push(format!(
            "{} could not be written anew, because somebody was reading. Its files may hold erased details.\n\
             Next: run `daybook forget` again",
            names(in_use)
        )),
    }
    lines.join("\n")
}

fn names(generations: &[Generation]) -> String {
    generations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn read_phone(region: Region, given: Option<String>) -> anyhow::Result<Phone> {
    let text = match given {
        Some(text) => text,
        None => {
            let question = if io::stdin().is_terminal() { "Phone number: " } else { "" };
            ask(question).await.context("the phone number could not be read from standard input")?
        }
    };
    let refused = |error| UsageError(format!("--phone or standard input: {error}"));
    Ok(Phone::parse_known_in(region, &text).map_err(refused)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn a_bad_phone_number_is_refused_and_not_shown() {
        let error = read_phone(Region::default(), Some("010-hunter2".to_owned())).await.unwrap_err();
        let shown = format!("{error:#} {error:?}");
        assert!(shown.contains("--phone") && !shown.contains("hunter2"), "{shown}");
    }

    #[tokio::test]
    async fn a_text_that_only_earlier_releases_took_is_found() {
        let phone = read_phone(Region::default(), Some("1) 010-7711-1234".to_owned())).await.unwrap();
        assert_eq!(phone.as_str(), "101077111234");
    }

    #[test]
    fn a_report_distinguishes_a_forgotten_patient_from_an_unknown_one() {
        let report = |keys_destroyed| Report {
            keys_destroyed,
            position: Position::START,
            views_reached: 2,
            erased: ErasureReport::default(),
            files: Some(RewriteReport::default()),
        };
        assert!(describe(&report(0)).contains("Nothing was changed"));
        assert!(describe(&report(1)).starts_with("1 key was destroyed"));
        let unwritten = describe(&Report { files: None, ..report(1) });
        assert!(unwritten.contains("may hold erased details"), "{unwritten}");
    }
}
