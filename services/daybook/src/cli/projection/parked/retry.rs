//! `daybook projection parked retry`: what is held up is taken in, in the order of the log and in one transaction.

use clap::Args;
use daybook_projections::BlockingKey;
use daybook_projections::parked::{self, RetryReport, RetryScope};

use super::mended::describe;
use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
#[group(id = "what", required = true, multiple = false, args = ["held_up", "all"])]
pub(in crate::cli) struct Arguments {
    /// What is held up, as `list` names it: a reservation, a closure, a stream, or an event
    #[arg(value_name = "HELD_UP")]
    held_up: Option<String>,
    /// Everything that is parked
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    consent: Confirmation,
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
        "This takes {what} in, in the order of the log. The views stand still meanwhile. Where one fails again nothing is \
         changed."
    );
    arguments.consent.to(what).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let mended = retry(&backend, &mending).await;
    backend.close().await?;
    let mended = mended?;
    arguments.format.print(&mended, || describe(&mended))?;
    Ok(Exit::Done)
}

async fn retry(backend: &Backend, mending: &RetryScope) -> anyhow::Result<Vec<RetryReport>> {
    Ok(parked::retry(&*backend.log, &backend.vault, &backend.pool, mending).await?)
}
