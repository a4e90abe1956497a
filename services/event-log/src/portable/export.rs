//! From a log into a file.

use std::io::Write;

use futures_util::TryStreamExt;
use serde::Serialize;

use super::error::ExportError;
use super::writer::Writer;
use super::{Progress, Summary, report_and_yield};
use crate::port::{EventLog, Filter, Position};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// What the file holds.
    #[serde(flatten)]
    pub summary: Summary,
    /// Position of its last event in the log that it came from; [`Position::START`] where there was none.
    pub position: Position,
}

/// Writes all that a log holds at this moment. What is appended meanwhile is not in it.
///
/// The file is whole only once this has come to its end: then `out` was flushed, not more.
///
/// # Errors
/// When the log cannot be read to its end, the file cannot be written, or Daybook has not written one of the events.
pub async fn export(
    log: &dyn EventLog,
    out: impl Write,
    report: &dyn Fn(Progress),
) -> Result<Exported, ExportError> {
    write(log, None, out, report).await
}

/// The same up to a position of the log, whatever follows it there.
///
/// # Errors
/// As [`export`].
pub async fn export_until(
    log: &dyn EventLog,
    until: Position,
    out: impl Write,
    report: &dyn Fn(Progress),
) -> Result<Exported, ExportError> {
    write(log, Some(until), out, report).await
}

async fn write(
    log: &dyn EventLog,
    until: Option<Position>,
    out: impl Write,
    report: &dyn Fn(Progress),
) -> Result<Exported, ExportError> {
    let mut writer = Writer::begin(out).map_err(ExportError::Write)?;
    let mut events = log.read_all(Position::START, &Filter::all()).await.map_err(ExportError::Read)?;
    while let Some(event) = events.try_next().await.map_err(ExportError::Read)? {
        if until.is_some_and(|until| event.position > until) {
            break;
        }
        writer.put(&event)?;
        report_and_yield(writer.progress(), report).await;
    }
    let position = writer.progress().position;
    let summary = writer.finish().map_err(ExportError::Write)?;
    Ok(Exported { summary, position })
}
