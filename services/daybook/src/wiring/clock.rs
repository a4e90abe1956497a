//! Keeps a machine with a wrong clock from recording events: they would have the wrong time, and soak times would be met
//! early. The time of the database counts, because all processes share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use daybook_event_log::port::DependentAppend;
use daybook_event_log::{
    AppendError, Appended, Connection, EventLog, Expected, Filter, NewEvent, NewKey, Position, ReadError,
    RecordedStream, Revision, StreamName,
};
use daybook_projections::{ClockDifference, MAX_CLOCK_DIFFERENCE, ViewError};
use deadpool_postgres::Pool;
use tokio::task::JoinHandle;

/// Pause between two measurements of a running service.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether the clock of this machine was right when it was last measured. Clones share the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct ClockCheck {
    is_wrong: Arc<AtomicBool>,
}

impl ClockCheck {
    /// Measures the difference and describes one that is too large.
    pub(super) async fn measure(&self, pool: &Pool) -> Result<Option<String>, ViewError> {
        let difference = ClockDifference::measure(pool).await?;
        self.is_wrong.store(difference.is_too_large(), Ordering::Relaxed);
        Ok(difference.is_too_large().then(|| describe(&difference)))
    }

    /// Measures until the watch is dropped.
    pub(super) fn watch(self, pool: Pool) -> ClockWatch {
        ClockWatch(tokio::spawn(async move {
            let mut was_wrong = false;
            loop {
                tokio::time::sleep(PAUSE).await;
                // A database that does not answer is reported elsewhere.
                let Ok(found) = self.measure(&pool).await else { continue };
                match &found {
                    Some(difference) if !was_wrong => tracing::error!("nothing is recorded: {difference}"),
                    None if was_wrong => tracing::info!("the clock of this machine is right again"),
                    Some(_) | None => {}
                }
                was_wrong = found.is_some();
            }
        }))
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.is_wrong.load(Ordering::Relaxed) {
            Err("the clock of this machine differs from the database's; set both by NTP")
        } else {
            Ok(())
        }
    }
}

fn describe(difference: &ClockDifference) -> String {
    let direction = if difference.ahead.num_seconds() > 0 { "ahead of" } else { "behind" };
    format!(
        "the clock of this machine is {} s {direction} the database's; set both by NTP, to within {} s",
        difference.ahead.abs().num_seconds(),
        MAX_CLOCK_DIFFERENCE.num_seconds()
    )
}

/// Measures the clock in the background until it is dropped.
#[derive(Debug)]
pub struct ClockWatch(JoinHandle<()>);

impl Drop for ClockWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A log that accepts no append while the clock is wrong.
#[derive(Debug)]
pub(super) struct ClockedLog {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) clock: ClockCheck,
}

impl ClockedLog {
    fn to_append(&self) -> Result<&dyn EventLog, AppendError> {
        self.clock.check().map_err(|reason| AppendError::Unavailable(reason.into()))?;
        Ok(&*self.log)
    }
}

#[async_trait]
impl EventLog for ClockedLog {
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        self.to_append()?.append(stream, expected, events).await
    }

    fn keeps_keys(&self) -> bool {
        self.log.keeps_keys()
    }

    async fn append_with_keys(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
        keys: Vec<NewKey>,
    ) -> Result<Appended, AppendError> {
        self.to_append()?.append_with_keys(stream, expected, events, keys).await
    }

    fn checks_other_streams(&self) -> bool {
        self.log.checks_other_streams()
    }

    async fn append_if(&self, append: DependentAppend) -> Result<Appended, AppendError> {
        self.to_append()?.append_if(append).await
    }

    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError> {
        self.log.read_stream(stream, from).await
    }

    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        self.log.read_all(after, filter).await
    }

    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        self.log.follow(after, filter).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.log.head().await
    }

    async fn count_after(&self, after: Position, limit: u32) -> Result<u32, ReadError> {
        self.log.count_after(after, limit).await
    }

    fn connection(&self) -> Connection {
        self.log.connection()
    }

    async fn check_writable(&self) -> Result<(), ReadError> {
        self.log.check_writable().await
    }
}
