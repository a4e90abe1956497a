//! Reads the output of a process as it arrives, so that the process never waits for a reader.
//!
//! It must never drop a byte: tests search the output for texts that must not appear.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::timeout;

/// The largest output of one stream. A test that exceeds it is broken.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes per read.
const CHUNK_BYTES: usize = 16 * 1024;

/// One stream, and whether it has ended.
#[derive(Debug)]
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    progress: watch::Receiver<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open { bytes: usize },
    CommandOutput,
}

/// All output of a process.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Stream,
    stderr: Stream,
}

impl Output {
    /// Takes over both streams of a process.
    pub(super) fn collect(child: &mut Child) -> anyhow::Result<Self> {
        let stdout = child.stdout.take().context("standard output was not piped")?;
        let stderr = child.stderr.take().context("standard error was not piped")?;
        Ok(Self { stdout: Stream::of(stdout), stderr: Stream::of(stderr) })
    }

    /// Waits for the first line of standard output.
    pub(super) async fn first_line(&self, patience: Duration) -> anyhow::Result<String> {
        let mut progress = self.stdout.progress.clone();
        let found = |stream: &Stream| stream.text().split_once('\n').map(|(line, _)| line.to_owned());
        let waited = timeout(
            patience,
            progress
                .wait_for(|progress| *progress == Progress::CommandOutput || found(&self.stdout).is_some()),
        );
        waited.await.context("the time limit has passed")?.ok();
        found(&self.stdout).context("the process exited")
    }

    /// Waits until both streams have ended.
    pub(super) async fn complete(&self, patience: Duration) -> anyhow::Result<()> {
        for stream in [&self.stdout, &self.stderr] {
            let mut progress = stream.progress.clone();
            let ended =
                timeout(patience, progress.wait_for(|progress| *progress == Progress::CommandOutput)).await;
            ended.context("another process holds the output open")?.ok();
        }
        Ok(())
    }

    /// All output so far.
    pub(super) fn text(&self) -> String {
        self.stdout.text() + &self.stderr.text()
    }
}

impl Stream {
    fn of(mut source: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (sender, progress) = watch::channel(Progress::Open { bytes: 0 });
        let collected = Arc::clone(&bytes);
        tokio::spawn(async move {
            let mut source = (&mut source).take(MAX_BYTES);
            let mut chunk = vec![0; CHUNK_BYTES];
            while let Ok(read @ 1..) = source.read(&mut chunk).await {
                let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                collected.extend(chunk.iter().take(read));
                sender.send_replace(Progress::Open { bytes: collected.len() });
            }
            sender.send_replace(Progress::CommandOutput);
        });
        Self { bytes, progress }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
