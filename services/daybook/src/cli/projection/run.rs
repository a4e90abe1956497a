//! `daybook projection run`: a process that keeps the views up, or stands by to do so, until a signal ends it.
//!
//! It must never listen on a port or append. Standard output gets one line at each change of its role; scripts read it.

use anyhow::Context;
use clap::Args;
use daybook_projections::{Epoch, Role};
use serde::Serialize;
use tokio::sync::watch;

use crate::cli::signals::Signals;
use crate::exit::Exit;
use crate::output::{Format, print};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let mut signals = Signals::take()?;
    let backend = tokio::select! {
        backend = Backend::open(settings, IfMissing::Refused) => backend?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    backend.run(async |backend| keep_up(backend, &mut signals, arguments.format).await).await
}

/// Runs the engine until a signal comes. It is told to stop however this ends.
async fn keep_up(backend: &Backend, signals: &mut Signals, format: Format) -> anyhow::Result<Exit> {
    backend.check_views_not_ahead().await?;
    let _supervisor = backend.supervise();
    let engine = backend.start_engine();
    let outcome = tokio::select! {
        outcome = build_and_tell(backend, engine.role(), format) => outcome,
        () = signals.next() => {
            tracing::info!("stopping: the batch that is under way is finished or not committed");
            Ok(())
        }
    };
    engine.stop().await;
    outcome.map(|()| Exit::Done)
}

/// Builds the views that are missing, as a first start does, and tells meanwhile and after what this process is.
async fn build_and_tell(
    backend: &Backend,
    role: watch::Receiver<Option<Role>>,
    format: Format,
) -> anyhow::Result<()> {
    let rebuild = backend.rebuild();
    let build = async {
        match rebuild.missing().await.context("the views could not be built")? {
            Some(built) => {
                tracing::info!(events = built.events, reservations = built.reservations, "views were built");
            }
            None => rebuild.refresh_people().await,
        }
        Ok(())
    };
    futures_util::future::try_join(build, tell(role, format)).await?;
    Ok(())
}

/// Prints a line at each change, until the engine ends.
async fn tell(mut role: watch::Receiver<Option<Role>>, format: Format) -> anyhow::Result<()> {
    while role.changed().await.is_ok() {
        let known = *role.borrow_and_update();
        if let Some(known) = known {
            let line = Line::from(known);
            print(if format.is_json() { serde_json::to_string(&line)? } else { line.describe() })?;
        }
    }
    Ok(())
}

/// What is said of a role.
#[derive(Debug, Serialize)]
struct Line {
    role: &'static str,
    /// The number of its leadership; none where it stands by.
    epoch: Option<Epoch>,
}

impl From<Role> for Line {
    fn from(role: Role) -> Self {
        match role {
            Role::Standby => Self { role: "standby", epoch: None },
            Role::Leader(epoch) => Self { role: "leader", epoch: Some(epoch) },
        }
    }
}

impl Line {
    fn describe(&self) -> String {
        self.epoch.map_or_else(|| "standing by".to_owned(), |epoch| format!("leading, epoch {epoch}"))
    }
}
