//! `daybook migrate rollback`: goes back to any earlier stage at once. From the last stage, the legacy view is built from
//! the log first.

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::routing::Stage;
use daybook_migration::workflow::RolledBack;
use daybook_projections::{Router, Views};

use super::{check_reason, stage};
use crate::cli::projection::{restore, workflow_progress};
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_backend};

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

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { to, reason, consent, format } = arguments;
    check_reason("--reason", Some(&reason))?;
    let what = if to == Stage::Legacy {
        "This routes everybody back to the legacy view, in every process, within a second.".to_owned()
    } else {
        let percent = to.share().as_percent();
        format!(
            "This goes back to stage {to}: the dynamic view answers {percent} % of patients, in every process, within a \
             second."
        )
    };
    let built = "If the legacy view is retired, it is built from the whole log first, which takes longer.";
    consent.require(format!("{what} {built}")).await?;
    let begun = Instant::now();
    let outcome = with_backend(settings, IfMissing::Refused, async |backend| {
        roll_back(settings, backend, to, &reason).await
    })
    .await?;
    // Including the time to open the database.
    let outcome = RolledBack { seconds: begun.elapsed().as_secs_f64(), ..outcome };
    format.print(&outcome, || describe(&outcome))?;
    Ok(Exit::Done)
}

async fn roll_back(
    settings: &Settings,
    backend: &Backend,
    to: Stage,
    reason: &str,
) -> anyhow::Result<RolledBack> {
    backend.check_views_not_ahead().await?;
    // This router follows the log like every other process, so it shows when the change is in force there.
    let views = Views::open(backend.pool.clone(), backend.config.clone()).await?;
    let router = Router::open(Arc::clone(&backend.log), views).await?;
    let progress = workflow_progress("events");
    let workflows = backend.workflows(settings);
    let origin = operator_now();
    let rolled_back = workflows.roll_back(to, reason, &router, &origin, &progress);
    // The promotion of a restored view waits for the live views, with or without a running service.
    let is_retired = backend.commands.routing().is_retired(ReadModel::Legacy);
    Ok(if is_retired { backend.with_engine(rolled_back).await } else { rolled_back.await }?)
}

fn describe(outcome: &RolledBack) -> String {
    let RolledBack { from, stage, position, in_force_seconds, seconds, restored } = outcome;
    let result = format!(
        "The migration went back from stage {from} to {stage} (position {position}). The change was in force after {:.0} ms; \
         the command took {seconds:.1} s.",
        in_force_seconds * 1000.0
    );
    match restored {
        Some(restored) => format!("{}\n{result}", restore::describe(ReadModel::Legacy, restored)),
        None => result,
    }
}
