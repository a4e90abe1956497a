//! `daybook projection parked discard`: an event that can never be taken in is left out of every view, for ever.

use clap::Args;
use daybook_event_log::Position;
use daybook_projections::parked::{self, Discard, RetryReport};

use super::mended::describe;
use crate::exit::Exit;
use crate::failure::UsageError;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Position of the event
    position: Position,
    /// Why; it is kept with the decision. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { position, reason, consent, format } = arguments;
    if reason.trim().is_empty() {
        return Err(UsageError("--reason: say why the event is left out".to_owned()).into());
    }
    let what = format!(
        "The event at position {position} is left out of every view for ever, also of those that are built later; what waits \
         behind it is taken in. It stays in the log, but nobody will see what it says."
    );
    consent.to(what).await?;
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let discarded = leave_out(&backend, position, reason).await;
    backend.close().await?;
    let discarded = discarded?;
    format.print(&discarded, || {
        format!("The event at position {position} is discarded.\n{}", describe(&discarded))
    })?;
    Ok(Exit::Done)
}

async fn leave_out(
    backend: &Backend,
    position: Position,
    reason: String,
) -> anyhow::Result<Vec<RetryReport>> {
    let discard = Discard { actor: operator(), reason };
    Ok(parked::discard(&*backend.log, &backend.vault, &backend.pool, position, &discard).await?)
}
