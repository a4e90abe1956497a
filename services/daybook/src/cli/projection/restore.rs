//! `daybook projection restore`: builds the retired view again from the log and proves that it is complete.

use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::value;
use daybook_migration::RestorationProof;
use daybook_migration::workflow::Restored;

use super::report::{self, workflow_progress};
use crate::error::UsageError;
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
            "the dynamic view is never retired; run `daybook projection rebuild dynamic` to build it again"
                .to_owned(),
        )
        .into());
    }
    if let Some(reason) = &reason {
        UsageError::check_text("--reason", reason, value::ROUTING_REASON)?;
    }
    let what = format!(
        "This builds the {model} view from the whole log and compares it with the dynamic view, which continues to answer \
         everybody. Afterwards `daybook reads set` and `daybook reads rollback` can route reads to it again."
    );
    consent.require(what).await?;
    // A promotion waits for the live views, with or without a running service.
    let outcome = with_engine(settings, IfMissing::Refused, async |backend| {
        restore(settings, backend, model, reason.as_deref()).await
    })
    .await?;
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
        return format!("The {model} view is not retired. Nothing was changed.");
    };
    let proof = match outcome.proof {
        Some(RestorationProof::RecordedDigest) => "its digest equals the one recorded at its retirement",
        Some(RestorationProof::OtherView) | None => "it equals the dynamic view",
    };
    format!(
        "The {model} view is restored: {proof}. The dynamic view continues to answer everybody until you run \
         `daybook reads set` or `daybook reads rollback`.\n{}",
        report::describe(rebuild)
    )
}
