//! `daybook projection restore`: a retired view built again from the log, proven, and counted on from then on.

use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutingCommand, ViewRestored};
use daybook_projections::{Progress, RebuildReport, Rebuilt, RestorationProof, Steps};
use serde::Serialize;

use super::report::{self, show_progress};
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which view; only `legacy` can have been retired
    model: ReadModel,
    /// Why; it is recorded with the restoration. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// What came of it.
#[derive(Serialize)]
pub(in crate::cli) struct Outcome {
    /// What was recorded; none where the view was not retired.
    restored: Option<ViewRestored>,
    proof: Option<RestorationProof>,
    rebuild: Option<RebuildReport>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { model, reason, consent, format } = arguments;
    if model == ReadModel::Dynamic {
        return Err(UsageError(
            "the dynamic view is never retired; `daybook projection rebuild dynamic` builds it anew"
                .to_owned(),
        )
        .into());
    }
    let what = format!(
        "This builds the {model} view from the whole log and compares it with the dynamic view, which goes on answering \
         everybody. After that `daybook reads set` and `daybook reads rollback` can lead reads to it again."
    );
    consent.require(what).await?;
    // A promotion waits for the live views to keep up, with or without a running service.
    let outcome = with_engine(settings, IfMissing::Refused, async |backend| {
        restore(backend, model, reason.as_deref()).await
    })
    .await?;
    format.print(&outcome, || describe(model, &outcome))?;
    Ok(Exit::Done)
}

/// Builds a retired view from the log, proves it and counts on it again. Somebody has to keep the views up meanwhile.
pub(in crate::cli) async fn restore(
    backend: &Backend,
    model: ReadModel,
    reason: Option<&str>,
) -> anyhow::Result<Outcome> {
    backend.check_views_not_ahead().await?;
    let retirement = backend.retirement();
    let steps = retirement.begin().await?;
    let outcome = go_through(backend, &steps, model, reason).await;
    steps.end().await;
    outcome
}

async fn go_through(
    backend: &Backend,
    steps: &Steps<'_>,
    model: ReadModel,
    reason: Option<&str>,
) -> anyhow::Result<Outcome> {
    if !backend.commands.routing().is_retired(model) {
        // The process that restored it may have been killed before it wrote that down.
        steps.note_restored(model).await?;
        return Ok(Outcome { restored: None, proof: None, rebuild: None });
    }
    let meter = ProgressBar::new("events");
    let Rebuilt { restored, proof, report } =
        steps.rebuild(reason, &|progress: Progress| show_progress(&meter, progress)).await?;
    let command = RoutingCommand::RestoreView(restored.clone());
    backend.commands.change_routing(command, operator_now()).await?;
    steps.note_restored(model).await?;
    Ok(Outcome { restored: Some(restored), proof: Some(proof), rebuild: Some(report) })
}

pub(in crate::cli) fn describe(model: ReadModel, outcome: &Outcome) -> String {
    let Some(rebuild) = &outcome.rebuild else {
        return format!("The {model} view is not retired; nothing was done.");
    };
    let proof = match outcome.proof {
        Some(RestorationProof::RecordedDigest) => {
            "its digest is the one that was recorded when it was retired"
        }
        Some(RestorationProof::OtherView) | None => "it says what the dynamic view says",
    };
    format!(
        "The {model} view is restored: {proof}. The dynamic view goes on answering everybody until `daybook reads` says \
         otherwise.\n{}",
        report::describe(rebuild)
    )
}
