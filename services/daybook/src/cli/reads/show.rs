//! `daybook reads show`: which percentage of patients each view answers, and the live generations.

use clap::Args;
use daybook_domain::routing::ObservedFlags;
use daybook_domain::routing::{Routing, ViewRetired};
use daybook_projections::{Generation, generation};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Format, counted, percent};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// The routing of reads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reads {
    /// Percentage of subjects that read the dynamic view.
    pub(crate) dynamic_percent: f64,
    /// Whether everybody reads the legacy view until a percentage is set.
    pub(crate) rolled_back: bool,
    /// Subjects that are always routed to the same view.
    pub(crate) forced_subjects: usize,
    /// The retired view, and its last state.
    pub(crate) retired: Option<ViewRetired>,
}

impl From<&Routing> for Reads {
    fn from(routing: &Routing) -> Self {
        Self {
            dynamic_percent: routing.share.as_percent(),
            rolled_back: routing.rolled_back,
            forced_subjects: routing.forced.len(),
            retired: routing.retired.clone(),
        }
    }
}

impl Reads {
    /// The routing in a sentence, and the way back, if there is one.
    pub(crate) fn describe(&self) -> String {
        if let Some(ViewRetired { model, reason, .. }) = &self.retired {
            return format!(
                "The dynamic view answers everybody. The {model} view is retired.\nReason: {reason}\n\
                 Way back: daybook projection restore {model}"
            );
        }
        let dynamic = percent(self.dynamic_percent);
        if self.rolled_back {
            return format!(
                "ROLLED BACK: the legacy view answers everybody (the dynamic view had {dynamic}).\n\
                 Forward again: daybook reads set --dynamic PERCENT --reason TEXT"
            );
        }
        let legacy = percent(100.0 - self.dynamic_percent);
        let mut text = format!("The legacy view answers {legacy} of patients, the dynamic view {dynamic}.");
        if self.forced_subjects > 0 {
            text.push_str(&format!(
                " {} always routed to the same view.",
                counted(self.forced_subjects as u64, "patient is", "patients are")
            ));
        }
        text
    }
}

/// The flags of the old system at the last start of a service, in a sentence.
pub(crate) fn describe_flags(flags: ObservedFlags) -> String {
    let switch = flags.use_dynamic_services.map(|on| format!("USE_DYNAMIC_SERVICES={on}"));
    let share =
        flags.rollout_percentage.map(|percent| format!("DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE={percent}"));
    let set: Vec<String> = switch.into_iter().chain(share).collect();
    if set.is_empty() {
        return "No flag of the old system was set when a service last started.".to_owned();
    }
    format!("ObservedFlags of the old system when a service last started:\n  {}", set.join(", "))
}

#[derive(Serialize)]
struct ReadsReport {
    #[serde(flatten)]
    reads: Reads,
    live: Vec<Generation>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let report = with_backend(settings, IfMissing::Refused, async |backend| {
        let live = generation::live(&backend.pool.get().await?).await?;
        Ok(ReadsReport {
            reads: Reads::from(&*backend.commands.routing()),
            live: live.iter().map(|status| status.generation).collect(),
        })
    })
    .await?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}

fn describe(report: &ReadsReport) -> String {
    let live: Vec<String> = report.live.iter().map(ToString::to_string).collect();
    let live = if live.is_empty() { "none".to_owned() } else { live.join(", ") };
    format!("{}\nLive generations: {live}.", report.reads.describe())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_is_shown_before_any_percentage() {
        let mut reads =
            Reads { dynamic_percent: 25.0, rolled_back: false, forced_subjects: 1, retired: None };
        let text = "The legacy view answers 75 % of patients, the dynamic view 25 %. \
                    1 patient is always routed to the same view.";
        assert_eq!(reads.describe(), text);
        reads.rolled_back = true;
        assert!(reads.describe().starts_with("ROLLED BACK: the legacy view answers everybody"));
    }
}
