//! Runs `daybook projection run` as a process.
//!
//! It has no HTTP, so tests must rely on its output alone.

use std::process::ExitStatus;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::timeout;

use super::output::Output;
use super::{Installation, PROCESS_PATIENCE};

/// A process that keeps the views up to date, or stands by. Dropping this value kills it.
#[derive(Debug)]
pub struct Runner {
    child: Child,
    output: Output,
}

impl Installation {
    /// Starts `daybook projection run` and waits until it has reported its role. Also returns that line.
    ///
    /// # Errors
    /// If it exits first or exceeds the time limit. The error contains its output.
    pub async fn run_projection(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<(Runner, String)> {
        let arguments: Vec<&str> = ["projection", "run"].iter().chain(arguments).copied().collect();
        let mut child =
            self.command(&arguments, settings).await?.spawn().context("starting `daybook projection run`")?;
        let output = Output::collect(&mut child)?;
        let first_line = output.first_line(PROCESS_PATIENCE).await;
        let line = first_line
            .with_context(|| format!("`daybook projection run` prints nothing: {}", output.text()))?;
        Ok((Runner { child, output }, line))
    }
}

impl Runner {
    /// The process id; `None` once it has exited.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its standard output and standard error so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Tells it to stop, and waits until it has exited.
    ///
    /// # Errors
    /// If it has already exited, or does not stop.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let id = self.child.id().context("it has already exited")?;
        kill(Pid::from_raw(id.try_into()?), Signal::SIGTERM)?;
        let status = timeout(PROCESS_PATIENCE, self.child.wait()).await.context("it does not exit")??;
        self.output.complete(PROCESS_PATIENCE).await?;
        Ok(status)
    }
}
