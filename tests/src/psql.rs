//! PostgreSQL's own `psql` and `pg_restore`, run as people run them: with a file, stopping at the first statement that fails.
//!
//! They must never read a person's `.psqlrc`, and never ask for a password.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use daybook_private_postgres::psql_program;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a file of statements may take, at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a file of statements. Gives the rows that were printed, each a line with `|` between its values.
///
/// # Errors
/// When a statement fails, with what `psql` says.
pub async fn run_file(url: &str, file: &Path) -> anyhow::Result<Vec<String>> {
    let mut command = Command::new(psql_program()?);
    command.args(["-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-f"]).arg(file);
    command.env("PGCLIENTENCODING", "UTF8").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.context("psql takes too long")??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaint.is_empty(), "{}: {complaint}", file.display());
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Loads a dump that `pg_dump` wrote in its custom format; `options` are further ones of `pg_restore`.
///
/// # Errors
/// When a statement fails, with what `pg_restore` says.
pub async fn load_dump(url: &str, dump: &Path, options: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(Options::from_environment().program("pg_restore")?);
    command.args(["--exit-on-error", "--no-owner", "--no-password", "--dbname", url]).args(options).arg(dump);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.context("pg_restore takes too long")??;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {complaint}", dump.display());
    Ok(())
}
