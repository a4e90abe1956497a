//! `daybook forget`: makes a patient's details unreadable, in the log and in both views.
//!
//! It must never repeat the phone number: not in a question, not in an error, not in the log.

use std::io::{self, IsTerminal};

use anyhow::Context;
use clap::Args;
use daybook_commands::Origin;
use daybook_domain::phone::{Phone, Region};
use daybook_event_log::Position;
use serde::Serialize;
use uuid::Uuid;

use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ask, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator, with_engine};

const CHANGE: &str = "\
This destroys the keys that seal the patient's name, phone number and notes in the event log and its backups, and \
erases these details from both views. The bookings stay, without a person. It cannot be undone.";

#[derive(Args)]
pub(super) struct Arguments {
    /// Phone number of the patient; without it, it is read from standard input, where other users cannot see it
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
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
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let phone = read_phone(settings.region, arguments.phone).await?;
    arguments.confirmation.require(CHANGE).await?;
    let report =
        with_engine(settings, IfMissing::Refused, async |backend| forget(backend, &phone).await).await?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

async fn forget(backend: &Backend, phone: &Phone) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(operator()) };
    let forgotten = backend.commands.forget(phone, origin).await?;
    let reached = backend.views_at(forgotten.position).await?;
    Ok(Report {
        keys_destroyed: forgotten.keys.len(),
        position: forgotten.position,
        views_reached: reached.len(),
    })
}

fn describe(report: &Report) -> String {
    let keys = report.keys_destroyed as u64;
    if keys == 0 {
        return "Nothing was changed: no patient with this phone number is known, or they were forgotten already."
            .to_owned();
    }
    let views = counted(report.views_reached as u64, "view no longer shows", "views no longer show");
    let keys = counted(keys, "key was", "keys were");
    format!("{keys} destroyed at position {}; {views} the patient's details.", report.position)
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
    Ok(Phone::parse_in(region, &text).map_err(refused)?)
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

    #[test]
    fn a_report_distinguishes_a_forgotten_patient_from_an_unknown_one() {
        let report = |keys_destroyed| Report { keys_destroyed, position: Position::START, views_reached: 2 };
        assert!(describe(&report(0)).contains("Nothing was changed"));
        assert!(describe(&report(1)).starts_with("1 key was destroyed"));
    }
}
