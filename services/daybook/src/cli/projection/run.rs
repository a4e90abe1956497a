//! `daybook projection run`: keeps the views up to date, or stands by, until a signal ends it.
//!
//! It must never listen on a port or append. Standard output gets one line at each change of role; scripts read it.

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

/// Runs the engine until a signal comes, and always stops it.
async fn keep_up(backend: &Backend, signals: &mut Signals, format: Format) -> anyhow::Result<Exit> {
    backend.check_views_not_ahead().await?;
    let _supervisor = backend.supervise();
    let engine = backend.start_engine();
    let _completion = engine.complete_erasures(backend.rebuild());
    let outcome = tokio::select! {
        outcome = build_views(backend, engine.role(), format) => outcome,
        () = signals.next() => {
            tracing::info!("stopping: the current batch is committed or rolled back");
            Ok(())
        }
    };
    engine.stop().await;
    outcome.map(|()| Exit::Done)
}

/// Builds missing views, and prints the role of this process meanwhile and afterwards.
async fn build_views(
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
        let erased = rebuild.erase_forgotten().await;
        erased.context("forgotten patients could not be erased from kept views")?;
        Ok(())
    };
    futures_util::future::try_join(build, print_role_changes(role, format)).await?;
    Ok(())
}

/// Prints a line at each change, until the engine ends.
async fn print_role_changes(mut role: watch::Receiver<Option<Role>>, format: Format) -> anyhow::Result<()> {
    while role.changed().await.is_ok() {
        let known = *role.borrow_and_update();
        if let Some(known) = known {
            let line = RoleChange::from(known);
            print(if format.is_json() { serde_json::to_string(&line)? } else { line.describe() })?;
        }
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct RoleChange {
    role: &'static str,
    /// Epoch of its leadership; none as standby.
    epoch: Option<Epoch>,
}

impl From<Role> for RoleChange {
    fn from(role: Role) -> Self {
        match role {
            Role::Standby => Self { role: "standby", epoch: None },
            Role::Leader(epoch) => Self { role: "leader", epoch: Some(epoch) },
        }
    }
}

impl RoleChange {
    fn describe(&self) -> String {
        self.epoch.map_or_else(|| "standing by".to_owned(), |epoch| format!("leading, epoch {epoch}"))
    }
}
