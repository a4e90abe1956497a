//! `daybook migrate advance`: the next stage, through its gates as they are measured now, with what was found recorded.
//!
//! The last stage takes the legacy view away; an advance that was killed on the way there is completed by another one.

use std::time::{Duration, Instant};

use chrono::Utc;
use clap::Args;
use daybook_domain::ReadModel;
use daybook_domain::routing::{AdvanceStage, Override, RoutingCommand, Stage};
use daybook_projections::RetirementRecord;
use daybook_projections::rollout::NextStage;
use serde::Serialize;

use super::{check_reason, gates, stage};
use crate::cli::projection::retire;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator_now, with_engine};

/// Why the legacy view is retired where nobody said more.
const THROUGH_GATES: &str = "every gate before the last stage let through";

/// How old a measurement may be when the stage is entered on it.
const EVIDENCE_FRESH: Duration = Duration::from_secs(60);

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

/// What came of it.
#[derive(Serialize)]
struct Outcome {
    /// The stage before.
    from: Stage,
    /// The stage that was asked for.
    stage: Stage,
    /// Whether it was entered just now.
    entered: bool,
    /// Its gates as they were measured; none where it had been entered before.
    next: Option<NextStage>,
    /// Who went past gates that were shut.
    overridden: Option<Override>,
    /// What the legacy view was, where it was retired.
    retirement: Option<RetirementRecord>,
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
    match outcome.refusal() {
        Some(refusal) => {
            say(refusal);
            Ok(Exit::Failed)
        }
        None => Ok(Exit::Done),
    }
}

async fn advance(settings: &Settings, backend: &Backend, arguments: &Arguments) -> anyhow::Result<Outcome> {
    backend.check_views_not_ahead().await?;
    let routing = backend.commands.routing();
    let stage = arguments.to.or(routing.stage.next()).unwrap_or(Stage::Retired);
    let mut outcome = Outcome {
        from: routing.stage,
        stage,
        entered: false,
        next: None,
        overridden: None,
        retirement: None,
    };
    if routing.stage == stage {
        outcome.retirement = complete(backend, arguments).await?;
        return Ok(outcome);
    }
    routing.check_next(stage)?;
    let migration = backend.migration(settings);
    let mut measured = migration.measure(stage, Utc::now()).await?;
    let next = NextStage::of(stage, measured.gates.clone());
    let is_open = gates::list_shut(&next).is_none();
    outcome.overridden = arguments.overridden.as_deref().filter(|_| !is_open).map(|reason| Override {
        reason: reason.into(),
        approver: arguments.approver.as_deref().map(Box::from),
    });
    if is_open || outcome.overridden.is_some() {
        let asked = Instant::now();
        arguments.consent.require(announce(&outcome, &next)).await?;
        if asked.elapsed() > EVIDENCE_FRESH {
            // Somebody thought about it for long; what is recorded has to hold now.
            measured = migration.measure(stage, Utc::now()).await?;
        }
        let command = AdvanceStage {
            stage,
            position: measured.position,
            gates: measured.gates,
            overridden: outcome.overridden.clone(),
            reason: arguments.reason.as_deref().map(Box::from),
        };
        outcome.retirement = enter(backend, command).await?;
        outcome.entered = true;
    }
    outcome.next = Some(next);
    Ok(outcome)
}

/// Enters the stage; the last one together with the retirement that it is.
async fn enter(backend: &Backend, wanted: AdvanceStage) -> anyhow::Result<Option<RetirementRecord>> {
    if wanted.stage == Stage::Retired {
        let overridden = wanted.overridden.as_ref().map(|overridden| overridden.reason.clone());
        let reason = wanted.reason.clone().or(overridden).unwrap_or_else(|| THROUGH_GATES.into());
        return Ok(Some(retire::retire(backend, ReadModel::Legacy, &reason, Some(wanted)).await?));
    }
    backend.commands.change_routing(RoutingCommand::AdvanceStage(wanted), operator_now()).await?;
    Ok(None)
}

/// Does what an advance to the last stage did not come to; nothing at any other.
async fn complete(backend: &Backend, arguments: &Arguments) -> anyhow::Result<Option<RetirementRecord>> {
    if backend.commands.routing().stage != Stage::Retired {
        return Ok(None);
    }
    let what = "This completes the retirement of the legacy view, if anything of it is left to do.";
    arguments.consent.require(what).await?;
    let reason = arguments.reason.as_deref().unwrap_or(THROUGH_GATES);
    Ok(Some(retire::retire(backend, ReadModel::Legacy, reason, None).await?))
}

/// What is about to be done.
fn announce(outcome: &Outcome, next: &NextStage) -> String {
    let stage = outcome.stage;
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
    let gates = gates::describe(next);
    let past = match &outcome.overridden {
        Some(_) => "\nGates are shut, and this goes past them; both are recorded.",
        None => "",
    };
    format!("{gates}Stage {stage} {does}.{past}")
}

impl Outcome {
    /// Why the stage was not entered; none where nothing stood in the way.
    fn refusal(&self) -> Option<String> {
        let next = self.next.as_ref().filter(|_| !self.entered)?;
        let shut = gates::list_shut(next)?;
        Some(format!(
            "daybook: stage {} was not entered, these gates before it are shut: {shut}. `--override REASON` goes on all \
             the same, and is recorded",
            self.stage
        ))
    }
}

fn describe(outcome: &Outcome) -> String {
    let Outcome { from, stage, entered, next, retirement, .. } = outcome;
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
