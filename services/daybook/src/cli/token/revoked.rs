//! `daybook token revoked`: lists the revocations that are in force.

use clap::Args;
use daybook_domain::access::{Revocations, SubjectTokensRevoked, TokenRevoked};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Align, Format, Table, timestamp};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Report<'a> {
    tokens: Vec<&'a TokenRevoked>,
    subjects: Vec<&'a SubjectTokensRevoked>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let revocations =
        with_backend(settings, IfMissing::Refused, async |backend| Ok(backend.commands.revocations()?))
            .await?;
    let report =
        Report { tokens: revocations.tokens().collect(), subjects: revocations.subjects().collect() };
    arguments.format.print(&report, || describe(settings, &revocations))?;
    Ok(Exit::Done)
}

fn describe(settings: &Settings, revocations: &Revocations) -> String {
    let left = Align::Left;
    let mut table = Table::new(&[("tokens", left), ("revoked", left), ("reason", left)]);
    let reason = |reason: &Option<Box<str>>| {
        let words: Vec<&str> = reason.as_deref().unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    };
    let at = |moment| timestamp(settings.zone, moment);
    for revoked in revocations.tokens() {
        table.row([revoked.token.to_string(), at(revoked.at), reason(&revoked.reason)]);
    }
    for revoked in revocations.subjects() {
        let tokens = format!("of {}, issued before {}", revoked.subject, at(revoked.issued_before));
        table.row([tokens, at(revoked.at), reason(&revoked.reason)]);
    }
    if table.is_empty() { "No staff token is revoked.".to_owned() } else { table.to_string() }
}
