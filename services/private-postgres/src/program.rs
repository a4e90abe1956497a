//! Runs one of PostgreSQL's programs to its end, or to the end of our patience.
//!
//! Its output goes to a file, never to a pipe: the server that `pg_ctl` leaves behind would hold a pipe open for ever.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;

/// How often a running program is looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// How much of a failed program's output goes into the error.
const MAX_OUTPUT_LINES: usize = 12;

/// Runs `command`; anything but success within `limit` is an error that shows what it printed into `output`.
pub(super) fn run(
    tool: &'static str,
    command: &mut Command,
    output: &Path,
    limit: Duration,
) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let file = options.open(output).map_err(Error::io("open", output))?;
    let copy = file.try_clone().map_err(Error::io("open", output))?;
    let program = Path::new(command.get_program()).to_owned();
    let mut child = command
        .stdout(Stdio::from(file))
        .stderr(Stdio::from(copy))
        .spawn()
        .map_err(Error::io("run", &program))?;
    let outcome = match wait(&mut child, limit).map_err(Error::io("wait for", &program))? {
        Some(status) if status.success() => return Ok(()),
        Some(status) => status.to_string(),
        None => format!("no end within {} s", limit.as_secs()),
    };
    Err(Error::Tool { tool, outcome, output: last_lines(output) })
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(LOOK_PAUSE);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn last_lines(output: &Path) -> String {
    let text = fs::read(output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(MAX_OUTPUT_LINES)..].join("\n")
}
