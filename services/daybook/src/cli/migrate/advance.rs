//! `daybook migrate advance`: the next stage, through its gates as they are measured now, with what was found recorded.
//!
//! The last stage takes the legacy view away; an advance that was killed on the way there is completed by another one.

use clap::Args;
use daybook_domain::routing::{Override, Stage};
use daybook_migration::workflow::{Advanced, ProposedAdvance};

use super::{check_reason, gates, stage};
use crate::cli::projection::{retire, workflow_progress};
use crate::exit::Exit;
use crate::output::{Confirmation, Format, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The stage; it has to be the next one [default: the next one]
    #[arg(long, value_name = "STAGE", value_parser = stage())]
    to: Option<Stage>,
    /// Go on though gates do not let through, and why; it is recorded with what they found
    #[arg(long = "override", value_name = "REASON")]
    overridden: Option<String>,
    /// Who else agreed to that
    #[arg(long, value_name = "NAME", requires = "overridden")]
    approver: Option<String>,
    /// Why; it is recorded with the stage. Write no patient's name here
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
    // Gates are measured, and a view retired, while somebody keeps the views up, with or without a running service.
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
        let completes = "This completes the retirement of the legacy view, if anything of it is left to do.";
        return (*stage == Stage::Retired).then(|| completes.to_owned());
    };
    if proposed.is_blocked() {
        return None;
    }
    let does = match stage {
        Stage::Retired => {
            "retires the legacy view: its tables are dropped, and only the dynamic rules judge bookings. The log keeps \
             all that was in it; `daybook migrate rollback` builds it again"
                .to_owned()
        }
        Stage::Shadow => "lets both models answer a sample of reads, for comparison".to_owned(),
        Stage::Legacy | Stage::Canary5 | Stage::Canary25 | Stage::Canary50 | Stage::Dynamic => format!(
            "lets the dynamic view answer {} % of subjects, in every process, within a second",
            stage.share().as_percent()
        ),
    };
    let past = match overridden {
        Some(_) => "\nGates are shut, and this goes past them; both are recorded.",
        None => "",
    };
    Some(format!("{}Stage {stage} {does}.{past}", gates::describe(next)))
}

/// Why the stage was not entered; none if nothing stood in the way.
fn refusal(advanced: &Advanced) -> Option<String> {
    let next = advanced.next.as_ref().filter(|_| !advanced.entered)?;
    let shut = gates::list_shut(next)?;
    Some(format!(
        "daybook: stage {} was not entered, these gates before it are shut: {shut}. `--override REASON` goes on all \
         the same, and is recorded",
        advanced.stage
    ))
}

fn describe(outcome: &Advanced) -> String {
    let Advanced { from, stage, entered, next, retirement, .. } = outcome;
    let said = match (entered, next) {
        (true, _) => format!("Stage {stage} is entered, from {from}."),
        (false, Some(next)) => gates::describe(next),
        (false, None) => format!("The migration is at stage {stage} already."),
    };
    match retirement {
        Some(record) => format!("{said}\n{}", retire::describe(record)),
        None => said,
    }
}
