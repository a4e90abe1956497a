//! `daybook projection retire`: drops the legacy view once nobody reads it. The log keeps everything that was in it.
//!
//! If the process is killed, running the command again completes the retirement.

use std::fmt::Write as _;

use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::routing::RoutingRejection;
use daybook_domain::value;
use daybook_migration::RetirementRecord;
use daybook_migration::workflow::Retire;

use super::report::workflow_progress;
use crate::error::UsageError;
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
    UsageError::check_text("--reason", &reason, value::ROUTING_REASON)?;
    let what = format!(
        "This retires the {model} view if both views are equal and the dynamic view answers everybody. All generations of \
         the {model} view are dropped, named past ones too. Only the dynamic rules decide bookings then, and reads cannot be \
         rolled back until `daybook projection restore {model}` has built the view again from the log."
    );
    consent.require(what).await?;
    let request = Retire { model, reason: reason.into(), stage: None };
    // The engine brings both views to one position, with or without a running service.
    let record =
        with_engine(settings, IfMissing::Refused, async |backend| retire(settings, backend, request).await)
            .await?;
    format.print(&record, || describe(&record))?;
    Ok(Exit::Done)
}

async fn retire(settings: &Settings, backend: &Backend, request: Retire) -> anyhow::Result<RetirementRecord> {
    backend.check_views_not_ahead().await?;
    let progress = workflow_progress("rows");
    Ok(backend.workflows(settings).retire(request, &operator_now(), &progress).await?)
}

pub(in crate::cli) fn describe(record: &RetirementRecord) -> String {
    let mut text = format!(
        "The {} view is retired: {} at position {}, digest {}, recorded in control.retirements. Its tables are dropped. \
         Back: daybook projection restore {}\n",
        record.model,
        counted(record.reservations.unsigned_abs(), "reservation", "reservations"),
        record.position,
        record.digest,
        record.model,
    );
    // Writing into a String cannot fail.
    for (kind, rows) in &record.declared {
        let _ = writeln!(text, "Declared difference: {}, {}.", kind.replace('_', " "), grouped(*rows));
    }
    let _ = write!(
        text,
        "{} in no other view.",
        counted(record.only_here.len() as u64, "reservation was", "reservations were")
    );
    text
}
