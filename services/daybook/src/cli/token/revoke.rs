//! `daybook token revoke`: revokes staff tokens in every process.

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use daybook_api::{StaffName, is_token};
use daybook_commands::Recorded;
use daybook_domain::value;
use daybook_event_log::Position;
use serde::Serialize;

use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, timestamp};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_backend};

#[derive(Args)]
#[command(group = ArgGroup::new("target").required(true).args(["id", "subject"]))]
pub(super) struct Arguments {
    /// Id of the token: its claim `jti`, which `daybook token --json` prints
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: Option<String>,
    /// Name of a member of staff, all of whose earlier tokens are revoked
    #[arg(long, value_name = "NAME", value_parser = |text: &str| StaffName::parse(text))]
    subject: Option<StaffName>,
    /// Only the member's tokens issued before this moment, such as 2026-12-01T09:00:00+09:00 [default: now]
    #[arg(long, value_name = "MOMENT", requires = "subject", conflicts_with = "id", value_parser = parse_moment)]
    issued_before: Option<DateTime<Utc>>,
    /// Why they are revoked; it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Report {
    position: Position,
    /// Whether they were revoked before, so that nothing was recorded.
    was_revoked: bool,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    if let Some(reason) = &arguments.reason {
        UsageError::check_text("--reason", reason, value::REASON)?;
    }
    arguments.confirmation.require(describe_change(settings, &arguments)).await?;
    let format = arguments.format;
    let report = with_backend(settings, IfMissing::Refused, async |backend| {
        revoke(settings, backend, arguments).await
    })
    .await?;
    format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

async fn revoke(settings: &Settings, backend: &Backend, arguments: Arguments) -> anyhow::Result<Report> {
    backend.check_views_not_ahead().await?;
    let (commands, reason) = (&backend.commands, arguments.reason.map(Into::into));
    let recorded = match (arguments.id, arguments.subject) {
        (Some(id), _) => {
            let validity = settings.token_rules.longest_validity();
            commands.revoke_token(id.into(), validity, reason, operator_now()).await
        }
        (None, subject) => {
            let subject = subject.map_or_else(Box::default, Into::into);
            commands.revoke_tokens_of(subject, arguments.issued_before, reason, operator_now()).await
        }
    };
    let Recorded { position, is_repeated } = recorded?;
    Ok(Report { position, was_revoked: is_repeated })
}

fn describe_change(settings: &Settings, arguments: &Arguments) -> String {
    let tokens = match (&arguments.id, &arguments.subject) {
        (Some(id), _) => format!("the staff token {id}"),
        (None, subject) => {
            let before = match arguments.issued_before {
                Some(moment) => format!("before {}", timestamp(settings.zone, moment)),
                None => "until now".to_owned(),
            };
            format!("all staff tokens of {} issued {before}", subject.as_ref().map_or("", StaffName::as_str))
        }
    };
    format!(
        "This revokes {tokens}, in every process within a second. It cannot be undone; issue new tokens instead."
    )
}

fn describe(report: &Report) -> String {
    match report.was_revoked {
        true => "Nothing was changed: already revoked.".to_owned(),
        false => format!(
            "Revoked at position {}. Daybook keeps no list of tokens, so check the spelling: `daybook token revoked` lists it.",
            report.position
        ),
    }
}

fn parse_id(text: &str) -> Result<String, String> {
    if is_token(text) {
        return Err("this is a token; give its id, the claim `jti`".to_owned());
    }
    value::TOKEN_ID.check(text).map(|()| text.to_owned()).map_err(|range| format!("use {range}"))
}

fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    moment.map_err(|_| "use a moment such as 2026-12-01T09:00:00+09:00".to_owned())
}
