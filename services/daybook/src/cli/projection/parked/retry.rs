//! `daybook projection parked retry`: parked events are applied in the order of the log, in one transaction.

use clap::Args;
use daybook_projections::BlockingKey;
use daybook_projections::parked::{self, RetryReport, RetryScope};

use super::outcome::describe;
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
#[group(id = "what", required = true, multiple = false, args = ["held_up", "all"])]
pub(in crate::cli) struct Arguments {
    /// What is blocked, as `list` names it: a reservation, a closure, a stream or an event
    #[arg(value_name = "HELD_UP")]
    held_up: Option<String>,
    /// Everything that is parked
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

impl Arguments {
    fn mending(&self) -> RetryScope {
        let one = |name: &str| RetryScope::One(BlockingKey::named(name));
        self.held_up.as_deref().map_or(RetryScope::All, one)
    }
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let mending = arguments.mending();
    let what = match &mending {
        RetryScope::All => "all parked events".to_owned(),
        RetryScope::One(held_up) => format!("the parked events of {held_up}"),
    };
    let what = format!(
        "This applies {what} in the order of the log. The views pause meanwhile. If an event fails again, nothing changes."
    );
    arguments.confirmation.require(what).await?;
    let mended =
        with_backend(settings, IfMissing::Refused, async |backend| retry(backend, &mending).await).await?;
    arguments.format.print(&mended, || describe(&mended))?;
    Ok(Exit::Done)
}

async fn retry(backend: &Backend, mending: &RetryScope) -> anyhow::Result<Vec<RetryReport>> {
    Ok(parked::retry(&*backend.log, &backend.vault, &backend.pool, mending).await?)
}
