//! `daybook reads show`: which part of patients each view answers, and from which generation.

use clap::Args;
use daybook_domain::routing::ObservedFlags;
use daybook_domain::routing::{Routing, ViewRetired};
use daybook_projections::{Generation, generation};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Format, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// Which view answers whom.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reads {
    /// Percentage of subjects that the share gives to the dynamic view.
    pub(crate) dynamic_percent: f64,
    /// Whether everybody is on the legacy view until a share is set anew.
    pub(crate) rolled_back: bool,
    /// Subjects on a model whatever the share.
    pub(crate) forced_subjects: usize,
    /// The view that is retired, and what it was then.
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
    /// In a sentence.
    pub(crate) fn describe(&self) -> String {
        if let Some(ViewRetired { model, reason, .. }) = &self.retired {
            return format!(
                "The {model} view is retired ({reason}): the dynamic view answers everybody. `daybook projection restore \
                 {model}` brings it back."
            );
        }
        let dynamic = self.dynamic_percent;
        if self.rolled_back {
            return format!(
                "Rolled back: the legacy view answers everybody (the dynamic share was {dynamic} %)."
            );
        }
        let legacy = 100.0 - dynamic;
        let mut text =
            format!("The legacy view answers {legacy} % of subjects, the dynamic view {dynamic} %.");
        if self.forced_subjects > 0 {
            text.push_str(&format!(
                " {} on one of them whatever the share.",
                counted(self.forced_subjects as u64, "subject is", "subjects are")
            ));
        }
        text
    }
}

/// The old system's flags in a sentence, as they were at the last start of a service.
pub(crate) fn describe_flags(flags: ObservedFlags) -> String {
    let switch = flags.use_dynamic_services.map(|on| format!("USE_DYNAMIC_SERVICES={on}"));
    let share =
        flags.rollout_percentage.map(|percent| format!("DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE={percent}"));
    let set: Vec<String> = switch.into_iter().chain(share).collect();
    if set.is_empty() {
        return "At the last start of a service no flag of the old system was set.".to_owned();
    }
    format!("ObservedFlags of the old system at the last start of a service: {}.", set.join(", "))
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    reads: Reads,
    live: Vec<Generation>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let reads = Reads::from(&*backend.commands.routing());
    let live = generation::live(&backend.pool.get().await?).await?;
    backend.close().await?;
    let live: Vec<Generation> = live.iter().map(|standing| standing.generation).collect();
    let shown = Shown { reads, live };
    arguments.format.print(&shown, || describe(&shown))?;
    Ok(Exit::Done)
}

fn describe(shown: &Shown) -> String {
    let live: Vec<String> = shown.live.iter().map(ToString::to_string).collect();
    let live = if live.is_empty() { "none".to_owned() } else { live.join(", ") };
    format!("{}\nLive generations: {live}.", shown.reads.describe())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_is_told_before_any_share() {
        let mut reads =
            Reads { dynamic_percent: 25.0, rolled_back: false, forced_subjects: 1, retired: None };
        let text = "The legacy view answers 75 % of subjects, the dynamic view 25 %. \
                    1 subject is on one of them whatever the share.";
        assert_eq!(reads.describe(), text);
        reads.rolled_back = true;
        assert!(reads.describe().starts_with("Rolled back: the legacy view answers everybody"));
    }
}
