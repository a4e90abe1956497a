//! `daybook migrate advance`: measures the gates of the next stage and enters it. The measurements are recorded.
//!
//! The last stage retires the legacy view. If the process is killed on the way, running the command again completes it.

use clap::Args;
use daybook_domain::routing::{Override, Stage};
use daybook_migration::workflow::{Advanced, ProposedAdvance};

use super::{check_reason, gates, stage};
use crate::cli::projection::{retire, workflow_progress};
use crate::exit::Exit;
use crate::output::{Confirmation, Format, counted, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The stage; it has to be the next one [default: the next one]
    #[arg(long, value_name = "STAGE", value_parser = stage())]
    to: Option<Stage>,
    /// Reason to advance although gates are not met; it is recorded with their measurements
    #[arg(long = "override", value_name = "REASON")]
    overridden: Option<String>,
    /// Name of the person who approved the override
    #[arg(long, value_name = "NAME", requires = "overridden")]
    approver: Option<String>,
    /// Reason; it is recorded with the stage. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    check_reason("--override", arguments.overridden.as_deref())?;
    check_reason("--reason", arguments.reason.as_deref())?;
    check_reason("--approver", arguments.approver.as_deref())?;
    // Gates are measured on views that are up to date, with or without a running service.
    let outcome = with_engine(settings, IfMissing::Refused, async |backend| {
        advance(settings, backend, &arguments).await
    })
    .await?;
    arguments.format.print(&outcome, || describe(&outcome))?;
    match refusal(&outcome) {
        Some(refusal) => {
            say(refusal);
            Ok(Exit::Failed)
        }
        None => Ok(Exit::Done),
    }
}

async fn advance(settings: &Settings, backend: &Backend, arguments: &Arguments) -> anyhow::Result<Advanced> {
    backend.check_views_not_ahead().await?;
    let Arguments { to, overridden, approver, reason, consent, .. } = arguments;
    let overridden = overridden
        .as_deref()
        .map(|reason| Override { reason: reason.into(), approver: approver.as_deref().map(Box::from) });
    let workflows = backend.workflows(settings);
    let proposed = workflows.propose_advance(*to, overridden).await?;
    if let Some(question) = announce(&proposed) {
        consent.require(question).await?;
    }
    let reason = reason.as_deref().map(Box::from);
    let progress = workflow_progress("rows");
    Ok(workflows.advance(proposed, reason, &operator_now(), &progress).await?)
}

/// What is about to be done; nothing if there is nothing to confirm.
fn announce(proposed: &ProposedAdvance) -> Option<String> {
    let ProposedAdvance { stage, next, overridden, .. } = proposed;
    let Some(next) = next else {
        let completes = "This completes the retirement of the legacy view if it was interrupted.";
        return (*stage == Stage::Retired).then(|| completes.to_owned());
    };
    if proposed.is_blocked() {
        return None;
    }
    let does = match stage {
        Stage::Retired => {
            "retires the legacy view: its tables are dropped, and only the dynamic rules decide bookings. \
             `daybook migrate rollback` builds it again from the log"
                .to_owned()
        }
        Stage::Shadow => "lets both views answer a sample of reads, for comparison".to_owned(),
        Stage::Legacy | Stage::Canary5 | Stage::Canary25 | Stage::Canary50 | Stage::Dynamic => format!(
            "lets the dynamic view answer {} % of patients, in every process, within a second",
            stage.share().as_percent()
        ),
    };
    let unmet: Vec<&str> = next.unmet().map(|gate| gate.as_str()).collect();
    let past = match overridden {
        Some(_) => format!(
            "\nThis overrides {} ({}). The override and its reason are recorded.",
            counted(unmet.len() as u64, "unmet gate", "unmet gates"),
            unmet.join(", ")
        ),
        None => String::new(),
    };
    Some(format!("{}Stage {stage} {does}.{past}", gates::describe(next)))
}

/// Why the stage was not entered; none if nothing stood in the way.
fn refusal(advanced: &Advanced) -> Option<String> {
    let next = advanced.next.as_ref().filter(|_| !advanced.entered)?;
    let unmet = gates::list_unmet(next)?;
    Some(format!(
        "daybook: stage {} was not entered. Unmet gates: {unmet}. Meet them, or add --override REASON, which is recorded",
        advanced.stage
    ))
}

fn describe(outcome: &Advanced) -> String {
    let Advanced { from, stage, entered, next, retirement, .. } = outcome;
    let result = match (entered, next) {
        (true, _) => format!("Stage {stage} is entered (before: {from})."),
        (false, Some(next)) => gates::describe(next),
        (false, None) => format!("The migration is already at stage {stage}."),
    };
    match retirement {
        Some(record) => format!("{result}\n{}", retire::describe(record)),
        None => result,
    }
}
