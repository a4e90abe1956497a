//! `daybook projection restore`: a retired view built again from the log, proven, and counted on from then on.

use clap::Args;
use daybook_domain::ReadModel;
use daybook_migration::RestorationProof;
use daybook_migration::workflow::Restored;

use super::report::{self, workflow_progress};
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
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
    let engine = backend.start_engine();
    let restored = restore(settings, &backend, model, reason.as_deref()).await;
    engine.stop().await;
    backend.close().await?;
    let outcome = restored?;
    format.print(&outcome, || describe(model, &outcome))?;
    Ok(Exit::Done)
}

async fn restore(
    settings: &Settings,
    backend: &Backend,
    model: ReadModel,
    reason: Option<&str>,
) -> anyhow::Result<Restored> {
    backend.check_views_not_ahead().await?;
    let progress = workflow_progress("events");
    Ok(backend.workflows(settings).restore(model, reason, &operator_now(), &progress).await?)
}

pub(in crate::cli) fn describe(model: ReadModel, outcome: &Restored) -> String {
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
