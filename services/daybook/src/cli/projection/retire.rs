//! `daybook projection retire`: a view that nobody is led to any more, its tables dropped. The log keeps all that was in it.
//!
//! Repeating it is how a retirement is completed whose process was killed.

use std::fmt::Write as _;

use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::routing::RoutingRejection;
use daybook_migration::RetirementRecord;
use daybook_migration::workflow::Retire;

use super::report::workflow_progress;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which view; only `legacy` can be retired
    model: ReadModel,
    /// Why; it is recorded with the retirement. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { model, reason, consent, format } = arguments;
    if model == ReadModel::Dynamic {
        return Err(UsageError(RoutingRejection::OnlyLegacyRetires.to_string()).into());
    }
    if reason.trim().is_empty() {
        return Err(UsageError(format!("--reason: {}", RoutingRejection::ReasonMissing)).into());
    }
    let what = format!(
        "This retires the {model} view, if both views say the same and the dynamic view answers everybody: from then on only \
         the dynamic rules judge bookings, and reads cannot be rolled back. All generations of the {model} view are dropped, \
         those of the past too, and an index of the dynamic view takes the place of a shorter one. The log is left alone: \
         `daybook projection restore {model}` builds the view again."
    );
    consent.require(what).await?;
    // The views meet at one position only while somebody keeps them up, with or without a running service.
    let engine = backend.start_engine();
    let retired = retire(settings, &backend, Retire { model, reason: reason.into(), stage: None }).await;
    engine.stop().await;
    backend.close().await?;
    let record = retired?;
    format.print(&record, || describe(&record))?;
    Ok(Exit::Done)
}

async fn retire(settings: &Settings, backend: &Backend, wanted: Retire) -> anyhow::Result<RetirementRecord> {
    backend.check_views_not_ahead().await?;
    let progress = workflow_progress("rows");
    Ok(backend.workflows(settings).retire(wanted, &operator_now(), &progress).await?)
}

pub(in crate::cli) fn describe(record: &RetirementRecord) -> String {
    let mut text = format!(
        "The {} view is retired: {} at position {}, digest {}, recorded in control.retirements. Its tables are gone; \
         `daybook projection restore {}` builds them again.\n",
        record.model,
        counted(record.reservations.unsigned_abs(), "reservation", "reservations"),
        record.position,
        record.digest,
        record.model,
    );
    // Writing into a String cannot fail.
    for (kind, rows) in &record.declared {
        let _ = writeln!(text, "Declared, no difference: {}, {}.", kind.replace('_', " "), grouped(*rows));
    }
    let _ = write!(
        text,
        "{} shown by no other view.",
        counted(record.only_here.len() as u64, "reservation was", "reservations were")
    );
    text
}
