//! `daybook reads set` and `reads rollback`: one event each, followed by every process within a second.

use clap::Args;
use daybook_domain::routing::{DynamicShareSet, ReadsRolledBack, RolloutPercentage, RoutingCommand};
use daybook_domain::value;
use daybook_event_log::Position;
use serde::Serialize;

use super::show::Reads;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, percent};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_backend};

#[derive(Args)]
pub(in crate::cli) struct SetArguments {
    /// Percentage of patients that the dynamic view answers, 0 to 100
    #[arg(long, value_name = "PERCENT")]
    dynamic: RolloutPercentage,
    #[command(flatten)]
    arguments: ChangeArguments,
}

#[derive(Args)]
pub(in crate::cli) struct RollbackArguments {
    #[command(flatten)]
    arguments: ChangeArguments,
}

#[derive(Args)]
struct ChangeArguments {
    /// Reason; it is recorded with the change. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    reads: Reads,
    position: Position,
}

pub(super) async fn set(settings: &Settings, arguments: SetArguments) -> anyhow::Result<Exit> {
    let SetArguments { dynamic: share, arguments } = arguments;
    let what = format!(
        "This routes {} of patients to the dynamic view, in every process, within a second.",
        percent(share.as_percent())
    );
    let reason = arguments.reason.as_str().into();
    let command = RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason });
    change(settings, &what, command, arguments).await
}

pub(super) async fn roll_back(settings: &Settings, arguments: RollbackArguments) -> anyhow::Result<Exit> {
    let what = "This routes everybody back to the legacy view, in every process, within a second.";
    let reason = arguments.arguments.reason.as_str().into();
    let command = RoutingCommand::RollBackReads(ReadsRolledBack { reason });
    change(settings, what, command, arguments.arguments).await
}

async fn change(
    settings: &Settings,
    what: &str,
    command: RoutingCommand,
    arguments: ChangeArguments,
) -> anyhow::Result<Exit> {
    UsageError::check_text("--reason", &arguments.reason, value::ROUTING_REASON)?;
    arguments.confirmation.require(what).await?;
    let changed =
        with_backend(settings, IfMissing::Refused, async |backend| record(backend, command).await).await?;
    arguments
        .format
        .print(&changed, || format!("{} (position {})", changed.reads.describe(), changed.position))?;
    Ok(Exit::Done)
}

async fn record(backend: &Backend, command: RoutingCommand) -> anyhow::Result<Changed> {
    backend.check_views_not_ahead().await?;
    let position = backend.commands.change_routing(command, operator_now()).await?;
    Ok(Changed { reads: Reads::from(&*backend.commands.routing()), position })
}
