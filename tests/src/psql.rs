//! Runs PostgreSQL's `psql` with a file of statements, and `pg_restore`. They stop at the first error.
//!
//! It must never read the user's `.psqlrc`, and never ask for a password.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use daybook_private_postgres::client_program;
use tokio::process::Command;
use tokio::time::timeout;

/// The time limit for a file of statements.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a file of statements. Returns the printed rows, one per line, with `|` between the values.
///
/// # Errors
/// If a statement fails. The error contains the output of `psql`.
pub async fn run_file(url: &str, file: &Path) -> anyhow::Result<Vec<String>> {
    let mut command = Command::new(client_program("psql")?);
    command.args(["-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-f"]).arg(file);
    command.env("PGCLIENTENCODING", "UTF8").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.context("psql exceeds the time limit")??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaint.is_empty(), "{}: {complaint}", file.display());
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Loads a dump in the custom format of `pg_dump`, with further options of `pg_restore`.
///
/// # Errors
/// If a statement fails. The error contains the output of `pg_restore`.
pub async fn load_dump(url: &str, dump: &Path, options: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(client_program("pg_restore")?);
    command.args(["--exit-on-error", "--no-owner", "--no-password", "--dbname", url]).args(options).arg(dump);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.context("pg_restore exceeds the time limit")??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {complaint}", dump.display());
    Ok(())
}
