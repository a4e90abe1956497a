//! The program itself, built by the first test of a process that needs it, and found where Cargo says that it is.
//!
//! It must never guess a path: what lies there could be another build.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How long a build may take, at most: from nothing, on a small machine.
const BUILD_PATIENCE: Duration = Duration::from_secs(1200);

/// Built once in a process.
static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();

/// The path of the program.
///
/// # Errors
/// When it cannot be built, with what the compiler says.
pub async fn program() -> anyhow::Result<&'static Path> {
    Ok(PROGRAM.get_or_try_init(build).await?)
}

async fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    // The whole workspace chooses the features, as when its tests were built: nothing is compiled twice.
    cargo.args(["build", "--workspace", "--bin", "daybook", "--message-format=json-render-diagnostics"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).kill_on_drop(true);
    let output =
        timeout(BUILD_PATIENCE, cargo.output()).await.context("building `daybook` takes too long")??;
    ensure!(output.status.success(), "building `daybook`: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout)?;
    messages.lines().find_map(executable).context("Cargo does not say where it built `daybook`")
}

/// The path in Cargo's message about the program, if this is the one.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_program = message["reason"] == "compiler-artifact" && message["target"]["name"] == "daybook";
    message["executable"].as_str().filter(|_| is_program).map(PathBuf::from)
}
