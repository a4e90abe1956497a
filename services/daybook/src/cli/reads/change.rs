//! `daybook reads set` and `reads rollback`: one event each, in force in every process within a second.

use clap::Args;
use daybook_domain::routing::{
    DynamicShareSet, ReadsRolledBack, RolloutPercentage, RoutingCommand, RoutingRejection,
};
use daybook_event_log::Position;
use serde::Serialize;

use super::show::Reads;
use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_backend};

#[derive(Args)]
pub(in crate::cli) struct SetArguments {
    /// Percentage of subjects that the dynamic view is to answer, 0 to 100
    #[arg(long, value_name = "PERCENT")]
    dynamic: RolloutPercentage,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
pub(in crate::cli) struct RollbackArguments {
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
struct Why {
    /// Why; it is recorded with the change. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    consent: Confirmation,
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
    let SetArguments { dynamic: share, why } = arguments;
    let what = format!(
        "This lets the dynamic view answer {} % of subjects, in every process, within a second.",
        share.as_percent()
    );
    let reason = why.reason.as_str().into();
    let command = RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason });
    change(settings, &what, command, why).await
}

pub(super) async fn roll_back(settings: &Settings, arguments: RollbackArguments) -> anyhow::Result<Exit> {
    let what = "This sends everybody back to the legacy view, in every process, within a second.";
    let reason = arguments.why.reason.as_str().into();
    let command = RoutingCommand::RollBackReads(ReadsRolledBack { reason });
    change(settings, what, command, arguments.why).await
}

async fn change(settings: &Settings, what: &str, command: RoutingCommand, why: Why) -> anyhow::Result<Exit> {
    if why.reason.trim().is_empty() {
        return Err(UsageError(format!("--reason: {}", RoutingRejection::ReasonMissing)).into());
    }
    why.consent.to(what).await?;
    let changed =
        with_backend(settings, IfMissing::Refused, async |backend| record(backend, command).await).await?;
    why.format.print(&changed, || format!("{} (position {})", changed.reads.describe(), changed.position))?;
    Ok(Exit::Done)
}

async fn record(backend: &Backend, command: RoutingCommand) -> anyhow::Result<Changed> {
    backend.check_views_not_ahead().await?;
    let position = backend.commands.change_routing(command, operator_now()).await?;
    Ok(Changed { reads: Reads::from(&*backend.commands.routing()), position })
}
