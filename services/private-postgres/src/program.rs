//! Runs one of PostgreSQL's programs with a time limit.
//!
//! Its output must go to a file, never to a pipe: the server that `pg_ctl` starts would keep the pipe open.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Pause between two checks whether the program has ended.
const POLL_PAUSE: Duration = Duration::from_millis(10);

/// How many lines of a failed program's output go into the error.
const MAX_OUTPUT_LINES: usize = 12;

/// Runs `command` with its output in the file `output`. Fails unless the program succeeds within `limit`.
pub(crate) fn run(
    program: &'static str,
    command: &mut Command,
    output: &Path,
    limit: Duration,
) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let file = options.open(output).map_err(Error::io("open", output))?;
    let copy = file.try_clone().map_err(Error::io("open", output))?;
    let path = Path::new(command.get_program()).to_owned();
    let mut child = command.stdout(file).stderr(copy).spawn().map_err(Error::io("run", &path))?;
    let outcome = match wait(&mut child, limit).map_err(Error::io("wait for", &path))? {
        Some(status) if status.success() => return Ok(()),
        Some(status) => status.to_string(),
        None => format!("timed out after {} s", limit.as_secs()),
    };
    Err(Error::ProgramFailed { program, outcome, output: last_lines(output) })
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(POLL_PAUSE);
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
