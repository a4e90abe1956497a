//! `daybook projection run` as a process of its own.
//!
//! It must never be asked over HTTP: it has none. What it says of itself is all there is.

use std::process::ExitStatus;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::timeout;

use super::output::Output;
use super::{Installation, PROCESS_PATIENCE};

/// A process that keeps the views up, or stands by. It is killed with this value.
#[derive(Debug)]
pub struct Runner {
    child: Child,
    output: Output,
}

impl Installation {
    /// Starts a process that only keeps the views up, and waits until it has said what it is. Gives that line as well.
    ///
    /// # Errors
    /// When it ends before, or takes too long; with what it wrote.
    pub async fn keep_views_up(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<(Runner, String)> {
        let arguments: Vec<&str> = ["projection", "run"].iter().chain(arguments).copied().collect();
        let mut child = self.command(&arguments, settings).await?.spawn().context("starting it")?;
        let output = Output::collect(&mut child)?;
        let said = output.first_line(PROCESS_PATIENCE).await;
        let line =
            said.with_context(|| format!("`daybook projection run` says nothing: {}", output.text()))?;
        Ok((Runner { child, output }, line))
    }
}

impl Runner {
    /// Its process id; none once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// All that it wrote so far, to standard output and standard error.
    #[must_use]
    pub fn written(&self) -> String {
        self.output.text()
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Errors
    /// When it had ended before, or does not end.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let id = self.child.id().context("it has ended")?;
        kill(Pid::from_raw(id.try_into()?), Signal::SIGTERM)?;
        let status = timeout(PROCESS_PATIENCE, self.child.wait()).await.context("it does not end")??;
        self.output.complete(PROCESS_PATIENCE).await?;
        Ok(status)
    }
}
