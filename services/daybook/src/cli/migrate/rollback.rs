//! `daybook migrate rollback`: any earlier stage, at once, and how long it took. From the last stage the legacy view is
//! built from the log first.

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::routing::{RollBackStage, RoutingCommand, RoutingRejection, Stage};
use daybook_event_log::Position;
use daybook_projections::{Router, Views};
use serde::Serialize;

use super::{check_reason, stage};
use crate::cli::projection::restore;
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, wait_for_propagation, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The stage, any earlier one
    #[arg(long, value_name = "STAGE", value_parser = stage(), default_value = Stage::Legacy.as_str())]
    to: Stage,
    /// Why; it is recorded with the change. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// What came of it.
#[derive(Serialize)]
struct Outcome {
    /// The stage before.
    from: Stage,
    /// The stage since.
    stage: Stage,
    /// Position of the event that says so.
    position: Position,
    /// From the event until a process that follows the log routed by it, in seconds.
    in_force_seconds: f64,
    /// All of it from the consent on, in seconds, with the time to open the database and to build a view.
    seconds: f64,
    /// How the legacy view came back, where it had been retired.
    restored: Option<restore::Outcome>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { to, reason, consent, format } = arguments;
    check_reason("--reason", Some(&reason))?;
    let what = if to == Stage::Legacy {
        "This sends everybody back to the legacy view, in every process, within a second.".to_owned()
    } else {
        let percent = to.share().as_percent();
        format!(
            "This goes back to stage {to}: the dynamic view answers {percent} % of subjects, in every process, within a \
             second."
        )
    };
    let built = "A legacy view that is retired is built from the whole log first, which takes longer.";
    consent.require(format!("{what} {built}")).await?;
    let begun = Instant::now();
    let outcome = with_backend(settings, IfMissing::Refused, async |backend| {
        roll_back(backend, to, &reason, begun).await
    })
    .await?;
    format.print(&outcome, || describe(&outcome))?;
    Ok(Exit::Done)
}

async fn roll_back(backend: &Backend, to: Stage, reason: &str, begun: Instant) -> anyhow::Result<Outcome> {
    backend.check_views_not_ahead().await?;
    let routing = backend.commands.routing();
    let from = routing.stage;
    if to > from {
        return Err(RoutingRejection::StageOutOfOrder { at: from, wanted: to }.into());
    }
    let restored = match routing.is_retired(ReadModel::Legacy) && to < Stage::Retired {
        true => Some(restore_legacy(backend, reason).await?),
        false => None,
    };
    // It follows the log as every process does, and so tells when they know.
    let views = Views::open(backend.pool.clone(), backend.config.clone()).await?;
    let follower = Router::open(Arc::clone(&backend.log), views).await?;
    let command = RoutingCommand::RollBackStage(RollBackStage { stage: to, reason: reason.into() });
    let asked = Instant::now();
    let position = backend.commands.change_routing(command, operator_now()).await?;
    let in_force = wait_for_propagation(&backend.commands, &follower, asked).await?;
    Ok(Outcome {
        from,
        stage: to,
        position,
        in_force_seconds: in_force.as_secs_f64(),
        seconds: begun.elapsed().as_secs_f64(),
        restored,
    })
}

/// A promotion waits for the live views to keep up, with or without a running service.
async fn restore_legacy(backend: &Backend, reason: &str) -> anyhow::Result<restore::Outcome> {
    backend.with_engine(restore::restore(backend, ReadModel::Legacy, Some(reason))).await
}

fn describe(outcome: &Outcome) -> String {
    let Outcome { from, stage, position, in_force_seconds, seconds, restored } = outcome;
    let said = format!(
        "The migration went back from stage {from} to {stage} (position {position}). A process that follows the log had it \
         in force after {:.0} ms; all took {seconds:.1} s.",
        in_force_seconds * 1000.0
    );
    match restored {
        Some(restored) => format!("{}\n{said}", restore::describe(ReadModel::Legacy, restored)),
        None => said,
    }
}
