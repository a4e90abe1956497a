//! `daybook migrate check`: the runbook's checks, measured. It changes nothing.

mod closing;
mod performance;

use clap::{ArgGroup, Args};

use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(in crate::cli) struct Arguments {
    /// The closing summary: what is to be found once the migration is complete
    #[arg(long = "final", group = "what")]
    closing: bool,
    /// The runbook's query, run on the dynamic view, and the plan by which PostgreSQL ran it
    #[arg(long, group = "what")]
    performance: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, Beginning::Refused).await?;
    let checked = check(settings, &backend, &arguments).await;
    backend.close().await?;
    checked
}

/// Clap sees to it that one of them is asked for.
async fn check(settings: &Settings, backend: &Backend, arguments: &Arguments) -> anyhow::Result<Exit> {
    match arguments.performance {
        true => performance::check(settings, backend, arguments.format).await,
        false => closing::check(backend, arguments.format).await,
    }
}

/// How a check ends.
const fn exit(is_as_expected: bool) -> Exit {
    if is_as_expected { Exit::Done } else { Exit::Failed }
}
