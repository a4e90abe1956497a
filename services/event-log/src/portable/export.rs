//! Exports a log to a file.

use std::io::Write;

use futures_util::TryStreamExt;
use serde::Serialize;

use super::error::ExportError;
use super::writer::Writer;
use super::{Progress, Summary, report_and_yield};
use crate::port::{EventLog, Filter, Position};

/// Result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Contents of the file.
    #[serde(flatten)]
    pub summary: Summary,
    /// Position of the last exported event in the log, or [`Position::START`] if there was none.
    pub position: Position,
}

/// Writes all events up to the current head.
///
/// The file is complete only when this returns; then `out` has been flushed, but not synced to disk.
///
/// # Errors
/// If the log cannot be read to its end, the file cannot be written, or another program wrote one of the
/// events.
pub async fn export(
    log: &dyn EventLog,
    out: impl Write,
    report: &dyn Fn(Progress),
) -> Result<Exported, ExportError> {
    write(log, None, out, report).await
}

/// Like [`export`], but only up to a position.
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
