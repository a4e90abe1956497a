//! Builds the program once per test process, and finds it where Cargo reports it.
//!
//! It must never guess the path: it could belong to another build.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// The time limit for a build from scratch on a small machine.
const BUILD_PATIENCE: Duration = Duration::from_secs(1200);

static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();

/// The path of the program.
///
/// # Errors
/// If it cannot be built. The error contains the compiler's output.
pub async fn program() -> anyhow::Result<&'static Path> {
    Ok(PROGRAM.get_or_try_init(build).await?)
}

async fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    // Building the whole workspace selects the same features as for its tests, so nothing is compiled twice.
    cargo.args(["build", "--workspace", "--bin", "daybook", "--message-format=json-render-diagnostics"]);
    // Measurements need the profile that they are built in.
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(BUILD_PATIENCE, cargo.output())
        .await
        .context("building `daybook` exceeds the time limit")??;
    ensure!(output.status.success(), "building `daybook`: {}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout)?;
    messages.lines().find_map(executable).context("Cargo does not report the path of `daybook`")
}

/// The path in Cargo's message, if the message is about the program.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_program = message["reason"] == "compiler-artifact" && message["target"]["name"] == "daybook";
    message["executable"].as_str().filter(|_| is_program).map(PathBuf::from)
}
